"""How long a session lasts: eight hours, longer when its owner says that they are still there, a day at most.

On a shared workstation twelve hours at most, and it locks meanwhile (lock.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from egide.cloud.people.models import Account
from egide.cloud.signin import clock
from egide.cloud.signin.lock import on_page
from egide.cloud.signin.notices import unread
from egide.cloud.signin.sessions import LIFE_MS, OPENED, UNTIL, close_session, touch
from egide.cloud.signin.workstations import SHARED

__all__ = ["LIFE_MS", "LONGEST_MS", "SHIFT_MS", "WARN_S", "SessionLifeMiddleware", "context", "extend", "seconds_left"]

LONGEST_MS: Final = 24 * 3_600_000
SHIFT_MS: Final = 12 * 3_600_000
WARN_S: Final = 120  # a person is warned two minutes before (WCAG 2.2, 2.2.1)


class SessionLifeMiddleware:
    """Ends a session that is over, and notes that one is in use."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            now = clock.now_ms()
            until = request.session.get(UNTIL)
            if isinstance(until, int) and now >= until:
                close_session(request)
            else:
                touch(request.session.session_key, now_ms=now)
        return self.get_response(request)


def extend(session: Any, *, now_ms: int) -> None:
    """Its owner is still there."""
    opened = session.get(OPENED, now_ms)
    session[UNTIL] = min(now_ms + LIFE_MS, opened + (SHIFT_MS if SHARED in session else LONGEST_MS))


def seconds_left(session: Any, *, now_ms: int) -> int | None:
    until = session.get(UNTIL)
    return max(0, (until - now_ms) // 1000) if isinstance(until, int) else None


def context(request: HttpRequest) -> dict[str, Any]:
    """For every page of a person who signed in: what is new about their account, and how long the session lasts."""
    account = getattr(request, "user", None)
    if not isinstance(account, Account):
        return {}
    left = seconds_left(request.session, now_ms=clock.now_ms())
    return {
        "signin_shared": on_page(request),
        "signin_news": SimpleLazyObject(lambda: unread(account)),
        "signin_left_s": left,
        "signin_warn_s": WARN_S,
    }
