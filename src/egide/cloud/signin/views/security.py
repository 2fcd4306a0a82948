"""One's own account: what opens it, where it is open, what happened to it."""

from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from egide.cloud.people.offices import offices_of
from egide.cloud.signin import clock, life
from egide.cloud.signin.attested import has_factor
from egide.cloud.signin.enrolment import factors_of
from egide.cloud.signin.factors import may_enrol
from egide.cloud.signin.notices import mark_read, notices_of
from egide.cloud.signin.recovery import running, stop
from egide.cloud.signin.sessions import end_one, end_others, sessions_of
from egide.cloud.signin.views.guard import account_of, own_page
from egide.cloud.signin.workstations import STEWARDS

__all__ = ["end_other_sessions", "end_session", "ending", "read_notices", "security", "stay", "stop_recovery"]


@own_page
@require_safe
def security(request: HttpRequest) -> HttpResponse:
    """Factors, sessions and notices."""
    account = account_of(request)
    factors = factors_of(account)
    context = {
        "now_ms": clock.now_ms(),
        "passkeys": [f for f in factors if f.kind == "webauthn"],
        "app": next((f for f in factors if f.kind == "totp"), None),
        "codes": next((f for f in factors if f.kind == "recovery_codes"), None),
        "protected": has_factor(account),
        "may_enrol": may_enrol(request, account),
        "sessions": sessions_of(account, request.session.session_key),
        "notices": notices_of(account),
        "recovery": running(account, now_ms=clock.now_ms()),
        "username": account.username,
        "steward": any(held.office in STEWARDS for held in offices_of(account, now_ms=clock.now_ms())),
    }
    return render(request, "signin/security.html", context)


@own_page
@require_POST
def end_session(request: HttpRequest, number: uuid.UUID) -> HttpResponse:
    """Narrows: never asks for a factor."""
    end_one(account_of(request), number)
    return redirect("signin:security")


@own_page
@require_POST
def end_other_sessions(request: HttpRequest) -> HttpResponse:
    """Narrows: never asks for a factor."""
    end_others(account_of(request), request.session.session_key)
    return redirect("signin:security")


@own_page
@require_POST
def read_notices(request: HttpRequest) -> HttpResponse:
    mark_read(account_of(request), now_ms=clock.now_ms())
    return redirect("signin:security")


@own_page
@require_POST
def stop_recovery(request: HttpRequest) -> HttpResponse:
    """It was not me: narrows, so any session of the account can."""
    account = account_of(request)
    stop(account, by=account, now_ms=clock.now_ms())
    return redirect("signin:security")


@own_page
@require_safe
def ending(request: HttpRequest) -> HttpResponse:
    """What a page shows when the session nears its end."""
    return render(request, "signin/ending.html")


@own_page
@require_POST
def stay(request: HttpRequest) -> HttpResponse:
    """Still there: the session lasts longer."""
    life.extend(request.session, now_ms=clock.now_ms())
    left = life.seconds_left(request.session, now_ms=clock.now_ms())
    return HttpResponse(str(left), content_type="text/plain")
