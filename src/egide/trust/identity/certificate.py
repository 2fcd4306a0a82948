"""Check that a certificate is one of ours: profile, chain, time (RFC 5280, section 6, a path of three)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID, SignatureAlgorithmOID

from egide.errors import CertificateExpiredError, IdentityError, MalformedError, SignatureError, TooLargeError
from egide.trust.cose import PublicKey
from egide.trust.envelope import uuid_of
from egide.trust.identity.profile import (
    CA_EXTENSIONS,
    LEAF_EXTENSIONS,
    Usage,
    key_identifier,
    key_usage,
    reading,
    require_whole_signature,
    to_ms,
    when,
)
from egide.trust.limits import LIMITS

__all__ = ["VerifiedCertificate", "parse_certificate", "verify_chain"]

_VERIFIED: Final = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedCertificate:
    """A leaf whose chain to a trusted root was checked. Only `verify_chain` makes one."""

    uri: str  # urn:uuid:..., who this is
    uuid: str  # the same, without urn:uuid:
    usage: Usage
    public_key: PublicKey
    sha256: bytes  # of the DER
    der: bytes = field(repr=False)
    serial: int
    not_before_ms: int
    not_after_ms: int
    _token: object = field(repr=False)

    def __post_init__(self) -> None:
        if self._token is not _VERIFIED:
            raise TypeError("a VerifiedCertificate comes from verify_chain only")


def parse_certificate(der: bytes) -> x509.Certificate:
    """Read untrusted bytes as one X.509 v3 certificate in strict DER, signed by ecdsa-with-SHA256.

    Nothing is verified. Raises TooLargeError, MalformedError.
    """
    if len(der) > LIMITS.certificate:
        raise TooLargeError(f"a certificate is larger than {LIMITS.certificate} bytes")
    with reading("a certificate"):
        certificate = x509.load_der_x509_certificate(der)
        if certificate.version is not x509.Version.v3:
            raise MalformedError("a certificate is X.509 v3")
        if certificate.signature_algorithm_oid != SignatureAlgorithmOID.ECDSA_WITH_SHA256:
            raise MalformedError("a certificate is signed by ecdsa-with-SHA256")
        if certificate.serial_number <= 0:
            raise MalformedError("a certificate's serial number is positive")
        require_whole_signature(der, certificate.signature)
        list(certificate.extensions)
        certificate.public_key()  # read lazily: a point off the curve is refused here, not later
        return certificate


def verify_chain(
    leaf: bytes, intermediates: Iterable[bytes], roots: Iterable[bytes], *, at_ms: int, usage: Usage
) -> VerifiedCertificate:
    """Check an untrusted leaf (DER) up to one of the trusted `roots` (DER), at `at_ms`, for one usage.

    `intermediates` are untrusted, in any order; copies of a root among them are harmless.

    Raises:
        TooLargeError, MalformedError: not certificates, or too many.
        IdentityError: another issuer, another profile or usage, or not valid yet.
        CertificateExpiredError: the leaf or a CA of its chain had expired at `at_ms`.
        SignatureError: a signature of the chain does not verify.
    """
    # 1. Form and limits.
    certificate = parse_certificate(leaf)
    given = list(intermediates)
    if len(given) > LIMITS.chain:
        raise TooLargeError(f"a chain has more than {LIMITS.chain} certificates")
    with reading("a certificate"):
        # 2. The leaf is of our profile, for this usage (RFC 5280, section 4.2).
        uri = _require_leaf(certificate, usage)
        # 3. An issuing CA of the chain signed it, and a trusted root signed that (section 6.1.3 a 1, a 4).
        issuing = _issuer_of(certificate, [parse_certificate(der) for der in given])
        root = _issuer_of(issuing, [parse_certificate(der) for der in roots])
        # 4. Both are CAs, of the depth that each may have (section 6.1.4 k to n).
        _require_ca(issuing, path_length=0)
        _require_ca(root, path_length=1)
        # 5. The signatures.
        _require_signed(certificate, issuing)
        _require_signed(issuing, root)
        # 6. All were in force (section 6.1.3 a 2). Revocation is the caller's: it goes by arrival time.
        for each in (certificate, issuing, root):
            _require_in_force(each, at_ms)
        return VerifiedCertificate(
            uri=uri,
            uuid=uuid_of(uri),
            usage=usage,
            public_key=_public_key(certificate),
            sha256=hashlib.sha256(leaf).digest(),
            der=leaf,
            serial=certificate.serial_number,
            not_before_ms=to_ms(certificate.not_valid_before_utc),
            not_after_ms=to_ms(certificate.not_valid_after_utc),
            _token=_VERIFIED,
        )


def _require_extensions(
    certificate: x509.Certificate, expected: Mapping[x509.ObjectIdentifier, bool]
) -> None:
    if {each.oid: each.critical for each in certificate.extensions} != expected:
        raise IdentityError("a certificate's extensions are not those of the profile")
    key = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    if key != key_identifier(certificate.public_key()):
        raise IdentityError("a certificate's key identifier is not that of its key")


def _require_leaf(certificate: x509.Certificate, usage: Usage) -> str:
    """Return the URI that the leaf names."""
    extensions = certificate.extensions
    _require_extensions(certificate, LEAF_EXTENSIONS)
    if extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
        raise IdentityError("a CA does not sign measurements")
    if extensions.get_extension_for_class(x509.KeyUsage).value != key_usage(ca=False):
        raise IdentityError("a certificate's key usage is not that of the profile")
    if list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) != [usage.value]:
        raise IdentityError("a certificate is for another usage")
    match list(extensions.get_extension_for_class(x509.SubjectAlternativeName).value):
        case [x509.UniformResourceIdentifier(value=uri)]:
            pass
        case _:
            raise IdentityError("a certificate names one URI and nothing else")
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, uuid_of(uri))])
    if certificate.subject != subject:
        raise IdentityError("a certificate's subject is not the name in its URI")
    return uri


def _require_ca(certificate: x509.Certificate, *, path_length: int) -> None:
    extensions = certificate.extensions
    _require_extensions(certificate, CA_EXTENSIONS)
    expected = x509.BasicConstraints(ca=True, path_length=path_length)
    if extensions.get_extension_for_class(x509.BasicConstraints).value != expected:
        raise IdentityError("an issuer is not a CA of the depth that the profile gives")
    if extensions.get_extension_for_class(x509.KeyUsage).value != key_usage(ca=True):
        raise IdentityError("an issuer may not sign certificates")


def _issuer_of(certificate: x509.Certificate, candidates: Iterable[x509.Certificate]) -> x509.Certificate:
    """The candidate whose name and key identifier the certificate gives."""
    authority = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    for candidate in candidates:
        if candidate.subject == certificate.issuer:
            identifier = key_identifier(candidate.public_key())
            if authority == x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier):
                return candidate
    raise IdentityError("a certificate was issued by a CA that is not trusted here")


def _require_signed(certificate: x509.Certificate, issuer: x509.Certificate) -> None:
    key = issuer.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise IdentityError("a CA's key is P-256")
    try:
        key.verify(certificate.signature, certificate.tbs_certificate_bytes, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as err:
        raise SignatureError("a certificate is not signed by its issuer") from err


def _require_in_force(certificate: x509.Certificate, at_ms: int) -> None:
    at = when(at_ms)
    if at < certificate.not_valid_before_utc:
        raise IdentityError("a certificate is not valid yet")
    if at > certificate.not_valid_after_utc:
        raise CertificateExpiredError("a certificate of the chain has expired")


def _public_key(certificate: x509.Certificate) -> PublicKey:
    key = certificate.public_key()
    if not isinstance(key, (ec.EllipticCurvePublicKey, ed25519.Ed25519PublicKey)):
        raise IdentityError("a key is P-256 or Ed25519")
    return PublicKey(key)
