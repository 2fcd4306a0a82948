"""A factor again, for what widens: grant, export, break the glass, change roles or keys.

What narrows (withdraw, restrict, oppose, leave, end a session) never asks: it works at once in any session.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode

from egide.cloud.people.models import Account
from egide.cloud.signin import clock
from egide.cloud.signin.attested import has_factor
from egide.cloud.signin.sessions import CONFIRMED, LINKED, renew_key

__all__ = [
    "CONFIRM_MS", "FIRST_MS", "confirm", "confirmed_recently", "mark_confirmed", "may_enrol", "our_page", "widening",
]  # fmt: skip

CONFIRM_MS: Final = 5 * 60 * 1000
FIRST_MS: Final = 30 * 60 * 1000  # a first factor is enrolled on the invitation, not on a session found open
View = Callable[..., HttpResponse]


def confirmed_recently(request: HttpRequest) -> bool:
    """Whether a factor was presented in this session within the last five minutes.

    In a demo, where anybody may be anybody, an invented person without a factor is not asked for one.
    """
    at = request.session.get(CONFIRMED)
    if isinstance(at, int) and 0 <= clock.now_ms() - at < CONFIRM_MS:
        return True
    return bool(settings.OPTIONS.demo) and isinstance(request.user, Account) and not has_factor(request.user)


def mark_confirmed(session: Any, *, now_ms: int) -> None:
    """A factor was presented in this session."""
    session[CONFIRMED] = now_ms


def confirm(request: HttpRequest, *, now_ms: int) -> None:
    """A factor was presented in this session; from now on it can widen, under a new key (ASVS 7.2.4)."""
    mark_confirmed(request.session, now_ms=now_ms)
    renew_key(request)


def may_enrol(request: HttpRequest, account: Account) -> bool:
    """Whether this session may add a factor: one was just presented, or there is none and a link was just used."""
    if confirmed_recently(request):
        return True
    at = request.session.get(LINKED)
    fresh = isinstance(at, int) and 0 <= clock.now_ms() - at < FIRST_MS
    return fresh and not has_factor(account)


def widening(view: View) -> View:
    """Let a view run only when `confirmed_recently`; else ask for the factor, then lead back to the page.

    Put it on the page that shows a form as well as on the act, so that nobody fills in a form in vain.
    """

    @functools.wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_authenticated:
            return redirect(f"{reverse('portal:sign-in')}?{urlencode({'next': _page(request)})}")
        if not confirmed_recently(request):
            return redirect(f"{reverse('signin:confirm')}?{urlencode({'next': _page(request)})}")
        return view(request, *args, **kwargs)

    return guarded


def our_page(address: str, request: HttpRequest) -> str:
    """`address` when it is a page of ours, else ""."""
    allowed = url_has_allowed_host_and_scheme(address, allowed_hosts={request.get_host()})
    return address if allowed and address.startswith("/") else ""


def _page(request: HttpRequest) -> str:
    """Where to come back to: the page asked for, or the one that the form was on."""
    if request.method in ("GET", "HEAD"):
        return request.get_full_path()
    came = urlsplit(request.headers.get("Referer", ""))
    if came.netloc != request.get_host():
        return "/"
    return our_page(came.path + (f"?{came.query}" if came.query else ""), request) or "/"
