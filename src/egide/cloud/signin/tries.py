"""Wrong codes are counted so that whoever guesses slows only itself down.

A browser in which a person signed in before carries a sign of it (a signed cookie, 90 days) and has a count of its
own. Guesses from browsers that are not known count against the user name that was typed, whether it exists or not, and
against their address when we can see it: however many there are, a known browser and every passkey still sign in.
A try is written before it is judged, so that many at once cannot slip through; a right one is taken back.
After five wrong ones the account's owner is told, once in a quarter of an hour; nobody's name costs the same time.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.http import HttpRequest, HttpResponse

from egide.cloud.people.models import Account
from egide.cloud.signin.cookies import cookie_name
from egide.cloud.signin.errors import FactorError, SlowDownError
from egide.cloud.signin.models import Attempt
from egide.cloud.signin.notices import tell
from egide.cloud.signin.workstations import SHARED

__all__ = [
    "COOKIE", "MAX_FROM_ADDRESS", "MAX_TRIES", "WARN_TRIES", "WINDOW_MS", "Bucket", "buckets_of", "counted",
    "known_browser", "remember", "session_bucket", "warn_owner",
]  # fmt: skip

MAX_TRIES: Final = 10
WARN_TRIES: Final = 5
MAX_FROM_ADDRESS: Final = 30
WINDOW_MS: Final = 15 * 60 * 1000
COOKIE: Final = "egide_known"
_AGE_S: Final = 90 * 86_400
_SALT: Final = "egide.signin.known"
_NOBODY: Final = Account(id=uuid.UUID(int=0))
_MOST: Final = 8  # accounts that one browser is known for


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """What tries are counted under, and how many wrong ones it holds."""

    key: bytes
    limit: int


def _bucket(kind: str, value: str, limit: int) -> Bucket:
    secret = settings.SECRET_KEY.encode()
    return Bucket(key=hmac.digest(secret, f"egide try {kind}\0{value}".encode(), hashlib.sha256), limit=limit)


def buckets_of(request: HttpRequest, username: str, account: Account | None) -> Sequence[Bucket]:
    """Where a try to sign in as `username` counts."""
    nonce = known_browser(request, account) if account is not None else None
    if nonce is not None:
        return [_bucket("browser", nonce, MAX_TRIES)]
    found = [_bucket("name", username, MAX_TRIES)]
    options = settings.OPTIONS
    if not (options.people_https or options.people_proxy):  # else the address is that of the front, everybody's
        found.append(_bucket("address", _network(request.META.get("REMOTE_ADDR", "")), MAX_FROM_ADDRESS))
    return found


def session_bucket(request: HttpRequest) -> Sequence[Bucket]:
    """Where a try within an open session counts: nowhere but there."""
    return [_bucket("session", request.session.session_key or "", MAX_TRIES)]


@contextmanager
def counted(buckets: Sequence[Bucket], *, now_ms: int) -> Iterator[None]:
    """Judge one try in the block: only one that ends in FactorError counts.

    Raises:
        SlowDownError: one of the buckets is full.
    """
    since = now_ms - WINDOW_MS
    Attempt.objects.filter(at_ms__lte=since).delete()
    rows = [Attempt.objects.create(bucket=b.key, at_ms=now_ms) for b in buckets]
    try:
        for bucket, row in zip(buckets, rows, strict=True):
            if Attempt.objects.filter(bucket=bucket.key, pk__lte=row.pk).count() > bucket.limit:
                raise SlowDownError("too many wrong codes")
        yield
    except FactorError:
        raise
    except BaseException:
        _take_back(rows)
        raise
    else:
        _take_back(rows)


def warn_owner(buckets: Sequence[Bucket], account: Account | None, *, now_ms: int) -> None:
    """Call it after a wrong code: tells the owner when there were several. The same work for a name that nobody has."""
    if Attempt.objects.filter(bucket=buckets[0].key).count() < WARN_TRIES:
        return
    told = hashlib.sha256(b"told" + buckets[0].key).digest()
    if Attempt.objects.filter(bucket=told).exists():
        return
    with transaction.atomic():
        tell(account or _NOBODY, "wrong-codes", now_ms=now_ms)
        if account is None:
            transaction.set_rollback(True)
    Attempt.objects.create(bucket=told, at_ms=now_ms)


def _take_back(rows: Sequence[Attempt]) -> None:
    Attempt.objects.filter(pk__in=[row.pk for row in rows]).delete()


def known_browser(request: HttpRequest, account: Account) -> str | None:
    """The browser's own number when this account signed in there before, else None."""
    held = _read(request)
    return held["n"] if held is not None and _sign(account, held["n"]) in held["a"] else None


def remember(request: HttpRequest, response: HttpResponse, account: Account) -> None:
    """From now on this browser is known for this account; one that people share forgets it when it is closed."""
    held = _read(request) or {"n": secrets.token_hex(16), "a": []}
    mark = _sign(account, held["n"])
    kept = [mark, *(m for m in held["a"] if m != mark)][:_MOST]
    response.set_cookie(
        cookie_name(COOKIE),
        signing.dumps({"n": held["n"], "a": kept}, salt=_SALT),
        max_age=None if SHARED in request.session else _AGE_S,
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )


def _read(request: HttpRequest) -> dict[str, Any] | None:
    try:
        held = signing.loads(request.COOKIES.get(cookie_name(COOKIE), ""), salt=_SALT, max_age=_AGE_S)
    except signing.BadSignature:
        return None
    return held if isinstance(held, dict) and {"n", "a"} <= held.keys() else None


def _sign(account: Account, nonce: str) -> str:
    return hmac.digest(settings.SECRET_KEY.encode(), f"{nonce}\0{account.pk}".encode(), hashlib.sha256).hex()[:24]


def _network(address: str) -> str:
    """An IPv4 address; of IPv6 the /64 that one line is given."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(parsed.ipv4_mapped) if parsed.ipv4_mapped else parsed.packed[:8].hex()
    return str(parsed)
