"""Sign in at a provider, link and unlink an identity, sign out there too, and be told that somebody signed out.

Nothing secret of ours is in an address. The code that a provider puts in the callback's is of use once, with our
verifier only; no page is shown at that address.
"""

from __future__ import annotations

import logging
import uuid
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST, require_safe

from egide.cloud.federation import links, sessions, words
from egide.cloud.federation.directory import metadata_of, with_keys
from egide.cloud.federation.flow import Identity, Pending, begin, complete
from egide.cloud.federation.providers import KINDS, Provider, provider_named, providers
from egide.cloud.federation.tokens import read_logout_token
from egide.cloud.people.models import Account
from egide.cloud.signin import clock
from egide.cloud.signin.factors import may_enrol, our_page
from egide.cloud.signin.sessions import close_session
from egide.cloud.signin.workstations import SHARED
from egide.errors import EgideError, NotFoundError, ProviderError, SignInLostError

__all__ = ["back_channel", "callback", "identities", "link", "problem", "sign_in", "sign_out", "signed_out", "unlink"]

_log = logging.getLogger("egide.federation")
_MAX_FORM: Final = 64 * 1024
_LEAVING: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "form-action 'self' {origin}; base-uri 'none'; frame-ancestors 'none'"
)


@never_cache
@require_POST
def sign_in(request: HttpRequest, key: str) -> HttpResponse:
    """Begin a sign-in. A form of ours asks for it: another site's page cannot."""
    return _leave(request, key, account="", where=our_page(request.POST.get("next", ""), request))


@never_cache
@require_POST
def link(request: HttpRequest, key: str) -> HttpResponse:
    """Begin to link an identity to this session's account: like a new factor, once one was presented, or on the link
    that invited somebody who has none yet."""
    account = request.user
    if not isinstance(account, Account):
        return redirect("portal:sign-in")
    here = reverse("federation:identities")
    if not may_enrol(request, account):
        return redirect(f"{reverse('signin:confirm')}?{urlencode({'next': here})}")
    return _leave(request, key, account=str(account.pk), where=here)


def _leave(request: HttpRequest, key: str, *, account: str, where: str) -> HttpResponse:
    """The page that goes on to the provider by itself: our policy lets no form be sent on to another site."""
    try:
        provider = provider_named(settings.OPTIONS, key)
        address, pending = begin(provider, account=account, where=where, now_ms=clock.now_ms())
    except EgideError as err:
        return _problem(request, key, err)
    sessions.remember(request.session, pending)
    return render(request, "federation/leaving.html", {"name": provider.kind.name, "address": address})


@never_cache
@require_GET
def callback(request: HttpRequest, key: str) -> HttpResponse:
    """Back from the provider: who began this here is signed in, or has linked the identity."""
    try:
        pending = sessions.take(request.session, request.GET.get("state", ""))
        if any(len(values) > 1 for _name, values in request.GET.lists()):
            raise ProviderError("a parameter is twice", step="form")
        provider = provider_named(settings.OPTIONS, key)
        now_ms = clock.now_ms()
        identity = complete(provider, pending, request.GET.dict(), now_ms=now_ms)
        _arrive(request, provider, pending, identity, now_ms)
    except EgideError as err:
        _say(key, err)
        return redirect("federation:problem", err.code)
    if SHARED in request.session:  # the page that was left open there is the last person's
        return redirect("signin:back")
    return HttpResponseRedirect(pending.where or "/")


def _arrive(request: HttpRequest, provider: Provider, pending: Pending, identity: Identity, now_ms: int) -> None:
    if not pending.account:
        sessions.open_session(request, links.sign_in_as(provider, identity), identity, now_ms=now_ms)
        return
    account = request.user
    if not isinstance(account, Account) or account.pk != uuid.UUID(pending.account):
        raise SignInLostError("whoever began this is not signed in here any more")
    links.link(account, provider, identity, now_ms=now_ms)


@never_cache
@require_safe
def identities(request: HttpRequest) -> HttpResponse:
    """The identities that open this account, and those that could."""
    account = request.user
    if not isinstance(account, Account):
        return redirect("portal:sign-in")
    rows = links.linked(account)
    keys = [key for key in providers(settings.OPTIONS) if not KINDS[key].roles or account.role in KINDS[key].roles]
    shown = [words.line(key, rows.get(key)) for key in (*keys, *(k for k in rows if k not in keys))]
    untried = sorted({line.name for line in shown} & {KINDS["psc"].name, KINDS["franceconnect"].name})
    return render(request, "federation/identities.html", {"lines": shown, "untried": ", ".join(untried)})


@require_POST
def unlink(request: HttpRequest, key: str) -> HttpResponse:
    """Narrows, so it asks for nothing more than the session."""
    account = request.user
    if not isinstance(account, Account):
        return redirect("portal:sign-in")
    try:
        links.unlink(account, key, now_ms=clock.now_ms())
    except EgideError as err:
        return _problem(request, key, err)
    return redirect("federation:identities")


@never_cache
@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """Sign out here, at once; then offer to sign out at the provider, by a form: the token is in no address."""
    opened = sessions.id_token_of(request)
    close_session(request)
    context: dict[str, str] = {}
    if opened is not None:
        try:
            provider = provider_named(settings.OPTIONS, opened[0])
            context = {
                "name": provider.kind.name,
                "end_session": metadata_of(provider, clock.now_ms()).end_session,
                "id_token": opened[1],
                "client_id": provider.client_id,
                "back": f"{provider.home}/federation/signed-out",
            }
        except EgideError as err:
            _say(opened[0], err)
    response = render(request, "federation/signed_out.html", context)
    if context.get("end_session"):
        to = urlsplit(context["end_session"])
        response.headers["Content-Security-Policy"] = _LEAVING.format(origin=f"{to.scheme}://{to.netloc}")
    return response


@require_safe
def signed_out(request: HttpRequest) -> HttpResponse:
    """Where the provider sends people back to, once they signed out there."""
    return render(request, "federation/signed_out.html", {})


@csrf_exempt
@never_cache
@require_POST
@sensitive_post_parameters()
def back_channel(request: HttpRequest, key: str) -> HttpResponse:
    """The provider says that somebody signed out there (Back-Channel Logout 1.0): their sessions here end."""
    try:
        if int(request.headers.get("Content-Length") or 0) > _MAX_FORM:
            raise ProviderError("the form is too large", step="size")
        provider = provider_named(settings.OPTIONS, key)
        now_ms = clock.now_ms()
        text = request.POST.get("logout_token", "")
        token = with_keys(provider, now_ms, lambda keys: read_logout_token(provider, text, keys, now_s=now_ms // 1000))
        ended = sessions.end_sessions(provider, token, now_s=now_ms // 1000)
    except (EgideError, ValueError) as err:
        _say(key, err)
        return JsonResponse({"error": "invalid_request"}, status=400)
    _log.info("sign-in provider %s ended %d sessions", provider.key, ended)
    return HttpResponse(status=200)


def _problem(request: HttpRequest, key: str, error: EgideError) -> HttpResponse:
    """A page in words. What is wrong with a provider's answer is said to the operator by the step's name only."""
    _say(key, error)
    return _said(request, error.code)


def _said(request: HttpRequest, code: str) -> HttpResponse:
    context = {"words": words.of(code), "code": code}
    return render(request, "federation/problem.html", context, status=words.status_of(code))


@require_safe
def problem(request: HttpRequest, code: str) -> HttpResponse:
    """What went wrong at the callback, by its public code: a page of its own, that does not have its address.

    Raises NotFoundError: no error has this code.
    """
    if not words.known(code):
        raise NotFoundError("no error has this code")
    return _said(request, code)


def _say(key: str, error: Exception) -> None:
    code = getattr(error, "code", "malformed")
    step = getattr(error, "step", "")
    _log.warning("sign-in by %s refused: %s %s", key if key in KINDS else "?", code, step)
