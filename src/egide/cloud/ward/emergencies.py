"""Emergencies as those who open, and those who review, see them. Reasons are read from signed statements."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from django.db.models import Q, QuerySet

from egide.cloud.consent.attested import facts_of
from egide.cloud.consent.emergency import Review, reviews, to_be_told
from egide.cloud.consent.facts import Emergency
from egide.cloud.consent.models import Ground
from egide.cloud.keys.records import ESTABLISHMENT
from egide.cloud.people.models import Account, Registration
from egide.cloud.people.offices import offices_of
from egide.cloud.signin.notices import tell
from egide.errors import AccessDeniedError

__all__ = [
    "REVIEWERS", "Opened", "opened_by", "require_reviewer", "running_emergency", "telling_everybody",
    "to_review",
]  # fmt: skip

#: Who may be the second person, never for what they opened themselves.
REVIEWERS: Final = ("doctor", "dpo")
_LOOK_BACK_MS: Final = 90 * 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An emergency and its review. The patient is an id here: a name is shown to nobody for a review."""

    patient: Account
    review: Review
    emergency: Emergency | None


def opened_by(reader: Account, *, now_ms: int) -> list[Opened]:
    """One's own emergencies of the last three months, latest first."""
    rows = _rows(now_ms).filter(holder=str(reader.pk))
    return [one for one in _read(rows) if one.review.reader == str(reader.pk)]


def to_review(reviewer: Account, *, now_ms: int) -> list[Opened]:
    """What this person may review where they hold such an office: what waits first, the oldest above.

    Raises:
        AccessDeniedError: no such office.
    """
    places = require_reviewer(reviewer, now_ms=now_ms)
    rows = _rows(now_ms).exclude(holder=str(reviewer.pk))
    known = Registration.objects.filter(until_ms=None)
    here = Q(patient__in=known.filter(establishment__in=places).values("patient"))
    if ESTABLISHMENT in places:  # who is registered nowhere is reviewed by the platform's own
        here |= ~Q(patient__in=known.values("patient"))
    rows = rows.filter(here)
    found = _read(rows)
    return sorted(found, key=lambda one: (bool(one.review.verdict), one.review.at_ms))


def require_reviewer(reviewer: Account, *, now_ms: int) -> frozenset[uuid.UUID]:
    """Where this person may review. Raises AccessDeniedError: nowhere."""
    held = offices_of(reviewer, now_ms=now_ms)
    places = frozenset(m.establishment_id for m in held if m.office in REVIEWERS)
    if not places:
        raise AccessDeniedError("this account reviews no emergencies")
    return places


def running_emergency(reader: Account, patient: Account, *, now_ms: int) -> Emergency | None:
    """The emergency by which this reader has the record open now."""
    mine = [e for e in facts_of(patient.pk).emergencies if e.reader == str(reader.pk)]
    return next((e for e in reversed(mine) if e.since_ms <= now_ms < e.until_ms), None)


def telling_everybody(patient: Account, opened_by_account: Account, *, now_ms: int) -> Callable[[], None]:
    """What tells the patient, representatives and the treating doctor, each in their own account, without detail.

    Run it in the transaction of the opening (`also` of `break_glass`).
    """
    names = to_be_told(patient, now_ms=now_ms)
    found = list(Account.objects.filter(pk__in=names).exclude(pk=opened_by_account.pk))

    def write() -> None:
        for account in found:
            tell(account, "emergency", now_ms=now_ms)

    return write


def _rows(now_ms: int) -> QuerySet[Ground]:
    rows = Ground.objects.filter(kind=Ground.Kind.EMERGENCY, since_ms__gte=now_ms - _LOOK_BACK_MS)
    return rows.select_related("patient")


def _read(rows: QuerySet[Ground]) -> list[Opened]:
    wanted = {str(row.pk) for row in rows}
    found = []
    for patient in {row.patient_id: row.patient for row in rows}.values():
        signed = {e.id: e for e in facts_of(patient.pk).emergencies}
        found += [
            Opened(patient=patient, review=review, emergency=signed.get(review.emergency))
            for review in reviews(patient)
            if review.emergency in wanted
        ]
    return sorted(found, key=lambda one: -one.review.at_ms)
