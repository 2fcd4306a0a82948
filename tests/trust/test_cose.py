"""COSE_Sign1 as strictly as we speak it: keys, algorithms, signatures, form."""

from __future__ import annotations

import hashlib
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from egide import cbor
from egide.errors import EgideError, MalformedError, SignatureError, TooLargeError
from egide.trust.cose import PublicKey, Sign1, SoftwareSigner, sig_structure, sign1

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
P256_KEY = ec.derive_private_key(1234567, ec.SECP256R1())
ED_KEY = ed25519.Ed25519PrivateKey.from_private_bytes(b"e" * 32)
P256, ED = SoftwareSigner(P256_KEY), SoftwareSigner(ED_KEY)
SIGNERS = [pytest.param(P256, id="P-256"), pytest.param(ED, id="Ed25519")]
MESSAGE = b"a message"


@pytest.mark.parametrize("signer", SIGNERS)
def test_a_signature_verifies_and_no_bit_of_it_or_of_its_message_can_change(signer: SoftwareSigner) -> None:
    """Under either identifier of the key's algorithm, and with no other signature or message."""
    signature = signer.sign(MESSAGE)
    modern = {-7: -9, -8: -19}[signer.alg]
    for alg in (signer.alg, modern):
        signer.public_key.verify(alg, signature, MESSAGE)
    for position in range(64):
        changed = bytearray(signature)
        changed[position] ^= 1 << position % 8
        with pytest.raises(SignatureError):
            signer.public_key.verify(signer.alg, bytes(changed), MESSAGE)
    with pytest.raises(SignatureError):
        signer.public_key.verify(signer.alg, signature, MESSAGE + b"!")


@pytest.mark.parametrize("signer", SIGNERS)
@pytest.mark.parametrize("length", [0, 63, 65, 71])
def test_a_signature_has_64_bytes(signer: SoftwareSigner, length: int) -> None:
    """A DER signature, or a truncated one, is refused."""
    with pytest.raises(SignatureError):
        signer.public_key.verify(signer.alg, bytes(length), MESSAGE)


@pytest.mark.parametrize(
    ("signer", "alg"), [(P256, -8), (P256, -19), (P256, -35), (P256, 0), (ED, -7), (ED, -9), (ED, 1)]
)
def test_an_algorithm_that_is_not_the_key_s_is_refused(signer: SoftwareSigner, alg: int) -> None:
    """The key says which algorithm, the header cannot choose another."""
    with pytest.raises(SignatureError):
        signer.public_key.verify(alg, signer.sign(MESSAGE), MESSAGE)


@given(message=st.binary(max_size=64))
def test_an_ecdsa_signature_has_one_form(message: bytes) -> None:
    """We write the low S; the high one, as good to plain ECDSA, is refused."""
    signature = P256.sign(message)
    s = int.from_bytes(signature[32:], "big")
    assert s <= ORDER // 2
    P256.public_key.verify(-7, signature, message)
    with pytest.raises(SignatureError):
        P256.public_key.verify(-7, signature[:32] + (ORDER - s).to_bytes(32, "big"), message)


@pytest.mark.parametrize(("r", "s"), [(0, 1), (1, 0), (ORDER, 1), (1, ORDER), (2**256 - 1, 1)])
def test_an_ecdsa_signature_out_of_range_is_refused(r: int, s: int) -> None:
    """Zero, the group's order and above."""
    with pytest.raises(SignatureError):
        P256.public_key.verify(-7, r.to_bytes(32, "big") + s.to_bytes(32, "big"), MESSAGE)


def test_a_signature_by_another_library_verifies() -> None:
    """Ours is plain ECDSA and plain Ed25519, with nothing of our own."""
    r, s = decode_dss_signature(P256_KEY.sign(MESSAGE, ec.ECDSA(hashes.SHA256())))
    P256.public_key.verify(-7, r.to_bytes(32, "big") + min(s, ORDER - s).to_bytes(32, "big"), MESSAGE)
    ED.public_key.verify(-8, ED_KEY.sign(MESSAGE), MESSAGE)


def test_an_ed25519_signature_with_a_large_s_is_refused() -> None:
    """RFC 8032, section 5.1.7: adding the group's order to S makes no second signature."""
    order = 2**252 + 27742317777372353535851937790883648493
    signature = ED.sign(MESSAGE)
    s = int.from_bytes(signature[32:], "little") + order
    with pytest.raises(SignatureError):
        ED.public_key.verify(-8, signature[:32] + s.to_bytes(32, "little"), MESSAGE)


@pytest.mark.parametrize("key", [ec.derive_private_key(7, ec.SECP384R1()).public_key(), "text"])
def test_a_key_of_another_kind_is_refused(key: Any) -> None:
    """P-256 and Ed25519, nothing else."""
    with pytest.raises(MalformedError):
        PublicKey(key)


def test_keys_are_named_by_their_bytes() -> None:
    """SHA-256 of the SPKI, and the COSE Key Thumbprint (RFC 9679)."""
    for signer in (P256, ED):
        assert signer.public_key.thumbprint == hashlib.sha256(signer.public_key.spki).digest()
    point = P256_KEY.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    expected = cbor2.dumps({1: 2, -1: 1, -2: point[1:33], -3: point[33:]})
    assert P256.public_key.cose_thumbprint() == hashlib.sha256(expected).digest()
    raw = ED_KEY.public_key().public_bytes_raw()
    assert ED.public_key.raw_ed25519 == raw
    expected = cbor2.dumps({1: 1, -1: 6, -2: raw})
    assert ED.public_key.cose_thumbprint() == hashlib.sha256(expected).digest()
    with pytest.raises(MalformedError):
        _ = P256.public_key.raw_ed25519


def test_the_thumbprint_is_the_rfc_s_example() -> None:
    """RFC 9679, section 6: the EC2 key of its example."""
    x = "65eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de108de439c08551d"
    y = "1e52ed75701163f7f9e40ddf9f341b3dc9ba860af7e0ca7ca7e9eecd0084d19c"
    numbers = ec.EllipticCurvePublicNumbers(int(x, 16), int(y, 16), ec.SECP256R1())
    expected = "496bd8afadf307e5b08c64b0421bf9dc01528a344a43bda88fadd1669da253ec"
    assert PublicKey(numbers.public_key()).cose_thumbprint().hex() == expected


@given(protected=st.binary(max_size=300), payload=st.binary(max_size=70_000))
def test_what_is_signed_is_the_encoder_s(protected: bytes, payload: bytes) -> None:
    """The Sig_structure, assembled by hand (RFC 9052, section 4.4)."""
    assert sig_structure(protected, payload) == cbor2.dumps(["Signature1", protected, b"", payload])


@pytest.mark.parametrize("signer", SIGNERS)
def test_a_statement_reads_back_and_verifies(signer: SoftwareSigner) -> None:
    """Header, payload and signature come back; the entry is the statement without its unprotected header."""
    data = sign1({15: {1: "x"}}, b"payload", signer, unprotected={394: [b"receipt"]})
    statement = Sign1.parse(data)
    statement.verify(signer.public_key)
    assert (statement.alg, statement.claims, statement.payload) == (signer.alg, {1: "x"}, b"payload")
    assert statement.unprotected == {394: [b"receipt"]}
    assert statement.encode() == data
    assert Sign1.parse(statement.entry()).unprotected == {}
    assert statement.encode({}) == statement.entry()


def test_a_detached_payload_is_given_by_the_verifier() -> None:
    """Without it nothing verifies, and with another neither; one that is carried cannot be replaced."""
    statement = Sign1.parse(sign1({}, b"payload", ED, detach=True))
    assert statement.payload is None
    statement.verify(ED.public_key, detached=b"payload")
    with pytest.raises(SignatureError):
        statement.verify(ED.public_key, detached=b"another")
    with pytest.raises(MalformedError):
        statement.verify(ED.public_key)
    carried = Sign1.parse(sign1({}, b"payload", ED))
    carried.verify(ED.public_key, detached=b"another")
    assert carried.signed_bytes(b"another") == carried.signed_bytes()


GOOD = sign1({15: {1: "x"}}, b"payload", ED)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(GOOD[1:], id="no-tag"),
        pytest.param(b"\xd1" + GOOD[1:], id="tag-17"),
        pytest.param(b"\xd2\xd2" + GOOD[1:], id="tag-twice"),
        pytest.param(b"\xd8\x12" + GOOD[1:], id="tag-18-in-two-bytes"),
        pytest.param(GOOD + b"\x00", id="trailing"),
        pytest.param(GOOD[:-1], id="truncated"),
        pytest.param(b"\xd2" + cbor.encode([b"\xa0", {}, b""]), id="three-parts"),
        pytest.param(b"\xd2" + cbor.encode({0: 0}), id="a-map"),
        pytest.param(b"\xd2" + cbor.encode(["\xa0", {}, b"", b""]), id="header-a-text"),
        pytest.param(b"\xd2" + cbor.encode([b"\xa0", [], b"", b""]), id="unprotected-an-array"),
        pytest.param(b"\xd2" + cbor.encode([b"\xa0", {}, "", b""]), id="payload-a-text"),
        pytest.param(b"\xd2" + cbor.encode([b"\xa0", {}, b"", None]), id="no-signature"),
        pytest.param(b"\xd2" + cbor.encode([b"\x80", {}, b"", b""]), id="header-an-array"),
        pytest.param(b"\xd2" + cbor.encode([b"", {}, b"", b""]), id="header-empty"),
        pytest.param(b"\xd2" + cbor.encode([b"\xa1\x18\x01\x00", {}, b"", b""]), id="header-not-shortest"),
        pytest.param(b"\xd2" + cbor.encode([b"\xa2\x01\x00\x01\x00", {}, b"", b""]), id="header-duplicate"),
        pytest.param(b"\xd2" + cbor.encode([b"\xa1\x01\xc1\x00", {}, b"", b""]), id="header-tag"),
    ],
)
def test_what_is_not_a_strict_cose_sign1_is_refused(data: bytes) -> None:
    """One form, and no other way to write it."""
    with pytest.raises(MalformedError):
        Sign1.parse(data)


def test_sizes_are_limited_before_anything_is_read() -> None:
    """The whole statement, and its protected header."""
    with pytest.raises(TooLargeError):
        Sign1.parse(GOOD, limit=len(GOOD) - 2)
    large = sign1({33: bytes(1100)}, b"", ED)
    with pytest.raises(TooLargeError):
        Sign1.parse(large)
    assert Sign1.parse(large, header_limit=2000).header[33] == bytes(1100)


@pytest.mark.parametrize("header", [{}, {1: "EdDSA"}, {1: True}])
def test_a_statement_without_an_algorithm_does_not_verify(header: dict[int | str, Any]) -> None:
    """The algorithm is an integer in the protected header."""
    protected = cbor.encode(header)
    statement = Sign1(protected, header, {}, b"", ED.sign(sig_structure(protected, b"")))
    with pytest.raises(MalformedError):
        statement.verify(ED.public_key)


@pytest.mark.parametrize("header", [{}, {15: []}, {15: None}])
def test_claims_that_are_not_there_are_refused(header: dict[int | str, Any]) -> None:
    """A statement without CWT claims names nobody."""
    with pytest.raises(MalformedError):
        _ = Sign1.parse(sign1(header, b"", ED)).claims


def test_no_byte_of_a_statement_can_change() -> None:
    """Whatever byte is altered, it does not verify, and only our errors say so."""
    for position, byte in enumerate(GOOD):
        for value in {0, 0xFF, byte ^ 1, byte ^ 0x20, byte ^ 0x80} - {byte}:
            with pytest.raises(EgideError):
                Sign1.parse(GOOD[:position] + bytes((value,)) + GOOD[position + 1 :]).verify(ED.public_key)


@given(data=st.binary(max_size=200))
def test_noise_is_refused_by_our_errors_alone(data: bytes) -> None:
    """Untrusted bytes never raise anything else."""
    for each in (data, b"\xd2" + data, b"\xd2\x84" + data, GOOD[:10] + data):
        with pytest.raises(EgideError):
            Sign1.parse(each).verify(ED.public_key)
