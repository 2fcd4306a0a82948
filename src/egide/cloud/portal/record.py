"""A patient's record as a page shows it: made from what release() answered, and from nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from egide.cloud.comfort.units import told_in, unit_for
from egide.cloud.comfort.wishes import current
from egide.cloud.portal import words
from egide.cloud.portal.metrics import PRESSURE, Metric, describe
from egide.cloud.portal.words import Mark
from egide.cloud.release.door import Column

__all__ = [
    "Group",
    "Reading",
    "Row",
    "Strip",
    "codes_of",
    "doubtful",
    "groups_of",
    "is_wave",
    "readings_of",
    "rows_of",
    "strips_of",
]

#: Values closer than this are a waveform: drawn, never listed one by one.
WAVE_PERIOD_MS: Final = 500
_FEW: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One value as it was signed, and everything that says how far it can be trusted."""

    entry: int
    position: int
    index: int  # place in the signed series
    metric: Metric
    unit: str
    value: Decimal
    at_ms: int
    correction_ms: int
    received_ms: int
    trust: int
    flags: frozenset[str]
    doubt: str | None
    object_id: str
    signed: tuple[Decimal, str] | None = None  # value and unit as signed, when the reader wished for another unit

    @property
    def key(self) -> str:
        return f"{self.entry}-{self.position}-{self.index}"

    @property
    def fine(self) -> bool:
        return self.doubt is None and "contested" not in self.flags

    def in_unit(self, unit: str) -> Decimal | None:
        """The value in another unit; None when it cannot be told."""
        return self.metric.convert(self.value, self.unit, unit)

    @property
    def shown(self) -> str:
        return self.metric.state(self.value) or words.number(self.value)

    @property
    def unit_words(self) -> str:
        return "" if self.metric.states else words.unit_words(self.unit)

    @property
    def signed_words(self) -> str:
        """Value and unit as the object signed them; "" when they are what is shown."""
        if self.signed is None:
            return ""
        value, unit = self.signed
        return f"{words.number(value)}{words.NARROW}{words.unit_words(unit)}"

    @property
    def trust_mark(self) -> Mark:
        return words.trust_mark(self.trust)

    @property
    def quality(self) -> list[Mark]:
        return words.quality_marks(self.flags, self.doubt)

    @property
    def signed_ms(self) -> int:
        """The instant that the object's own clock said."""
        return self.at_ms - self.correction_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """A stretch of waveform."""

    metric: Metric
    column: Column

    @property
    def at_ms(self) -> int:
        return self.column.times_ms[0]

    @property
    def key(self) -> str:
        return f"{self.column.entry}-{self.column.position}-0"

    @property
    def seconds(self) -> Decimal:
        span = self.column.times_ms[-1] - self.column.times_ms[0]
        return Decimal(round(span / 1000 + self.period_s, 0))

    @property
    def period_s(self) -> float:
        times = self.column.times_ms
        return (times[-1] - times[0]) / 1000 / max(1, len(times) - 1)

    @property
    def trust_mark(self) -> Mark:
        return words.trust_mark(self.column.trust)

    @property
    def quality(self) -> list[Mark]:
        doubt = next(iter(self.column.doubts.values()), None)
        return words.quality_marks(self.column.flags, doubt)


def is_wave(column: Column) -> bool:
    times = column.times_ms
    fast = len(times) > _FEW and (times[-1] - times[0]) < WAVE_PERIOD_MS * (len(times) - 1)
    return fast or describe(column.code).wave


def readings_of(columns: Iterable[Column]) -> list[Reading]:
    """Every single value, in order of time."""
    readings: list[Reading] = []
    for column in columns:
        if is_wave(column):
            continue
        metric = describe(column.code)
        readings += [
            Reading(
                entry=column.entry,
                position=column.position,
                index=column.first + i,
                metric=metric,
                unit=column.unit,
                value=Decimal(value).scaleb(column.exponent),
                at_ms=at_ms,
                correction_ms=column.correction_ms,
                received_ms=column.received_ms,
                trust=column.trust,
                flags=column.flags,
                doubt=column.doubts.get(i),
                object_id=column.object_id,
            )
            for i, (at_ms, value) in enumerate(zip(column.times_ms, column.values, strict=True))
        ]
    readings.sort(key=lambda r: (r.at_ms, r.entry, r.position, r.index))
    wanted = current().units
    return [_wished(r, wanted) for r in readings] if wanted else readings


def _wished(reading: Reading, wanted: Mapping[str, str]) -> Reading:
    """In the unit that its reader thinks in; what was signed stays beside it."""
    other = unit_for(reading.metric.code, reading.unit, wanted)
    value = told_in(reading.metric.code, reading.value, reading.unit, other) if other else None
    if other is None or value is None:
        return reading
    return replace(reading, value=value, unit=other, signed=(reading.value, reading.unit))


def strips_of(columns: Iterable[Column]) -> list[Strip]:
    """Every stretch of waveform, in order of time."""
    return [Strip(metric=describe(c.code), column=c) for c in columns if is_wave(c)]


def doubtful(column: Column) -> int:
    """How many values of a column are to be checked."""
    return len(column.values) if "contested" in column.flags else len(column.doubts)


def codes_of(key: str) -> tuple[str, ...]:
    """The codes that a group's key stands for."""
    return PRESSURE if key in PRESSURE else (key,)


def groups_of(columns: Iterable[Column]) -> list[Group]:
    """One group per metric: what is about the person first, then by name. Only last values are looked at."""
    by_key: dict[str, list[Column]] = {}
    for column in columns:
        by_key.setdefault(PRESSURE[0] if column.code in PRESSURE else column.code, []).append(column)
    groups = [_group(key, same) for key, same in by_key.items()]
    return sorted(groups, key=lambda g: (not describe(g.key).of_person, g.name.casefold(), g.key))


def _group(key: str, columns: list[Column]) -> Group:
    last = max(columns, key=lambda c: (c.times_ms[-1], c.entry))
    metric = describe(key)
    if is_wave(last):
        return Group(key=key, name=metric.name, strip=Strip(metric=metric, column=last), count=len(columns))
    counted = {c.code for c in columns}
    lead = next(code for code in codes_of(key) if code in counted)
    row = rows_of(readings_of(c for c in columns if c.entry == last.entry))[-1]
    return Group(
        key=key,
        name=metric.group_name,
        last=row,
        count=sum(len(c.values) for c in columns if c.code == lead),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of the table: one reading, or the parts of one blood pressure."""

    parts: tuple[Reading, ...]

    @property
    def first(self) -> Reading:
        return self.parts[0]

    @property
    def shown(self) -> str:
        return "/".join(part.shown for part in self.parts)

    @property
    def fine(self) -> bool:
        return all(part.fine for part in self.parts)

    @property
    def quality(self) -> list[Mark]:
        doubt = next((part.doubt for part in self.parts if part.doubt), None)
        return words.quality_marks(self.first.flags, doubt)


def rows_of(readings: Iterable[Reading]) -> list[Row]:
    """Lines in order of time; a systolic takes the diastolic of the same instant and envelope beside it."""
    ordered = list(readings)
    low = {(r.at_ms, r.entry): r for r in ordered if r.metric.code == PRESSURE[1]}
    high = {(r.at_ms, r.entry) for r in ordered if r.metric.code == PRESSURE[0]}
    rows = []
    for reading in ordered:
        where = (reading.at_ms, reading.entry)
        if reading.metric.code == PRESSURE[0] and where in low:
            rows.append(Row(parts=(reading, low[where])))
        elif reading.metric.code not in PRESSURE[1:] or where not in high:
            rows.append(Row(parts=(reading,)))
    return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """What a person calls one metric (blood pressure is one), with its last reading or strip."""

    key: str  # a LOINC code, as the catalogue writes it
    name: str
    count: int
    last: Row | None = None
    strip: Strip | None = None

    @property
    def at_ms(self) -> int:
        return self.strip.at_ms if self.strip else self.last.first.at_ms if self.last else 0
