"""A certificate request (PKCS#10, RFC 2986): the key that is asked for, and proof that its holder asks."""

from __future__ import annotations

from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID

from egide.errors import IdentityError, MalformedError, SignatureError, TooLargeError
from egide.trust.cose import PublicKey
from egide.trust.envelope import uuid_of
from egide.trust.identity.profile import reading, require_whole_signature
from egide.trust.limits import LIMITS

__all__ = ["VerifiedCsr", "parse_csr"]

_HASHES: Final = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
_VERIFIED: Final = object()


class VerifiedCsr:
    """A request whose holder proved the key. Only `parse_csr` makes one.

    The names in it are wishes: a claim, or the certificate that is renewed, gives the name.
    """

    __slots__ = ("alternative_names", "public_key", "subject")

    def __init__(
        self,
        public_key: PublicKey,
        *,
        subject: x509.Name,
        alternative_names: tuple[x509.GeneralName, ...],
        _token: object,
    ) -> None:
        if _token is not _VERIFIED:
            raise TypeError("a VerifiedCsr comes from parse_csr only")
        self.public_key = public_key
        self.subject = subject
        self.alternative_names = alternative_names

    def require_names_of(self, uri: str) -> None:
        """Raises IdentityError when the request asks for another name than `uri` (RFC 7030, 4.2.2)."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, uuid_of(uri))])
        if self.subject != subject and len(self.subject):
            raise IdentityError("a request for renewal asks for another name")
        if self.alternative_names not in ((), (x509.UniformResourceIdentifier(uri),)):
            raise IdentityError("a request for renewal asks for another name")


def parse_csr(der: bytes) -> VerifiedCsr:
    """Read an untrusted request and check its proof of possession.

    Raises:
        TooLargeError, MalformedError: not one DER request, or a key that is neither P-256 nor Ed25519.
        SignatureError: the request is not signed by the key it carries.
    """
    if len(der) > LIMITS.csr:
        raise TooLargeError(f"a certificate request is larger than {LIMITS.csr} bytes")
    with reading("a certificate request"):
        request = x509.load_der_x509_csr(der)
        key = request.public_key()
        algorithm = request.signature_hash_algorithm
        if not isinstance(key, (ec.EllipticCurvePublicKey, ed25519.Ed25519PublicKey)):
            raise MalformedError("a key is P-256 or Ed25519")
        public_key = PublicKey(key)
        if isinstance(key, ec.EllipticCurvePublicKey) and not isinstance(algorithm, _HASHES):
            raise SignatureError("a certificate request is signed with SHA-256 or stronger")
        require_whole_signature(der, request.signature)
        if not request.is_signature_valid:
            raise SignatureError("a certificate request is not signed by the key it carries")
        extensions = [each.value for each in request.extensions]
        return VerifiedCsr(
            public_key,
            subject=request.subject,
            alternative_names=tuple(
                name for each in extensions if isinstance(each, x509.SubjectAlternativeName) for name in each
            ),
            _token=_VERIFIED,
        )
