"""Open a session, list one's own, end them. However a person came in, the session is listed and can be ended.

Its key changes each time that a factor is presented; its number stays, and is what pages and streams know it by.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.contrib.auth import login, logout
from django.db.models import QuerySet
from django.dispatch import Signal
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
    "end_others", "key_renewed", "number_of", "on_login", "open_numbers", "open_session", "renew_key", "sessions_of",
    "touch",
]  # fmt: skip

#: When a factor was last presented in this session, and when a link opened it (milliseconds).
CONFIRMED: Final = "signin.confirmed"
LINKED: Final = "signin.linked"
OPENED: Final = "signin.opened"
UNTIL: Final = "signin.until"
#: Sent with `before` and `after`, as they stand in the table: for those who keep a session's key.
key_renewed: Final = Signal()
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

    number: uuid.UUID
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
    row = {"account": user, "method": method[:16], "device": device, "opened_ms": now, "seen_ms": now,
           "number": uuid.uuid4()}  # fmt: skip
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


def renew_key(request: HttpRequest) -> None:
    """The session goes on under another key: a cookie that somebody copied before opens nothing any more.

    One that was ended at the same instant stays ended.
    """
    before = kept(request.session.session_key)
    request.session.cycle_key()
    after = kept(request.session.session_key)
    if OpenSession.objects.filter(pk=before).update(session_key=after):
        key_renewed.send(OpenSession, before=before, after=after)
    else:
        request.session.flush()


def number_of(session_key: str | None) -> uuid.UUID | None:
    """By a cookie's value: the number of its session, None when it is not open."""
    return OpenSession.objects.filter(pk=kept(session_key)).values_list("number", flat=True).first()


def open_numbers(numbers: Iterable[uuid.UUID]) -> dict[uuid.UUID, str]:
    """Those whose session still lasts, each with what stands in the table for its present key."""
    rows = dict(OpenSession.objects.filter(number__in=list(numbers)).values_list("number", "session_key"))
    open_now = lasting(rows.values())
    return {number: key for number, key in rows.items() if key in open_now}


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
            number=row.number, device=device_words(row.device), method=row.method, opened_ms=row.opened_ms,
            seen_ms=row.seen_ms, current=row.session_key == mine,
        )
        for row in rows
        if row.session_key in open_now
    ]  # fmt: skip
    return sorted(lines, key=lambda line: not line.current)


def end_one(account: Account, number: uuid.UUID) -> None:
    """End a session of this account's; of anybody else's, nothing happens."""
    _end(OpenSession.objects.filter(account=account, number=number))


def end_others(account: Account, current: str | None) -> int:
    """End all but the current one. Returns how many."""
    return _end(OpenSession.objects.filter(account=account).exclude(session_key=kept(current)))


def end_all(account: Account) -> int:
    return end_others(account, None)


def _end(rows: QuerySet[OpenSession]) -> int:
    """End them, those too whose key is renewed meanwhile. Returns how many."""
    count = 0
    while keys := list(rows.values_list("session_key", flat=True)):
        count += OpenSession.objects.filter(pk__in=keys).delete()[0]
        end(keys)
    return count


def touch(session_key: str | None, *, now_ms: int) -> None:
    """Note that a session is in use: one write in five minutes, so that a page that asks often costs nothing."""
    key = kept(session_key)
    if 0 <= now_ms - _noted.get(key, -_SEEN_MS) < _SEEN_MS:
        return
    if len(_noted) >= _MOST_NOTED:
        _noted.clear()
    _noted[key] = now_ms
    OpenSession.objects.filter(session_key=key, seen_ms__lte=now_ms - _SEEN_MS).update(seen_ms=now_ms)
