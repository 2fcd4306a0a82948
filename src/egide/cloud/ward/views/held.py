"""Readings that wait to be attributed: listed without a value, and said to be somebody's, by one person or by two."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from egide.cloud.people.models import Account
from egide.cloud.people.second import SecondPersonError
from egide.cloud.portal import live
from egide.cloud.portal.subject import reader_of, signed_in
from egide.cloud.portal.words import local, zone
from egide.cloud.release import attribution
from egide.cloud.release.moving import StillMovingError
from egide.cloud.signin.factors import widening
from egide.cloud.ward.acting import acting_at
from egide.cloud.ward.held import (
    PAGE,
    attribution_here,
    held_here,
    pairing_here,
    pairings_here,
    place_of_work,
    said_here,
)
from egide.errors import EgideError, MalformedError, RefusedError

__all__ = ["held_decide", "held_desk", "held_say"]

_PAIRINGS: Final = 60
_DONE: Final = "ward.held.done"


@require_safe
@signed_in
def held_desk(request: HttpRequest) -> HttpResponse:
    """What is held, what waits for a second person, what was said. Raises AccessDeniedError: no carer, no engineer."""
    return _page(request)


@require_POST
@signed_in
@widening
def held_say(request: HttpRequest) -> HttpResponse:
    """Attribute what is held to its pairing's patient, set it aside, or propose another patient.

    Raises:
        AccessDeniedError: neither carer nor engineer. NotFoundError: no such pairing here.
    """
    now, reader = live.now_ms(), reader_of(request)
    place = place_of_work(reader, acting_at(request, reader, now_ms=now), now_ms=now)
    pairing = pairing_here(place, request.POST.get("pairing", ""))
    try:
        told: dict[str, Any] = {
            "since_ms": _instant(request, "since") or 0, "until_ms": _instant(request, "until"),
            "reason": request.POST.get("reason", ""), "by": reader, "now_ms": now,
        }  # fmt: skip
        match request.POST.get("act"):
            case "own":
                attribution.attribute_held(pairing, **told)
            case "aside":
                attribution.dismiss_held(pairing, **told)
            case "other":
                attribution.propose(pairing, _patient(request), **told)
            case _:
                raise MalformedError("there is no such act")
    except (RefusedError, MalformedError) as err:
        return _page(request, problem=_problem(err), posted=request.POST, status=400)
    request.session[_DONE] = str(request.POST.get("act"))
    return redirect("ward:held")


@require_POST
@signed_in
@widening
def held_decide(request: HttpRequest, attribution_id: uuid.UUID) -> HttpResponse:
    """Decide as the second person, or undo. Raises as `held_say` does."""
    now, reader = live.now_ms(), reader_of(request)
    place = place_of_work(reader, acting_at(request, reader, now_ms=now), now_ms=now)
    row = attribution_here(place, attribution_id)
    act = request.POST.get("act", "")
    try:
        match act:
            case "confirm":
                attribution.confirm(row, by=reader, now_ms=now)
            case "refuse":
                attribution.refuse(row, by=reader, now_ms=now)
            case "undo":
                attribution.propose_undo(row, by=reader, now_ms=now)
            case "confirm-undo":
                attribution.confirm_undo(row, by=reader, now_ms=now)
            case "back":
                attribution.take_back(row, by=reader, now_ms=now)
            case _:
                raise MalformedError("there is no such act")
    except (RefusedError, MalformedError) as err:
        return _page(request, problem=_problem(err), status=400)
    request.session[_DONE] = act + ("-more" if row.at_ms is not None and row.moved_ms is None else "")
    return redirect("ward:held")


def _page(request: HttpRequest, *, problem: str = "", posted: Any = None, status: int = 200) -> HttpResponse:
    now, reader = live.now_ms(), reader_of(request)
    place = place_of_work(reader, acting_at(request, reader, now_ms=now), now_ms=now)
    page, told = _number(request, "page"), _number(request, "said")
    waiting, said, more = said_here(place, reader, now_ms=now, page=told)
    held = held_here(place, page=page)
    context = {
        "now_ms": now,
        "held": [{"is": one, "since": _field(one.first_ms), "until": _field(one.last_ms + 1_000)} for one in held.held],
        "aside": held.aside,
        "envelopes": held.envelopes,
        "pages": {"newer": page - 1, "older": page + 1 if page * PAGE < held.pairings else 0},
        "told": {"newer": told - 1, "older": told + 1 if more else 0},
        "waiting": waiting,
        "said": said,
        "pairings": list(pairings_here(place)[:_PAIRINGS]),
        "problem": problem,
        "posted": posted or {},
        "done": _done_words(request.session.pop(_DONE, "")) if request.method == "GET" else "",
    }
    return render(request, "ward/held.html", context, status=status)


def _number(request: HttpRequest, name: str) -> int:
    """Which page: the first one when it makes no sense."""
    text = request.GET.get(name, "")
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 6 else 1


def _patient(request: HttpRequest) -> Account:
    """The account with that user name: nobody is looked for by name here. Raises OtherPatientError: there is none."""
    found = Account.objects.filter(username=request.POST.get("to", "").strip()[:40]).first()
    if found is None:
        raise attribution.OtherPatientError("readings go to another patient's open file")
    return found


def _instant(request: HttpRequest, name: str) -> int | None:
    """What a date field says, in ms; None when it is empty. Raises MalformedError."""
    text = request.POST.get(name, "").strip()
    if not text:
        return None
    try:
        return round(datetime.fromisoformat(text).replace(tzinfo=zone()).timestamp() * 1000)
    except (ValueError, OverflowError) as err:
        raise MalformedError("this is not a date and a time") from err


def _field(ms: int) -> str:
    """An instant as a date field has it, to the second below."""
    return local(ms).strftime("%Y-%m-%dT%H:%M:%S")


def _problem(err: EgideError) -> str:
    return {
        MalformedError.code: _("Nothing was changed: a date is written as day, month, year, hour and minute."),
        SecondPersonError.code: _(
            "Nothing was changed: another person than the one who proposed it decides."
        ),
        StillMovingError.code: _("Nothing was changed: these messages still move. Try again once they all have."),
        attribution.PeriodTakenError.code: _(
            "Nothing was changed: something is said of a part of this period already. Undo that first."
        ),
        attribution.NothingHeldError.code: _("Nothing was changed: nothing is held in this period."),
        attribution.NothingInsideError.code: _(
            "Nothing was changed: no message lies whole within this period. Make it wider."
        ),
        attribution.OtherPatientError.code: _(
            "Nothing was changed: give the user name of another patient, whose file is open."
        ),
    }.get(err.code, _("Nothing was changed: give a period, and a reason of 500 characters at most."))


def _done_words(act: str) -> str:
    return {
        "own": _("Attributed. The patient reads it in their journal."),
        "aside": _("Set aside. They are kept, and shown to nobody."),
        "other": _("Proposed. Nothing moves before a second person confirms it."),
        "confirm": _("Moved. Both patients, and those who had read them, are told."),
        "refuse": _("The proposal is closed. Nothing moved."),
        "undo": _("Proposed. Nothing moves back before a second person confirms it."),
        "confirm-undo": _("Moved back. Both patients, and those who had read them, are told."),
        "confirm-more": _("Decided. They move by themselves, some hundreds at a time: this page says how far it is."),
        "confirm-undo-more": _(
            "Decided. They move back by themselves, some hundreds at a time: this page says how far it is."
        ),
        "back": _("Taken back. They are held again."),
    }.get(act, "")
