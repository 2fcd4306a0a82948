"""Objects, their keys and certificates, against the certificates' own bytes and what was signed of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import chain
from typing import Any
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from egide.cloud.fleet.models import Certificate, HealthObject, ObjectKey
from egide.cloud.fleet.revocation import Revocations
from egide.cloud.register.journal import open_statement
from egide.cloud.register.models import Statement
from egide.cloud.upkeep.columns import readable, what
from egide.cloud.upkeep.finding import Finding
from egide.errors import EgideError, ProofError

__all__ = ["check_objects"]


def check_objects() -> Iterator[Finding]:
    """Rows that say something else than the certificate they keep, or than statements say of what was revoked."""
    revoked, objects, enrolled = Revocations.all(), set(), _enrolled()
    for owner in readable(HealthObject.objects.order_by("pk")).iterator():
        objects.add(owner.pk)
        yield from _against_enrolments(owner, enrolled.get(owner.pk, ()))
        if found := _against(owner.revoked_ms, revoked.of_object(owner.pk)):
            yield Finding(kind="object", where=str(owner.pk), what=found)
    keys = {}
    for key in readable(ObjectKey.objects.order_by("pk")).iterator():
        keys[key.pk] = key
        if hashlib.sha256(bytes(key.spki)).digest() != bytes(key.thumbprint):
            yield Finding(kind="object-key", where=str(key.pk), what="columns")
    known = set()
    for row in readable(Certificate.objects.order_by("pk")).iterator():
        known.add(bytes(row.sha256))
        try:
            _require_own(row, keys.get(row.key_id))
        except Exception as err:
            yield Finding(kind="certificate", where=str(row.pk), what=what(err))
        if found := _against(row.revoked_ms, revoked.of_certificate(row.object_id, bytes(row.sha256))):
            yield Finding(kind="certificate", where=str(row.pk), what=found)
        if row.object_id not in objects:
            yield Finding(kind="certificate", where=str(row.pk), what="object-missing")
    yield from _gone(known, enrolled)


def _enrolled() -> dict[UUID, list[Mapping[str, Any]]]:
    """What each enrolment said, by object; one that cannot be read is said by the check of statements."""
    found: dict[UUID, list[Mapping[str, Any]]] = {}
    for row in readable(Statement.objects.filter(kind="enrolment").order_by("entry")).iterator(2_000):
        with suppress(EgideError):
            if row.subject is not None:
                found.setdefault(row.subject, []).append(open_statement(row).facts)
    return found


def _against_enrolments(owner: HealthObject, said: Iterable[Mapping[str, Any]]) -> Iterator[Finding]:
    """Its model and trust level are what every enrolment said; those of before these words say neither."""
    for column in ("model", "trust"):
        if any(facts.get(column, getattr(owner, column)) != getattr(owner, column) for facts in said):
            yield Finding(kind="object", where=str(owner.pk), what=f"another-{column}")


def _against(kept_ms: int | None, said_ms: int | None) -> str:
    if kept_ms == said_ms:
        return ""
    if kept_ms is None:
        return "revocation-undone"
    return "revoked-by-nobody" if said_ms is None else "revoked-at-another-time"


def _require_own(row: Certificate, key: ObjectKey | None) -> None:
    """The columns, and the key's, are what the certificate's bytes say. Raises ProofError."""
    der = bytes(row.der)
    read = x509.load_der_x509_certificate(der)
    names: Any = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    spki = read.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    times = (int(at.timestamp()) * 1000 for at in (read.not_valid_before_utc, read.not_valid_after_utc))
    said = (
        hashlib.sha256(der).digest(), f"{read.serial_number:x}", *times,
        names.get_values_for_type(x509.UniformResourceIdentifier), spki, row.object_id,
    )  # fmt: skip
    kept = (
        bytes(row.sha256), row.serial, row.not_before_ms // 1000 * 1000, row.not_after_ms // 1000 * 1000,
        [f"urn:uuid:{row.object_id}"], key and bytes(key.spki), key and key.object_id,
    )  # fmt: skip
    if said != kept:
        raise ProofError("a column differs from the certificate", step="columns")


def _gone(known: set[bytes], enrolled: Mapping[UUID, Iterable[Mapping[str, Any]]]) -> Iterator[Finding]:
    """Certificates that a statement says were issued, and that are no longer there."""
    for facts in chain.from_iterable(enrolled.values()):
        certificate = facts.get("certificate")
        if isinstance(certificate, bytes) and certificate not in known:
            yield Finding(kind="certificate", where=certificate.hex()[:16], what="row-missing")
