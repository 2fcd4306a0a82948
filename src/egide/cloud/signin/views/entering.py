"""Come in with a passkey, or with a code; a link of somebody who has a factor opens nothing by itself."""

from __future__ import annotations

import logging

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from egide.cloud.people.models import Account
from egide.cloud.people.sessions import forget_expired
from egide.cloud.signin import clock, lock, passkeys
from egide.cloud.signin.errors import FactorError
from egide.cloud.signin.factors import confirm, our_page
from egide.cloud.signin.held import held_account, let_go
from egide.cloud.signin.onetime import check_code
from egide.cloud.signin.sessions import close_session, open_session
from egide.cloud.signin.tries import buckets_of, counted, remember, warn_owner
from egide.cloud.signin.views.guard import MAX_TYPED
from egide.cloud.signin.views.shared import lock_screen
from egide.cloud.signin.workstations import SHARED

__all__ = ["code", "passkey", "passkey_options", "second"]

_ANONYMOUS_S = 600
_log = logging.getLogger("egide.signin")  # codes only: no name, no address


@never_cache
@require_safe
def second(request: HttpRequest) -> HttpResponse:
    """The link was good; now the factor."""
    if held_account(request, now_ms=clock.now_ms()) is None:
        return redirect("portal:sign-in")
    return _page(request, our_page(request.GET.get("next", ""), request))


@never_cache
@require_POST
def passkey_options(request: HttpRequest) -> HttpResponse:
    """What the browser needs to ask for a passkey: any of this place's."""
    if not request.user.is_authenticated:
        request.session.set_expiry(_ANONYMOUS_S)
        forget_expired()  # whoever asks again and again leaves ten minutes' worth of rows at most
    options = passkeys.ask(request, None, now_ms=clock.now_ms())
    return HttpResponse(options, content_type="application/json")


@never_cache
@sensitive_post_parameters()
@require_POST
def passkey(request: HttpRequest) -> HttpResponse:
    """Sign in with the passkey that answered."""
    where = our_page(request.POST.get("next", ""), request)
    now = clock.now_ms()
    held = held_account(request, now_ms=now)
    try:
        account, row = passkeys.check(request, request.POST.get("credential", ""), None, now_ms=now)
    except FactorError as err:
        _log.info("sign-in-refused webauthn %s", err.code)
        return _page(request, where, problem=_("This passkey was not accepted."), error=err)
    if held is not None and held.pk != account.pk:
        let_go(request)
    return _enter(request, account, row.type, where)


@never_cache
@sensitive_post_parameters()
@require_POST
def code(request: HttpRequest) -> HttpResponse:
    """Sign in with a user name and a code; after a link, with the code alone."""
    where = our_page(request.POST.get("next", ""), request)
    now = clock.now_ms()
    held = held_account(request, now_ms=now)
    typed = "".join(request.POST.get("username", "")[:MAX_TYPED].split()).lower()
    account = held or Account.objects.filter(username=typed, is_active=True).first()
    name = held.username if held else typed
    buckets = buckets_of(request, name, account)
    try:
        with counted(buckets, now_ms=now):
            method = check_code(account, request.POST.get("code", "")[:MAX_TYPED], now_ms=now)
    except FactorError as err:
        warn_owner(buckets, account, now_ms=now)
        _log.info("sign-in-refused code %s", err.code)
        problem = _("The user name and the code do not go together, or the code was used already.")
        return _page(request, where, problem=problem, error=err)
    if account is None:  # check_code lets nobody through without one
        raise FactorError("this code is not accepted")
    return _enter(request, account, method, where)


def _enter(request: HttpRequest, account: Account, method: str, where: str) -> HttpResponse:
    """A session begins afresh: what another person, or nobody, left in it is gone. Its own owner unlocks it.

    On a shared workstation one comes back to one's own last page, and never to the one that was left open.
    """
    now = clock.now_ms()
    if lock.is_locked(request) and request.user.pk == account.pk:
        lock.unlock(request, now_ms=now)
        confirm(request, now_ms=now)
        return redirect("signin:back")
    if request.user.is_authenticated:
        close_session(request)
    let_go(request)
    open_session(request, account, method, now_ms=now)
    response = redirect("signin:back" if SHARED in request.session else where or "portal:home")
    remember(request, response, account)
    return response


def _page(
    request: HttpRequest, where: str, *, problem: str = "", error: FactorError | None = None
) -> HttpResponse:
    if lock.is_locked(request):
        return lock_screen(request, problem=problem, code=error.code if error else "")
    held = held_account(request, now_ms=clock.now_ms()) is not None
    context = {"next": where, "held": held, "factor_problem": problem, "code": error.code if error else ""}
    return render(request, "signin/sign_in.html", context, status=400 if error else 200)
