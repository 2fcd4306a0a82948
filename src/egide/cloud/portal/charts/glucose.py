"""Glucose over a usual day (percentiles by time of day), and the time spent in each range.

Ranges: 54, 70, 180, 250 mg/dL, the international consensus on time in range (Battelino et al.,
Diabetes Care 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from egide.cloud.portal.charts.scale import Frame

__all__ = ["EDGES_MG_DL", "Profile", "draw_profile", "edges_in", "shares_in_ranges"]

EDGES_MG_DL: Final = (Decimal(54), Decimal(70), Decimal(180), Decimal(250))
_MMOL: Final = (Decimal("3.0"), Decimal("3.9"), Decimal("10.0"), Decimal("13.9"))
_SLOTS: Final = 48  # half hours
_PERCENTILES: Final = (5, 25, 50, 75, 95)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Path data over a day: the outer area (5 to 95 %), the inner one (25 to 75 %) and the median."""

    outer: str
    inner: str
    median: str


def edges_in(unit: str) -> tuple[Decimal, ...]:
    """The edges of the ranges in mg/dL or mmol/L, as the consensus writes them in each."""
    return _MMOL if unit.startswith("mmol") else EDGES_MG_DL


def shares_in_ranges(values: Sequence[Decimal], unit: str) -> list[int]:
    """Whole percents below 54, to 69, to 180, to 250, above: they add up to 100."""
    low, under, over, high = edges_in(unit)
    counts = [0] * 5
    for value in values:
        counts[(value >= low) + (value >= under) + (value > over) + (value > high)] += 1
    total = max(1, len(values))
    exact = [100 * count / total for count in counts]
    shares = [int(share) for share in exact]
    for at in sorted(range(5), key=lambda i: shares[i] - exact[i])[: (100 if values else 0) - sum(shares)]:
        shares[at] += 1
    return shares


def draw_profile(samples: Sequence[tuple[float, float]], window: Frame) -> Profile:
    """`samples` are (hour of the day, value); `window` runs over a day in ms."""
    slots: list[list[float]] = [[] for _ in range(_SLOTS)]
    for hour, value in samples:
        slots[min(_SLOTS - 1, int(hour * _SLOTS / 24))].append(value)
    rows = [(at, _percentiles(sorted(slot))) for at, slot in enumerate(slots) if slot]
    day = window.until_ms - window.since_ms

    def place(at: int, value: float) -> str:
        return f"{window.x(window.since_ms + (at + 0.5) * day / _SLOTS):g} {window.y(value):g}"

    def area(low: int, high: int) -> str:
        if not rows:
            return ""
        up = [place(at, row[high]) for at, row in rows]
        down = [place(at, row[low]) for at, row in reversed(rows)]
        return "M" + "L".join(up + down) + "Z"

    median = "M" + "L".join(place(at, row[2]) for at, row in rows) if rows else ""
    return Profile(outer=area(0, 4), inner=area(1, 3), median=median)


def _percentiles(ordered: Sequence[float]) -> list[float]:
    return [_at(ordered, p / 100 * (len(ordered) - 1)) for p in _PERCENTILES]


def _at(ordered: Sequence[float], rank: float) -> float:
    below = int(rank)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (rank - below)
