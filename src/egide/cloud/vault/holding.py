"""What is held: envelopes measured outside their pairing's window, until somebody says whose they are.

Only what columns tell is read here: nothing is opened, and no value is known.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, F, Max, Min, QuerySet

from egide.cloud.fleet.models import Pairing
from egide.cloud.vault.models import Envelope, Flag

__all__ = ["Held", "held_of", "held_under", "mark_held"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What is held of one pairing: how many envelopes, measured when, the last received when."""

    pairing: Pairing
    count: int
    first_ms: int
    last_ms: int
    received_ms: int
    dismissed: int


def held_under(pairing: Pairing) -> QuerySet[Envelope]:
    """The envelopes of a pairing that are nobody's, dismissed ones included, in the order of measuring."""
    rows = Envelope.objects.filter(pairing=pairing).annotate(
        held=F("flags").bitand(int(Flag.HELD)), said=F("flags").bitand(int(Flag.ATTRIBUTED))
    )
    return rows.filter(held__gt=0, said=0).order_by("first_ms", "entry")


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
