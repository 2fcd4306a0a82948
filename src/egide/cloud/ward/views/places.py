"""Establishments: declare one, name it, let it enter a group or leave it; and for which of them one acts."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from egide.cloud.people.models import Account, Establishment
from egide.cloud.people.steering import attach_establishment, declare_establishment, name_establishment
from egide.cloud.portal import live
from egide.cloud.portal.subject import reader_of, signed_in
from egide.cloud.signin.factors import widening
from egide.cloud.ward import office_words, staff
from egide.cloud.ward.acting import act_for, acting_at, workplaces
from egide.cloud.ward.desks import DESKS, Seat, desks_of, seat_of
from egide.errors import AccessDeniedError, NotFoundError, RefusedError

__all__ = ["acting", "attach", "declare", "place", "places", "seat_at"]


def seat_at(request: HttpRequest, office: str, *, now_ms: int) -> Seat:
    """The seat of an office where the reader acts now. Raises AccessDeniedError: it is not held there."""
    reader = reader_of(request)
    return seat_of(reader, office, now_ms=now_ms, at=acting_at(request, reader, now_ms=now_ms))


@require_safe
@signed_in
def places(request: HttpRequest) -> HttpResponse:
    """The establishments, who works in each, and their groups. Raises AccessDeniedError to who administers nothing."""
    now = live.now_ms()
    seat = seat_at(request, "administrator", now_ms=now)
    found = [_shown(one) for one in staff.places(seat, now_ms=now)]
    return render(request, "ward/places.html", {"places": found, "whole": seat.whole})


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@widening
def declare(request: HttpRequest) -> HttpResponse:
    """A new establishment, alone or in a group. A form that cannot be says so and writes nothing.

    Raises:
        NotFoundError: this establishment does not run the platform. AccessDeniedError: as `declare_establishment`.
    """
    now = live.now_ms()
    seat, problem = _whole(request, now), ""
    if request.method == "POST":
        try:
            beside = _chosen(seat, request.POST.get("beside", ""))
            declare_establishment(
                request.POST.get("kind", ""), request.POST.get("name", ""), by=seat.account, now_ms=now,
                beside=beside, group=request.POST.get("group", "").strip(),
            )  # fmt: skip
            return redirect("ward:places")
        except (AccessDeniedError, NotFoundError):
            raise
        except RefusedError:
            problem = _("Nothing was declared: give a name, a kind, and a name to a new group.")
    context = {
        "problem": problem,
        "posted": request.POST,
        "others": staff.places(seat, now_ms=now),
        "kinds": [(kind, office_words.kind_words(kind)) for kind in Establishment.Kind.values],
    }
    return render(request, "ward/place_new.html", context, status=400 if problem else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def place(request: HttpRequest, place_id: uuid.UUID) -> HttpResponse:
    """One establishment: its team, its name, its group. Posting gives it another name. Raises NotFoundError."""
    now = live.now_ms()
    seat = seat_at(request, "administrator", now_ms=now)
    found = _place(seat, place_id)
    if request.method == "POST":
        try:
            name_establishment(found, request.POST.get("name", ""), by=seat.account, now_ms=now)
        except (AccessDeniedError, NotFoundError):
            raise
        except RefusedError:
            return _one(request, seat, found, _("A name has 1 to 120 printable characters."), "name")
        return redirect("ward:place", found.pk)
    return _one(request, seat, found)


@require_POST
@signed_in
@widening
def attach(request: HttpRequest, place_id: uuid.UUID) -> HttpResponse:
    """Enter the group of another establishment, or leave one's own.

    Raises:
        NotFoundError: no such establishment here, or this one does not run the platform. AccessDeniedError: as `place`.
    """
    now = live.now_ms()
    seat = _whole(request, now)
    found = _place(seat, place_id)
    try:
        beside = _chosen(seat, request.POST.get("beside", ""))
        attach_establishment(found, beside, by=seat.account, now_ms=now, group=request.POST.get("group", "").strip())
    except (AccessDeniedError, NotFoundError):
        raise
    except RefusedError:
        words = _("The group did not change: a new group needs a name, and its reference establishment cannot leave.")
        return _one(request, seat, _place(seat, place_id), words, "group")
    return redirect("ward:place", place_id)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def acting(request: HttpRequest) -> HttpResponse:
    """Choose for which establishment one acts; then to its first desk. Raises AccessDeniedError: no office at all."""
    now, reader = live.now_ms(), reader_of(request)
    if request.method == "POST":
        place = _id(request.POST.get("place", ""))
        act_for(request, reader, place, now_ms=now)
        return redirect(_first_desk(reader, place, now))
    found = workplaces(request, reader, now_ms=now)
    if not found:
        raise AccessDeniedError("this account works nowhere")
    shown = [
        {
            "value": w.establishment.pk,
            "label": w.establishment.name or _("no name given yet"),
            "hint": ", ".join(office_words.office_words(o) for o in w.offices),
            "checked": w.chosen,
        }
        for w in found
    ]
    return render(request, "ward/acting.html", {"workplaces": shown})


def _first_desk(reader: Account, place: uuid.UUID, now_ms: int) -> str:
    held = desks_of(reader, now_ms=now_ms, at=place)
    return DESKS[held[0]] if held else "portal:home"


def _whole(request: HttpRequest, now_ms: int) -> Seat:
    seat = seat_at(request, "administrator", now_ms=now_ms)
    if not seat.whole:
        raise NotFoundError("this establishment does not run the platform")
    return seat


def _one(request: HttpRequest, seat: Seat, found: Establishment, problem: str = "", about: str = "") -> HttpResponse:
    listed = staff.places(seat, now_ms=live.now_ms())
    context = {
        "one": next(_shown(each) for each in listed if each.establishment.pk == found.pk),
        "others": [each for each in listed if each.establishment.pk != found.pk],
        "whole": seat.whole,
        "problem": problem,
        "about": about,
        "posted": request.POST,
    }
    return render(request, "ward/place.html", context, status=400 if problem else 200)


def _shown(one: staff.Place) -> dict[str, Any]:
    team = [(office_words.office_words(office), ", ".join(names)) for office, names in one.team]
    return {"is": one, "kind": office_words.kind_words(one.kind), "team": team}


def _chosen(seat: Seat, text: str) -> Establishment | None:
    """The establishment that a form names; None for none. Raises NotFoundError: not one of here."""
    return None if not text else _place(seat, _id(text))


def _place(seat: Seat, place_id: uuid.UUID) -> Establishment:
    found = Establishment.objects.filter(pk=place_id, pk__in=seat.steers).select_related("group").first()
    if found is None:
        raise NotFoundError("no such establishment here")
    return found


def _id(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError as err:
        raise NotFoundError("no such establishment here") from err
