"""The home page: the platform at work for anybody; one's own measurements for who signed in."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from egide.cloud.people.models import Account
from egide.cloud.portal import live
from egide.cloud.portal.changes import changes_of
from egide.cloud.portal.ending import ending_soon
from egide.cloud.portal.subject import subject_of
from egide.cloud.portal.views.record import record_context
from egide.cloud.portal.views.shared import opened_to
from egide.cloud.portal.watching import watching_of

__all__ = ["home", "live_part"]


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Counts, register, witnesses; below, for a patient, their last measurements and one chart."""
    now = live.now_ms()
    context = _live_context(now)
    reader = request.user
    if isinstance(reader, Account) and reader.role == Account.Role.PROFESSIONAL:
        context["followed"] = True
    if isinstance(reader, Account) and reader.role == Account.Role.RELATIVE:
        context["opened"] = list(opened_to(reader, now_ms=now))
    if isinstance(reader, Account) and reader.role == Account.Role.PATIENT:
        subject = subject_of(request, None)
        context.update(record_context(subject, request, now))
        context["changes"] = changes_of(subject.patient, context["journal"], now_ms=now)
        context["ending"] = ending_soon(subject.patient, now_ms=now)
        context["watching"] = watching_of(subject.patient, now_ms=now)
    response = render(request, "portal/home.html", context)
    response.headers["Cache-Control"] = "private, no-store"
    return response


@require_safe
def live_part(request: HttpRequest) -> HttpResponse:
    """The part of the home page that is asked for again and again."""
    if "HX-Request" not in request.headers:
        return redirect("portal:home")
    now = live.now_ms()
    response = render(request, "portal/_live.html", _live_context(now))
    response.headers["Cache-Control"] = "no-store"
    return response


def _live_context(now_ms: int) -> dict[str, Any]:
    look = live.look(now_ms)
    tallest = max(*look.bars, 1)
    bars = []
    for at, count in enumerate(look.bars):
        height = max(2, round(46 * count / tallest)) if count else 1
        bars.append({"x": at * 10 + 1, "y": 48 - height, "height": height})
    return {"live": look, "now_ms": now_ms, "bars": bars}
