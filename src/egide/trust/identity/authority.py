"""Make the two levels of the CA, and issue leaves (RFC 5280, as our profile narrows it).

A serial number is 1 to 159 random bits that the caller draws; times are milliseconds since 1970.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import load_der_public_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from egide.errors import IdentityError
from egide.trust.cose import PublicKey
from egide.trust.envelope import uuid_of
from egide.trust.identity.profile import PLATFORM_EKU, key_identifier, key_usage, when

__all__ = [
    "Authority", "ca_pin", "issue_object", "issue_platform", "issue_server", "make_issuing", "make_root",
]

_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A CA certificate and the P-256 key that signs under it."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def ca_pin(root: x509.Certificate) -> bytes:
    """SHA-256 of the root's SubjectPublicKeyInfo: what a claim pins."""
    return PublicKey(_p256(root.public_key())).thumbprint


def make_root(
    name: str, key: ec.EllipticCurvePrivateKey, *, not_before_ms: int, days: int, serial: int
) -> x509.Certificate:
    """A self-signed root, which may have issuing CAs under it and nothing deeper."""
    subject = _name(name)
    return _ca(
        subject, subject, key.public_key(), signing_key=key, path_length=1,
        not_before_ms=not_before_ms, not_after_ms=not_before_ms + days * _DAY_MS, serial=serial,
    )


def make_issuing(
    root: Authority, name: str, key: ec.EllipticCurvePublicKey, *, not_before_ms: int, days: int, serial: int
) -> x509.Certificate:
    """An issuing CA: it signs leaves and revocation lists, never another CA. It cannot outlive the root."""
    not_after_ms = not_before_ms + days * _DAY_MS
    _require_within(root, not_before_ms, not_after_ms)
    return _ca(
        _name(name), root.certificate.subject, key, signing_key=root.key, path_length=0,
        not_before_ms=not_before_ms, not_after_ms=not_after_ms, serial=serial,
    )


def issue_object(
    issuing: Authority, key: PublicKey, *, uri: str, not_before_ms: int, not_after_ms: int, serial: int
) -> x509.Certificate:
    """A certificate for an object's key (P-256 or Ed25519), named by `uri` (urn:uuid:...).

    Raises:
        MalformedError: `uri` is not of that form.
        IdentityError: the period exceeds the issuing CA's.
    """
    return _leaf(
        issuing, load_public(key), uuid_of(uri), [x509.UniformResourceIdentifier(uri)],
        ExtendedKeyUsageOID.CLIENT_AUTH, not_before_ms, not_after_ms, serial,
    )


def issue_platform(
    issuing: Authority, key: PublicKey, *, uri: str, not_before_ms: int, not_after_ms: int, serial: int
) -> x509.Certificate:
    """A certificate for the platform's signing key, named by `uri`. Raises as `issue_object`."""
    return _leaf(
        issuing, load_public(key), uuid_of(uri), [x509.UniformResourceIdentifier(uri)],
        PLATFORM_EKU, not_before_ms, not_after_ms, serial,
    )


def issue_server(
    issuing: Authority,
    key: PublicKey,
    *,
    names: Sequence[str],
    addresses: Iterable[str] = (),
    not_before_ms: int,
    not_after_ms: int,
    serial: int,
) -> x509.Certificate:
    """A TLS server's certificate for DNS `names` (the first is also its common name) and IP `addresses`."""
    san: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
    san += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
    return _leaf(
        issuing, load_public(key), names[0], san,
        ExtendedKeyUsageOID.SERVER_AUTH, not_before_ms, not_after_ms, serial,
    )


def load_public(key: PublicKey) -> CertificatePublicKeyTypes:
    """The key in the form that cryptography signs (P-256 or Ed25519)."""
    return cast("CertificatePublicKeyTypes", load_der_public_key(key.spki))


def _leaf(
    issuing: Authority,
    key: CertificatePublicKeyTypes,
    common_name: str,
    san: Sequence[x509.GeneralName],
    eku: x509.ObjectIdentifier,
    not_before_ms: int,
    not_after_ms: int,
    serial: int,
) -> x509.Certificate:
    _require_within(issuing, not_before_ms, not_after_ms)
    issuer = issuing.certificate
    return (
        _builder(_name(common_name), issuer.subject, key, not_before_ms, not_after_ms, serial)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(ca=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([eku]), critical=False)
        .add_extension(x509.SubjectAlternativeName(san), critical=False)
        .add_extension(key_identifier(key), critical=False)
        .add_extension(_authority_identifier(issuing.key.public_key()), critical=False)
        .sign(issuing.key, hashes.SHA256())
    )


def _require_within(issuer: Authority, not_before_ms: int, not_after_ms: int) -> None:
    certificate = issuer.certificate
    if (
        when(not_before_ms) < certificate.not_valid_before_utc
        or when(not_after_ms) > certificate.not_valid_after_utc
    ):
        raise IdentityError("a certificate cannot be valid outside its issuer's period")


def _p256(key: CertificatePublicKeyTypes) -> ec.EllipticCurvePublicKey:
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise IdentityError("a CA's key is P-256")
    return key


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _authority_identifier(key: ec.EllipticCurvePublicKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(key_identifier(key))


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: CertificatePublicKeyTypes,
    not_before_ms: int,
    not_after_ms: int,
    serial: int,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(serial)
        .not_valid_before(when(not_before_ms))
        .not_valid_after(when(not_after_ms))
    )


def _ca(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    *,
    signing_key: ec.EllipticCurvePrivateKey,
    path_length: int,
    not_before_ms: int,
    not_after_ms: int,
    serial: int,
) -> x509.Certificate:
    return (
        _builder(subject, issuer, _p256(key), not_before_ms, not_after_ms, serial)
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(key_usage(ca=True), critical=True)
        .add_extension(key_identifier(key), critical=False)
        .add_extension(_authority_identifier(_p256(signing_key.public_key())), critical=False)
        .sign(signing_key, hashes.SHA256())
    )
