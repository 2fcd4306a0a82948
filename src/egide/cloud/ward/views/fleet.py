"""The biomedical engineer's desk: which objects work, which need a hand, and stopping one for good."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from egide.cloud.portal import live
from egide.cloud.portal.research import place_name
from egide.cloud.portal.sharing import Choice
from egide.cloud.portal.subject import signed_in
from egide.cloud.portal.words import trust_mark
from egide.cloud.signin.factors import widening
from egide.cloud.ward import fleet, office_words, placing
from egide.cloud.ward.desks import Seat
from egide.cloud.ward.views.places import seat_at
from egide.errors import RefusedError

__all__ = ["fleet_desk", "keeping_unit", "placing_unit", "revocation", "unit"]


@require_safe
@signed_in
def fleet_desk(request: HttpRequest) -> HttpResponse:
    """Every object of the establishment, those that need a hand first. Raises AccessDeniedError."""
    now = live.now_ms()
    seat = seat_at(request, "engineer", now_ms=now)
    sought = request.GET.get("q", "")[:80]
    found = fleet.units(seat, now_ms=now, sought=sought)
    context = {
        "now_ms": now,
        "units": [_shown(one, now) for one in found],
        "needing": sum(one.needs(now) for one in found),
        "sought": sought,
    }
    return render(request, "ward/fleet.html", context)


@require_safe
@signed_in
def unit(request: HttpRequest, object_id: uuid.UUID) -> HttpResponse:
    """One object, in facts. Raises NotFoundError: it is not one of here."""
    now = live.now_ms()
    seat = seat_at(request, "engineer", now_ms=now)
    shown = _shown(fleet.unit(seat, object_id), now)
    reasons = [{"value": why, "label": office_words.why_words(why), "checked": False} for why in fleet.WHY]
    context = {"now_ms": now, "u": shown, "reasons": reasons, "here": seat.wears(object_id)}
    return render(request, "ward/unit.html", context | _kept(seat, object_id))


@require_POST
@signed_in
@widening
def placing_unit(request: HttpRequest, object_id: uuid.UUID) -> HttpResponse:
    """Choose for which establishment it measures: it changes whose teams open it, so a factor is asked for.

    Raises NotFoundError, RefusedError: as `placing.place`.
    """
    now = live.now_ms()
    seat = seat_at(request, "engineer", now_ms=now)
    placing.place(seat, object_id, request.POST.get("place", "")[:40], now_ms=now)
    return redirect("ward:unit", object_id)


@require_POST
@signed_in
@widening
def keeping_unit(request: HttpRequest, object_id: uuid.UUID) -> HttpResponse:
    """Choose how what it measures is kept: a care record is not erased, so a factor is asked for.

    Raises NotFoundError, RefusedError: as `placing.keep_as`.
    """
    now = live.now_ms()
    seat = seat_at(request, "engineer", now_ms=now)
    placing.keep_as(seat, object_id, request.POST.get("kept", "")[:40], now_ms=now)
    return redirect("ward:unit", object_id)


@require_POST
@signed_in
@widening
def revocation(request: HttpRequest, object_id: uuid.UUID) -> HttpResponse:
    """Stop it for good. Nothing undoes it, so that a factor is asked for though it narrows.

    Raises NotFoundError, AccessDeniedError, RefusedError: as `fleet.revoke`, or it was not confirmed.
    """
    now = live.now_ms()
    seat = seat_at(request, "engineer", now_ms=now)
    if request.POST.get("sure") != "yes":
        raise RefusedError("an object is revoked only when it was confirmed")
    fleet.revoke(seat, object_id, request.POST.get("why", ""), now_ms=now)
    return redirect("ward:unit", object_id)


def _kept(seat: Seat, object_id: uuid.UUID) -> dict[str, Any]:
    """How what it measures is kept, in words; and for whom it may be, where that is this seat's to choose."""
    pairing = placing.measuring(seat, object_id)
    if pairing is None:
        return {}
    offered = placing.places_for(seat, pairing)
    choices = [
        Choice(value=str(each), label=place_name(str(each)), checked=each == pairing.establishment) for each in offered
    ]
    classes = [
        Choice(
            value=each,
            label=_upper(placing.kept_words(each)),
            hint=placing.effect_words(each),
            checked=each == pairing.klass,
        )
        for each in placing.classes_for(seat, pairing)
    ]
    return {"kept": placing.kept_words(pairing.klass), "kept_at": place_name(str(pairing.establishment)),
            "places": choices if len(choices) > 1 else [], "classes": classes}  # fmt: skip


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _shown(one: fleet.Unit, now_ms: int) -> dict[str, Any]:
    return {
        "is": one,
        "state": office_words.unit_mark(one.state),
        "trust": trust_mark(one.trust),
        "quiet": one.quiet(now_ms),
        "lapses": one.lapses(now_ms),
        "why": office_words.why_words(one.revoked_why),
    }
