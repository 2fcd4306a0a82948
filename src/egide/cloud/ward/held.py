"""Readings that wait to be attributed: what the people of one establishment may say, and what was said there.

Objects by their model, patients by their user name: nothing is opened, and no value is known here.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Final

from django.db.models import Q, QuerySet

from egide.cloud.fleet.models import Attribution, Pairing
from egide.cloud.people.models import Account
from egide.cloud.people.offices import offices_of
from egide.cloud.people.service import name_of
from egide.cloud.release.attribution import LIFE_MS, STAFF
from egide.cloud.release.moving import left_of, reason_of
from egide.cloud.vault.holding import Counted, HeldPage, counted, held_page
from egide.errors import AccessDeniedError, EgideError, NotFoundError

__all__ = [
    "PAGE", "Said", "Waiting", "attribution_here", "held_here", "pairing_here", "pairings_here", "place_of_work",
    "said_here",
]  # fmt: skip

PAGE: Final = 20
_SHOWN: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A proposal, or one to undo, for a second person. `mine`: the reader made it, so another decides."""

    row: Attribution
    undo: bool
    by: str
    reason: str
    count: Counted
    mine: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What was said of a period, and by whom."""

    row: Attribution
    by: tuple[str, ...]
    reason: str
    undoing: bool  # somebody proposes to undo it
    left: int = 0  # envelopes that have not moved yet, forth or back

    @property
    def over(self) -> bool:
        return self.row.undone_ms is not None


def place_of_work(account: Account, at: uuid.UUID | None, *, now_ms: int) -> uuid.UUID:
    """Where this person cares, or sees to the objects. Raises AccessDeniedError: neither."""
    for held in offices_of(account, now_ms=now_ms):
        if held.office in STAFF and at in (None, held.establishment_id):
            return held.establishment_id
    raise AccessDeniedError("this account does not say whose readings these are")


def pairings_here(place: uuid.UUID) -> QuerySet[Pairing]:
    """Pairings of the establishment, and of the patients who are registered there, the latest first."""
    known = Q(patient__registrations__establishment=place, patient__registrations__until_ms=None)
    rows = Pairing.objects.filter(known | Q(establishment=place)).distinct()
    return rows.select_related("object", "patient").order_by("-since_ms", "-pk")


def pairing_here(place: uuid.UUID, name: str) -> Pairing:
    """Raises NotFoundError: no such pairing here, or anywhere."""
    try:
        return pairings_here(place).get(uuid=uuid.UUID(name))
    except (ValueError, Pairing.DoesNotExist) as err:
        raise NotFoundError("no such pairing here") from err


def attribution_here(place: uuid.UUID, attribution: uuid.UUID) -> Attribution:
    """Raises NotFoundError: none of this place's pairings, nor of its patients', has it."""
    row = _rows(place).filter(pk=attribution).first()
    if row is None:
        raise NotFoundError("no such attribution here")
    return row


def held_here(place: uuid.UUID, *, page: int = 1) -> HeldPage:
    """What is held of the pairings here, a page of objects, dismissed ones counted apart."""
    return held_page(pairings_here(place), start=(page - 1) * PAGE, size=PAGE)


def said_here(
    place: uuid.UUID, reader: Account, *, now_ms: int, page: int = 1
) -> tuple[list[Waiting], list[Said], bool]:
    """What waits for a second person; a page of what was said, the latest first; whether there is more of it."""
    open_now = Q(at_ms=None, proposed_ms__gt=now_ms - LIFE_MS)
    open_now |= Q(undone_ms=None, undo_by__isnull=False, undo_ms__gt=now_ms - LIFE_MS)
    start, kept = (page - 1) * PAGE, _rows(place).filter(refused_ms=None).order_by("-proposed_ms", "pk")
    decided = list(kept.exclude(at_ms=None)[start : start + PAGE + 1])
    rows = list({row.pk: row for row in [*kept.filter(open_now)[:_SHOWN], *decided[:PAGE]]}.values())
    listed = {row.pk for row in decided[:PAGE]}
    ids = {who for row in rows for who in (row.proposed_by, row.confirmed_by, row.undo_by) if who}
    names = {who: name_of(account) for who, account in Account.objects.in_bulk(ids).items()}
    waiting, said = [], []
    for row in rows:
        undo = row.undo_by is not None and row.undone_ms is None and now_ms < (row.undo_ms or 0) + LIFE_MS
        if (row.at_ms is None and now_ms < row.proposed_ms + LIFE_MS) or undo:
            waiting.append(_waiting(row, undo, names, reader))
        if row.pk in listed:
            people = [row.proposed_by, row.confirmed_by] if row.kind == Attribution.Kind.MOVED else [row.confirmed_by]
            by = tuple(names.get(who, "") for who in people if who)
            left = left_of(row) if row.kind == Attribution.Kind.MOVED and row.moved_ms is None else 0
            said.append(Said(row=row, by=by, reason=_reason(row), undoing=undo, left=left))
    return waiting, said, len(decided) > PAGE


def _waiting(row: Attribution, undo: bool, names: dict[uuid.UUID, str], reader: Account) -> Waiting:
    who = row.undo_by if undo and row.undo_by else row.proposed_by
    owner = row.to_id if undo and row.to_id else row.pairing.patient_id
    return Waiting(
        row=row, undo=undo, by=names.get(who, ""), reason=_reason(row), mine=who == reader.pk,
        count=counted(row.pairing, row.since_ms, row.until_ms, owner),
    )  # fmt: skip


def _rows(place: uuid.UUID) -> QuerySet[Attribution]:
    """Of the pairings here, and those that lead to patients who are registered here."""
    to_here = Q(to__registrations__establishment=place, to__registrations__until_ms=None)
    rows = Attribution.objects.filter(to_here | Q(pairing__in=pairings_here(place).order_by().values("pk"))).distinct()
    return rows.select_related("pairing__object", "pairing__patient", "to")


def _reason(row: Attribution) -> str:
    try:
        return reason_of(row)
    except EgideError:
        return ""
