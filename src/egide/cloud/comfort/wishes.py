"""What a person wants of the pages, and the wishes that are in force while one request is answered.

Outside a request, and for somebody who asked for nothing, pages come as they are: full words, the units that objects
signed, the platform's own time zone.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from contextvars import ContextVar, Token
from dataclasses import asdict, dataclass, fields
from functools import cache
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings

from egide.cloud.comfort.models import Wish
from egide.cloud.comfort.units import CHOICES
from egide.cloud.keys.columns import open_text, seal_text
from egide.cloud.people.models import Account
from egide.errors import SealError

__all__ = ["NONE", "Wishes", "current", "drop", "enter", "keep", "leave", "wishes_of", "zone", "zones"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """Whatever a form or a row said is checked by `read`: here is only what can be served."""

    easy: bool = False  # easy-to-read words where there are some
    zone: str = ""  # "": the platform's
    glucose: str = ""  # a UCUM unit; "": as signed
    weight: str = ""
    temperature: str = ""

    @property
    def units(self) -> dict[str, str]:
        """Those that were chosen, by kind."""
        return {kind: unit for kind in CHOICES if (unit := getattr(self, kind))}

    @classmethod
    def read(cls, said: dict[str, Any]) -> Wishes:
        """What cannot be served is not wished."""
        units = {kind: said[kind] for kind, of_kind in CHOICES.items() if said.get(kind) in of_kind}
        zone_name = said.get("zone", "")
        return cls(easy=said.get("easy") is True, zone=zone_name if zone_name in zones() else "", **units)


_REGIONS: Final = (
    "Africa/", "America/", "Antarctica/", "Asia/", "Atlantic/", "Australia/", "Europe/", "Indian/", "Pacific/",
)  # fmt: skip
NONE: Final = Wishes()
_ask: ContextVar[Callable[[], Wishes] | None] = ContextVar("egide.comfort", default=None)


def drop(account: uuid.UUID) -> None:
    """Forget them: pages come as they are again."""
    Wish.objects.filter(pk=account).delete()


def wishes_of(account: Account) -> Wishes:
    """Those that were kept; none when there are none, or the row was altered."""
    row = Wish.objects.filter(pk=account.pk).first()
    if row is None:
        return NONE
    try:
        said = json.loads(open_text(bytes(row.sealed), _context(account)))
    except (SealError, ValueError):
        return NONE
    return Wishes.read(said) if isinstance(said, dict) else NONE


def keep(account: Account, wishes: Wishes) -> None:
    """In place of what was kept before; nothing is kept of somebody who wishes nothing."""
    if wishes == NONE:
        Wish.objects.filter(pk=account.pk).delete()
        return
    said = {f.name: value for f in fields(wishes) if (value := asdict(wishes)[f.name])}
    Wish.objects.update_or_create(pk=account.pk, defaults={"sealed": seal_text(json.dumps(said), _context(account))})


def enter(account: Account | None) -> Token[Callable[[], Wishes] | None]:
    """Wishes of this person are in force until `leave`; the table is read when a page first asks, and once."""
    return _ask.set(cache(lambda: wishes_of(account)) if account is not None else None)


def leave(token: Token[Callable[[], Wishes] | None]) -> None:
    _ask.reset(token)


def current() -> Wishes:
    """Of the person whose request is being answered."""
    ask = _ask.get()
    return ask() if ask is not None else NONE


def zone() -> ZoneInfo:
    """The time zone that pages speak in, for this person."""
    return ZoneInfo(current().zone or settings.TIME_ZONE)


@cache
def zones() -> frozenset[str]:
    """Those named after a place: "Europe/Paris", and not "EST5EDT"."""
    return frozenset(name for name in available_timezones() if name.startswith(_REGIONS))


def _context(account: Account) -> bytes:
    return b"comfort.wish " + account.pk.bytes
