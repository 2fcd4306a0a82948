"""What is held: envelopes measured outside their pairing's window, until somebody says whose they are.

Only what columns tell is read here: nothing is opened, and no value is known.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import BooleanField, Count, F, Max, Min, QuerySet, Sum
from django.db.models.expressions import RawSQL

from egide.cloud.fleet.models import Pairing
from egide.cloud.vault.models import Envelope, Flag
from egide.cloud.vault.pages import month_of
from egide.cloud.vault.pages_rows import note_months

__all__ = ["Counted", "Held", "HeldPage", "counted", "held_of", "held_page", "held_rows", "mark_held"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What is held of one pairing: how many envelopes, measured when, the last received when."""

    pairing: Pairing
    count: int
    first_ms: int
    last_ms: int
    received_ms: int
    dismissed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPage:
    """Some of it, and counts of all: envelopes that wait, those set aside, pairings of which something waits."""

    held: list[Held]
    envelopes: int
    aside: int
    pairings: int


def held_of(pairings: QuerySet[Pairing] | Iterable[Pairing]) -> list[Held]:
    """What is held of each, the latest received first; pairings of which nothing is held are left out."""
    return _with_pairings(_counts(pairings))


def held_page(pairings: QuerySet[Pairing], *, start: int, size: int) -> HeldPage:
    """What waits of `size` pairings from the `start`-th on, the latest received first, by one look at the index."""
    rows = _counts(pairings)
    waiting = [row for row in rows if row["n"] > row["aside"] // Flag.DISMISSED]
    aside = sum(row["aside"] // Flag.DISMISSED for row in rows)
    return HeldPage(
        held=_with_pairings(waiting[start : start + size]), envelopes=sum(row["n"] for row in rows) - aside,
        aside=aside, pairings=len(waiting),
    )  # fmt: skip


def held_rows() -> QuerySet[Envelope]:
    """What is held and nobody attributed, in the index's own words: SQLite looks there for no others."""
    return Envelope.objects.filter(RawSQL('("vault_envelope"."flags" & 24) = 8', (), BooleanField()))


def _counts(pairings: QuerySet[Pairing] | Iterable[Pairing]) -> list[dict[str, Any]]:
    """One row a pairing, by one query: `aside` is a sum of marks, not yet a count."""
    keys: Any = (
        pairings.order_by().values("pk") if isinstance(pairings, QuerySet) else [pairing.pk for pairing in pairings]
    )
    rows: Any = held_rows().filter(pairing__in=keys).values("pairing_id").annotate(
        n=Count("entry"), a=Min("first_ms"), b=Max("last_ms"), c=Max("received_ms"),
        aside=Sum(F("flags").bitand(int(Flag.DISMISSED))),
    )  # fmt: skip
    return sorted(rows, key=lambda row: (-row["c"], row["pairing_id"]))


def _with_pairings(rows: Sequence[dict[str, Any]]) -> list[Held]:
    known = Pairing.objects.select_related("object", "patient").in_bulk([row["pairing_id"] for row in rows])
    return [
        Held(
            pairing=known[row["pairing_id"]], count=row["n"] - row["aside"] // Flag.DISMISSED, first_ms=row["a"],
            last_ms=row["b"], received_ms=row["c"], dismissed=row["aside"] // Flag.DISMISSED,
        )
        for row in rows
    ]  # fmt: skip


def mark_held(
    pairing: Pairing, since_ms: int, until_ms: int | None, flag: Flag, *, undo: bool, until_received_ms: int | None
) -> int:
    """Mark the held envelopes that lie whole within a period, or take the mark away; returns how many.

    ATTRIBUTED counts for what comes later too; DISMISSED for what had come by `until_received_ms`.
    """
    bits = {Flag.ATTRIBUTED: int(Flag.ATTRIBUTED), Flag.DISMISSED: int(Flag.DISMISSED)}[flag]
    rows = Envelope.objects.filter(pairing=pairing, first_ms__gte=since_ms).annotate(
        held=F("flags").bitand(int(Flag.HELD)), said=F("flags").bitand(int(Flag.ATTRIBUTED))
    )
    if until_ms is not None:
        rows = rows.filter(last_ms__lt=until_ms)
    if flag == Flag.DISMISSED and until_received_ms is not None:
        rows = rows.filter(received_ms__lte=until_received_ms)
    rows = rows.filter(held__gt=0, pairing__patient=_sealed_to())
    if not undo:
        rows = rows.filter(said=0)
    found = list(rows.values_list("entry", "first_ms", "data_key__record_key_id"))
    entries = [entry for entry, _, _ in found]
    note_months([(key, pairing.pk, month_of(first)) for _, first, key in found])
    keep = ~bits if undo else ~int(Flag.DISMISSED)
    change = F("flags").bitand(keep) if undo else F("flags").bitand(keep).bitor(bits)
    for at in range(0, len(entries), 500):
        Envelope.objects.filter(entry__in=entries[at : at + 500]).update(flags=change)
    return len(entries)


def _sealed_to() -> F:
    """An envelope that was moved is sealed to another record than its pairing's patient's: it is theirs, not held."""
    return F("data_key__record_key__subject")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """How many envelopes of a pairing a period holds whole, and how many lie across one of its edges and stay."""

    inside: int
    across: int


def counted(pairing: Pairing, since_ms: int, until_ms: int | None, owner: uuid.UUID) -> Counted:
    """Of what is sealed to `owner`'s record: nothing is opened."""
    rows = Envelope.objects.filter(
        pairing=pairing, last_ms__gte=since_ms, data_key__record_key__subject=owner,
        data_key__record_key__erased_ms=None,
    )  # fmt: skip
    inside = rows.filter(first_ms__gte=since_ms)
    if until_ms is not None:
        rows, inside = rows.filter(first_ms__lt=until_ms), inside.filter(last_ms__lt=until_ms)
    whole = inside.count()
    return Counted(inside=whole, across=rows.count() - whole)
