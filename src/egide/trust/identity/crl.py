"""Certificate revocation lists (RFC 5280, section 5): complete, v2, signed by the issuing CA."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID, SignatureAlgorithmOID

from egide.errors import CertificateExpiredError, IdentityError, MalformedError, SignatureError, TooLargeError
from egide.trust.identity.authority import Authority
from egide.trust.identity.profile import key_identifier, reading, require_whole_signature, to_ms, when
from egide.trust.limits import LIMITS

__all__ = ["Revoked", "VerifiedCrl", "make_crl", "verify_crl"]

_EXTENSIONS: Final = {ExtensionOID.CRL_NUMBER: False, ExtensionOID.AUTHORITY_KEY_IDENTIFIER: False}
_VERIFIED: Final = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    """A serial number, and when it stopped counting (milliseconds; the list keeps seconds)."""

    serial: int
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedCrl:
    """A list whose signature was checked. Only `verify_crl` makes one."""

    number: int
    this_update_ms: int
    next_update_ms: int
    revoked: dict[int, int]  # serial -> when, in ms
    _token: object = field(repr=False)

    def __post_init__(self) -> None:
        if self._token is not _VERIFIED:
            raise TypeError("a VerifiedCrl comes from verify_crl only")


def make_crl(
    issuing: Authority, revoked: Iterable[Revoked], *, number: int, this_update_ms: int, next_update_ms: int
) -> bytes:
    """The list, in DER. `number` grows from one list to the next (RFC 5280, section 5.2.3)."""
    identifier = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
        key_identifier(issuing.key.public_key())
    )
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuing.certificate.subject)
        .last_update(when(this_update_ms))
        .next_update(when(next_update_ms))
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(identifier, critical=False)
    )
    for each in sorted(revoked, key=lambda r: r.serial):
        entry = x509.RevokedCertificateBuilder().serial_number(each.serial).revocation_date(when(each.at_ms))
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(issuing.key, hashes.SHA256()).public_bytes(Encoding.DER)


def verify_crl(der: bytes, issuing: x509.Certificate, *, at_ms: int) -> VerifiedCrl:
    """Read an untrusted list and check it against the issuing CA's certificate, which the caller checked.

    Raises:
        TooLargeError, MalformedError: not a list of our profile.
        IdentityError: another issuer, or a list of the future.
        CertificateExpiredError: a newer list should exist at `at_ms`.
        SignatureError: not signed by the issuing CA.
    """
    if len(der) > LIMITS.crl:
        raise TooLargeError(f"a revocation list is larger than {LIMITS.crl} bytes")
    with reading("a revocation list"):
        crl = x509.load_der_x509_crl(der)
        if crl.signature_algorithm_oid != SignatureAlgorithmOID.ECDSA_WITH_SHA256:
            raise MalformedError("a revocation list is signed by ecdsa-with-SHA256")
        entries = list(crl)
        if {each.oid: each.critical for each in crl.extensions} != _EXTENSIONS or any(
            len(entry.extensions) for entry in entries
        ):
            raise MalformedError("a revocation list's extensions are not those of the profile")
        next_update = crl.next_update_utc
        if next_update is None:
            raise MalformedError("a revocation list does not say when the next one comes")
        key = issuing.public_key()
        if crl.issuer != issuing.subject or not isinstance(key, ec.EllipticCurvePublicKey):
            raise IdentityError("a revocation list is another CA's")
        require_whole_signature(der, crl.signature)
        if not crl.is_signature_valid(key):
            raise SignatureError("a revocation list is not signed by its CA")
        if when(at_ms) < crl.last_update_utc:
            raise IdentityError("a revocation list is not valid yet")
        if when(at_ms) > next_update:
            raise CertificateExpiredError("a revocation list is out of date")
        return VerifiedCrl(
            number=crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number,
            this_update_ms=to_ms(crl.last_update_utc),
            next_update_ms=to_ms(next_update),
            revoked={each.serial_number: to_ms(each.revocation_date_utc) for each in entries},
            _token=_VERIFIED,
        )
