"""What somebody left on a shared workstation, sealed to their account and given back to nobody else.

Their last page, so that they come back to it wherever they sign in next; and the forms that they had not sent when it
locked. Twelve hours later it is forgotten.
"""

from __future__ import annotations

import json
from typing import Final

from egide.cloud.keys.columns import blind_index, open_text, seal_text
from egide.cloud.people.models import Account
from egide.cloud.signin.models import Kept
from egide.errors import RefusedError, SealError

__all__ = [
    "KEPT_MS", "MAX_DRAFT", "Fields", "draft_of", "drop_draft", "forget_lapsed", "keep_draft", "keep_page", "last_page",
]  # fmt: skip

KEPT_MS: Final = 12 * 3_600_000
MAX_DRAFT: Final = 16_000  # characters of one form
_MAX_ADDRESS: Final = 500
_MOST: Final = 20  # forms of one account
_PAGE: Final = "page"
Fields = list[tuple[str, str]]


def keep_page(account: Account, address: str, *, now_ms: int) -> None:
    """Where somebody is now, in place of where they were."""
    if len(address) <= _MAX_ADDRESS:
        _keep(account, _PAGE, address, now_ms)


def last_page(account: Account, *, now_ms: int) -> str:
    """Where they were last; "" when nothing was kept."""
    return _open(account, _PAGE, now_ms)


def keep_draft(account: Account, address: str, fields: Fields, *, now_ms: int) -> None:
    """Keep what is typed in the form that is sent to `address`; a form that was emptied is forgotten.

    Raises:
        RefusedError: too long, or too many forms.
    """
    if not any(value for _name, value in fields):
        return drop_draft(account, address)
    text = json.dumps(fields)
    if len(text) > MAX_DRAFT or len(address) > _MAX_ADDRESS:
        raise RefusedError("this is too long to be kept")
    mark = _mark(account, address)
    if Kept.objects.filter(account=account).exclude(mark=mark).count() > _MOST:
        raise RefusedError("too many forms wait to be sent")
    _keep(account, address, text, now_ms)
    return None


def draft_of(account: Account, address: str, *, now_ms: int) -> tuple[Fields, int] | None:
    """What was typed in that form, and when it was kept."""
    text = _open(account, address, now_ms)
    if not text:
        return None
    row = Kept.objects.filter(account=account, mark=_mark(account, address)).first()
    return [(str(name), str(value)) for name, value in json.loads(text)], row.at_ms if row else now_ms


def drop_draft(account: Account, address: str) -> None:
    """It was sent, or is not wanted any more."""
    Kept.objects.filter(account=account, mark=_mark(account, address)).delete()


def forget_lapsed(*, now_ms: int) -> None:
    """Twelve hours are over: the rows go, though nobody keeps anything any more."""
    Kept.objects.filter(at_ms__lte=now_ms - KEPT_MS).delete()


def _keep(account: Account, name: str, text: str, now_ms: int) -> None:
    forget_lapsed(now_ms=now_ms)
    row = {"sealed": seal_text(text, _context(account, name)), "at_ms": now_ms}
    Kept.objects.update_or_create(account=account, mark=_mark(account, name), defaults=row)


def _open(account: Account, name: str, now_ms: int) -> str:
    fresh = Kept.objects.filter(account=account, mark=_mark(account, name), at_ms__gt=now_ms - KEPT_MS).first()
    if fresh is None:
        return ""
    try:
        return open_text(bytes(fresh.sealed), _context(account, name))
    except SealError:  # another account's row under this one's name
        return ""


def _mark(account: Account, name: str) -> bytes:
    return blind_index(f"{account.pk} {name}", "signin.kept")


def _context(account: Account, name: str) -> bytes:
    return b"signin.kept " + account.pk.bytes + b" " + name.encode()
