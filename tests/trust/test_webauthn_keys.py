"""A passkey's key and signature: two algorithms, one spelling of each."""

from __future__ import annotations

from collections.abc import Callable

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from egide.errors import MalformedError, SignatureError
from egide.trust.cose import EDDSA, ES256
from egide.trust.webauthn import Assertion, PasskeyKey, counter_went_back, verify_assertion, with_low_s
from tests.support.consents import Passkey
from tests.support.webauthn import CHALLENGE, KEYS, PLACE, check, fido2_accepts

N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


# Signatures ---------------------------------------------------------------------------------------


def halves() -> tuple[Passkey, Assertion, int, int]:
    passkey = Passkey(key=KEYS["ES256"])
    assertion = passkey.get(CHALLENGE)
    r, s = decode_dss_signature(assertion.signature)
    return passkey, assertion, r, min(s, N - s)


def test_a_high_s_is_kept_as_the_low_one_and_refused_where_it_is_kept() -> None:
    """An authenticator may write either; in the register there is one form, which nobody else can make."""
    passkey, assertion, r, s = halves()
    key = PasskeyKey(passkey.cose)
    high = Assertion(assertion.authenticator_data, assertion.client_data, encode_dss_signature(r, N - s))
    assert fido2_accepts(passkey, high)
    with pytest.raises(SignatureError):
        verify_assertion(high, key, challenge=CHALLENGE, place=PLACE)
    kept = with_low_s(high, key)
    assert kept.signature == encode_dss_signature(r, s)
    verify_assertion(kept, key, challenge=CHALLENGE, place=PLACE)
    assert fido2_accepts(passkey, kept)
    assert with_low_s(kept, key) == kept


def padded(signature: bytes) -> bytes:
    """A zero before r that DER does not allow."""
    length = signature[3]
    r = b"\x00" + signature[4:4 + length]
    return bytes((0x30, signature[1] + 1, 2, length + 1)) + r + signature[4 + length:]


@pytest.mark.parametrize(
    "make",
    [
        lambda r, s: b"", lambda r, s: r.to_bytes(32, "big") + s.to_bytes(32, "big"),
        lambda r, s: encode_dss_signature(r, s) + b"\x00", lambda r, s: padded(encode_dss_signature(r, s)),
        lambda r, s: b"\x30\x81" + encode_dss_signature(r, s)[1:], lambda r, s: encode_dss_signature(r, s)[:-1],
        lambda r, s: encode_dss_signature(0, s), lambda r, s: encode_dss_signature(r, 0),
        lambda r, s: encode_dss_signature(r + 2**260, s), lambda r, s: encode_dss_signature(r, N),
        lambda r, s: encode_dss_signature(r + N, s) if r + N < 2**256 else encode_dss_signature(N, s),
        lambda r, s: b"\x30\x06\x02\x01\xff\x02\x01\x01",
    ],
    ids=[
        "empty", "raw", "trailing", "padded", "long-length", "cut", "r-zero", "s-zero", "r-long", "s-order", "r-order",
        "r-negative",
    ],
)
def test_another_spelling_of_an_es256_signature_is_refused(make: Callable[[int, int], bytes]) -> None:
    """One DER form, two numbers below the order: no second signature can be made out of one."""
    passkey, assertion, r, s = halves()
    with pytest.raises(SignatureError):
        check(passkey, Assertion(assertion.authenticator_data, assertion.client_data, make(r, s)))


def test_an_eddsa_signature_has_64_bytes() -> None:
    """No DER, nothing before or after."""
    passkey = Passkey(key=KEYS["EdDSA"])
    good = passkey.get(CHALLENGE)
    for signature in (good.signature + b"\x00", good.signature[:-1], b""):
        with pytest.raises(SignatureError):
            check(passkey, Assertion(good.authenticator_data, good.client_data, signature))


# Keys ---------------------------------------------------------------------------------------------


def test_the_two_algorithms_are_known() -> None:
    """ES256 and EdDSA, as an authenticator writes their keys."""
    assert [PasskeyKey(Passkey(key=key).cose).alg for key in KEYS.values()] == [ES256, EDDSA]


def other_keys() -> dict[str, bytes]:
    es256, eddsa = (cbor2.loads(Passkey(key=key).cose) for key in KEYS.values())
    public = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key().public_numbers()
    return {
        "RS256": cbor2.dumps({1: 3, 3: -257, -1: public.n.to_bytes(128 * 2, "big")[:180], -2: b"\x01\x00\x01"}),
        "ES384": cbor2.dumps({1: 2, 3: -35, -1: 2, -2: bytes(48), -3: bytes(48)}),
        "ES256K": cbor2.dumps({**es256, 3: -47, -1: 8}),
        "ESP256": cbor2.dumps({**es256, 3: -9}),
        "Ed25519 as -19": cbor2.dumps({**eddsa, 3: -19}),
        "Ed448": cbor2.dumps({1: 1, 3: -8, -1: 7, -2: bytes(57)}),
        "X25519": cbor2.dumps({**eddsa, -1: 4}),
        "off the curve": cbor2.dumps({**es256, -2: bytes(32)}),
        "short x": cbor2.dumps({**es256, -2: es256[-2][1:]}),
        "compressed": cbor2.dumps({**es256, -3: True}),
        "short Ed25519": cbor2.dumps({**eddsa, -2: bytes(31)}),
        "true for 1": cbor2.dumps({**eddsa, 1: True}),
        "true for the curve": cbor2.dumps({**es256, -1: True}),
        "another order": cbor2.dumps(dict(reversed(es256.items()))),
        "one entry more": cbor2.dumps({**es256, 2: b"kid"}),
        "private": cbor2.dumps({**eddsa, -4: bytes(32)}),
        "no map": cbor2.dumps([1, 2]),
        "empty": b"",
        "trailing": cbor2.dumps(es256) + b"\x00",
    }


@pytest.mark.parametrize("name", other_keys())
def test_any_other_key_is_refused(name: str) -> None:
    """Clearly, and when it is enrolled: not at the first signature."""
    with pytest.raises(MalformedError):
        PasskeyKey(other_keys()[name])


def test_a_key_does_not_verify_by_the_other_algorithm() -> None:
    """A signature of one kind under a key of the other."""
    es256, eddsa = (Passkey(key=key) for key in KEYS.values())
    for one, other in ((es256, eddsa), (eddsa, es256)):
        with pytest.raises(SignatureError):
            check(one, other.get(CHALLENGE))


@pytest.mark.parametrize(
    ("known", "seen", "back"), [(0, 0, False), (0, 1, False), (4, 5, False), (5, 5, True), (5, 4, True), (5, 0, True)]
)
def test_a_counter_that_does_not_grow_is_noticed(known: int, seen: int, back: bool) -> None:
    """Authenticators that count nothing say 0 for ever (section 6.1.1)."""
    assert counter_went_back(known, seen) is back
