"""The data protection officer answers patients about their journal, and decides when a name may be withheld.

Readers are named, patients are not; no measurement is opened. Each look is a statement.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from egide.cloud.people.models import Account
from egide.cloud.portal import live, questions
from egide.cloud.portal.glance import reader_names
from egide.cloud.portal.officers import tell_officers
from egide.cloud.portal.subject import reader_of, require_open, signed_in, subject_of
from egide.cloud.release import withheld
from egide.cloud.ward import office_words, privacy
from egide.cloud.ward.desks import Seat
from egide.cloud.ward.views.places import seat_at
from egide.errors import AccessDeniedError, RefusedError

__all__ = ["answer", "decide_name", "desk", "withhold"]

_DONE: Final = "done"


@require_safe
@signed_in
def desk(request: HttpRequest) -> HttpResponse:
    """What waits and what was answered. Raises AccessDeniedError to who is no data protection officer."""
    return _page(request)


@require_POST
@signed_in
def answer(request: HttpRequest, question_id: uuid.UUID) -> HttpResponse:
    """Answer one, in words. Raises AccessDeniedError, NotFoundError."""
    now = live.now_ms()
    seat = _seat(request, now)
    question, (verdict, text) = privacy.one_asked(seat, str(question_id)), _said(request)
    return _decided(
        request, lambda: questions.answer(question, by=seat.account, verdict=verdict, text=text, now_ms=now)
    )


@require_POST
@signed_in
def decide_name(request: HttpRequest, ask_id: uuid.UUID) -> HttpResponse:
    """Accept or refuse that a name be withheld. Raises AccessDeniedError, NotFoundError."""
    now = live.now_ms()
    seat = _seat(request, now)
    wish, (verdict, note) = privacy.one_name_ask(seat, str(ask_id)), _said(request)
    return _decided(request, lambda: withheld.decide(wish, by=seat.account, verdict=verdict, note=note, now_ms=now))


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def withhold(request: HttpRequest, patient_id: uuid.UUID) -> HttpResponse:
    """Ask that one's name be replaced in this patient's journal.

    Raises AccessDeniedError: not a professional, or nothing opens this record to them.
    """
    now, problem, asked = live.now_ms(), "", request.GET.get(_DONE, "")
    reader = reader_of(request)
    if reader.role != Account.Role.PROFESSIONAL:
        raise AccessDeniedError("only a professional asks this")
    subject = subject_of(request, patient_id)
    require_open(subject, now_ms=now)
    if request.method == "POST":
        try:
            withheld.ask_to_withhold(reader, subject.patient, reason=request.POST.get("reason", ""), now_ms=now)
        except AccessDeniedError:
            raise
        except RefusedError:
            problem = _("Say why, in 500 characters at most. One ask at a time: yours may wait already.")
        else:
            tell_officers(subject.patient, now_ms=now)
            return redirect(f"{request.path}?{_DONE}=1")
    context = {"patient": subject.patient, "problem": problem, "asked": asked, "base": subject.base}
    return render(request, "ward/withhold.html", context, status=400 if problem else 200)


def _said(request: HttpRequest) -> tuple[str, str]:
    return request.POST.get("verdict", ""), request.POST.get("text", "")


def _decided(request: HttpRequest, act: Callable[[], object]) -> HttpResponse:
    try:
        act()
    except RefusedError:
        return _page(request, problem=True)
    return redirect("ward:questions")


def _page(request: HttpRequest, *, problem: bool = False) -> HttpResponse:
    now = live.now_ms()
    seat = _seat(request, now)
    asked, wishes = privacy.asked(seat, now_ms=now), privacy.name_asks(seat)
    ids = {each.line.reader for each in asked if each.line and each.line.reader} | {wish.reader for wish in wishes}
    names = reader_names(ids)
    gone = _("a closed account")
    context = {
        "now_ms": now,
        "asked": [
            {
                "is": each.question,
                "line": each.line,
                "name": names.get(each.line.reader, gone) if each.line else "",
                "why": office_words.refusal_words(each.line.reason) if each.line and each.line.reason else "",
            }
            for each in asked
        ],
        "wishes": [{"is": wish, "name": names.get(wish.reader, gone)} for wish in wishes],
        "problem": problem,
    }
    return render(request, "ward/questions.html", context, status=400 if problem else 200)


def _seat(request: HttpRequest, now_ms: int) -> Seat:
    return seat_at(request, "dpo", now_ms=now_ms)
