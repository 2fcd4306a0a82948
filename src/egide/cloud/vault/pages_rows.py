"""Where pages lie: what the table of envelopes says now, which months wait to be written, and which must go.

What changes of an envelope that a page covers is found by its reader, who compares; so nothing here must happen for
what is shown to be true. What leaves a record is another matter: its pages go in the very same transaction.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import F, QuerySet

from egide.cloud.fleet.models import Pairing
from egide.cloud.keys.models import RecordKey
from egide.cloud.vault.models import Envelope, Page
from egide.cloud.vault.pages import State, month_of, span_of

__all__ = [
    "Place", "forget_keys_pages", "forget_months", "note_months", "of_place", "pages_lock", "state_of",
    "states_of",
]  # fmt: skip

_LOCK_ID: Final = 0x65677067  # "egpg"
_STATE: Final = ("entry", "data_key_id", "step", "flags", "received_ms", "first_ms", "last_ms")

#: A record's key, a pairing and a month, by their numbers.
Place = tuple[int, int, int]


@contextmanager
def pages_lock() -> Iterator[None]:
    """A transaction in which nobody else writes a page or takes one away. Taken after the register's, never before."""
    with transaction.atomic():  # on SQLite it holds the one lock there is (BEGIN IMMEDIATE)
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK_ID])
        yield


def states_of(rows: QuerySet[Envelope]) -> list[tuple[Any, ...]]:
    """Of each envelope its number, pairing, record's key, and its state, in the order of entries. Opens nothing."""
    asked = rows.order_by("entry").values_list(*_STATE, "pairing_id", "data_key__record_key_id")
    return list(asked)


def of_place(place: Place) -> QuerySet[Envelope]:
    """The envelopes of a page: sealed to this key, of this pairing, the first value in this month."""
    key, pairing, month = place
    since, until = span_of(month)
    return Envelope.objects.filter(
        pairing=pairing, data_key__record_key=key, first_ms__gte=since, first_ms__lt=until, last_ms__gte=since
    )


def note_months(places: Iterable[Place], *, now_ms: int = 0) -> None:
    """Something came, or changed, in these months: their pages are to be written again (at once, without a time)."""
    counted = Counter(places)
    if not counted:
        return
    with pages_lock():
        for (key, pairing, month), n in sorted(counted.items()):
            where = {"record_key_id": key, "pairing_id": pairing, "month": month, "part": 0}
            mine = Page.objects.filter(**where)
            mine.filter(waiting=0).update(waiting_ms=now_ms)
            if not mine.update(waiting=F("waiting") + n):
                Page.objects.create(**where, waiting=n, waiting_ms=now_ms)


def forget_months(pairing: Pairing, subject: uuid.UUID, firsts_ms: Iterable[int]) -> None:
    """What leaves this record leaves its pages: call it in the transaction in which it does."""
    months = {month_of(ms) for ms in firsts_ms}
    if not months:
        return
    with pages_lock():
        pages = Page.objects.filter(pairing=pairing, month__in=months, record_key__subject=subject)
        pages.filter(part__gt=0).delete()
        pages.update(sealed=None, count=0, waiting=F("waiting") + 1, waiting_ms=0)


def forget_keys_pages(keys: Iterable[RecordKey]) -> None:
    """A class that is erased: nobody opens its pages any more, and they are not kept either."""
    with pages_lock():
        Page.objects.filter(record_key__in=[key.pk for key in keys]).delete()


def state_of(row: tuple[Any, ...]) -> State:
    """The state in a row of `states_of`."""
    return State._make(row[: len(_STATE)])
