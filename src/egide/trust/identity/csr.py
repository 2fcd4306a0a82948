"""A certificate request (PKCS#10, RFC 2986): the key that is asked for, and proof that its holder asks."""

from __future__ import annotations

from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding

from egide.errors import MalformedError, SignatureError, TooLargeError
from egide.trust.cose import PublicKey
from egide.trust.identity.profile import reading
from egide.trust.limits import LIMITS

__all__ = ["VerifiedCsr", "parse_csr"]

_HASHES: Final = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
_VERIFIED: Final = object()


class VerifiedCsr:
    """A request whose holder proved the key. Only `parse_csr` makes one. The claim gives the name."""

    __slots__ = ("public_key",)

    def __init__(self, public_key: PublicKey, *, _token: object) -> None:
        if _token is not _VERIFIED:
            raise TypeError("a VerifiedCsr comes from parse_csr only")
        self.public_key = public_key


def parse_csr(der: bytes) -> VerifiedCsr:
    """Read an untrusted request and check its proof of possession. Its subject and attributes are ignored.

    Raises:
        TooLargeError, MalformedError: not one DER request, or a key that is neither P-256 nor Ed25519.
        SignatureError: the request is not signed by the key it carries.
    """
    if len(der) > LIMITS.csr:
        raise TooLargeError(f"a certificate request is larger than {LIMITS.csr} bytes")
    with reading("a certificate request"):
        request = x509.load_der_x509_csr(der)
        if request.public_bytes(Encoding.DER) != der:
            raise MalformedError("a certificate request is not strict DER")
        key = request.public_key()
        algorithm = request.signature_hash_algorithm
        if not isinstance(key, (ec.EllipticCurvePublicKey, ed25519.Ed25519PublicKey)):
            raise MalformedError("a key is P-256 or Ed25519")
        public_key = PublicKey(key)
        if isinstance(key, ec.EllipticCurvePublicKey) and not isinstance(algorithm, _HASHES):
            raise SignatureError("a certificate request is signed with SHA-256 or stronger")
        if not request.is_signature_valid:
            raise SignatureError("a certificate request is not signed by the key it carries")
    return VerifiedCsr(public_key, _token=_VERIFIED)
