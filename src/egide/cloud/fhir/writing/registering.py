"""The systems that may write: registered by a command, for one establishment, each by a signed statement.

A system is an object of the fleet whose readings are "attested by a system". It cannot sign envelopes, so the platform
holds a key in its name, in the keys folder; revoking the object ends both. Who calls in its name proves it otherwise:
by a key of its own, whose public half the statement holds.
"""

from __future__ import annotations

import functools
import logging
import os
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_public_key,
    load_pem_private_key,
    load_pem_public_key,
)
from django.conf import settings

from egide import cbor
from egide.cloud.consent.rules import FORBIDDEN_SECTORS
from egide.cloud.fleet.issuing import issue
from egide.cloud.fleet.models import Certificate, HealthObject, Trust
from egide.cloud.fleet.revocation import is_revoked, require_not_revoked
from egide.cloud.fleet.service import create_object
from egide.cloud.people.attested import attested_kinds
from egide.cloud.people.models import Establishment
from egide.cloud.register.journal import append_statement
from egide.cloud.register.models import Statement
from egide.cloud.register.platform import platform
from egide.errors import EgideError, KeyMissingError, MalformedError, RefusedError, StorageError, UnavailableError
from egide.trust.cose import PublicKey, Sign1, SoftwareSigner
from egide.trust.identity import parse_csr
from egide.trust.limits import LIMITS

__all__ = [
    "KIND", "System", "loaded", "register_system", "renew_system", "scribe", "scribe_of", "system_named",
]  # fmt: skip

KIND: Final = "attesting-system"
_LEAST_RSA: Final = 2_048
_EARLY_MS: Final = 30 * 86_400_000
_log = logging.getLogger("egide.fhir")
Key = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """What a signed statement says of a system: for which establishment, and by which key it calls."""

    id: uuid.UUID
    establishment: uuid.UUID
    key: bytes  # SubjectPublicKeyInfo, or b"": nobody calls in its name


def register_system(name: str, establishment: Establishment, *, pem: bytes, now_ms: int) -> HealthObject:
    """Let a system write, from now on, for patients of one establishment: who has this key (PEM) calls in its name.

    Raises:
        RefusedError: a kind of establishment that gets no health data.
        MalformedError: no public key of P-256, P-384 or RSA.
        KeyMissingError, StorageError: the keys folder.
    """
    if attested_kinds().get(str(establishment.pk), "") in FORBIDDEN_SECTORS:
        raise RefusedError("this kind of establishment gets no health data, and gives none")
    key = _public(pem)
    owner = create_object(name, Trust.SYSTEM, now_ms)
    _make_key(owner.pk)
    renew_system(owner, now_ms=now_ms)
    facts = {"establishment": str(establishment.pk), "key": key}
    append_statement(KIND, owner.pk, facts, now_ms=now_ms)
    return owner


def renew_system(owner: HealthObject, *, now_ms: int) -> None:
    """A new certificate for the key that signs in its name. Raises CertificateRevokedError, KeyMissingError."""
    require_not_revoked(owner.pk)
    key = _private(owner.pk)
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, None)
    issue(owner, parse_csr(request.public_bytes(Encoding.DER)), claim=None, now_ms=now_ms)


def system_named(name: uuid.UUID) -> System | None:
    """What was signed of this system; None when nothing was, or it was revoked since."""
    rows = Statement.objects.filter(kind=KIND, subject=name).order_by("-entry")
    return next((found for row in rows if (found := _read(row)) is not None and not is_revoked(found.id)), None)


def scribe_of(system: uuid.UUID, *, now_ms: int) -> tuple[SoftwareSigner, Certificate]:
    """What signs in a system's name, and the certificate in force: renewed here when it ends soon, or has ended.

    Raises:
        UnavailableError: it has expired, and this process could not renew it. KeyMissingError: the key is not there.
    """
    signer = scribe(system)
    row = _in_force(system, signer.public_key, now_ms)
    if row is None or row.not_after_ms - now_ms < min(_EARLY_MS, (row.not_after_ms - row.not_before_ms) // 3):
        try:
            renew_system(HealthObject.objects.get(pk=system), now_ms=now_ms)
            row = _in_force(system, signer.public_key, now_ms)
        except EgideError as err:  # a role that has no right to the issuing key: the one that lasts serves till its end
            _log.warning("the certificate that attests for a system was not renewed: %s", err.code)
    if row is None:
        raise UnavailableError("the certificate that attests for this system has expired")
    return signer, row


def scribe(system: uuid.UUID) -> SoftwareSigner:
    """The key that signs in a system's name. Raises KeyMissingError."""
    return _signer(settings.OPTIONS.keys, system)


def _in_force(system: uuid.UUID, key: PublicKey, now_ms: int) -> Certificate | None:
    rows = Certificate.objects.filter(object_id=system, key__thumbprint=key.thumbprint, revoked_ms=None)
    return rows.filter(not_before_ms__lte=now_ms, not_after_ms__gt=now_ms).order_by("-not_after_ms").first()


def _read(row: Statement) -> System | None:
    """A statement whose signature does not hold says nothing; one moved to another object's row neither."""
    said = _said(bytes(row.body), platform().signer.public_key)
    if said is None or row.subject is None or said[0] != f"urn:uuid:{row.subject}":
        return None
    match said[1]:
        case {"establishment": str(place), "key": bytes(key)}:
            return System(id=row.subject, establishment=uuid.UUID(place), key=key)
    return None


@functools.lru_cache(maxsize=1024)
def _said(body: bytes, key: PublicKey) -> tuple[str, dict[str, Any]] | None:
    try:
        statement = Sign1.parse(body, limit=LIMITS.journal, what="statement")
        statement.verify(key)
        match cbor.decode(statement.payload or b"", limit=LIMITS.journal, what="statement"):
            case [str(kind), int(), dict(facts), *_] if kind == KIND:
                return str(statement.claims[2]), facts
    except EgideError:
        pass
    return None


def _public(pem: bytes) -> bytes:
    try:
        key = load_pem_public_key(pem)
    except ValueError as err:
        raise MalformedError("this is no public key in PEM") from err
    curve = key.curve.name if isinstance(key, ec.EllipticCurvePublicKey) else ""
    if curve in ("secp256r1", "secp384r1") or (isinstance(key, rsa.RSAPublicKey) and key.key_size >= _LEAST_RSA):
        return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    raise MalformedError("a system's key is of P-256, P-384, or RSA of 2048 bits")


def loaded(key: bytes) -> Key:
    """The public key of a statement. Raises KeyMissingError: it has none."""
    found = load_der_public_key(key) if key else None
    if not isinstance(found, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        raise KeyMissingError("this system calls by no key")
    return found


def _file(system: uuid.UUID) -> str:
    return f"scribe-{system}.key"


def _make_key(system: uuid.UUID) -> None:
    pem = ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        descriptor = os.open(settings.OPTIONS.keys / _file(system), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
    except OSError as err:
        raise StorageError("the key of a system cannot be written") from err


def _private(system: uuid.UUID) -> ed25519.Ed25519PrivateKey:
    try:
        key = load_pem_private_key(settings.OPTIONS.read_key(_file(system)), None)
    except (ValueError, TypeError) as err:
        raise KeyMissingError("the file of a system's key holds none") from err
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise KeyMissingError("the file of a system's key holds another kind")
    return key


@functools.lru_cache(maxsize=256)
def _signer(_keys: Path, system: uuid.UUID) -> SoftwareSigner:
    """Ed25519: the same envelope made again is the same bytes."""
    return SoftwareSigner(_private(system))
