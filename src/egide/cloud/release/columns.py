"""What a reader gets of one envelope: its columns, as far as the ask and the decision let them be seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from egide.cloud.consent.rules import Decision
from egide.cloud.release.deciding import Ask
from egide.cloud.release.sight import see
from egide.cloud.vault.models import Envelope, Flag
from egide.cloud.vault.opening import Opened
from egide.measure.plausibility import spread
from egide.measure.readings import Readings, decode_readings
from egide.trust.cose import Sign1

__all__ = ["Column", "Read", "columns_in", "columns_of", "flag_names", "marks"]

_FLAGS = {Flag.CONTESTED: "contested", Flag.LATE: "late", Flag.CLOCK: "clock", Flag.HELD: "held"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One metric of one envelope. `times_ms` are corrected; the i-th value is `values[i] * 10**exponent`.

    `position` is the place of the series in its envelope, and `first` that of the first value here in the series (a
    period may cut one), both counted among what the reader may see.
    """

    entry: int
    position: int
    code: str
    unit: str
    exponent: int
    times_ms: tuple[int, ...]
    correction_ms: int
    values: tuple[int, ...]
    trust: int
    flags: frozenset[str]
    object_id: str
    pairing_id: str
    received_ms: int
    doubts: dict[int, str] = field(default_factory=dict)
    first: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """One envelope in clear, from the vault or from a page."""

    entry: int
    flags: int
    received_ms: int
    correction_ms: int
    trust: int
    doubts: Mapping[int, Mapping[int, str]]
    object_id: str
    pairing_id: str
    readings: Readings


def flag_names(bits: int) -> frozenset[str]:
    """The words for an envelope's flags, as proofs say them: what intake said, whatever was attributed since."""
    return frozenset(name for bit, name in _FLAGS.items() if bits & bit)


def marks(bits: int) -> frozenset[str]:
    """The words for a reader: what is not held any more was attributed."""
    names = flag_names(bits)
    return (names - {"held"}) | {"attributed"} if bits & Flag.ATTRIBUTED else names


def columns_of(row: Envelope, opened: Opened, ask: Ask, decision: Decision) -> list[Column]:
    """One envelope's columns, as far as this ask may see them."""
    read = Read(
        entry=row.entry, flags=row.flags, received_ms=row.received_ms, correction_ms=opened.correction_ms,
        trust=opened.trust, doubts=opened.doubts, object_id=str(row.pairing.object_id),
        pairing_id=str(row.pairing.uuid), readings=decode_readings(Sign1.parse(opened.entry).payload or b""),
    )  # fmt: skip
    return columns_in(read, ask, decision)


def columns_in(read: Read, ask: Ask, decision: Decision) -> list[Column]:
    """The same, of one that is in clear."""
    flags, columns = marks(read.flags), []
    shift, now_ms = read.readings.t0_ms + read.correction_ms, read.received_ms - read.correction_ms
    for seen in see(read.readings, shift, decision, read.doubts, now_ms=now_ms):
        series = seen.series
        if ask.codes and series.code not in ask.codes:
            continue
        times, values = seen.times_ms, series.values
        doubts = spread(seen.odd, len(values))
        first = 0
        if times[0] < ask.since_ms or times[-1] >= ask.until_ms:
            kept = [i for i, t in enumerate(times) if ask.since_ms <= t < ask.until_ms]
            if not kept:
                continue
            first = kept[0]
            doubts = {n: doubts[i] for n, i in enumerate(kept) if i in doubts}
            times, values = [times[i] for i in kept], tuple(values[i] for i in kept)
        columns.append(
            Column(
                entry=read.entry,
                position=seen.position,
                code=series.code,
                unit=series.unit,
                exponent=series.exponent,
                times_ms=tuple(times),
                correction_ms=read.correction_ms,
                values=values,
                trust=read.trust,
                flags=flags,
                object_id=read.object_id,
                pairing_id=read.pairing_id,
                received_ms=read.received_ms,
                doubts=dict(doubts),
                first=first,
            )
        )
    return columns
