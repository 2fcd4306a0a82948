"""A curve or points over time: gaps stay gaps, doubtful points are hollow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from egide.cloud.portal.charts.scale import Frame

__all__ = ["Line", "Point", "draw_line", "thin"]

MAX_POINTS: Final = 800
_DOTS: Final = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A value at an instant; `solid` False when it is doubtful."""

    at_ms: int
    value: float
    solid: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Path data, in drawing units: the curve, its solid dots and its hollow ones."""

    curve: str
    dots: str
    hollow: str


def draw_line(points: Sequence[Point], window: Frame, *, gap_ms: int) -> Line:
    """Draw points in order of time; two more than `gap_ms` apart are not joined, nor is a doubtful one."""
    points = thin(points, window)
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


def thin(points: Sequence[Point], window: Frame) -> Sequence[Point]:
    """At most about 800 points: the lowest and highest of each slice of time, and every doubtful one."""
    if len(points) <= MAX_POINTS:
        return points
    slices = MAX_POINTS // 2
    width = max(1, (window.until_ms - window.since_ms) / slices)
    kept: list[Point] = []
    bucket: list[Point] = []
    number = 0
    for point in points:
        here = int((point.at_ms - window.since_ms) / width)
        if here != number:
            kept += _extremes(bucket)
            bucket, number = [], here
        bucket.append(point)
    return kept + _extremes(bucket)


def _extremes(bucket: list[Point]) -> list[Point]:
    solid = [p for p in bucket if p.solid]
    chosen = [p for p in bucket if not p.solid]
    if solid:
        chosen += {id(p): p for p in (min(solid, key=_value), max(solid, key=_value))}.values()
    return sorted(chosen, key=lambda p: p.at_ms)


def _value(point: Point) -> float:
    return point.value


def _dots(points: Sequence[Point], window: Frame) -> str:
    """Lines of no length: a round pen makes them dots, whatever the page stretches."""
    return "".join(f"M{window.x(p.at_ms):g} {window.y(p.value):g}h0" for p in points)
