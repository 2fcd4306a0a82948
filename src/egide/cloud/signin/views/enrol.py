"""Add and remove what opens one's account."""

from __future__ import annotations

import segno
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from egide.cloud.people.models import Account
from egide.cloud.signin import clock, passkeys
from egide.cloud.signin.adapter import SealedAdapter
from egide.cloud.signin.enrolment import (
    MAX_NAME,
    add_passkey,
    add_totp,
    new_secret,
    open_secret,
    remove,
    renew_codes,
)
from egide.cloud.signin.errors import FactorError
from egide.cloud.signin.factors import confirm
from egide.cloud.signin.onetime import unused_codes
from egide.cloud.signin.tries import counted, remember, session_bucket
from egide.cloud.signin.views.guard import MAX_TYPED, account_of, enrolling

__all__ = ["add", "app", "codes", "options", "remove_factor", "renew"]

_SECRET = "signin.totp"  # noqa: S105 (a name, not a secret)
_SHOW = "signin.codes"


@enrolling
@require_POST
def options(request: HttpRequest) -> HttpResponse:
    """What the browser needs to make a passkey."""
    text = passkeys.ask_new(request, account_of(request), now_ms=clock.now_ms())
    return HttpResponse(text, content_type="application/json")


@enrolling
@sensitive_post_parameters()
@require_POST
def add(request: HttpRequest) -> HttpResponse:
    """Keep the passkey that was made."""
    account, now = account_of(request), clock.now_ms()
    credential, made = passkeys.check_new(request, request.POST.get("credential", ""), now_ms=now)
    add_passkey(account, credential, made, name=request.POST.get("name", "")[:MAX_NAME], now_ms=now)
    return _added(request, account, now)


@enrolling
@sensitive_post_parameters()
@sensitive_variables()
@require_http_methods(["GET", "HEAD", "POST"])
def app(request: HttpRequest) -> HttpResponse:
    """A code app: its secret once as a picture and as text, then its first code."""
    account, now = account_of(request), clock.now_ms()
    problem = ""
    sealed = request.session.get(_SECRET, "")
    if request.method == "POST" and sealed:
        try:
            with counted(session_bucket(request), now_ms=now):
                add_totp(account, sealed, request.POST.get("code", "")[:MAX_TYPED], now_ms=now)
        except FactorError:
            problem = _("This code is not the one that the app shows now. Wait for the next one and try again.")
        else:
            del request.session[_SECRET]
            return _added(request, account, now)
    if not sealed:
        sealed = request.session[_SECRET] = new_secret(account)
    secret = open_secret(account, sealed)
    picture = segno.make(SealedAdapter().build_totp_url(account, secret), error="m")
    context = {
        "problem": problem,
        "secret": " ".join(secret[i : i + 4] for i in range(0, len(secret), 4)),
        # our own drawing of our own address: nothing in it was typed by anybody
        "picture": mark_safe(picture.svg_inline(scale=5, border=4, light="#fff", omitsize=False)),  # noqa: S308
    }
    return render(request, "signin/app.html", context, status=400 if problem else 200)


@enrolling
@require_POST
def remove_factor(request: HttpRequest, factor_id: int) -> HttpResponse:
    remove(account_of(request), factor_id, now_ms=clock.now_ms())
    return redirect("signin:security")


@enrolling
@require_POST
def renew(request: HttpRequest) -> HttpResponse:
    """Ten new recovery codes."""
    renew_codes(account_of(request), now_ms=clock.now_ms())
    request.session[_SHOW] = True
    return redirect("signin:codes")


@enrolling
@sensitive_variables()
@require_http_methods(["GET", "HEAD", "POST"])
def codes(request: HttpRequest) -> HttpResponse:
    """The new recovery codes, until their owner says that they are kept: they are not shown again."""
    if request.method == "POST":
        request.session.pop(_SHOW, None)
        return redirect("signin:security")
    if not request.session.get(_SHOW):
        return redirect("signin:security")
    return render(request, "signin/codes.html", {"codes": unused_codes(account_of(request))})


def _added(request: HttpRequest, account: Account, now_ms: int) -> HttpResponse:
    """With the first factor come recovery codes; whoever enrolled has just presented it."""
    request.session.setdefault(_SHOW, True)
    response = redirect("signin:codes" if request.session[_SHOW] else "signin:security")
    confirm(request, now_ms=now_ms)
    remember(request, response, account)
    return response
