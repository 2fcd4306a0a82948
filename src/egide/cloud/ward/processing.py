"""The register of processing (RGPD, article 30), from what the platform holds: activities, on what ground, how many.

Purposes, grounds and sources are written here; every number is counted when the page is asked for. Nobody is named.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from django.db.models import QuerySet

from egide.cloud.consent.models import Ground
from egide.cloud.governance.desk import requests_for
from egide.cloud.governance.duties import Source
from egide.cloud.governance.models import Request
from egide.cloud.people.models import Membership, Registration
from egide.cloud.register.models import Statement
from egide.cloud.ward.desks import Seat

__all__ = ["ACTIVITIES", "Activity", "Due", "Entry", "due", "entries"]

_SHOWN: Final = 20
_GDPR_9H: Final = Source(title="RGPD, article 9, paragraphe 2, point h)", certainty="memory")
_GDPR_9A: Final = Source(title="RGPD, article 9, paragraphe 2, point a)", certainty="memory")
_GDPR_9C: Final = Source(title="RGPD, article 9, paragraphe 2, point c)", certainty="memory")
_GDPR_6C: Final = Source(title="RGPD, article 6, paragraphe 1, point c)", certainty="memory")
_GDPR_32: Final = Source(title="RGPD, article 32", certainty="memory")
_CSP_1110_4: Final = Source(title="Code de la santé publique, article L1110-4", certainty="read")
_CSP_1111_5: Final = Source(title="Code de la santé publique, article L1111-5", certainty="read")


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """One processing: its key names the words, `sources` are its grounds, `kept` names how long."""

    key: str
    sources: tuple[Source, ...]
    kept: str
    count: Callable[[Seat, int], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    activity: Activity
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """An open request, without the person: its kind, and until when it is answered."""

    request: Request
    overdue: bool


def entries(seat: Seat, *, now_ms: int) -> list[Entry]:
    """Each activity, counted within the establishments of the seat."""
    return [Entry(activity=activity, count=activity.count(seat, now_ms)) for activity in ACTIVITIES]


def due(seat: Seat, *, now_ms: int) -> list[Due]:
    """Requests that wait for an answer, the most pressing first, of the establishments where this officer answers."""
    rows = requests_for(seat.account, now_ms=now_ms).filter(state=Request.State.OPEN, establishment__in=seat.steers)
    return [Due(request=row, overdue=row.due_ms <= now_ms) for row in rows[:_SHOWN]]


def _grounds(kind: str) -> Callable[[Seat, int], int]:
    """How many patients such a ground concerns now."""

    def count(seat: Seat, now_ms: int) -> int:
        rows = Ground.objects.filter(kind=kind, since_ms__lte=now_ms).exclude(until_ms__lte=now_ms)
        if not seat.whole:
            rows = rows.filter(patient__in=_registered(seat).values("patient"))
        return rows.values("patient").distinct().count()

    return count


def _emergencies(seat: Seat, now_ms: int) -> int:
    rows = Ground.objects.filter(kind=Ground.Kind.EMERGENCY, since_ms__gt=now_ms - 365 * 86_400_000)
    if not seat.whole:
        rows = rows.filter(patient__in=_registered(seat).values("patient"))
    return rows.count()


def _journal(seat: Seat, now_ms: int) -> int:  # noqa: ARG001 (every activity is counted the same way)
    rows = Statement.objects.filter(kind="access")
    return (rows if seat.whole else rows.filter(subject__in=_registered(seat).values("patient"))).count()


def _staff(seat: Seat, now_ms: int) -> int:
    held = Membership.objects.filter(establishment__in=seat.steers, since_ms__lte=now_ms).exclude(until_ms__lte=now_ms)
    return held.values("account").distinct().count()


def _rights(seat: Seat, now_ms: int) -> int:  # noqa: ARG001
    return Request.objects.filter(establishment__in=seat.steers).count()


def _registered(seat: Seat) -> QuerySet[Registration]:
    return Registration.objects.filter(establishment__in=seat.steers, until_ms=None)


def _known(seat: Seat, now_ms: int) -> int:  # noqa: ARG001
    return _registered(seat).values("patient").distinct().count()


ACTIVITIES: Final = (
    Activity(key="care", sources=(_GDPR_9H, _CSP_1110_4), kept="care", count=_grounds(Ground.Kind.CARE)),
    Activity(key="identity", sources=(_GDPR_9H,), kept="care", count=_known),
    Activity(key="sharing", sources=(_GDPR_9A,), kept="personal", count=_grounds(Ground.Kind.GRANT)),
    Activity(key="representation", sources=(_CSP_1111_5,), kept="care", count=_grounds(Ground.Kind.REPRESENTATION)),
    Activity(key="emergency", sources=(_GDPR_9C,), kept="care", count=_emergencies),
    Activity(key="research", sources=(_GDPR_9A,), kept="research", count=_grounds(Ground.Kind.RESEARCH)),
    Activity(key="journal", sources=(_GDPR_32, _GDPR_6C), kept="register", count=_journal),
    Activity(key="rights", sources=(_GDPR_6C,), kept="register", count=_rights),
    Activity(key="staff", sources=(_GDPR_32,), kept="office", count=_staff),
)
