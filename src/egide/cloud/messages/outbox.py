"""What waits to leave. A message is queued in the transaction of what it tells of, so none is lost; it is sent later.

A message is sent at least once: a sender that dies between a mail server's yes and our row sends it again, and it says
nothing twice. What cannot be sent is given up after a day or so, and listed until somebody looks.
"""

from __future__ import annotations

import uuid
from typing import Final

from django.db.models import F, Q

from egide.cloud.messages.models import Outgoing, Way
from egide.cloud.people.models import Account
from egide.errors import NotFoundError

__all__ = [
    "HOLD_MS", "MAX_TRIES", "OLD_MS", "again", "claim", "dead", "delivered", "due", "failed", "forget_old", "queue",
    "waits_ms",
]  # fmt: skip

MAX_TRIES: Final = 14
#: A sender keeps a message this long before another may take it.
HOLD_MS: Final = 5 * 60_000
#: What is older tells nobody anything new: it is given up.
OLD_MS: Final = 7 * 86_400_000
_KEPT_MS: Final = 30 * 86_400_000
_FIRST_MS: Final = 30_000
_LONGEST_MS: Final = 6 * 3_600_000


def queue(account: Account, *, now_ms: int, due_ms: int | None = None) -> int:
    """Queue "you have a message" in each way that this person turned on; return how many were queued.

    None is where nobody proved that they read what is sent there, nor where such a message waits already: it would say
    the same. Call it in the transaction of what it tells of.
    """
    due_at = now_ms if due_ms is None else max(now_ms, due_ms)
    ways = list(Way.objects.filter(account=account, proved_ms__isnull=False))
    if not ways:
        return 0
    soon = Q(due_ms__lte=due_at) | Q(tries__gt=0)  # a try that failed put it off: it tells of this, too
    waiting = Outgoing.objects.filter(soon, way__in=ways, is_code=False, state=Outgoing.State.WAITING)
    there = set(waiting.values_list("way_id", flat=True))
    made = [Outgoing(way=way, queued_ms=now_ms, due_ms=due_at) for way in ways if way.pk not in there]
    Outgoing.objects.bulk_create(made)
    return len(made)


def due(*, now_ms: int, limit: int = 50) -> list[uuid.UUID]:
    """What may be sent now, the longest due first."""
    open_accounts = Outgoing.objects.filter(way__account__is_active=True)
    rows = open_accounts.filter(state=Outgoing.State.WAITING, due_ms__lte=now_ms, held_ms__lte=now_ms)
    return list(rows.order_by("due_ms", "pk").values_list("pk", flat=True)[:limit])


def claim(message: uuid.UUID, *, now_ms: int) -> Outgoing | None:
    """Take it for five minutes; None when another sender has it, or it is gone. The update, of one row, decides."""
    free = Outgoing.objects.filter(
        pk=message, state=Outgoing.State.WAITING, due_ms__lte=now_ms, held_ms__lte=now_ms
    )
    if not free.update(held_ms=now_ms + HOLD_MS, tries=F("tries") + 1):
        return None
    return Outgoing.objects.select_related("way__account").filter(pk=message).first()


def delivered(row: Outgoing, *, now_ms: int) -> None:
    """It was taken: by a mail server or an operator, which is all that anybody can know."""
    Outgoing.objects.filter(pk=row.pk).update(
        state=Outgoing.State.SENT, settled_ms=now_ms, held_ms=0, trouble=""
    )


def failed(row: Outgoing, trouble: str, *, now_ms: int, for_good: bool) -> bool:
    """Try it later, or give it up: refused for good, tried too often, or too old. Returns whether it was given up."""
    given_up: bool = for_good or row.tries >= MAX_TRIES or now_ms - row.queued_ms >= OLD_MS
    said = {"trouble": trouble[:32], "held_ms": 0}
    if given_up:
        Outgoing.objects.filter(pk=row.pk).update(state=Outgoing.State.DEAD, settled_ms=now_ms, **said)
    else:
        Outgoing.objects.filter(pk=row.pk).update(due_ms=now_ms + waits_ms(row.tries), **said)
    return given_up


def waits_ms(tries: int) -> int:
    """How long after that many tries: half a minute, then twice as long each time, six hours at most."""
    doubled = 1 << min(20, max(0, tries - 1))
    return min(_LONGEST_MS, _FIRST_MS * doubled)


def dead() -> list[Outgoing]:
    """What was given up, the latest first. It names no address and no person."""
    rows = Outgoing.objects.filter(state=Outgoing.State.DEAD).select_related("way")
    return list(rows.order_by("-settled_ms", "pk"))


def again(message: uuid.UUID, *, now_ms: int) -> None:
    """Try once more what was given up. Raises NotFoundError: nothing was given up under that id."""
    fresh = {"state": Outgoing.State.WAITING, "tries": 0, "queued_ms": now_ms, "due_ms": now_ms, "settled_ms": None}
    if not Outgoing.objects.filter(pk=message, state=Outgoing.State.DEAD).update(**fresh):
        raise NotFoundError("no message was given up under that id")


def forget_old(*, now_ms: int) -> None:
    """What was sent over a month ago goes."""
    Outgoing.objects.filter(state=Outgoing.State.SENT, settled_ms__lte=now_ms - _KEPT_MS).delete()
