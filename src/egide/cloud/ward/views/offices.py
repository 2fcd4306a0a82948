"""The data protection officer's desk, and the platform's health. Neither shows a measurement or names a patient."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from egide.cloud.portal import live
from egide.cloud.portal.glance import reader_names
from egide.cloud.portal.subject import signed_in
from egide.cloud.ward import health, office_words, privacy
from egide.cloud.ward.desks import Seat
from egide.cloud.ward.emergencies import to_review
from egide.cloud.ward.views.places import seat_at
from egide.cloud.ward.views.processing import due_context
from egide.errors import AccessDeniedError, NotFoundError

__all__ = ["platform", "privacy_desk"]


@require_safe
@signed_in
def privacy_desk(request: HttpRequest) -> HttpResponse:
    """Why asks were refused, how much the journal holds, what waits. Raises AccessDeniedError to who is no DPO."""
    now = live.now_ms()
    seat = seat_at(request, "dpo", now_ms=now)
    refused = privacy.refusals(seat, now_ms=now)
    names = reader_names({one.reader for one in refused if one.reader})
    waiting = [one for one in to_review(seat.account, now_ms=now) if not one.review.verdict]
    restrictions, patients = privacy.restricted(seat, now_ms=now)
    context = {
        "now_ms": now,
        "refusals": [
            {
                "is": one,
                "name": names.get(one.reader, _("a closed account") if one.reader else _("somebody not signed in")),
                "why": office_words.refusal_words(one.reason),
            }
            for one in refused
        ],
        "tally": privacy.tally(seat, now_ms=now),
        "restrictions": restrictions,
        "reviews": len(waiting),
        "questions": privacy.asked_count(seat) + len(privacy.name_asks(seat)),
        "projects": privacy.projects_to_decide(seat, now_ms=now),
        "overdue": sum(one.review.overdue(now) for one in waiting),
        "restricting": patients,
        "due": due_context(seat, now),
    }
    return render(request, "ward/privacy.html", context)


@require_safe
@signed_in
def platform(request: HttpRequest) -> HttpResponse:
    """The platform's health, for who administers it and who answers for its security.

    Raises:
        AccessDeniedError: neither. NotFoundError: this establishment does not run the platform.
    """
    now = live.now_ms()
    seat = _running(request, now)
    if not seat.whole:
        raise NotFoundError("this establishment does not run the platform")
    context = {
        "now_ms": now,
        "live": live.look(now),
        "checks": [
            {"is": check, "words": office_words.check_words(check), "mark": office_words.check_mark(check)}
            for check in health.checks(now_ms=now)
        ],
        "witnesses": [{"is": one, "said": office_words.witness_words(one.answer)} for one in health.witnesses()],
        "steering": seat.office == "administrator",
    }
    return render(request, "ward/platform.html", context)


def _running(request: HttpRequest, now_ms: int) -> Seat:
    try:
        return seat_at(request, "administrator", now_ms=now_ms)
    except AccessDeniedError:
        return seat_at(request, "security-officer", now_ms=now_ms)
