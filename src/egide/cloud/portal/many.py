"""Very many values of one metric: drawn and listed from columns, without a reading made of each.

Everything that is shown is what `record.readings_of` would give: a value is told once, however often it was measured,
and a line of the table is made when its page is looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final, overload

from egide.cloud.comfort.units import told_in, unit_for
from egide.cloud.comfort.wishes import current
from egide.cloud.portal import words
from egide.cloud.portal.charts.line import Point
from egide.cloud.portal.metrics import PRESSURE, Metric, describe
from egide.cloud.portal.record import Row, is_wave, readings_of, rows_of
from egide.cloud.release.door import Column

__all__ = ["MANY", "Lines", "Many", "many_of"]

MANY: Final = 30_000
_HOUR_MS: Final = 3_600_000
_MINUTE_MS: Final = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Many:
    """Values in order of time: `points` and `fine` in one unit, `places` say which value of which column each is."""

    metric: Metric
    unit: str
    points: list[Point]
    fine: list[Decimal]
    times_ms: list[int]
    lines: Lines

    def hours(self) -> list[tuple[float, float]]:
        """(hour of the day where the reader lives, value) of each that is not doubtful; told once an hour."""
        begins: dict[int, float] = {}
        found = []
        for point in self.points:
            if not point.solid:
                continue
            hour, rest = divmod(point.at_ms, _HOUR_MS)
            if hour not in begins:
                local = words.local(hour * _HOUR_MS)
                begins[hour] = local.hour + local.minute / 60
            found.append(((begins[hour] + rest // _MINUTE_MS / 60) % 24, point.value))
        return found


class Lines(Sequence[Row]):
    """The lines of the table, the newest first, each made when it is asked for."""

    def __init__(self, columns: Sequence[Column], places: Sequence[tuple[int, ...]]) -> None:
        self._columns, self._places = columns, places

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, at: int) -> Row: ...
    @overload
    def __getitem__(self, at: slice) -> list[Row]: ...
    def __getitem__(self, at: int | slice) -> Row | list[Row]:
        if isinstance(at, slice):
            return [self[i] for i in range(*at.indices(len(self)))]
        *_, n, i = self._places[-1 - at if at >= 0 else -at - 1]
        column = self._columns[n]
        one = replace(
            column, times_ms=(column.times_ms[i],), values=(column.values[i],), first=column.first + i,
            doubts={0: column.doubts[i]} if i in column.doubts else {},
        )  # fmt: skip
        return rows_of(readings_of([one]))[0]


def many_of(columns: Iterable[Column]) -> Many | None:
    """The values of one metric, when they are very many; None: make a reading of each. Blood pressure is never so."""
    mine = list(columns)
    if sum(len(c.values) for c in mine) <= MANY or mine[0].code in PRESSURE or any(map(is_wave, mine)):
        return None
    metric, wanted = describe(mine[0].code), current().units
    places = sorted(
        (at, c.entry, c.position, c.first + i, n, i) for n, c in enumerate(mine) for i, at in enumerate(c.times_ms)
    )
    last = mine[places[-1][4]]
    unit = unit_for(metric.code, last.unit, wanted) or last.unit
    told = {kind: _Told(metric, *kind, unit, wanted) for kind in {(c.unit, c.exponent) for c in mine}}
    tell = [told[c.unit, c.exponent] for c in mine]
    points, fine = [], []
    for at, _entry, _position, _index, n, i in places:
        column = mine[n]
        pair = tell[n].of(column.values[i])
        if pair is None:
            continue
        solid = i not in column.doubts and "contested" not in column.flags
        points.append(Point(at_ms=at, value=pair[1], solid=solid))
        if solid:
            fine.append(pair[0])
    return Many(
        metric=metric, unit=unit, points=points, fine=fine, times_ms=[place[0] for place in places],
        lines=Lines(mine, places),
    )  # fmt: skip


class _Told:
    """Values of one unit and exponent as their reader is told them, in the unit of the drawing."""

    def __init__(self, metric: Metric, signed: str, exponent: int, unit: str, wanted: Mapping[str, str]) -> None:
        self._metric, self._signed, self._exponent, self._unit = metric, signed, exponent, unit
        self._wish = unit_for(metric.code, signed, wanted) if wanted else None
        self._known: dict[int, tuple[Decimal, float] | None] = {}

    def of(self, value: int) -> tuple[Decimal, float] | None:
        """Exact, and as a place in a drawing; None when it cannot be told in that unit."""
        if value not in self._known:
            exact, unit = Decimal(value).scaleb(self._exponent), self._signed
            if self._wish and (wished := told_in(self._metric.code, exact, unit, self._wish)) is not None:
                exact, unit = wished, self._wish
            told = self._metric.convert(exact, unit, self._unit)
            self._known[value] = None if told is None else (told, float(told))
        return self._known[value]
