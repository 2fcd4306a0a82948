"""Roll-ups: of each hour (UTC) and unit, how many values were measured, the least, the greatest and their sum. Pure.

Values that are doubtful or contested are counted apart and enter nothing else: a chart draws them by themselves. A day
is its hours together (`by_day`), in whatever zone its reader lives; a mean is the sum over the count, exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from egide.cloud.vault.models import Flag
from egide.errors import MalformedError
from egide.measure.plausibility import WHOLE

__all__ = ["HOUR_MS", "Rolled", "by_day", "merge", "read_rolled", "roll", "rolled_item"]

HOUR_MS: Final = 3_600_000
_MOST: Final = 2**62
Instants = Iterable[tuple[str, int, Sequence[int], Sequence[int], Mapping[int, str], int]]


@dataclass(frozen=True, slots=True)
class Rolled:
    """One stretch of time of one metric in one unit; values are integers, to be scaled by `10**exponent`."""

    unit: str
    exponent: int
    start_ms: int
    count: int
    odd: int  # doubtful or contested, and in none of the others
    low: int
    high: int
    total: int

    @property
    def mean(self) -> Fraction:
        """Exact, unscaled. Zero where nothing was counted."""
        return Fraction(self.total, self.count) if self.count else Fraction(0)


def roll(series: Instants) -> list[Rolled]:
    """By hour: `series` are (unit, exponent, times in ms, values, doubts as intake noted them, flags)."""
    found: dict[tuple[str, int, int], list[int]] = {}
    for unit, exponent, times, values, doubts, flags in series:
        contested, whole = flags & Flag.CONTESTED, WHOLE in doubts
        for i, (at, value) in enumerate(zip(times, values, strict=True)):
            key = (unit, exponent, at // HOUR_MS)
            cell = found.get(key)
            if cell is None:
                cell = found[key] = [0, 0, 0, 0, 0]
            if contested or whole or i in doubts:
                cell[1] += 1
            elif cell[0]:
                cell[0] += 1
                cell[4] += value
                if value < cell[2]:
                    cell[2] = value
                elif value > cell[3]:
                    cell[3] = value
            else:
                cell[:] = [1, cell[1], value, value, value]
    return [Rolled(unit, exponent, hour * HOUR_MS, *cell) for (unit, exponent, hour), cell in sorted(found.items())]


def merge(rolled: Iterable[Rolled], start_of: Callable[[int], int]) -> list[Rolled]:
    """The same by longer stretches: `start_of` says where the one that holds an instant begins."""
    found: dict[tuple[str, int, int], Rolled] = {}
    for one in rolled:
        key = (one.unit, one.exponent, start_of(one.start_ms))
        found[key] = _with(found[key], one, key[2]) if key in found else _with(None, one, key[2])
    return [found[key] for key in sorted(found)]


def by_day(rolled: Iterable[Rolled], day_of: Callable[[int], int] | None = None) -> list[Rolled]:
    """Days (UTC, unless `day_of` says where the reader's begins)."""
    return merge(rolled, day_of or (lambda ms: ms - ms % (24 * HOUR_MS)))


def _with(one: Rolled | None, other: Rolled, start_ms: int) -> Rolled:
    if one is None:
        return Rolled(
            other.unit, other.exponent, start_ms, other.count, other.odd, other.low, other.high, other.total
        )
    some = [r for r in (one, other) if r.count]
    return Rolled(
        one.unit, one.exponent, start_ms, one.count + other.count, one.odd + other.odd,
        min((r.low for r in some), default=0), max((r.high for r in some), default=0), one.total + other.total,
    )  # fmt: skip


def rolled_item(rolled: Sequence[Rolled], pack: Callable[[Sequence[int]], list[Any]]) -> list[Any] | None:
    """As a page holds them, in columns; None when a sum is too large for one."""
    if any(abs(r.total) > _MOST for r in rolled):
        return None
    units = list(dict.fromkeys((r.unit, r.exponent) for r in rolled))
    place = {unit: n for n, unit in enumerate(units)}
    return [
        [list(unit) for unit in units],
        pack([place[r.unit, r.exponent] for r in rolled]),
        pack([r.start_ms // HOUR_MS for r in rolled]),
        *(pack([getattr(r, name) for r in rolled]) for name in ("count", "odd", "low", "high", "total")),
    ]


def read_rolled(item: Any, unpack: Callable[[Any], list[int]]) -> list[Rolled] | None:
    """Raises MalformedError."""
    if item is None:
        return None
    match item:
        case [[*units], *packed] if len(packed) == 7:
            unit, hours, *cells = [unpack(column) for column in packed]
        case _:
            raise MalformedError("a page's roll-ups have another form")
    if len({len(column) for column in (unit, hours, *cells)}) != 1 or (unit and max(unit) >= len(units)):
        raise MalformedError("a page's roll-ups have other lengths")
    return [
        Rolled(units[n][0], units[n][1], hour * HOUR_MS, *values)
        for n, hour, *values in zip(unit, hours, *cells, strict=True)
    ]
