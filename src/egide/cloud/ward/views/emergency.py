"""Break the glass, see what one opened, review what another opened."""

from __future__ import annotations

import uuid
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from egide.cloud.consent.emergency import REVIEW_MS, break_glass, close_emergency, review_emergency
from egide.cloud.people.models import Account
from egide.cloud.people.offices import require_office
from egide.cloud.people.scope import scope_of
from egide.cloud.people.service import name_of
from egide.cloud.portal import live
from egide.cloud.portal.glance import reader_names
from egide.cloud.portal.sharing import family_choices, window_words
from egide.cloud.portal.subject import reader_of, signed_in
from egide.cloud.signin.factors import widening
from egide.cloud.ward.emergencies import Opened, opened_by, running_emergency, telling_everybody, to_review
from egide.errors import NotFoundError, RefusedError

__all__ = ["close", "open_one", "own", "review", "reviewing"]

_DAY_MS: Final = 86_400_000
_PERIODS: Final = {
    "1": gettext_noop("The last 24 hours"),
    "7": gettext_noop("The last 7 days"),
    "30": gettext_noop("The last 30 days"),
    "all": gettext_noop("Everything"),
}


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@widening
def open_one(request: HttpRequest, patient_id: uuid.UUID) -> HttpResponse:
    """Open one patient's record for four hours, for a reason, some families and a period.

    Raises:
        AccessDeniedError: nobody who cares. NotFoundError: no such patient where the reader works.
    """
    now = live.now_ms()
    reader = reader_of(request)
    require_office(reader, "nurse", "doctor", "professional", now_ms=now)
    patient = scope_of(reader, now_ms=now).require_patient(patient_id)
    running = running_emergency(reader, patient, now_ms=now)
    if running is not None:
        return redirect("portal:patient", patient.pk)
    asked = _asked(request)
    problem = ""
    if request.method == "POST":
        try:
            _break(reader, patient, asked, now)
        except RefusedError:
            problem = _("Nothing was opened: give a reason of 500 characters at most, and what you need to see.")
        else:
            return redirect("portal:patient", patient.pk)
    context = {
        "patient": patient,
        "patient_name": name_of(patient),
        "reason": asked["reason"],
        "families": family_choices(asked["families"]),
        "every": asked["every"],
        "periods": [{"value": k, "label": _(v), "checked": k == asked["period"]} for k, v in _PERIODS.items()],
        "problem": problem,
    }
    return render(request, "ward/emergency.html", context, status=400 if problem else 200)


@require_safe
@signed_in
def own(request: HttpRequest) -> HttpResponse:
    """One's own emergencies. Raises AccessDeniedError: nobody who cares."""
    now = live.now_ms()
    reader = reader_of(request)
    require_office(reader, "nurse", "doctor", "professional", now_ms=now)
    found = opened_by(reader, now_ms=now)
    mine = [_told(one, {}, now) | _named(one, now) for one in found]
    return render(request, "ward/emergencies.html", {"now_ms": now, "mine": mine})


@require_safe
@signed_in
def reviewing(request: HttpRequest) -> HttpResponse:
    """What waits for a second person, the overdue said. Raises AccessDeniedError: no such office."""
    now = live.now_ms()
    found = to_review(reader_of(request), now_ms=now)
    names = reader_names({one.review.reader for one in found} | {o.review.reviewer for o in found if o.review.reviewer})
    told = [_told(one, names, now) for one in found]
    waiting = [row for row in told if not row["is"].review.verdict]
    context = {
        "now_ms": now,
        "waiting": waiting,
        "done": [row for row in told if row["is"].review.verdict],
        "overdue": sum(row["overdue"] for row in waiting),
    }
    return render(request, "ward/reviews.html", context)


@require_POST
@signed_in
def review(request: HttpRequest, emergency_id: uuid.UUID) -> HttpResponse:
    """Say whether it was right. It opens nothing, so no factor is asked for.

    Raises:
        AccessDeniedError, NotFoundError: not this person's to review. RefusedError: no verdict, no words, or done.
    """
    now = live.now_ms()
    reviewer = reader_of(request)
    one = next((o for o in to_review(reviewer, now_ms=now) if o.review.emergency == str(emergency_id)), None)
    if one is None:
        raise NotFoundError("no such emergency to review")
    review_emergency(
        one.patient, str(emergency_id), reviewer=reviewer, verdict=request.POST.get("verdict", ""),
        note=request.POST.get("note", ""), now_ms=now,
    )  # fmt: skip
    return redirect("ward:reviews")


@require_POST
@signed_in
def close(request: HttpRequest, emergency_id: uuid.UUID) -> HttpResponse:
    """End one's own emergency before its four hours. Raises NotFoundError, RefusedError: it is over."""
    now = live.now_ms()
    found = opened_by(reader_of(request), now_ms=now)
    one = next((o for o in found if o.review.emergency == str(emergency_id)), None)
    if one is None:
        raise NotFoundError("no such emergency of yours")
    close_emergency(one.patient, str(emergency_id), now_ms=now)
    return redirect("ward:emergencies")


def _asked(request: HttpRequest) -> dict[str, Any]:
    every = request.POST.get("every", "yes" if request.method != "POST" else "") == "yes"
    return {
        "reason": request.POST.get("reason", "")[:1_000],
        "every": every,
        "families": request.POST.getlist("families"),
        "period": request.POST.get("period", "7"),
    }


def _break(reader: Account, patient: Account, asked: dict[str, Any], now_ms: int) -> None:
    if asked["period"] not in _PERIODS:
        raise RefusedError("there is no such period")
    since = None if asked["period"] == "all" else now_ms - int(asked["period"]) * _DAY_MS
    families = None if asked["every"] else asked["families"]
    break_glass(
        reader, patient, reason=asked["reason"], families=families, now_ms=now_ms, data_since_ms=since,
        also=telling_everybody(patient, reader, now_ms=now_ms),
    )  # fmt: skip


def _named(one: Opened, now_ms: int) -> dict[str, str]:
    """Whose record it is, as long as it is open to the reader."""
    running = one.emergency is not None and now_ms < one.emergency.until_ms
    return {"name": name_of(one.patient) if running else ""}


def _told(one: Opened, names: dict[str, str], now_ms: int) -> dict[str, Any]:
    until = one.emergency.until_ms if one.emergency else one.review.at_ms
    return {
        "is": one,
        "reader": names.get(one.review.reader, _("a closed account")),
        "reviewer": names.get(one.review.reviewer, _("a closed account")) if one.review.reviewer else "",
        "families": window_words(one.emergency.data) if one.emergency else "",
        "since_ms": one.emergency.data.since_ms if one.emergency else None,
        "until_ms": until,
        "open": now_ms < until,
        "overdue": one.review.overdue(now_ms),
        "due_ms": one.review.at_ms + REVIEW_MS,
        "justified": one.review.verdict == "justified",
    }
