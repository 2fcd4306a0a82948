"""The administrator's desk: who works here, offices given by two people, invitations. Nobody's health is on it."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from egide.cloud.people.authority import CARE_OFFICES
from egide.cloud.people.invitations import (
    approve_newcomer,
    invitation_address,
    invite_staff,
    propose_newcomer,
    withdraw,
)
from egide.cloud.people.models import Account, Establishment, Invitation, Membership, Proposal
from egide.cloud.people.offices import approve as approve_office
from egide.cloud.people.offices import dismiss, propose, refuse
from egide.cloud.people.service import name_of
from egide.cloud.portal import live
from egide.cloud.portal.subject import signed_in
from egide.cloud.signin.closing import close
from egide.cloud.signin.factors import widening
from egide.cloud.ward import office_words, staff
from egide.cloud.ward.desks import Seat
from egide.cloud.ward.views.places import seat_at
from egide.errors import AccessDeniedError, NotFoundError, RefusedError

__all__ = ["approve", "closing", "dismissal", "invite_again", "proposing", "refusal", "staff_desk", "withdrawal"]


@require_safe
@signed_in
def staff_desk(request: HttpRequest) -> HttpResponse:
    """People, what waits for a second person, invitations. Raises AccessDeniedError to who administers nothing."""
    return render(request, "ward/staff.html", _context(request))


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@widening
def proposing(request: HttpRequest) -> HttpResponse:
    """Propose an office, for somebody known or for a newcomer: nothing is theirs before a second officer approves.

    Raises:
        NotFoundError: no such establishment, or nobody of that kind, here. AccessDeniedError: as `offices.propose`.
    """
    now = live.now_ms()
    seat, problem = _seat(request), ""
    if request.method == "POST":
        try:
            _propose(request, seat, now)
            return redirect("ward:staff")
        except (AccessDeniedError, NotFoundError):
            raise
        except RefusedError:
            problem = _(
                "Nothing was proposed: choose somebody or give a new person’s name, and an office that this account "
                "can hold and does not hold yet."
            )
    context = {
        "problem": problem,
        "posted": request.POST,
        "people": staff.colleagues(seat, now_ms=now),
        "places": staff.places(seat, now_ms=now),
        "offices": [(o, office_words.office_words(o)) for o in Membership.Office.values],
    }
    return render(request, "ward/propose.html", context, status=400 if problem else 200)


@sensitive_variables("token")
@require_POST
@signed_in
@widening
def approve(request: HttpRequest, proposal_id: uuid.UUID) -> HttpResponse:
    """Be the second person: the office is held from now on. A newcomer's invitation is shown once.

    Raises:
        NotFoundError: no such proposal here. AccessDeniedError, RefusedError: as `offices.approve`.
    """
    now = live.now_ms()
    seat = _seat(request)
    proposal = _proposal(seat, proposal_id)
    if staff.has_come(proposal.account, now_ms=now):
        approve_office(proposal, by=seat.account, now_ms=now)
        return redirect("ward:staff")
    return _handed_over(request, approve_newcomer(proposal, by=seat.account, now_ms=now))


@require_POST
@signed_in
def refusal(request: HttpRequest, proposal_id: uuid.UUID) -> HttpResponse:
    """Refuse it, or take back one's own: it narrows, so no factor is asked for. Raises as `approve`."""
    seat = _seat(request)
    refuse(_proposal(seat, proposal_id), by=seat.account, now_ms=live.now_ms())
    return redirect("ward:staff")


@require_POST
@signed_in
def dismissal(request: HttpRequest, membership_id: uuid.UUID) -> HttpResponse:
    """End an office now: it narrows, so one officer suffices and no factor is asked for.

    Raises:
        NotFoundError: no such office here. RefusedError: it is over already, or the form was not confirmed.
    """
    seat = _seat(request)
    held = Membership.objects.filter(pk=membership_id, establishment__in=seat.steers).first()
    if held is None:
        raise NotFoundError("no such office here")
    if request.POST.get("sure") != "yes":
        raise RefusedError("an office ends only when it was confirmed")
    dismiss(held, by=seat.account, now_ms=live.now_ms())
    return redirect("ward:staff")


@require_POST
@signed_in
def closing(request: HttpRequest, account_id: uuid.UUID) -> HttpResponse:
    """Close the account of a colleague who left: it narrows, so one officer suffices and no factor is asked for.

    Raises:
        NotFoundError: nobody of here. AccessDeniedError: they work elsewhere too, or it is one's own. RefusedError: the
        form was not confirmed.
    """
    now = live.now_ms()
    seat = _seat(request)
    one = next((c for c in staff.colleagues(seat, now_ms=now) if c.account.pk == account_id), None)
    if one is None:
        raise NotFoundError("nobody of here")
    if request.POST.get("sure") != "yes":
        raise RefusedError("an account is closed only when it was confirmed")
    close(one.account, by=seat.account, now_ms=now)
    return redirect("ward:staff")


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def withdrawal(request: HttpRequest, invitation_id: uuid.UUID) -> HttpResponse:
    """What stops, then an invitation that nobody used stops working: it narrows, so no factor is asked for.

    Raises:
        NotFoundError: none of here. RefusedError: it is over.
    """
    seat = _seat(request)
    row = _invitation(seat, invitation_id)
    if request.method != "POST":
        if row.used_ms is not None or row.withdrawn_ms is not None:
            raise NotFoundError("this invitation is over")
        context = {"name": name_of(row.account), "back": reverse("ward:staff")}
        return render(request, "portal/invitation_withdraw.html", context)
    withdraw(row, by=seat.account, now_ms=live.now_ms())
    return redirect("ward:staff")


@sensitive_variables("token")
@require_POST
@signed_in
@widening
def invite_again(request: HttpRequest, invitation_id: uuid.UUID) -> HttpResponse:
    """A new invitation in the place of one that was lost or lapsed, shown once; the one before stops working.

    Raises:
        NotFoundError: no such invitation here. RefusedError: it was used, or the office behind it is over.
    """
    seat = _seat(request)
    row = _invitation(seat, invitation_id)
    if row.used_ms is not None or row.withdrawn_ms is not None:
        raise RefusedError("this invitation is over")
    return _handed_over(request, invite_staff(row.account, row.establishment, by=seat.account, now_ms=live.now_ms()))


@sensitive_variables("token")
def _handed_over(request: HttpRequest, token: str) -> HttpResponse:
    address = invitation_address(f"{request.scheme}://{request.get_host()}", token)
    return render(request, "ward/staff.html", _context(request) | {"address": address})


def _propose(request: HttpRequest, seat: Seat, now_ms: int) -> None:
    places = Establishment.objects.filter(pk__in=seat.steers).select_related("group")
    place = next((e for e in places if str(e.pk) == request.POST.get("place")), None)
    if place is None:
        raise NotFoundError("no such establishment here")
    office, who = request.POST.get("office", ""), request.POST.get("who", "")
    if who:
        known = {str(one.account.pk): one.account for one in staff.colleagues(seat, now_ms=now_ms)}
        if who not in known:
            raise NotFoundError("nobody of here")
        propose(known[who], place, office, by=seat.account, now_ms=now_ms)
        return
    role = Account.Role.PROFESSIONAL if office in CARE_OFFICES else Account.Role.OPERATOR
    propose_newcomer(role, request.POST.get("name", ""), place, office, by=seat.account, now_ms=now_ms)


def _context(request: HttpRequest) -> dict[str, Any]:
    now = live.now_ms()
    seat = _seat(request)
    return {
        "now_ms": now,
        "whole": seat.whole,
        "waiting": [{"is": w, "office": office_words.office_words(w.office)} for w in staff.waiting(seat, now_ms=now)],
        "people": [
            {
                "is": c,
                "closable": not c.elsewhere and c.account != seat.account,
                "held": [{"is": h, "office": office_words.office_words(h.office)} for h in c.held],
            }
            for c in staff.colleagues(seat, now_ms=now)
        ],
        "invited": staff.invited(seat, now_ms=now),
    }


def _proposal(seat: Seat, proposal_id: uuid.UUID) -> Proposal:
    found = Proposal.objects.filter(pk=proposal_id, establishment__in=seat.steers)
    proposal = found.select_related("account", "establishment", "proposed_by").first()
    if proposal is None:
        raise NotFoundError("no such proposal here")
    return proposal


def _invitation(seat: Seat, invitation_id: uuid.UUID) -> Invitation:
    """Of staff alone: who is invited as a patient is not an administrator's to know."""
    found = Invitation.objects.filter(
        pk=invitation_id, establishment__in=seat.steers, account__role__in=("professional", "operator")
    )
    row = found.select_related("account", "establishment").first()
    if row is None:
        raise NotFoundError("no such invitation here")
    return row


def _seat(request: HttpRequest) -> Seat:
    return seat_at(request, "administrator", now_ms=live.now_ms())
