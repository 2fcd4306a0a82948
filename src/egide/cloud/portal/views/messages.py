"""Messages: what one is told, read here after signing in; and by which ways "you have a message" may leave."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from egide.cloud.messages import codes, ways
from egide.cloud.messages.outward import available
from egide.cloud.messages.sender import establishment_names
from egide.cloud.people.contacts import add_contact, forget_contact
from egide.cloud.people.models import Account
from egide.cloud.portal import live
from egide.cloud.portal.subject import reader_of, signed_in
from egide.cloud.signin import clock
from egide.cloud.signin.factors import widening
from egide.cloud.signin.notices import mark_read, notices_of, unread
from egide.errors import RefusedError, TooManyTriesError

__all__ = ["add", "forget", "messages", "off", "on", "prove", "push", "read"]


@require_safe
@signed_in
def messages(request: HttpRequest) -> HttpResponse:
    """The notices of whoever is signed in, latest first, and their ways."""
    return _page(request, reader_of(request))


@require_POST
@signed_in
def read(request: HttpRequest) -> HttpResponse:
    """All of them are read."""
    mark_read(reader_of(request), now_ms=clock.now_ms())
    return redirect("portal:messages")


@sensitive_post_parameters()
@require_POST
@signed_in
@widening
def add(request: HttpRequest) -> HttpResponse:
    """Add an address or a number, and have a code sent there. It widens: a factor is asked for."""
    me, now = reader_of(request), live.now_ms()
    value = request.POST.get("value", "")[:254]

    def do() -> None:
        contact = add_contact(me, "email" if "@" in value else "phone", value, by=me, now_ms=now)
        ways.turn_on(me, contact.pk, language=_language(), now_ms=now)

    return _try(request, me, do)


@require_POST
@signed_in
@widening
def on(request: HttpRequest, contact_id: uuid.UUID) -> HttpResponse:
    """Have a code sent, or another, to a contact that is known already."""
    me = reader_of(request)
    return _try(request, me, lambda: ways.turn_on(me, contact_id, language=_language(), now_ms=live.now_ms()))


@sensitive_post_parameters()
@require_POST
@signed_in
def prove(request: HttpRequest, way_id: uuid.UUID) -> HttpResponse:
    """The code that was sent there. The factor was asked for when it was sent."""
    me = reader_of(request)
    try:
        codes.prove(me, way_id, request.POST.get("code", ""), now_ms=live.now_ms())
    except codes.CodeError:
        problem = _("This is not the code of the last message there, or its half hour is over.")
        return _page(request, me, status=400, problem=problem)
    except TooManyTriesError:
        problem = _("Five wrong codes: this one is worth nothing any more. Have another sent.")
        return _page(request, me, status=429, problem=problem)
    return redirect(f"{reverse('portal:messages')}#ways")


@require_POST
@signed_in
@widening
def push(request: HttpRequest) -> HttpResponse:
    """Let messages go to the operator's app, under a code to be typed there."""
    me = reader_of(request)
    ways.turn_on_push(me, language=_language(), now_ms=live.now_ms())
    return redirect("portal:messages")


@require_POST
@signed_in
def off(request: HttpRequest, way_id: uuid.UUID) -> HttpResponse:
    """Nothing goes there any more, at once. It narrows: no factor is asked for."""
    ways.turn_off(reader_of(request), way_id)
    return redirect("portal:messages")


@require_POST
@signed_in
def forget(request: HttpRequest, contact_id: uuid.UUID) -> HttpResponse:
    """Forget an address or a number, and with it what waits to go there."""
    me = reader_of(request)
    return _try(request, me, lambda: forget_contact(me, contact_id, by=me, now_ms=live.now_ms()))


def _try(request: HttpRequest, me: Account, do: Callable[[], object]) -> HttpResponse:
    try:
        do()
    except TooManyTriesError:
        problem = _("Six changes and six codes a day at most. What is there stays; try again tomorrow.")
        return _page(request, me, status=429, problem=problem)
    except RefusedError:
        problem = _("This is not an address or a number that can be kept. Ten are kept at most.")
        return _page(request, me, status=400, problem=problem)
    return redirect(f"{reverse('portal:messages')}#ways")


def _page(request: HttpRequest, me: Account, *, status: int = 200, **more: Any) -> HttpResponse:
    reached = ways.reached(me)
    channels = available(settings.OPTIONS, establishment_names())
    context = {
        "notices": notices_of(me),
        "unread": unread(me),
        "reached": [
            {"is": each, "open": each.kind == "push" or ways.channel_for(each.kind) in channels} for each in reached
        ],
        "email": "email" in channels,
        "sms": "sms" in channels,
        "push": "push" in channels and not any(each.kind == "push" for each in reached),
        "now_ms": live.now_ms(),
        **more,
    }
    return render(request, "portal/messages.html", context, status=status)


def _language() -> str:
    return get_language() or "fr"
