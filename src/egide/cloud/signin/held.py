"""A good link of somebody who has a factor waits here, ten minutes, for that factor. It is no session."""

from __future__ import annotations

import uuid
from typing import Final

from django.http import HttpRequest

from egide.cloud.people.models import Account

__all__ = ["HELD_MS", "held_account", "hold", "let_go"]

HELD_MS: Final = 10 * 60 * 1000
_KEY: Final = "signin.held"


def hold(request: HttpRequest, account: Account, *, now_ms: int) -> None:
    """The key of the browser's session changes: one that was planted before sees nothing of it."""
    request.session.cycle_key()
    request.session.set_expiry(HELD_MS // 1000)
    request.session[_KEY] = [str(account.pk), now_ms]


def held_account(request: HttpRequest, *, now_ms: int) -> Account | None:
    """Whose link waits in this browser, if any."""
    match request.session.get(_KEY):
        case [str(key), int(at)] if 0 <= now_ms - at < HELD_MS:
            return Account.objects.filter(pk=uuid.UUID(key), is_active=True).first()
    return None


def let_go(request: HttpRequest) -> None:
    request.session.pop(_KEY, None)
