"""What is held: envelopes measured outside their pairing's window, until somebody says whose they are.

Only what columns tell is read here: nothing is opened, and no value is known.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, F, Max, Min

from egide.cloud.fleet.models import Pairing
from egide.cloud.vault.models import Envelope, Flag

__all__ = ["Counted", "Held", "counted", "held_of", "mark_held"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What is held of one pairing: how many envelopes, measured when, the last received when."""

    pairing: Pairing
    count: int
    first_ms: int
    last_ms: int
    received_ms: int
    dismissed: int


def held_of(pairings: Iterable[Pairing]) -> list[Held]:
    """What is held of each, the latest received first; pairings of which nothing is held are left out."""
    wanted = {pairing.pk: pairing for pairing in pairings}
    flags = Envelope.objects.filter(pairing__in=wanted).annotate(
        held=F("flags").bitand(int(Flag.HELD)), said=F("flags").bitand(int(Flag.ATTRIBUTED)),
        put_aside=F("flags").bitand(int(Flag.DISMISSED)),
    )  # fmt: skip
    rows = flags.filter(held__gt=0, said=0).values("pairing_id", "put_aside")
    counted = rows.annotate(n=Count("entry"), a=Min("first_ms"), b=Max("last_ms"), c=Max("received_ms"))
    found: dict[int, Held] = {}
    for row in counted.order_by("pairing_id"):
        before = found.get(row["pairing_id"])
        aside = row["n"] if row["put_aside"] else 0
        found[row["pairing_id"]] = Held(
            pairing=wanted[row["pairing_id"]],
            count=row["n"] - aside + (before.count if before else 0),
            first_ms=min(row["a"], before.first_ms) if before else row["a"],
            last_ms=max(row["b"], before.last_ms) if before else row["b"],
            received_ms=max(row["c"], before.received_ms) if before else row["c"],
            dismissed=aside + (before.dismissed if before else 0),
        )
    return sorted(found.values(), key=lambda held: (-held.received_ms, held.pairing.pk))


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
    entries = list(rows.values_list("entry", flat=True))
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
