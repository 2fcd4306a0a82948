"""What no longer counts, from now on: an object, or one certificate.

What was signed revoked stays revoked for the gate, the listener, intake and the CRL, whatever a row says since. What
only a row calls revoked is refused too; `egide fsck` names both.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from egide.cloud.fleet.ca import authority
from egide.cloud.fleet.models import Certificate, Claim, HealthObject
from egide.cloud.register.journal import append_statement, open_statement
from egide.cloud.register.models import Statement
from egide.errors import CertificateRevokedError, EgideError, RefusedError
from egide.trust.identity import Revoked, make_crl

__all__ = [
    "CRL_LIFE_MS", "Revocations", "certified_until", "current_crl", "ever_revoked", "is_revoked",
    "require_not_revoked", "revoke_certificate", "revoke_object", "revoked_among",
]  # fmt: skip

CRL_LIFE_MS: Final = 24 * 3600 * 1000
_KIND: Final = "revocation"
_CHUNK: Final = 500
_WHY: Final = re.compile(r"[a-z][a-z-]{0,31}", re.ASCII)


def revoke_object(owner: HealthObject, why: str, now_ms: int) -> None:
    """Revoke an object, its certificates and its open claims. Revoking again changes nothing.

    Raises:
        RefusedError: `why` is not one lower-case word (stolen, lost, retired...).
    """
    _require_word(why)
    if HealthObject.objects.filter(pk=owner.pk, revoked_ms__isnull=False).exists():
        return

    def keep() -> None:
        HealthObject.objects.filter(pk=owner.pk, revoked_ms=None).update(revoked_ms=now_ms, revoked_why=why)
        Certificate.objects.filter(object=owner, revoked_ms=None).update(revoked_ms=now_ms, revoked_why=why)
        Claim.objects.filter(object=owner, expires_ms__gt=now_ms).update(expires_ms=now_ms)

    append_statement(_KIND, owner.pk, {"why": why, "certificate": None}, now_ms=now_ms, also=keep)
    owner.refresh_from_db()


def revoke_certificate(certificate: Certificate, why: str, now_ms: int) -> None:
    """Revoke one certificate; its key can never be enrolled again. Revoking again changes nothing.

    Raises:
        RefusedError: `why` is not one lower-case word.
    """
    _require_word(why)
    if Certificate.objects.filter(pk=certificate.pk, revoked_ms__isnull=False).exists():
        return

    def keep() -> None:
        mine = Certificate.objects.filter(pk=certificate.pk, revoked_ms=None)
        mine.update(revoked_ms=now_ms, revoked_why=why)

    facts = {"why": why, "certificate": bytes(certificate.sha256)}
    append_statement(_KIND, certificate.object_id, facts, now_ms=now_ms, also=keep)
    certificate.refresh_from_db()


@dataclass(frozen=True, slots=True)
class Revocations:
    """What statements of the register revoked, whatever the rows say since: (object, certificate or None) -> when."""

    said: Mapping[tuple[UUID, bytes | None], int]

    @classmethod
    def all(cls, *, since: int = 0) -> Revocations:
        """Of the whole fleet, from entry number `since` on."""
        return cls._of(Statement.objects.filter(kind=_KIND, entry__gte=since).order_by("entry").iterator(2_000))

    @classmethod
    def of(cls, owner: UUID) -> Revocations:
        """Of one object."""
        return cls._of(Statement.objects.filter(kind=_KIND, subject=owner).order_by("entry"))

    @classmethod
    def among(cls, owners: Collection[UUID]) -> Revocations:
        """Of these objects."""
        names = sorted(owners)
        chunks = (names[n : n + _CHUNK] for n in range(0, len(names), _CHUNK))
        rows = (Statement.objects.filter(kind=_KIND, subject__in=chunk).order_by("entry") for chunk in chunks)
        return cls._of(itertools.chain.from_iterable(rows))

    @classmethod
    def _of(cls, rows: Iterable[Statement]) -> Revocations:
        said: dict[tuple[UUID, bytes | None], int] = {}
        for row in rows:
            if row.subject is not None:
                certificate, at_ms = _read(row)
                said.setdefault((row.subject, certificate), at_ms)
        return cls(said)

    def of_object(self, owner: UUID) -> int | None:
        """When the object was revoked, first."""
        return self.said.get((owner, None))

    def of_certificate(self, owner: UUID, sha256: bytes) -> int | None:
        """When the certificate was revoked, first: it, or its object."""
        times = [ms for ms in (self.said.get((owner, None)), self.said.get((owner, sha256))) if ms is not None]
        return min(times, default=None)


def is_revoked(owner: UUID) -> bool:
    """Whether an object was revoked, by a statement or by its row."""
    row = HealthObject.objects.filter(pk=owner, revoked_ms__isnull=False)
    return row.exists() or Revocations.of(owner).of_object(owner) is not None


def revoked_among(owners: Collection[UUID]) -> dict[UUID, int]:
    """When each of these objects was revoked, by a statement or by its row; one that counts is not in it."""
    said, names = Revocations.among(owners), sorted(owners)
    found = {owner: at_ms for owner in names if (at_ms := said.of_object(owner)) is not None}
    for n in range(0, len(names), _CHUNK):
        rows = HealthObject.objects.filter(pk__in=names[n : n + _CHUNK], revoked_ms__isnull=False)
        for owner, at_ms in rows.values_list("pk", "revoked_ms"):
            found.setdefault(owner, at_ms or 0)
    return found


def certified_until(owners: Collection[UUID]) -> dict[UUID, int]:
    """Until when the last certificate of each of these objects runs that was not revoked, by a statement or its row."""
    said, names, found = Revocations.among(owners), sorted(owners), dict[UUID, int]()
    for n in range(0, len(names), _CHUNK):
        rows = Certificate.objects.filter(object__in=names[n : n + _CHUNK], revoked_ms=None)
        for owner, sha256, until_ms in rows.values_list("object_id", "sha256", "not_after_ms"):
            if said.of_certificate(owner, bytes(sha256)) is None:
                found[owner] = max(until_ms, found.get(owner, 0))
    return found


def ever_revoked(owner: UUID) -> bool:
    """Whether the object, or one of its certificates, was revoked."""
    rows = Certificate.objects.filter(object=owner, revoked_ms__isnull=False)
    return bool(Revocations.of(owner).said) or is_revoked(owner) or rows.exists()


def require_not_revoked(owner: UUID) -> None:
    """Raises CertificateRevokedError when the object was revoked."""
    if is_revoked(owner):
        raise CertificateRevokedError("this object was revoked")


def _read(row: Statement) -> tuple[bytes | None, int]:
    """Which certificate, and when. What cannot be read revokes everything of its object: deny by default."""
    try:
        said = open_statement(row)
    except EgideError:
        return None, row.at_ms
    certificate = said.facts.get("certificate")
    return certificate if isinstance(certificate, bytes) else None, said.at_ms


def current_crl(now_ms: int, version: int) -> bytes:
    """The list (DER) of revoked certificates that have not expired, good for a day.

    Its number grows with time and, within a second, with the fleet's `version` (journal.fleet_version).
    """
    return make_crl(
        authority(),
        (Revoked(serial=int(serial, 16), at_ms=at_ms) for serial, at_ms in _revoked_since(now_ms - CRL_LIFE_MS)),
        number=now_ms // 1000 << 64 | version,
        this_update_ms=now_ms,
        next_update_ms=now_ms + CRL_LIFE_MS,
    )


def _revoked_since(expired_ms: int) -> Iterator[tuple[str, int]]:
    """Serial and time of each revoked certificate that had not expired then: first those that rows call so."""
    said, alive = Revocations.all(), Certificate.objects.filter(not_after_ms__gt=expired_ms)
    for row in alive.filter(revoked_ms__isnull=False).only("serial", "revoked_ms", "object_id", "sha256").iterator():
        yield row.serial, said.of_certificate(row.object_id, bytes(row.sha256)) or row.revoked_ms or 0
    owners = sorted({owner for owner, _ in said.said})
    for n in range(0, len(owners), _CHUNK):
        undone = alive.filter(revoked_ms=None, object_id__in=owners[n : n + _CHUNK])
        for row in undone.only("serial", "object_id", "sha256"):
            at_ms = said.of_certificate(row.object_id, bytes(row.sha256))
            if at_ms is not None:
                yield row.serial, at_ms


def _require_word(why: str) -> None:
    if _WHY.fullmatch(why) is None:
        raise RefusedError("the reason is one lower-case word: stolen, lost, replaced, retired")
