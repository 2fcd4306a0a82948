"""The lock of a shared workstation: after five minutes without a touch, and whenever somebody presses it.

The server decides: once locked, it answers no page of the session but the lock screen and what leads out of it, so that
Back, a reload or another tab shows nothing. A page covers itself at the same moment. Only a person's own touch counts:
a page that renews itself keeps nothing open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import Resolver404, resolve, reverse

from egide.cloud.people.models import Account
from egide.cloud.people.sessions import kept
from egide.cloud.signin import clock
from egide.cloud.signin.cookies import cookie_name
from egide.cloud.signin.kept import drop_draft, keep_page
from egide.cloud.signin.models import OpenSession
from egide.cloud.signin.sessions import adopt
from egide.cloud.signin.workstations import COOKIE, SHARED, forget_cookie, named_by

__all__ = [
    "SharedWorkstationMiddleware", "State", "is_locked", "lock", "locked_among", "on_page", "owner_mark", "state_of",
    "touched", "unlock",
]  # fmt: skip

#: What a locked session may ask for: to unlock, to be somebody else, to leave.
_OUT: Final = frozenset({
    "signin:locked", "signin:lock", "signin:left", "signin:passkey", "signin:passkey-options", "signin:code",
    "portal:sign-out", "portal:language", "portal:healthz", "portal:readyz", "federation:sign-in",
    "federation:callback", "federation:problem", "federation:sign-out", "federation:signed-out",
    "federation:back-channel",
})  # fmt: skip
_STEP_MS: Final = 5_000  # a touch is written once in so long
_NO_STORE: Final = "private, no-store"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A session on a shared workstation, at one instant."""

    locked: bool
    active_ms: int
    left_ms: int  # until it locks by itself; 0 when locked


def idle_ms() -> int:
    return int(settings.OPTIONS.shared_idle_s) * 1000


def state_of(request: HttpRequest, *, now_ms: int) -> State | None:
    """None: this session is on nobody's shared workstation. A session that is not listed is locked."""
    if SHARED not in request.session:
        return None
    row = _row(request).values_list("active_ms", "locked_ms").first()
    active_ms, locked_ms = row or (0, 0)
    left = (active_ms or 0) + idle_ms() - now_ms if locked_ms is None else 0
    return State(locked=left <= 0, active_ms=active_ms or 0, left_ms=max(0, left))


def is_locked(request: HttpRequest) -> bool:
    """What the middleware found before this view ran."""
    found: State | None = getattr(request, "egide_shared", None)
    return found is not None and found.locked


def owner_mark(request: HttpRequest) -> str:
    """Tells the pages of one session from those of the next; it opens nothing."""
    number = _row(request).values_list("number", flat=True).first()
    return number.hex[:12] if number else ""


def on_page(request: HttpRequest) -> dict[str, Any] | None:
    """What a page of a shared workstation needs to cover itself in time; None elsewhere."""
    found: State | None = getattr(request, "egide_shared", None)
    if found is None:
        return None
    return {"left_s": found.left_ms // 1000, "idle_s": idle_ms() // 1000, "who": owner_mark(request)}


def touched(request: HttpRequest, *, at_ms: int, now_ms: int) -> None:
    """Its owner touched something at `at_ms`. A session that is locked, or should be, stays so whatever comes late."""
    open_still = _row(request).filter(locked_ms=None, active_ms__gt=now_ms - idle_ms(), active_ms__lt=at_ms)
    open_still.update(active_ms=at_ms)


def lock(request: HttpRequest, *, now_ms: int) -> None:
    """Lock this session now."""
    _row(request).filter(locked_ms=None).update(locked_ms=now_ms)


def unlock(request: HttpRequest, *, now_ms: int) -> None:
    """Its owner presented a factor: the session goes on (and factors.confirm gives it another key)."""
    _row(request).update(locked_ms=None, active_ms=now_ms, seen_ms=now_ms)


def locked_among(session_keys: Iterable[str], *, now_ms: int) -> set[str]:
    """Those of these keys, as they stand in the table, whose session is locked."""
    shared = OpenSession.objects.filter(pk__in=list(session_keys), active_ms__isnull=False)
    shut = shared.filter(Q(locked_ms__isnull=False) | Q(active_ms__lte=now_ms - idle_ms()))
    return set(shut.values_list("pk", flat=True))


class SharedWorkstationMiddleware:
    """Stands behind sign-in and before every page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        account = request.user
        if not isinstance(account, Account):
            return self.get_response(request)
        now = clock.now_ms()
        if SHARED not in request.session and cookie_name(COOKIE) in request.COOKIES:
            workstation = named_by(request)
            if workstation is None:
                return self._no_longer(request)
            adopt(request, workstation, now_ms=now)
        state = state_of(request, now_ms=now)
        if state is None:
            return _unkept(self.get_response(request))
        request.egide_shared = state  # type: ignore[attr-defined]
        if state.locked:
            return self._locked(request)
        if _by_hand(request) and now - state.active_ms >= _STEP_MS:
            touched(request, at_ms=now, now_ms=now)
        response = self.get_response(request)
        _remember(request, response, account, now)
        return _unkept(response)

    def _no_longer(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if COOKIE not in response.cookies:  # unless it was marked anew just now
            forget_cookie(response)
        return _unkept(response)

    def _locked(self, request: HttpRequest) -> HttpResponseBase:
        try:
            name = resolve(request.path_info).view_name
        except Resolver404:
            name = ""
        if name in _OUT:
            return _unkept(self.get_response(request))
        address = reverse("signin:locked")
        if _by_hand(request):
            return _unkept(redirect(address))
        return _unkept(HttpResponse(status=423, headers={"HX-Redirect": address}))


def _remember(request: HttpRequest, response: HttpResponseBase, account: Account, now_ms: int) -> None:
    """The page that somebody is on; and a form that was sent needs no keeping."""
    if request.user != account:
        return
    by_hand = _by_hand(request)
    if request.method == "GET" and by_hand and response.status_code == 200 and _is_page(request, response):
        keep_page(account, request.get_full_path(), now_ms=now_ms)
    elif request.method == "POST" and response.status_code in (302, 303):
        where = response.headers.get("Location", "")
        if not where.startswith((reverse("signin:confirm"), reverse("portal:sign-in"))):
            drop_draft(account, request.path)


def _is_page(request: HttpRequest, response: HttpResponseBase) -> bool:
    if not response.headers.get("Content-Type", "").startswith("text/html"):
        return False
    own = ("signin:locked", "signin:confirm", "portal:sign-in", "signin:ending")
    return all(request.path != reverse(name) for name in own)


def _by_hand(request: HttpRequest) -> bool:
    """Whether a person went to a page or sent a form; what a page asks for by itself says so."""
    mode = request.headers.get("Sec-Fetch-Mode")
    if mode is not None:
        return mode == "navigate"
    return "HX-Request" not in request.headers and "text/html" in request.headers.get("Accept", "text/html")


def _unkept(response: HttpResponseBase) -> HttpResponseBase:
    """No browser keeps a page of somebody who is signed in."""
    if "no-store" not in response.headers.get("Cache-Control", ""):
        response.headers["Cache-Control"] = _NO_STORE
    return response


def _row(request: HttpRequest) -> QuerySet[OpenSession]:
    return OpenSession.objects.filter(pk=kept(request.session.session_key))
