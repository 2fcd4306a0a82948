"""A curve or points over time: gaps stay gaps, doubtful points are hollow, very many become a middle and a spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from egide.cloud.portal.charts.scale import Frame

__all__ = ["Line", "Point", "Slice", "draw_line", "slices_of"]

MAX_POINTS: Final = 800
_DOTS: Final = 120
_SLICES: Final = 240


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A value at an instant; `solid` False when it is doubtful."""

    at_ms: int
    value: float
    solid: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Path data, in drawing units: the curve, its solid dots and its hollow ones.

    Of very many values, `curve` is the middle of each slice of time, and `spread` goes from its lowest to its highest.
    """

    curve: str
    dots: str
    hollow: str
    spread: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Values of a short time together."""

    first_ms: int
    last_ms: int
    low: float
    middle: float
    high: float

    @property
    def at_ms(self) -> float:
        return (self.first_ms + self.last_ms) / 2


def draw_line(points: Sequence[Point], window: Frame, *, gap_ms: int) -> Line:
    """Draw points in order of time; two more than `gap_ms` apart are not joined, nor is a doubtful one."""
    if len(points) > MAX_POINTS:
        return _draw_dense(points, window, gap_ms)
    curve: list[str] = []
    alone: list[Point] = []
    run: list[Point] = []
    for point in [*points, None]:
        if point is not None and point.solid and (not run or point.at_ms - run[-1].at_ms <= gap_ms):
            run.append(point)
            continue
        if len(run) == 1:
            alone += run
        elif run:
            curve.append("M" + "L".join(f"{window.x(p.at_ms):g} {window.y(p.value):g}" for p in run))
        run = [point] if point is not None and point.solid else []
    solid = [p for p in points if p.solid] if len(points) <= _DOTS else alone
    return Line(
        curve="".join(curve),
        dots=_dots(solid, window),
        hollow=_dots([p for p in points if not p.solid], window),
    )


def slices_of(points: Sequence[Point], window: Frame) -> list[Slice]:
    """Solid points by slices of time, at most about 240; a slice that holds none is not there."""
    width = max(1, (window.until_ms - window.since_ms) / _SLICES)
    by_slice: dict[int, list[Point]] = {}
    for point in points:
        if point.solid:
            by_slice.setdefault(int((point.at_ms - window.since_ms) // width), []).append(point)
    return [
        Slice(
            first_ms=same[0].at_ms,
            last_ms=same[-1].at_ms,
            low=min(p.value for p in same),
            middle=median(p.value for p in same),
            high=max(p.value for p in same),
        )
        for _, same in sorted(by_slice.items())
    ]


def _draw_dense(points: Sequence[Point], window: Frame, gap_ms: int) -> Line:
    """Joined one by one, so many points would fill the drawing: the middle, and how far the values spread."""
    runs: list[list[Slice]] = []
    for each in slices_of(points, window):
        if runs and each.first_ms - runs[-1][-1].last_ms <= gap_ms:
            runs[-1].append(each)
        else:
            runs.append([each])
    return Line(
        curve="".join(_path([(s.at_ms, s.middle) for s in run], window) for run in runs),
        dots="".join(_dots([Point(at_ms=round(s.at_ms), value=s.middle)], window) for s, *more in runs if not more),
        hollow=_dots([p for p in points if not p.solid], window),
        spread="".join(
            _path([*((s.at_ms, s.high) for s in run), *((s.at_ms, s.low) for s in reversed(run))], window) + "Z"
            for run in runs
        ),
    )


def _path(places: Sequence[tuple[float, float]], window: Frame) -> str:
    return "M" + "L".join(f"{window.x(at_ms):g} {window.y(value):g}" for at_ms, value in places)


def _dots(points: Sequence[Point], window: Frame) -> str:
    """Lines of no length: a round pen makes them dots, whatever the page stretches."""
    return "".join(f"M{window.x(p.at_ms):g} {window.y(p.value):g}h0" for p in points)
