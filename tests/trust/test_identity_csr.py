"""A certificate request proves its key, and its wishes stay wishes."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from egide.errors import EgideError, IdentityError, MalformedError, SignatureError, TooLargeError
from egide.trust.cose import PublicKey
from egide.trust.identity import VerifiedCsr, parse_csr
from egide.trust.limits import LIMITS

UUID = "3f0c8f7e-6a5b-4c3d-9e2f-1a0b9c8d7e6f"
URI = f"urn:uuid:{UUID}"
P256 = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()


def _csr(
    key: Any = P256, algorithm: Any = ..., *, name: str = "", san: list[x509.GeneralName] | None = None
) -> bytes:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else []
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(attributes))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    if san is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName(san), critical=False)
    if algorithm is ...:
        curved = isinstance(key, (ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey))
        algorithm = None if curved else hashes.SHA256()
    return builder.sign(key, algorithm).public_bytes(Encoding.DER)


@pytest.mark.parametrize("key", [P256, ED], ids=["p256", "ed25519"])
def test_a_request_gives_the_key_it_proves(key: Any) -> None:
    """The key comes out, whatever else the request asks for (here: to be a CA)."""
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert parse_csr(_csr(key, name="root")).public_key.thumbprint == hashlib.sha256(spki).digest()


@pytest.mark.parametrize("algorithm", [hashes.SHA384(), hashes.SHA512()])
def test_stronger_hashes_are_welcome(algorithm: hashes.HashAlgorithm) -> None:
    """openssl and smart cards choose theirs."""
    assert parse_csr(_csr(P256, algorithm))


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(rsa.generate_private_key(65537, 2048), id="rsa"),
        pytest.param(ec.generate_private_key(ec.SECP384R1()), id="p384"),
        pytest.param(ec.generate_private_key(ec.SECP256K1()), id="secp256k1"),
        pytest.param(ed448.Ed448PrivateKey.generate(), id="ed448"),
    ],
)
def test_other_kinds_of_key_are_refused(key: Any) -> None:
    """P-256 or Ed25519: what every verifier in the field knows."""
    with pytest.raises(MalformedError):
        parse_csr(_csr(key))


def test_a_weak_hash_is_refused() -> None:
    """A request signed with SHA-224 or less proves too little."""
    with pytest.raises(SignatureError):
        parse_csr(_csr(P256, hashes.SHA224()))


def test_a_request_for_someone_else_s_key_is_refused() -> None:
    """Without the private key there is no proof: the public key of another is no use."""
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    mine, theirs = P256.public_key().public_bytes(*form), other.public_bytes(*form)
    with pytest.raises(SignatureError):
        parse_csr(_csr().replace(mine, theirs))


def test_size_and_trailing_bytes_are_refused() -> None:
    """One request, of a limited size."""
    with pytest.raises(TooLargeError):
        parse_csr(bytes(LIMITS.csr + 1))
    with pytest.raises(MalformedError):
        parse_csr(_csr() + b"\x00")


def test_only_parse_csr_makes_a_verified_request() -> None:
    """The type itself is the proof that the signature was checked."""
    with pytest.raises(TypeError):
        VerifiedCsr(
            PublicKey(P256.public_key()), subject=x509.Name([]), alternative_names=(), _token=object()
        )


@pytest.mark.parametrize(
    ("name", "san", "allowed"),
    [
        ("", None, True),
        (UUID, None, True),
        ("", [x509.UniformResourceIdentifier(URI)], True),
        (UUID, [x509.UniformResourceIdentifier(URI)], True),
        ("another", None, False),
        ("", [x509.UniformResourceIdentifier("urn:uuid:another")], False),
        ("", [x509.DNSName("localhost")], False),
        (UUID, [x509.UniformResourceIdentifier(URI), x509.DNSName("localhost")], False),
    ],
)
def test_a_renewal_asks_for_the_same_name_or_none(
    name: str, san: list[x509.GeneralName] | None, allowed: bool
) -> None:
    """RFC 7030, section 4.2.2: subject and alternative name are those of the certificate that is renewed."""
    request = parse_csr(_csr(name=name, san=san))
    if allowed:
        request.require_names_of(URI)
    else:
        with pytest.raises(IdentityError):
            request.require_names_of(URI)


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_no_changed_byte_is_accepted_as_the_same_request(position: int, change: int) -> None:
    """A changed byte is refused, by one of our errors."""
    data = bytearray(_GOOD)
    data[position % len(data)] ^= change
    with pytest.raises(EgideError):
        parse_csr(bytes(data))


@given(st.binary(max_size=400))
def test_any_bytes_are_refused_as_ours_do(data: bytes) -> None:
    """Nothing else than our errors comes out of the decoder."""
    with pytest.raises(EgideError):
        parse_csr(data)


_GOOD = _csr(ED, name=UUID, san=[x509.UniformResourceIdentifier(URI)])
