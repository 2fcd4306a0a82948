"""Tokens: what is given, what still counts, what ends them. Only the SHA-256 of any of them is kept.

Giving anew (a refresh) and ending take their turns, person by person (one_at_a_time): else an end that meets a refresh
would miss the row that is just being made.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from django.db import transaction

from egide.cloud.consent.attested import facts_of
from egide.cloud.consent.facts import APP, runs
from egide.cloud.people.models import Account
from egide.cloud.people.sessions import lasting
from egide.cloud.smart.attested import stands
from egide.cloud.smart.models import App, Code, Launch, Refresh, Token
from egide.errors import EgideError

__all__ = [
    "ACCESS_S", "CODE_S", "OFFLINE_MS", "Context", "authorized_by", "end_account", "end_app", "end_authorization",
    "end_family", "forget_lapsed", "ground_runs", "hash_of", "live_refresh", "live_token", "one_at_a_time", "when",
]  # fmt: skip

ACCESS_S: Final = 30 * 60
SERVICE_S: Final = 5 * 60  # SMART Backend Services: short
CODE_S: Final = 60
OFFLINE_MS: Final = 90 * 86_400_000
_DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What somebody let an app do: for which patient, on which grant of theirs, until when it may ask again."""

    patient: Account | None = None
    ground: str = ""
    session: str = ""
    family: uuid.UUID


def hash_of(text: str) -> str:
    """How a code, a token or a launch stands in its table."""
    return hashlib.sha256(text.encode()).hexdigest()


def when(ms: int) -> datetime:
    """An instant as django-oauth-toolkit's columns hold it."""
    return datetime.fromtimestamp(ms / 1000, tz=UTC)


def live_token(text: str, *, audience: str, now_ms: int) -> Token | None:
    """The token that counts here and now; None for any other. `audience`: the address that it must be for."""
    rows = Token.objects.select_related("application", "user", "patient")
    row = rows.filter(token_checksum=hash_of(text)).first()
    if row is None or row.expires <= when(now_ms) or row.resource != [audience]:
        return None
    return row if _stands(row, now_ms) else None


def live_refresh(text: str, app: App, *, now_ms: int) -> Refresh | None:
    """The refresh token that this app may use now; None for any other. A second use ends its whole family."""
    rows = Refresh.objects.select_related("user", "patient", "application")
    row = rows.filter(token_checksum=hash_of(text), application=app).first()
    if row is None:
        return None
    if row.revoked is not None:
        end_family(row.token_family, now_ms=now_ms)
        return None
    online = not row.session or row.session in lasting([row.session])
    return row if online and now_ms < row.until_ms and _stands(row, now_ms) else None


def _stands(row: Token | Refresh, now_ms: int) -> bool:
    """Whether the app, the person and the patient's own grant still let it be."""
    if row.application is None or not stands(row.application):
        return False
    if row.user is not None and not row.user.is_active:
        return False
    return not row.ground or ground_runs(row.patient, row.ground, row.application, now_ms=now_ms)


def ground_runs(patient: Account | None, ground: str, app: App, *, now_ms: int) -> bool:
    """Whether the grant that the patient gave this app is in force, as signed statements say."""
    if patient is None:
        return False
    try:
        given = [g for g in facts_of(patient.pk).grants if g.id == ground]
    except EgideError:  # the record was erased
        return False
    return any(g.holder.kind == APP and g.holder.id == app.client_id and runs(g, now_ms) for g in given)


def one_at_a_time(accounts: Iterable[uuid.UUID]) -> None:
    """Wait for whoever gives or ends these people's tokens, and keep others waiting until this transaction is over.

    What is read or changed by later statements is then all that there is. (SQLite has one writer at a time anyway.)
    """
    list(Account.objects.select_for_update(no_key=True).filter(pk__in=accounts).order_by("pk").values_list("pk"))


def end_family(family: uuid.UUID | None, *, now_ms: int) -> None:
    """Every token of one authorization ends; refresh tokens stay, so that their use is still known for what it is."""
    if family is None:
        return
    with transaction.atomic():
        one_at_a_time(Refresh.objects.filter(token_family=family).values_list("user", flat=True)[:1])
        Refresh.objects.filter(token_family=family, revoked=None).update(revoked=when(now_ms))
        Token.objects.filter(family=family).delete()


def end_authorization(account: Account, app: App, *, now_ms: int) -> None:
    """Whatever this person let this app do, through whatever device, ends now."""
    with transaction.atomic():
        one_at_a_time([account.pk])
        Code.objects.filter(user=account, application=app).delete()
        Refresh.objects.filter(user=account, application=app, revoked=None).update(revoked=when(now_ms))
        Token.objects.filter(user=account, application=app).delete()


def end_account(account: Account, now_ms: int) -> None:
    """Whatever this person let any app do ends now: with what opened their account before (signin.along)."""
    with transaction.atomic():
        one_at_a_time([account.pk])
        Code.objects.filter(user=account).delete()
        Refresh.objects.filter(user=account, revoked=None).update(revoked=when(now_ms))
        Token.objects.filter(user=account).delete()
        Launch.objects.filter(account=account).delete()


def end_app(app: App, *, now_ms: int) -> None:
    """Whatever anybody let this app do ends now."""
    Code.objects.filter(application=app).delete()
    Refresh.objects.filter(application=app, revoked=None).update(revoked=when(now_ms))
    Token.objects.filter(application=app).delete()
    Launch.objects.filter(app=app).delete()


def authorized_by(account: Account, *, now_ms: int) -> list[App]:
    """The apps that hold something of this person's now, by name."""
    rows: list[Token | Refresh] = [
        *Token.objects.filter(user=account, expires__gt=when(now_ms)).select_related("application", "user", "patient"),
        *Refresh.objects.filter(user=account, revoked=None, until_ms__gt=now_ms).select_related(
            "application", "user", "patient"
        ),
    ]
    found = {row.application.pk: row.application for row in rows if row.application and _stands(row, now_ms)}
    return sorted(found.values(), key=lambda app: app.name.casefold())


def forget_lapsed(*, now_ms: int) -> None:
    """Delete what could not be used any more. Used codes and refresh tokens stay as long as a copy could be tried."""
    Code.objects.filter(expires__lte=when(now_ms - _DAY_MS)).delete()
    Token.objects.filter(expires__lte=when(now_ms)).delete()
    Refresh.objects.filter(until_ms__lte=now_ms).delete()
    Launch.objects.filter(lapses_ms__lte=now_ms).delete()
