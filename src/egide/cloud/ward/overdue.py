"""An emergency that nobody reviewed within the day alarms, once: an event at the security desk, officers are told.

The notice says that a review is overdue, and of whom to nobody; outside goes "you have a message" and no more.
"""

from __future__ import annotations

from typing import Final

from egide.cloud.consent.emergency import REVIEW_MS, Review, reviews
from egide.cloud.intake.models import Event
from egide.cloud.people.models import Account
from egide.cloud.portal.officers import officers_for
from egide.cloud.register.models import Statement
from egide.cloud.register.store import appending
from egide.cloud.signin.notices import is_unread, tell

__all__ = ["TOLD", "alarm_overdue"]

#: Who is told, where the patient is known: who answers for the data, and who watches over the path.
TOLD: Final = ("dpo", "security-officer")
_KIND: Final = "review-overdue"
_LOOK_BACK_MS: Final = 90 * 86_400_000  # as long as a review is listed


def alarm_overdue(*, now_ms: int) -> int:
    """Raise an event for each emergency whose review is overdue since the last look; returns how many.

    Read from signed statements: a row that is gone hides none. Event and notices commit together, or not at all.
    """
    said = Statement.objects.filter(
        kind="emergency", at_ms__gte=now_ms - _LOOK_BACK_MS, at_ms__lte=now_ms - REVIEW_MS
    )
    patients = Account.objects.filter(pk__in=said.order_by().values("subject")).order_by("pk")
    late = [(patient, review) for patient in patients for review in reviews(patient) if review.overdue(now_ms)]
    return sum(_alarm(patient, review, now_ms) for patient, review in late if review.at_ms >= now_ms - _LOOK_BACK_MS)


def _alarm(patient: Account, review: Review, now_ms: int) -> bool:
    """False: it was raised before."""
    raised = Event.objects.filter(kind=_KIND, detail=review.emergency)
    if raised.exists():
        return False
    officers = officers_for(patient, now_ms=now_ms, offices=TOLD)
    with appending():  # one writer at a time: two workers raise it once
        if raised.exists():
            return False
        Event.objects.create(at_ms=now_ms, kind=_KIND, detail=review.emergency)
        for officer in officers:
            if str(officer.pk) != review.reader and not is_unread(officer, _KIND):
                tell(officer, "review-overdue", now_ms=now_ms)
    return True
