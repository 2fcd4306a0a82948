"""Scales: from a value or an instant to a place in the drawing, and round numbers for the axis."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

__all__ = ["HEIGHT", "WIDTH", "Band", "Frame", "Tick", "frame", "round_ticks"]

#: The drawing's own units; the page stretches them to the room there is.
WIDTH: Final = 1000
HEIGHT: Final = 240
_PAD: Final = 14
_EDGE: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A target range, in the unit of the values. None: open on that side."""

    low: Decimal | None
    high: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A line of the axis: `place` in drawing units, `percent` of the drawing's width, what to write."""

    place: float
    percent: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A drawing's window: time from left to right, values from the bottom up."""

    since_ms: int
    until_ms: int
    low: float
    high: float

    def x(self, at_ms: float) -> float:
        """From the left. What is dated after the window (a wrong clock) is pinned to its edge."""
        x = (at_ms - self.since_ms) / max(1, self.until_ms - self.since_ms) * WIDTH
        return round(min(WIDTH, max(0, x)), 2)

    def y(self, value: float) -> float:
        """From the top. A value beyond the window is pinned to its edge, where it cannot be missed."""
        y = HEIGHT - _PAD - (value - self.low) / (self.high - self.low) * (HEIGHT - 2 * _PAD)
        return round(min(HEIGHT - _EDGE, max(_EDGE, y)), 2)

    def band(self, band: Band | None) -> tuple[float, float] | None:
        """(top, height) of a target range, cut to the window; None when there is none to see."""
        if band is None or (band.low is None and band.high is None):
            return None
        top = 0.0 if band.high is None else self.y(float(band.high))
        bottom = float(HEIGHT) if band.low is None else self.y(float(band.low))
        return (top, round(bottom - top, 2)) if bottom > top else None


def frame(values: Iterable[float], *, since_ms: int, until_ms: int, band: Band | None = None) -> Frame:
    """A window that holds every value, and the target range when it is near them."""
    seen = list(values)
    if band is not None:
        seen += [float(edge) for edge in (band.low, band.high) if edge is not None]
    low, high = (min(seen), max(seen)) if seen else (0.0, 1.0)
    if high - low < 1e-9:
        spread = max(1.0, abs(high) * 0.05)
        low, high = low - spread, high + spread
    return Frame(since_ms=since_ms, until_ms=until_ms, low=low, high=high)


def round_ticks(low: float, high: float, count: int = 4) -> list[float]:
    """Round values between `low` and `high`, about `count` of them."""
    rough = (high - low) / max(1, count)
    power = 10 ** math.floor(math.log10(rough))
    step = next(s * power for s in (1, 2, 2.5, 5, 10) if s * power >= rough)
    first = math.ceil(low / step)
    return [round(n * step, 10) for n in range(first, math.floor(high / step) + 1)]
