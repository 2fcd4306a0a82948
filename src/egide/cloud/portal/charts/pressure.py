"""Blood pressure as bars from diastolic to systolic, morning and evening told apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from egide.cloud.portal.charts.scale import Frame

__all__ = ["Bars", "Pair", "draw_bars"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One measurement of blood pressure, in one unit."""

    at_ms: int
    systolic: float
    diastolic: float
    morning: bool
    solid: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """Path data: one bar per pair, by kind; evening bars have knobs, so that colour is not alone."""

    morning: str
    evening: str
    evening_ends: str
    hollow: str


def draw_bars(pairs: Sequence[Pair], window: Frame) -> Bars:
    def bar(pair: Pair) -> str:
        return f"M{window.x(pair.at_ms):g} {window.y(pair.systolic):g}V{window.y(pair.diastolic):g}"

    def ends(pair: Pair) -> str:
        x = window.x(pair.at_ms)
        return f"M{x:g} {window.y(pair.systolic):g}h0M{x:g} {window.y(pair.diastolic):g}h0"

    solid = [p for p in pairs if p.solid]
    return Bars(
        morning="".join(bar(p) for p in solid if p.morning),
        evening="".join(bar(p) for p in solid if not p.morning),
        evening_ends="".join(ends(p) for p in solid if not p.morning),
        hollow="".join(bar(p) for p in pairs if not p.solid),
    )
