"""The security officer's desk: events of the path, quarantine, revocations. Objects are named, and never patients."""

from __future__ import annotations

import uuid
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext
from django.views.decorators.http import require_POST, require_safe

from egide.cloud.consent.emergency import overdue_reviews
from egide.cloud.people.models import Registration
from egide.cloud.portal import live
from egide.cloud.portal.glance import reader_names
from egide.cloud.portal.subject import signed_in
from egide.cloud.ward import notes, office_words, quarantine, revocations, security
from egide.cloud.ward.desks import Seat
from egide.cloud.ward.notes import Note
from egide.cloud.ward.views.places import seat_at
from egide.errors import AccessDeniedError, NotFoundError, RefusedError, UnavailableError

__all__ = ["note", "quarantine_desk", "quarantined", "security_desk"]

_DAY_MS: Final = 86_400_000
_TOLD: Final = "ward.quarantine"
#: What a page may be narrowed to: its word in an address, how far back, how it is called.
PERIODS: Final = (
    ("24h", _DAY_MS, gettext_noop("the last 24 hours")),
    ("7d", 7 * _DAY_MS, gettext_noop("the last 7 days")),
    ("30d", 30 * _DAY_MS, gettext_noop("the last 30 days")),
    ("all", None, gettext_noop("since the beginning")),
)


@require_safe
@signed_in
def security_desk(request: HttpRequest) -> HttpResponse:
    """Events of the path, a picture of the week, quarantine, revocations, sign-in. Raises AccessDeniedError."""
    return _desk(request)


@require_POST
@signed_in
def note(request: HttpRequest) -> HttpResponse:
    """Say of an event that one saw it, and why it is settled: a signed statement. The event stays as it is.

    Raises NotFoundError: no such event here.
    """
    now = live.now_ms()
    seat = _seat(request, now)
    about = request.POST.get("about", "")[:80]
    found = security.happening(seat, about, now_ms=now)
    facts = {"kind": found.kind, "happened": found.at_ms, "object": found.object_id, "entry": found.entry}
    try:
        notes.say(seat, about, notes.SEEN, request.POST.get("reason", ""), now_ms=now, facts=facts)
    except (AccessDeniedError, NotFoundError):
        raise
    except RefusedError:
        return _desk(request, problem=_("Say in a line what you found, or what you did."))
    return redirect("ward:security")


@require_safe
@signed_in
def quarantine_desk(request: HttpRequest) -> HttpResponse:
    """What was refused, by reason and object; never what it says. Raises AccessDeniedError."""
    return _quarantine(request)


@require_POST
@signed_in
def quarantined(request: HttpRequest) -> HttpResponse:
    """Try the chosen ones again, or say that they stay. Several are asked for once more, all of them by one page.

    Raises NotFoundError: none of them lies here.
    """
    now = live.now_ms()
    seat = _seat(request, now)
    ids = _chosen(request, seat)
    reason = request.POST.get("reason", "")
    try:
        notes.require_reason(reason)
        if len(ids) > 1 and request.POST.get("sure") != "yes":
            return _sure(request, seat, ids, reason)
        if request.POST.get("act") == "again":
            _tell(request, quarantine.try_again(seat, ids, reason, now_ms=now))
        else:
            kept = quarantine.keep(seat, ids, reason, now_ms=now)
            request.session[_TOLD] = [ngettext("%(n)d message stays.", "%(n)d messages stay.", kept) % {"n": kept}]
    except (AccessDeniedError, NotFoundError):
        raise
    except RefusedError:
        return _quarantine(request, problem=_("Choose at least one message, and say why in a line."))
    except UnavailableError:
        problem = _("Intake does not answer now. What was not tried is as before: try again in a moment.")
        return _quarantine(request, problem=problem, status=503)
    return redirect(reverse("ward:quarantine"))


def _chosen(request: HttpRequest, seat: Seat) -> list[int]:
    """Those that were ticked; or all that is listed under the reason and the object that the page was narrowed to."""
    if request.POST.get("all") == "yes":
        source = request.POST.get("object")
        code = request.POST.get("code", "")[:32]
        return quarantine.listed(seat, code=code, source=source if source is None else source[:36])
    return [int(each) for each in request.POST.getlist("id") if each.isascii() and each.isdigit() and len(each) < 16]


def _sure(request: HttpRequest, seat: Seat, ids: list[int], reason: str) -> HttpResponse:
    """One page for all of them: how many, why they were refused, what happens. Nothing is done before it."""
    codes = quarantine.codes_of(seat, ids)
    context = {
        "ids": ids[: quarantine.AT_ONCE],
        "n": sum(count for _code, count in codes),
        "codes": [(office_words.refused_code_words(code), count) for code, count in codes],
        "again": request.POST.get("act") == "again",
        "full": len(ids) >= quarantine.AT_ONCE,
        "most": quarantine.AT_ONCE,
        "reason": reason,
    }
    return render(request, "ward/quarantine_sure.html", context)


def _tell(request: HttpRequest, outcome: quarantine.Outcome) -> None:
    """What became of them, on the next page, once."""
    told = []
    if outcome.stored:
        said = ngettext(
            "%(n)d message was accepted: it is in the register.",
            "%(n)d messages were accepted: they are in the register.", outcome.stored,
        )  # fmt: skip
        told.append(said % {"n": outcome.stored})
    for code in outcome.refused:
        told.append(_("Refused again: %(why)s.") % {"why": office_words.outcome_words(code)})
    request.session[_TOLD] = told


def _desk(request: HttpRequest, *, problem: str = "") -> HttpResponse:
    now = live.now_ms()
    seat = _seat(request, now)
    period, asked, sought = _asked(request, now)
    found = security.happenings(seat, asked, now_ms=now)
    said = notes.notes_on(one.about for one in found)
    context = {
        "now_ms": now,
        "events": [
            {"words": office_words.event_words(e.kind), "is": e, "notes": _noted(said.get(e.about, []))} for e in found
        ],
        "unseen": sum(e.about not in said for e in found),
        "periods": [(key, _(label), key == period) for key, _back, label in PERIODS],
        "kinds": [(kind, office_words.event_words(kind)[0], kind == asked.kind) for kind in office_words.EVENT_KINDS],
        "sought": sought,
        "week": _bars(security.week(seat, now_ms=now)),
        "codes": [{"words": office_words.refused_code_words(p.key), "is": p} for p in security.piles_by_code(seat)],
        "refused": security.refused_count(seat),
        "revocations": [
            {"is": r, "why": office_words.why_words(r.why)} for r in revocations.revocations(seat)
        ],
        "overdue": _overdue(seat, now),
        "signin": security.signin_facts(now_ms=now) if seat.whole else None,
        "whole": seat.whole,
        "problem": problem,
    }  # fmt: skip
    return render(request, "ward/security.html", context, status=400 if problem else 200)


def _quarantine(request: HttpRequest, *, problem: str = "", status: int = 400) -> HttpResponse:
    now = live.now_ms()
    seat = _seat(request, now)
    code, source = request.GET.get("code", "")[:32], request.GET.get("object")
    found = quarantine.lying(seat, code=code, source=source if source is None else source[:36])
    sources = security.piles_by_source(seat)
    models = {pile.key: pile.label for pile in sources}
    context = {
        "now_ms": now,
        "lying": [
            {
                "is": one,
                "why": office_words.refused_code_words(one.row.code),
                "model": models.get(one.row.source, ""),
                "notes": _noted(one.notes),
            }
            for one in found
        ],
        "codes": [
            {"words": office_words.refused_code_words(p.key), "is": p, "chosen": p.key == code}
            for p in security.piles_by_code(seat)
        ],
        "sources": [{"is": p, "chosen": p.key == source} for p in sources],
        "total": security.refused_count(seat),
        "narrowed": bool(code) or source is not None,
        "code": code,
        "source": source,
        "listed": len(quarantine.listed(seat, code=code, source=source)),
        "most": quarantine.AT_ONCE,
        "told": [] if problem else request.session.pop(_TOLD, []),
        "problem": problem,
        "reason": request.POST.get("reason", "")[: notes.MAX_REASON],
    }
    return render(request, "ward/quarantine.html", context, status=status if problem else 200)


def _asked(request: HttpRequest, now_ms: int) -> tuple[str, security.Asked, str]:
    """(period's word, what is asked for, the object as it was typed): what makes no sense narrows nothing."""
    period = request.GET.get("period", "30d")
    back = next((back for key, back, _label in PERIODS if key == period), PERIODS[2][1])
    kind = request.GET.get("kind", "")
    sought = request.GET.get("object", "").strip()[:36]
    try:
        wanted = uuid.UUID(sought) if sought else None
    except ValueError:
        wanted = uuid.UUID(int=0)  # no object is called so: nothing is found, and the page says it
    asked = security.Asked(
        kind=kind if kind in office_words.EVENT_KINDS else "",
        since_ms=None if back is None else now_ms - back,
        object_id=wanted,
    )
    return period, asked, sought


def _noted(said: Any) -> list[dict[str, Any]]:
    found: list[Note] = list(said)
    names = reader_names({one.by for one in found})
    return [
        {
            "is": one,
            "by": names.get(one.by, _("a closed account")),
            "what": office_words.note_words(one.what),
            "outcome": office_words.outcome_words(one.outcome),
        }
        for one in found
    ]


def _bars(days: list[security.DayOf]) -> list[dict[str, Any]]:
    """Widths of the week's bars, of 100: the tallest day fills its line."""
    most = max((day.refused for day in days), default=0)
    often = max((day.events for day in days), default=0)
    return [
        {
            "is": day,
            "refused": round(100 * day.refused / most) if most else 0,
            "events": round(100 * day.events / often) if often else 0,
        }
        for day in days
    ]


def _overdue(seat: Seat, now_ms: int) -> int:
    """Emergencies of here that nobody reviewed within a day: counted, nobody named."""
    late = overdue_reviews(now_ms=now_ms)
    if seat.whole or not late:
        return len(late)
    here = Registration.objects.filter(establishment__in=seat.steers, until_ms=None)
    patients = set(here.values_list("patient_id", flat=True))
    return sum(one.patient in patients for one in late)


def _seat(request: HttpRequest, now_ms: int) -> Seat:
    return seat_at(request, "security-officer", now_ms=now_ms)
