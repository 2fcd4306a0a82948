"""The desk's pages of invitations for patients and relatives: made by one person, shown once, good for seven days."""

from __future__ import annotations

import uuid
from typing import Any, Final

import segno
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.crypto import constant_time_compare, get_random_string
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from egide.cloud.governance.desk import DESK
from egide.cloud.people.invitations import invitation_address
from egide.cloud.people.offices import offices_of
from egide.cloud.people.service import name_of
from egide.cloud.portal import invitations, live
from egide.cloud.portal.invitations import Made
from egide.cloud.portal.subject import signed_in
from egide.cloud.signin.factors import widening
from egide.cloud.signin.guard import reader_of
from egide.cloud.signin.pace import take_turn
from egide.errors import AccessDeniedError, NotFoundError, RefusedError

__all__ = ["again", "invitations_desk", "new", "withdrawal"]

#: The form that this session has open: sent twice, it makes one person.
_FORM: Final = "invitation.form"


@require_safe
@signed_in
def invitations_desk(request: HttpRequest) -> HttpResponse:
    """Those that wait to be used. Raises AccessDeniedError to who receives nobody at a desk."""
    reader, now = reader_of(request), live.now_ms()
    invitations.require_registrar(reader, now_ms=now)
    held = {one.office for one in offices_of(reader, now_ms=now)}
    context = {
        "open": invitations.open_invitations(reader, now_ms=now),
        "now_ms": now,
        "withdrawn": request.GET.get("done") == "withdrawn",
        "steers": "administrator" in held,
        "cares": bool(held & DESK),
    }
    return render(request, "portal/invitations.html", context)


@sensitive_variables("made")
@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@widening
def new(request: HttpRequest) -> HttpResponse:
    """Invite a patient or a relative; the code is shown once. Raises AccessDeniedError as `invitations_desk`."""
    reader, now = reader_of(request), live.now_ms()
    invitations.require_registrar(reader, now_ms=now)
    if request.method != "POST":
        return _form(request)
    kept, sent = request.session.pop(_FORM, ""), request.POST.get("form", "")
    if not kept or not constant_time_compare(kept, sent):
        problem = _("This form was sent already, or is too old. See among the invitations, or send it again.")
        return _form(request, status=400, problem=problem)
    take_turn(reader, "invitation", now_ms=now)
    try:
        made = invitations.invite(reader, request.POST.dict(), now_ms=now)
    except AccessDeniedError:
        raise
    except NotFoundError as err:
        problem = _("Nobody was invited: one person of this name and birth date must be known here.")
        return _form(request, status=400, problem=problem, code=err.code)
    except RefusedError as err:
        problem = _(
            "Nobody was invited: an answer is missing, or this person opens their account already. Who lost their keys "
            "goes through account recovery."
        )
        return _form(request, status=400, problem=problem, code=err.code)
    return _shown(request, made)


@sensitive_variables("made")
@require_POST
@signed_in
@widening
def again(request: HttpRequest, invitation_id: uuid.UUID) -> HttpResponse:
    """A new code; the one before stops working. Raises NotFoundError, RefusedError: it is over."""
    reader, now = reader_of(request), live.now_ms()
    take_turn(reader, "invitation", now_ms=now)
    made = invitations.invite_again(reader, invitation_id, now_ms=now)
    return _shown(request, made)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def withdrawal(request: HttpRequest, invitation_id: uuid.UUID) -> HttpResponse:
    """What stops, then it does, without a factor: it narrows. Raises NotFoundError, RefusedError: it is over."""
    reader, now = reader_of(request), live.now_ms()
    if request.method != "POST":
        one = invitations.open_one(reader, invitation_id, now_ms=now)
        context = {"name": name_of(one.account), "back": reverse("portal:invitations"), "expires_ms": one.expires_ms}
        return render(request, "portal/invitation_withdraw.html", context)
    invitations.withdraw(reader, invitation_id, now_ms=now)
    response = redirect("portal:invitations")
    response["Location"] += "?done=withdrawn"
    return response


def _form(request: HttpRequest, *, status: int = 200, **more: Any) -> HttpResponse:
    request.session[_FORM] = form = get_random_string(24)
    here = invitations.places(reader_of(request), now_ms=live.now_ms())
    context = {"form": form, "places": here, "posted": request.POST, **more}
    return render(request, "portal/invitation_new.html", context, status=status)


@sensitive_variables()
def _shown(request: HttpRequest, made: Made) -> HttpResponse:
    """The page to print and hand over: the code is in no address, no table and no session."""
    base = f"{request.scheme}://{request.get_host()}"
    address = invitation_address(base, made.token)
    drawing = segno.make(address, error="m", micro=False)
    context = {
        "made": made,
        "welcome": address.partition("#")[0],
        "code": " ".join(made.token[i : i + 4] for i in range(0, len(made.token), 4)),
        # our own drawing of our own address: nothing in it was typed by anybody
        "picture": mark_safe(drawing.svg_inline(scale=5, border=4, light="#fff", omitsize=True, svgclass="qr")),  # noqa: S308
        "now_ms": live.now_ms(),
    }
    response = render(request, "portal/invitation_shown.html", context)
    response["Cache-Control"] = "private, no-store"
    return response
