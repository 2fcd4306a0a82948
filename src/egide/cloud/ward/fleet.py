"""The fleet as a biomedical engineer sees it: objects, certificates, when each was last heard. Nobody's measurement.

Whom an object measures is not told, only that it measures somebody. What an object could not deliver for good lies in
its own dead-letter box; here it is counted by what quarantine keeps of it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from django.db.models import Count, OuterRef, Subquery

from egide.cloud.fleet.models import Certificate, HealthObject, Pairing
from egide.cloud.fleet.revocation import certified_until, revoked_among
from egide.cloud.fleet.service import revoke_object, unpair
from egide.cloud.intake.models import Refused
from egide.cloud.people.names import folded
from egide.cloud.vault.models import Envelope
from egide.cloud.ward.desks import Seat
from egide.errors import AccessDeniedError, NotFoundError, RefusedError

__all__ = ["SOON_MS", "WHY", "Unit", "revoke", "unit", "units"]

#: Why an object may be stopped from this desk.
WHY: Final = ("lost", "stolen", "copied", "replaced", "retired")
SOON_MS: Final = 14 * 86_400_000  # of the ninety days that an object's certificate lasts; it renews itself before
_QUIET_MS: Final = 86_400_000
_MANY: Final = 300
_AT_ONCE: Final = 500  # ids in a query


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One object. `state`: waiting (to join), measuring, free (paired with nobody), revoked."""

    id: uuid.UUID
    model: str
    trust: int
    state: str
    made_ms: int
    revoked_ms: int | None
    revoked_why: str
    certificate_until_ms: int | None  # of the last one that counts
    heard_ms: int | None
    paired_ms: int | None
    refused: int  # of its messages, as far as quarantine keeps them

    def quiet(self, now_ms: int) -> bool:
        """Measures somebody, and sent nothing for a day."""
        return self.state == "measuring" and (self.heard_ms is None or now_ms - self.heard_ms > _QUIET_MS)

    def lapses(self, now_ms: int) -> bool:
        """Its certificate ends within two weeks, or has ended: it did not renew it."""
        until = self.certificate_until_ms
        return self.state not in ("revoked", "waiting") and (until is None or until - now_ms < SOON_MS)

    def needs(self, now_ms: int) -> bool:
        return self.quiet(now_ms) or self.lapses(now_ms) or (self.refused > 0 and self.state != "revoked")


def units(seat: Seat, *, now_ms: int, sought: str = "") -> list[Unit]:
    """The objects of the establishment, those that need a hand first; `sought` is a part of a model or a number."""
    rows = HealthObject.objects.order_by("pk")
    mine = seat.objects()
    if mine is not None:
        rows = rows.filter(pk__in=mine)
    wanted = folded(sought)
    listed = [row for row in rows if wanted in folded(f"{row.model} {row.pk}")]
    found = [one for at in range(0, len(listed), _AT_ONCE) for one in _units(listed[at : at + _AT_ONCE])]
    found.sort(key=lambda one: (not one.needs(now_ms), one.state == "revoked", one.model.casefold(), one.id))
    return found[:_MANY]


def unit(seat: Seat, object_id: uuid.UUID) -> Unit:
    """One of them. Raises NotFoundError, which is also what is said of an object of another establishment."""
    mine = seat.objects()
    row = HealthObject.objects.filter(pk=object_id).first()
    if row is None or (mine is not None and row.pk not in mine):
        raise NotFoundError("no such object here")
    return _units([row])[0]


def revoke(seat: Seat, object_id: uuid.UUID, why: str, *, now_ms: int) -> None:
    """Nothing that it sends from now on is accepted, ever, and it measures nobody any more.

    Raises:
        NotFoundError: as `unit`. RefusedError: it is revoked already, or there is no such reason.
        AccessDeniedError: it was here once, and measures nobody here now: it may be another establishment's.
    """
    one = unit(seat, object_id)
    if not seat.wears(object_id):
        raise AccessDeniedError("this object measures nobody here: whoever runs the platform can revoke it")
    if one.state == "revoked" or why not in WHY:
        raise RefusedError("this object cannot be revoked for that")
    revoke_object(HealthObject.objects.get(pk=one.id), why, now_ms)
    for pairing in Pairing.objects.filter(object=one.id, until_ms=None):
        unpair(pairing, now_ms)


def _units(rows: Iterable[HealthObject]) -> list[Unit]:
    objects = list(rows)
    ids = [row.pk for row in objects]
    certificates, revoked = certified_until(ids), revoked_among(ids)
    joined = set(Certificate.objects.filter(object__in=ids).values_list("object_id", flat=True))
    refused = dict(
        Refused.objects.filter(source__in=[str(each) for each in ids]).values_list("source").annotate(n=Count("id"))
    )
    pairings: dict[uuid.UUID, list[Pairing]] = {}
    heard: dict[uuid.UUID, int] = {}
    sent = Envelope.objects.filter(pairing=OuterRef("pk")).order_by("-last_ms")
    last = Subquery(sent.values("received_ms")[:1])  # of each pairing, by its index
    for pairing in Pairing.objects.filter(object__in=ids).order_by("since_ms").annotate(heard_ms=last):
        pairings.setdefault(pairing.object_id, []).append(pairing)
        if pairing.heard_ms is not None:
            heard[pairing.object_id] = max(pairing.heard_ms, heard.get(pairing.object_id, 0))
    return [
        _unit(
            row, pairings.get(row.pk, []), certificates.get(row.pk), heard.get(row.pk), row.pk in joined,
            refused.get(str(row.pk), 0), revoked.get(row.pk),
        )
        for row in objects
    ]  # fmt: skip


def _unit(
    row: HealthObject, pairings: list[Pairing], until_ms: int | None, heard_ms: int | None, joined: bool,
    refused: int, revoked_ms: int | None,
) -> Unit:  # fmt: skip
    open_now = next((pairing for pairing in pairings if pairing.until_ms is None), None)
    if revoked_ms is not None:
        state = "revoked"
    elif not joined:
        state = "waiting"
    else:
        state = "measuring" if open_now else "free"
    return Unit(
        id=row.pk, model=row.model, trust=row.trust, state=state, made_ms=row.created_ms, revoked_ms=revoked_ms,
        revoked_why=row.revoked_why, certificate_until_ms=until_ms,
        heard_ms=heard_ms,
        paired_ms=open_now.since_ms if open_now else None, refused=refused,
    )  # fmt: skip
