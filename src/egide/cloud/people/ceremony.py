"""How a platform gets its first two officers: by two people, before any account exists.

`begin` makes two halves and hands one to each; the platform keeps only their hashes. `finish` needs both, within an
hour: the first becomes administrator, the second security officer, in the establishment that runs the platform. Neither
half does anything alone. The act is a signed statement: a ceremony held behind somebody's back shows in the register.

It cannot be held while two officers can act. When fewer are left, it can be held again: that is how a platform that
lost its officers comes back.
"""

from __future__ import annotations

import base64
import hashlib
import os
import uuid
from dataclasses import dataclass
from typing import Final

from django.db import transaction
from django.db.models import F

from egide.cloud.people.authority import OFFICERS, PROPOSERS
from egide.cloud.people.establishments import home
from egide.cloud.people.models import Account, Ceremony, Membership
from egide.cloud.people.offices import offices_of, seat
from egide.cloud.people.service import create_account
from egide.cloud.register.journal import append_statement
from egide.errors import RefusedError

__all__ = ["CEREMONY_LIFE_MS", "Halves", "begin", "finish", "found"]

CEREMONY_LIFE_MS: Final = 3_600_000
_TRIES: Final = 5
_HALF_BYTES: Final = 15  # 120 bits, 24 characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Halves:
    """One for each of two people; shown once."""

    first: str
    second: str
    lapses_ms: int


def begin(now_ms: int) -> Halves:
    """Make two halves; those of an earlier ceremony stop working.

    Raises:
        RefusedError: two officers can act: they appoint the others.
    """
    _require_needed(now_ms)
    first, second = (base64.b32encode(os.urandom(_HALF_BYTES)).decode().lower() for _ in range(2))
    with transaction.atomic():
        Ceremony.objects.filter(done_ms=None).delete()
        made = Ceremony.objects.create(
            first_hash=_digest(first), second_hash=_digest(second), begun_ms=now_ms, lapses_ms=now_ms + CEREMONY_LIFE_MS
        )
    return Halves(first=_spaced(first), second=_spaced(second), lapses_ms=made.lapses_ms)


def finish(
    first_half: str, first_name: str, second_half: str, second_name: str, *, now_ms: int
) -> tuple[Account, Account]:
    """Bring both halves together: the administrator and the security officer.

    Raises:
        RefusedError: a half is wrong or lapsed (which is not said; five wrong tries end the ceremony), one name twice,
        or two officers can act already.
    """
    _require_needed(now_ms)
    waiting = Ceremony.objects.filter(done_ms=None, lapses_ms__gt=now_ms, tries__lt=_TRIES)
    halves = {"first_hash": _digest(_typed(first_half)), "second_hash": _digest(_typed(second_half))}
    held = waiting.filter(**halves).first()
    if held is None:
        waiting.update(tries=F("tries") + 1)
        raise RefusedError("these two halves do not open a ceremony")
    with transaction.atomic():
        # The update is what decides: of two tries at the same instant, one changes a row.
        if not waiting.filter(pk=held.pk).update(done_ms=now_ms):
            raise RefusedError("this ceremony is over")
        return found(first_name, second_name, now_ms=now_ms, ceremony=held.pk)


def found(
    first_name: str, second_name: str, *, now_ms: int, ceremony: uuid.UUID | None = None
) -> tuple[Account, Account]:
    """The accounts and offices of the first two: what `finish` does once both halves are there.

    Called without halves only where there is nobody to ask: a demonstration, a test. The statement then names none.
    """
    _require_needed(now_ms)
    with transaction.atomic():
        pair = tuple(create_account(Account.Role.OPERATOR, name, now_ms) for name in (first_name, second_name))
        if bytes(pair[0].name_index) == bytes(pair[1].name_index):
            raise RefusedError("the first two officers are two people")
        facts = {"ceremony": str(ceremony) if ceremony else None, "officers": [str(a.pk) for a in pair]}
        append_statement("ceremony", None, facts, now_ms=now_ms)
        for account, office in zip(pair, ("administrator", "security-officer"), strict=True):
            seat(account, home(now_ms), office, by=(pair[0], pair[1]), now_ms=now_ms, how="ceremony")
    return pair[0], pair[1]


def _require_needed(now_ms: int) -> None:
    acting: dict[uuid.UUID, set[str]] = {}
    place = home(now_ms)
    rows = Membership.objects.filter(establishment=place, office__in=OFFICERS, account__is_active=True)
    for account in {row.account for row in rows.select_related("account")}:
        held = {m.office for m in offices_of(account, now_ms=now_ms) if m.establishment_id == place.pk} & OFFICERS
        if held:
            acting[account.pk] = held
    if len(acting) >= 2 and any(held & PROPOSERS for held in acting.values()):
        raise RefusedError("two officers can act: they appoint the others")


def _digest(half: str) -> bytes:
    return hashlib.sha256(b"egide ceremony v1 " + half.encode()).digest()


def _typed(half: str) -> str:
    return "".join(half.split()).replace("-", "").lower()


def _spaced(half: str) -> str:
    return "-".join(half[i : i + 4] for i in range(0, len(half), 4))
