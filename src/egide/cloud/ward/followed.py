"""Whom a professional follows now: names come from the follow-up; whatever was measured, from the door alone."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q

from egide.cloud.consent.attested import facts_of_each
from egide.cloud.consent.facts import Facts, runs
from egide.cloud.consent.models import FollowUp
from egide.cloud.people.models import Account
from egide.cloud.people.service import name_of
from egide.cloud.release.deciding import works_of

__all__ = ["Followed", "followed_by"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """A patient of the reader's, for as long as rows say so. A row is an index: the door decides."""

    patient: Account
    name: str
    since_ms: int
    paused: bool = False
    paused_until_ms: int | None = None
    papers: bool = False  # a care relation that was begun as one: its page lets the team pause and end it


def followed_by(reader: Account, *, now_ms: int) -> list[Followed]:
    """Everybody whose follow-up the reader belongs to now, by name; nobody once every office of care ended."""
    if works_of(reader, now_ms).dismissed:
        return []
    rows = (
        FollowUp.objects.filter(Q(until_ms=None) | Q(until_ms__gt=now_ms), professional=reader, since_ms__lte=now_ms)
        .select_related("patient")
        .order_by("-since_ms")
    )
    latest = {row.patient_id: row for row in rows}
    facts = facts_of_each(latest)
    found = {patient: _followed(row, facts.get(patient), now_ms) for patient, row in latest.items()}
    return sorted(found.values(), key=lambda one: one.name.casefold())


def _followed(row: FollowUp, facts: Facts | None, now_ms: int) -> Followed:
    """Paused when every running care relation of the reader's with this patient is."""
    me = str(row.professional_id)
    facts = facts or Facts(patient=str(row.patient_id))
    mine = {f.follow_up for f in facts.follows if f.professional == me and runs(f, now_ms)}
    pauses = [
        next((p for p in care.pauses if runs(p, now_ms)), None)
        for care in facts.care
        if care.id in mine and runs(care, now_ms)
    ]
    paused = [p for p in pauses if p is not None]
    whole = bool(pauses) and len(paused) == len(mine)
    ends = [p.until_ms for p in paused if p.until_ms is not None]
    return Followed(
        patient=row.patient,
        name=name_of(row.patient),
        since_ms=row.since_ms,
        paused=whole,
        papers=bool(pauses),
        paused_until_ms=min(ends) if whole and ends else None,
    )
