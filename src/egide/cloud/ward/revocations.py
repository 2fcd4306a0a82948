"""Objects and certificates that no longer count: when they were revoked, and how fast that took hold.

A connection is cut within five seconds; what comes after is refused by its time of arrival. Both are shown as facts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from egide.cloud.fleet.models import Certificate, HealthObject
from egide.cloud.intake.models import Event, Refused
from egide.cloud.vault.models import Envelope
from egide.cloud.ward.desks import Seat

__all__ = ["CUT_WITHIN_MS", "Revocation", "revocations"]

CUT_WITHIN_MS: Final = 5_000
_SHOWN: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """`whole`: the object itself, not one of its certificates. `cut_ms` None: it was not connected."""

    object_id: str
    model: str
    why: str
    whole: bool
    at_ms: int
    cut_ms: int | None
    last_ms: int | None  # the last message taken in
    refused: int  # since, as far as they are kept

    @property
    def held(self) -> bool:
        """Nothing was taken in after it, and a connection that was open ended in time."""
        late = self.last_ms is not None and self.last_ms > self.at_ms
        slow = self.cut_ms is not None and self.cut_ms - self.at_ms > CUT_WITHIN_MS
        return not late and not slow

    @property
    def cut_after_s(self) -> float | None:
        return None if self.cut_ms is None else max(0, self.cut_ms - self.at_ms) / 1000


def revocations(seat: Seat) -> list[Revocation]:
    """The latest, newest first."""
    objects = HealthObject.objects.exclude(revoked_ms=None)
    single = Certificate.objects.exclude(revoked_ms=None).filter(object__revoked_ms=None).select_related("object")
    mine = seat.objects()
    if mine is not None:
        objects, single = objects.filter(pk__in=mine), single.filter(object__in=mine)
    whole = objects.order_by("-revoked_ms")[:_SHOWN]
    found = [_of(row, row.revoked_why, row.revoked_ms or 0, whole=True) for row in whole]
    found += [
        _of(row.object, row.revoked_why, row.revoked_ms or 0, whole=False, certificate=row)
        for row in single.order_by("-revoked_ms")[:_SHOWN]
    ]
    return sorted(found, key=lambda one: -one.at_ms)[:_SHOWN]


def _of(row: HealthObject, why: str, at_ms: int, *, whole: bool, certificate: Certificate | None = None) -> Revocation:
    sent = Envelope.objects.filter(pairing__in=list(row.pairings.values_list("pk", flat=True)))
    if certificate is not None:
        sent = sent.filter(certificate=certificate)
    cuts = Event.objects.filter(kind=Event.Kind.CUT, object_id=row.pk, at_ms__gte=at_ms).order_by("at_ms")
    refused = Refused.objects.filter(source=str(row.pk), code="certificate-revoked", at_ms__gte=at_ms)
    return Revocation(
        object_id=str(row.pk), model=row.model, why=why, whole=whole, at_ms=at_ms,
        cut_ms=cuts.values_list("at_ms", flat=True).first(),
        last_ms=sent.order_by("-received_ms").values_list("received_ms", flat=True).first(),
        refused=refused.count(),
    )  # fmt: skip
