"""The officers' desks: security, data protection, administration. None shows a measurement or names a patient."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST, require_safe

from egide.cloud.people.authority import CARE_OFFICES
from egide.cloud.people.invitations import approve_newcomer, invitation_address, propose_newcomer
from egide.cloud.people.models import Account, Establishment, Membership, Proposal
from egide.cloud.people.offices import dismiss, refuse
from egide.cloud.portal import live
from egide.cloud.portal.glance import reader_names
from egide.cloud.portal.subject import reader_of, signed_in
from egide.cloud.signin.factors import widening
from egide.cloud.ward import health, office_words, privacy, security, staff
from egide.cloud.ward.desks import Seat, seat_of
from egide.cloud.ward.emergencies import to_review
from egide.errors import NotFoundError, RefusedError

__all__ = ["approve", "dismissal", "platform", "privacy_desk", "proposing", "refusal", "security_desk", "staff_desk"]


@require_safe
@signed_in
def security_desk(request: HttpRequest) -> HttpResponse:
    """Events of the path, quarantine, floods, sign-in. Raises AccessDeniedError to who is no security officer."""
    now = live.now_ms()
    seat = _seat(request, "security-officer", now)
    context = {
        "now_ms": now,
        "events": [{"words": office_words.event_words(e.kind), "is": e} for e in security.happenings(seat)],
        "floods": security.floods(seat, now_ms=now),
        "codes": [{"words": office_words.refused_code_words(p.key), "is": p} for p in security.piles_by_code(seat)],
        "sources": security.piles_by_source(seat),
        "refused": security.refused_count(seat),
        "signin": security.signin_facts(now_ms=now) if seat.whole else None,
    }
    return render(request, "ward/security.html", context)


@require_safe
@signed_in
def privacy_desk(request: HttpRequest) -> HttpResponse:
    """Why asks were refused, how much the journal holds, what waits. Raises AccessDeniedError to who is no DPO."""
    now = live.now_ms()
    seat = _seat(request, "dpo", now)
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
        "overdue": sum(one.review.overdue(now) for one in waiting),
        "restricting": patients,
    }
    return render(request, "ward/privacy.html", context)


@require_safe
@signed_in
def staff_desk(request: HttpRequest) -> HttpResponse:
    """People, places, what waits for a second person. Raises AccessDeniedError to who administers nothing."""
    return render(request, "ward/staff.html", _staff_context(request))


@require_safe
@signed_in
def platform(request: HttpRequest) -> HttpResponse:
    """The platform's health. Raises AccessDeniedError to whoever does not administer the establishment that runs it."""
    now = live.now_ms()
    seat = _steering(request, now)
    if not seat.whole:
        raise NotFoundError("this establishment does not run the platform")
    context = {
        "now_ms": now,
        "live": live.look(now),
        "checks": [
            {"is": check, "words": office_words.check_words(check), "mark": office_words.check_mark(check)}
            for check in health.checks(now_ms=now)
        ],
        "witnesses": health.witnesses(),
    }
    return render(request, "ward/platform.html", context)


@require_POST
@signed_in
@widening
def proposing(request: HttpRequest) -> HttpResponse:
    """Propose somebody who has no account yet for an office: nothing is theirs before a second officer approves.

    Raises:
        NotFoundError: no such establishment here. AccessDeniedError, RefusedError: as `invitations.propose_newcomer`.
    """
    now = live.now_ms()
    seat = _steering(request, now)
    places = Establishment.objects.filter(pk__in=seat.steers)
    place = next((e for e in places if str(e.pk) == request.POST.get("place")), None)
    if place is None:
        raise NotFoundError("no such establishment here")
    office = request.POST.get("office", "")
    role = Account.Role.PROFESSIONAL if office in CARE_OFFICES else Account.Role.OPERATOR
    propose_newcomer(role, request.POST.get("name", ""), place, office, by=seat.account, now_ms=now)
    return redirect("ward:staff")


@sensitive_variables("token")
@require_POST
@signed_in
@widening
def approve(request: HttpRequest, proposal_id: uuid.UUID) -> HttpResponse:
    """Be the second person: the office is held from now on, and an invitation is shown once.

    Raises:
        NotFoundError: no such proposal here. AccessDeniedError, RefusedError: as `offices.approve`.
    """
    now = live.now_ms()
    token = approve_newcomer(_proposal(request, proposal_id, now), by=reader_of(request), now_ms=now)
    address = invitation_address(f"{request.scheme}://{request.get_host()}", token)
    return render(request, "ward/staff.html", _staff_context(request) | {"address": address})


@require_POST
@signed_in
def refusal(request: HttpRequest, proposal_id: uuid.UUID) -> HttpResponse:
    """Refuse it, or take back one's own: it narrows, so no factor is asked for. Raises as `approve`."""
    now = live.now_ms()
    refuse(_proposal(request, proposal_id, now), by=reader_of(request), now_ms=now)
    return redirect("ward:staff")


@require_POST
@signed_in
def dismissal(request: HttpRequest, membership_id: uuid.UUID) -> HttpResponse:
    """End an office now: it narrows, so one officer suffices and no factor is asked for.

    Raises:
        NotFoundError: no such office here. RefusedError: it is over already, or the form was not confirmed.
    """
    now = live.now_ms()
    seat = _steering(request, now)
    held = Membership.objects.filter(pk=membership_id, establishment__in=seat.steers).first()
    if held is None:
        raise NotFoundError("no such office here")
    if request.POST.get("sure") != "yes":
        raise RefusedError("an office ends only when it was confirmed")
    dismiss(held, by=reader_of(request), now_ms=now)
    return redirect("ward:staff")


def _staff_context(request: HttpRequest) -> dict[str, Any]:
    now = live.now_ms()
    seat = _steering(request, now)
    return {
        "now_ms": now,
        "me": seat.account,
        "whole": seat.whole,
        "waiting": [{"is": w, "office": office_words.office_words(w.office)} for w in staff.waiting(seat, now_ms=now)],
        "people": [
            {"is": c, "held": [{"is": h, "office": office_words.office_words(h.office)} for h in c.held]}
            for c in staff.colleagues(seat, now_ms=now)
        ],
        "invited": staff.invited(seat, now_ms=now),
        "places": staff.places(seat, now_ms=now),
        "offices": [(o, office_words.office_words(o)) for o in Membership.Office.values],
    }


def _proposal(request: HttpRequest, proposal_id: uuid.UUID, now_ms: int) -> Proposal:
    seat = _steering(request, now_ms)
    found = Proposal.objects.filter(pk=proposal_id, establishment__in=seat.steers)
    proposal = found.select_related("account", "establishment", "proposed_by").first()
    if proposal is None:
        raise NotFoundError("no such proposal here")
    return proposal


def _seat(request: HttpRequest, office: str, now_ms: int) -> Seat:
    return seat_of(reader_of(request), office, now_ms=now_ms)


def _steering(request: HttpRequest, now_ms: int) -> Seat:
    return _seat(request, "administrator", now_ms)
