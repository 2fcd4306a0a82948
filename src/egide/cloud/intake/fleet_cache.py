"""What intake remembers of the fleet: whose certificate is whose, until the fleet changes.

A change of the fleet is a statement of the register, so one look at the last of them tells whether this still holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from cryptography import x509
from django.db.models import Exists, OuterRef

from egide.cloud.fleet.attributing import Attributed, Record, attributed
from egide.cloud.fleet.models import Attribution, Certificate, HealthObject, Pairing
from egide.cloud.fleet.pairings import attributions_in_force, record_of
from egide.cloud.fleet.revocation import Revocations
from egide.cloud.keys.records import class_key
from egide.cloud.register.journal import fleet_version
from egide.cloud.vault.sealing import Recipient
from egide.trust.cose import PublicKey
from egide.trust.seal import Suite

__all__ = ["Admitted", "FleetCache", "Window"]


@dataclass(frozen=True, slots=True)
class Window:
    """A pairing, for intake: from `since_ms` until just before `until_ms`."""

    id: int
    uuid: UUID
    since_ms: int
    until_ms: int | None
    record: Record  # whose, of which class and establishment
    attributed: tuple[Attributed, ...] = ()  # periods of measuring that are somebody else's, or were held

    def covers(self, first_ms: int, last_ms: int) -> bool:
        return self.since_ms <= first_ms and (self.until_ms is None or last_ms < self.until_ms)

    def attribution(self, first_ms: int, last_ms: int) -> Attributed | None:
        """What somebody said of this period."""
        return attributed(self.attributed, first_ms, last_ms)


@dataclass(frozen=True, slots=True)
class Admitted:
    """An enrolled certificate, and what its object may do."""

    certificate_id: int
    key_id: int
    object_id: str
    public_key: PublicKey
    not_before_ms: int
    not_after_ms: int
    revoked_ms: int | None
    trust: int
    pairings: Mapping[str, Window]


class FleetCache:
    """Certificates by their SHA-256. Unknown ones are remembered too, until the fleet changes (at most 10,000)."""

    def __init__(self) -> None:
        self._reached = 0
        self._known: dict[bytes, Admitted | None] = {}
        self._recipients: dict[Record, Recipient] = {}
        self._by_pairing: dict[int, Recipient] = {}

    def refresh(self, reached: int) -> None:
        """Forget everything if the fleet changed since the last look. `reached`: where the register is now."""
        if reached == self._reached:
            return
        if fleet_version(since=self._reached) or len(self._known) > 10_000:
            self._known.clear()
            self._recipients.clear()
            self._by_pairing.clear()
        self._reached = reached

    def get(self, sha256: bytes) -> Admitted | None:
        if sha256 not in self._known:
            self._known[sha256] = self._load(sha256)
        return self._known[sha256]

    def _load(self, sha256: bytes) -> Admitted | None:
        certificate = Certificate.objects.select_related("object", "key").filter(sha256=sha256).first()
        if certificate is None:
            return None
        owner = certificate.object
        # What was signed wins over a row that somebody made good again.
        said = Revocations.of(owner.pk).of_certificate(owner.pk, sha256)
        revoked = [ms for ms in (certificate.revoked_ms, owner.revoked_ms, said) if ms is not None]
        key = x509.load_der_x509_certificate(bytes(certificate.der)).public_key()
        return Admitted(
            certificate_id=certificate.pk,
            key_id=certificate.key_id,
            object_id=str(owner.id),
            public_key=PublicKey(key),  # type: ignore[arg-type]  # refuses any other kind itself
            not_before_ms=certificate.not_before_ms,
            not_after_ms=certificate.not_after_ms,
            revoked_ms=min(revoked) if revoked else None,
            trust=owner.trust,
            pairings=_windows(owner),
        )

    def recipient_of(self, window: Window) -> Recipient:
        """To whom what a pairing measures is sealed: found by a number, since every envelope asks."""
        found = self._by_pairing.get(window.id)
        if found is None:
            found = self._by_pairing[window.id] = self.recipient(window.record)
        return found

    def recipient(self, record: Record) -> Recipient:
        """To whom a part of a record is sealed. Raises KeyMissingError when it has no key."""
        found = self._recipients.get(record)
        if found is None:
            key = class_key(record.patient, record.klass, record.establishment)
            found = Recipient(key.pk, record.patient, Suite(key.suite), bytes(key.public))
            self._recipients[record] = found
        return found


def _windows(owner: HealthObject) -> dict[str, Window]:
    """Of each pairing, by its id. One query, and another only for a pairing of which something was said."""
    spoken = Exists(Attribution.objects.filter(pairing=OuterRef("pk")))
    return {
        str(p.uuid): Window(
            p.id, p.uuid, p.since_ms, p.until_ms, record_of(p), attributions_in_force(p) if p.spoken else ()
        )
        for p in Pairing.objects.filter(object=owner).annotate(spoken=spoken)
    }
