"""Open a session, list one's own, end them. However a person came in, the session is listed and can be ended."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.contrib.auth import login, logout
from django.http import HttpRequest

from egide.cloud.people.models import Account
from egide.cloud.people.sessions import end, forget_expired, kept, lasting
from egide.cloud.signin import clock
from egide.cloud.signin.devices import device_of, device_words
from egide.cloud.signin.models import OpenSession
from egide.cloud.signin.notices import tell
from egide.cloud.signin.tries import known_browser
from egide.cloud.signin.workstations import SHARED, named_by, note_use

__all__ = [
    "CONFIRMED", "LIFE_MS", "LINKED", "OPENED", "UNTIL", "Line", "adopt", "close_session", "end_all", "end_one",
    "end_others", "on_login", "open_session", "sessions_of", "touch",
]  # fmt: skip

#: When a factor was last presented in this session, and when a link opened it (milliseconds).
CONFIRMED: Final = "signin.confirmed"
LINKED: Final = "signin.linked"
OPENED: Final = "signin.opened"
UNTIL: Final = "signin.until"
_METHOD: Final = "egide.signin.method"
_BACKEND: Final = "egide.cloud.people.backend.LinkBackend"
_SEEN_MS: Final = 5 * 60 * 1000
LIFE_MS: Final = 8 * 3_600_000
_MOST_NOTED: Final = 10_000
_FORGOTTEN_MS: Final = 3 * 86_400_000
_FACTORS: Final = frozenset({"webauthn", "totp", "recovery_codes"})

_noted: dict[str, int] = {}  # when this process last wrote that a session is in use


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One open session, as its owner sees it."""

    key: str
    device: str
    method: str
    opened_ms: int
    seen_ms: int
    current: bool


def open_session(request: HttpRequest, account: Account, method: str, *, now_ms: int) -> None:
    """Sign `account` in: the session gets another key, and the owner is told when the browser is not known.

    `method` says how: link, webauthn, totp, recovery_codes, or the name of a provider.
    """
    request.META[_METHOD] = (method, now_ms)
    login(request, account, backend=_BACKEND)
    request.session.set_expiry(0 if SHARED in request.session else None)


def on_login(sender: object, request: HttpRequest, user: Account, **_: object) -> None:  # noqa: ARG001 (a signal's)
    """Whoever signs anybody in, by whatever way: the session is listed, and lasts as all do."""
    method, now = request.META.pop(_METHOD, None) or ("other", clock.now_ms())
    request.session.update({OPENED: now, UNTIL: now + LIFE_MS})
    request.session.pop(CONFIRMED, None)
    request.session.pop(LINKED, None)
    if method in _FACTORS:
        request.session[CONFIRMED] = now
    if method == "link":
        request.session[LINKED] = now
    if not request.session.session_key:
        request.session.create()
    device = device_of(request.META.get("HTTP_USER_AGENT", ""))
    forget_expired()
    OpenSession.objects.filter(opened_ms__lte=now - _FORGOTTEN_MS).delete()
    row = {"account": user, "method": method[:16], "device": device, "opened_ms": now, "seen_ms": now}
    OpenSession.objects.update_or_create(session_key=kept(request.session.session_key), defaults=row)
    request.session.pop(SHARED, None)
    if (workstation := named_by(request)) is not None:
        adopt(request, workstation, now_ms=now)
    if known_browser(request, user) is None and not settings.OPTIONS.demo:
        tell(user, "sign-in", now_ms=now, detail=device)
    if method == "recovery_codes":
        tell(user, "recovery-code", now_ms=now)


def adopt(request: HttpRequest, workstation: uuid.UUID, *, now_ms: int) -> None:
    """This session is on a shared workstation: it locks (lock.py), and its cookie ends with the browser."""
    request.session[SHARED] = str(workstation)
    request.session.set_expiry(0)
    row = note_use(workstation, now_ms=now_ms)
    mine = OpenSession.objects.filter(pk=kept(request.session.session_key))
    mine.update(workstation=row, active_ms=now_ms, locked_ms=None)


def close_session(request: HttpRequest) -> None:
    """Sign out: here, in Django's table and in ours."""
    OpenSession.objects.filter(session_key=kept(request.session.session_key)).delete()
    logout(request)


def sessions_of(account: Account, current: str | None) -> Sequence[Line]:
    """Those that still last, the current one (its cookie's value) first, then the latest seen."""
    rows = list(OpenSession.objects.filter(account=account).order_by("-seen_ms"))
    open_now = lasting([row.session_key for row in rows])
    mine = kept(current)
    lines = [
        Line(
            key=row.session_key, device=device_words(row.device), method=row.method, opened_ms=row.opened_ms,
            seen_ms=row.seen_ms, current=row.session_key == mine,
        )
        for row in rows
        if row.session_key in open_now
    ]  # fmt: skip
    return sorted(lines, key=lambda line: not line.current)


def end_one(account: Account, key: str) -> None:
    """End a session of this account's; of anybody else's, nothing happens."""
    if OpenSession.objects.filter(account=account, session_key=key).delete()[0]:
        end([key])


def end_others(account: Account, current: str | None) -> int:
    """End all but the current one. Returns how many."""
    keys = OpenSession.objects.filter(account=account).exclude(session_key=kept(current))
    gone = list(keys.values_list("session_key", flat=True))
    keys.delete()
    end(gone)
    return len(gone)


def end_all(account: Account) -> int:
    return end_others(account, None)


def touch(session_key: str | None, *, now_ms: int) -> None:
    """Note that a session is in use: one write in five minutes, so that a page that asks often costs nothing."""
    key = kept(session_key)
    if 0 <= now_ms - _noted.get(key, -_SEEN_MS) < _SEEN_MS:
        return
    if len(_noted) >= _MOST_NOTED:
        _noted.clear()
    _noted[key] = now_ms
    OpenSession.objects.filter(session_key=key, seen_ms__lte=now_ms - _SEEN_MS).update(seen_ms=now_ms)
