"""The sealed page's format (docs/spec/pages.md): a month of one pairing, by columns. Pure.

    cover   which envelopes a month's page holds, each as the table said it, and which metrics
    part    one metric of that month: its series, their values and doubts, and a roll-up of each hour

A page is a cache. What it says of an envelope is what opening the envelope gives, so `read_lines` gives back exactly
what `encode_month` was given.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import accumulate
from typing import Any, Final, NamedTuple

from egide import cbor
from egide.cloud.vault.pages_rolling import Rolled, read_rolled, roll, rolled_item
from egide.errors import MalformedError
from egide.measure.readings import Readings, Series

__all__ = [
    "MAX_VALUES", "MOST_VALUES", "VERSION", "Cover", "Line", "Month", "Part", "State", "decode_cover", "decode_part",
    "encode_month", "fits", "month_of", "months_between", "read_lines", "span_of",
]  # fmt: skip

VERSION: Final = 1
#: Values of one envelope, and of a month: waveforms and what is too much for one page stay in their envelopes.
MAX_VALUES: Final = 512
MOST_VALUES: Final = 400_000
_LIMIT: Final = 32 * 1024 * 1024
_TYPES: Final = {1: "B", 2: "H", 4: "I", 8: "Q"}
_EPOCH_YEAR: Final = 1970
_DAY_MS: Final = 86_400_000


class State(NamedTuple):
    """What the table of envelopes says of one: while it says the same, the page says what the envelope says."""

    entry: int
    data_key: int
    step: int
    flags: int
    received_ms: int
    first_ms: int
    last_ms: int


@dataclass(frozen=True, slots=True)
class Line:
    """One envelope, as opening it gives it."""

    state: State
    correction_ms: int
    trust: int
    doubts: Mapping[int, Mapping[int, str]]
    readings: Readings


@dataclass(frozen=True, slots=True)
class Cover:
    """Columns, one item an envelope, by entry; and the metrics: code, first and last instant (ms since 1970)."""

    states: list[State]
    correction_ms: list[int]
    trust: list[int]
    t0_ms: list[int]
    series: list[int]  # how many each holds
    metrics: list[tuple[str, int, int]]


@dataclass(frozen=True, slots=True)
class Part:
    """Columns, one item a series, by envelope and position. `starts` and `counts` cut `values` (and `offsets`)."""

    code: str
    units: list[tuple[str, int]]  # unit, exponent
    line: list[int]  # which of the cover's
    position: list[int]
    unit: list[int]  # which of `units`
    period: list[int]  # microseconds plus one; 0: offsets
    counts: list[int]
    starts: list[int]
    offset_starts: list[int]
    offsets: list[int]
    values: list[int]
    doubts: dict[int, dict[int, str]]
    kept: Any  # roll-ups as they lie

    def rolled(self) -> list[Rolled] | None:
        """By hour; None when they were too large to be kept. Raises MalformedError."""
        return read_rolled(self.kept, _unpack)

    def series(self, n: int) -> Series:
        """The n-th, as it was signed."""
        count, at, period = self.counts[n], self.starts[n], self.period[n]
        unit, exponent = self.units[self.unit[n]]
        begin = self.offset_starts[n]
        return Series(
            code=self.code, unit=unit, times=period - 1 if period else tuple(self.offsets[begin : begin + count]),
            exponent=exponent, values=tuple(self.values[at : at + count]),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Month:
    """A page in clear: the cover's bytes, and each metric's."""

    cover: bytes
    parts: tuple[bytes, ...]


def month_of(at_ms: int) -> int:
    """Which month (UTC) an instant is in, counted from January 1970."""
    return _month_of_day(at_ms // _DAY_MS)


@lru_cache(maxsize=4_096)
def _month_of_day(day: int) -> int:
    at = datetime.fromtimestamp(day * _DAY_MS / 1000, tz=UTC)
    return (at.year - _EPOCH_YEAR) * 12 + at.month - 1


def span_of(month: int) -> tuple[int, int]:
    """The month as [since, until), in ms since 1970."""
    return _begin_ms(month), _begin_ms(month + 1)


def _begin_ms(month: int) -> int:
    return round(datetime(_EPOCH_YEAR + month // 12, month % 12 + 1, 1, tzinfo=UTC).timestamp()) * 1000


def months_between(since_ms: int, until_ms: int) -> tuple[int, int]:
    """The first and the last month that a period touches, within what a calendar can say."""
    last = 2**46
    return month_of(min(max(0, since_ms), last)), month_of(min(max(0, until_ms), last))


def fits(readings: Readings) -> bool:
    """Whether an envelope's readings go into a page: a waveform is drawn from its envelope."""
    return readings.count() <= MAX_VALUES


def encode_month(lines: Iterable[Line]) -> Month:
    """Write a month's envelopes; the same lines give the same bytes, in whatever order they come."""
    ordered = sorted(lines, key=lambda line: line.state.entry)
    found: dict[str, list[tuple[int, int, Series]]] = {}
    for n, line in enumerate(ordered):
        for position, series in enumerate(line.readings.series):
            found.setdefault(series.code, []).append((n, position, series))
    codes = sorted(found)
    spans = [_span(ordered, found[code]) for code in codes]
    cover = cbor.encode(
        [
            VERSION,
            *(_pack([line.state[i] for line in ordered]) for i in range(len(State._fields))),
            _pack([line.correction_ms for line in ordered]),
            _pack([line.trust for line in ordered]),
            _pack([line.readings.t0_ms for line in ordered]),
            _pack([len(line.readings.series) for line in ordered]),
            [[code, first, last] for code, (first, last) in zip(codes, spans, strict=True)],
        ]
    )
    return Month(cover, tuple(_encode_part(code, ordered, found[code]) for code in codes))


def _span(lines: Sequence[Line], found: Sequence[tuple[int, int, Series]]) -> tuple[int, int]:
    firsts, lasts = [], []
    for n, _, series in found:
        shift, offsets = lines[n].readings.t0_ms + lines[n].correction_ms, series.offsets_ms()
        firsts.append(shift + offsets[0])
        lasts.append(shift + offsets[-1])
    return min(firsts), max(lasts)


def _encode_part(code: str, lines: Sequence[Line], found: Sequence[tuple[int, int, Series]]) -> bytes:
    units: dict[tuple[str, int], int] = {}
    kinds, doubts, offsets = [], {}, list[int]()
    for i, (n, position, series) in enumerate(found):
        kinds.append(units.setdefault((series.unit, series.exponent), len(units)))
        if odd := lines[n].doubts.get(position):
            doubts[i] = dict(odd)
        if not isinstance(series.times, int):
            offsets += series.times
    periods = [series.times + 1 if isinstance(series.times, int) else 0 for _, _, series in found]
    return cbor.encode(
        [
            VERSION,
            code,
            [list(unit) for unit in units],
            _pack([n for n, _, _ in found]),
            _pack([position for _, position, _ in found]),
            _pack(kinds),
            _pack(periods),
            _pack([len(series.values) for _, _, series in found]),
            _pack(offsets),
            _pack([value for _, _, series in found for value in series.values]),
            doubts,
            rolled_item(roll(_instants(lines, found)), _pack),
        ]
    )


def _instants(
    lines: Sequence[Line], found: Sequence[tuple[int, int, Series]]
) -> Iterable[tuple[str, int, Sequence[int], Sequence[int], Mapping[int, str], int]]:
    for n, position, series in found:
        line = lines[n]
        shift = line.readings.t0_ms + line.correction_ms
        times = [shift + ms for ms in series.offsets_ms()]
        yield series.unit, series.exponent, times, series.values, line.doubts.get(position, {}), line.state.flags


def decode_cover(data: bytes) -> Cover:
    """Raises MalformedError."""
    top = cbor.decode(data, limit=_LIMIT, what="page")
    if type(top) is not list or len(top) != 13 or top[0] != VERSION or type(top[12]) is not list:
        raise MalformedError("a page's cover has another form")
    columns = [_unpack(item) for item in top[1:12]]
    if len({len(column) for column in columns}) != 1:
        raise MalformedError("a page's columns have other lengths")
    metrics = []
    for row in top[12]:
        match row:
            case [str(code), int(first), int(last)]:
                metrics.append((code, first, last))
            case _:
                raise MalformedError("a page's metric has another form")
    fields = len(State._fields)
    states = list(map(State._make, zip(*columns[:fields], strict=True)))
    correction_ms, trust, t0_ms, series = columns[fields:]
    return Cover(states, correction_ms, trust, t0_ms, series, metrics)


def decode_part(data: bytes, cover: Cover) -> Part:
    """Raises MalformedError."""
    top = cbor.decode(data, limit=_LIMIT, what="page")
    match top:
        case [int(version), str(code), [*units], *packed, dict(doubts), rolled] if (
            version == VERSION and len(packed) == 7
        ):
            pass
        case _:
            raise MalformedError("a page's part has another form")
    line, position, unit, period, counts, offsets, values = [_unpack(item) for item in packed]
    told = [n if not p else 0 for n, p in zip(counts, period, strict=True)]
    starts, offset_starts = _starts(counts), _starts(told)
    if (
        len({len(line), len(position), len(unit), len(period), len(counts)}) != 1
        or sum(counts) != len(values)
        or sum(told) != len(offsets)
        or (line and max(line) >= len(cover.states))
        or (unit and max(unit) >= len(units))
    ):
        raise MalformedError("a page's columns have other lengths")
    return Part(
        code, [(str(name), int(exponent)) for name, exponent in units], line, position, unit, period, counts, starts,
        offset_starts, offsets, values, doubts, rolled,
    )  # fmt: skip


def read_lines(cover: Cover, parts: Sequence[Part], wanted: Iterable[int] | None = None) -> list[Line]:
    """Envelopes as `encode_month` was given them; `wanted` says which of the cover's (default: all).

    Raises:
        MalformedError: the parts are not all there.
    """
    chosen = list(range(len(cover.states)) if wanted is None else wanted)
    found: dict[int, list[tuple[int, Series, dict[int, str] | None]]] = {n: [] for n in chosen}
    for part in parts:
        for i, n in enumerate(part.line):
            if n in found:
                found[n].append((part.position[i], part.series(i), part.doubts.get(i)))
    lines = []
    for n in chosen:
        mine = sorted(found[n], key=lambda item: item[0])
        if [item[0] for item in mine] != list(range(cover.series[n])):
            raise MalformedError("a page does not hold all of an envelope")
        readings = Readings(t0_ms=cover.t0_ms[n], series=tuple(item[1] for item in mine))
        doubts = {position: odd for position, _, odd in mine if odd}
        lines.append(Line(cover.states[n], cover.correction_ms[n], cover.trust[n], doubts, readings))
    return lines


def _starts(counts: Sequence[int]) -> list[int]:
    return list(accumulate(counts, initial=0))[:-1]


def _pack(numbers: Sequence[int]) -> list[Any]:
    """[width, base, bytes]: unsigned integers of `width` bytes, little-endian, each less `base`; of numbers that are
    all the same, [0, base, how many]."""
    if not numbers:
        return [0, 0, 0]
    low, high = min(numbers), max(numbers)
    if low == high:
        return [0, low, len(numbers)]
    width = next(w for w in _TYPES if high - low < 1 << 8 * w)
    base = 0 if low >= 0 and high < 1 << 8 * width else low
    packed = array(_TYPES[width], [n - base for n in numbers] if base else numbers)
    if sys.byteorder == "big":
        packed.byteswap()
    return [width, base, packed.tobytes()]


def _unpack(item: Any) -> list[int]:
    match item:
        case [0, int(base), int(count)] if 0 <= count <= _LIMIT:
            return [base] * count
        case [int(width), int(base), bytes(data)] if width in _TYPES and len(data) % width == 0:
            packed = array(_TYPES[width])
            packed.frombytes(data)
            if sys.byteorder == "big":
                packed.byteswap()
            return [n + base for n in packed] if base else packed.tolist()
    raise MalformedError("a page's column has another form")
