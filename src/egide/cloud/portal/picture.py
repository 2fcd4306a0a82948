"""One metric over one period, ready to be drawn: which kind of drawing, its axes, its range, its summary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from statistics import median
from typing import Final

from django.utils import formats

from egide.cloud.portal import words
from egide.cloud.portal.charts.glucose import Profile, draw_profile, edges_in, shares_in_ranges
from egide.cloud.portal.charts.line import Line, Point, draw_line
from egide.cloud.portal.charts.paper import Paper, draw_paper
from egide.cloud.portal.charts.pressure import Bars, Pair, draw_bars
from egide.cloud.portal.charts.scale import WIDTH, Band, Frame, Tick, frame, round_ticks
from egide.cloud.portal.many import Many
from egide.cloud.portal.metrics import GLUCOSE, PRESSURE, Metric
from egide.cloud.portal.periods import Period
from egide.cloud.portal.record import Reading, Strip

__all__ = [
    "Picture", "Range", "gap_ms", "pairs_in", "picture_of", "picture_of_many", "profile_of",
    "profile_of_many", "strip_picture", "time_ticks", "value_ticks",
]  # fmt: skip

_GAPS: Final = 3  # a silence of three times the usual rhythm is a gap
_DAY_MS: Final = 86_400_000
_PROFILE_DAYS: Final = 7
_STEP_MINUTES: Final = {
    "1h": 15, "3h": 60, "24h": 360, "7d": 2_880, "30d": 7 * 1_440, "90d": 28 * 1_440,
    "1y": 84 * 1_440,
}  # fmt: skip
_DAY: Final = 1_440


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A share of the time, with the range's own words."""

    key: str
    share: int
    words: str
    start: int  # percent where its bar begins


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What the template draws; only the parts that apply are there."""

    kind: str  # line, many, pressure, profile
    unit: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    band: tuple[float, float] | None
    line: Line | None = None
    bars: Bars | None = None
    profile: Profile | None = None
    ranges: tuple[Range, ...] = ()
    reference: str = ""  # the edges of `band`, in words


def picture_of(readings: Sequence[Reading], period: Period, *, now_ms: int) -> Picture | None:
    """Draw one metric (blood pressure: its parts together). None when there is nothing to draw."""
    if not readings:
        return None
    if readings[0].metric.code in PRESSURE:
        return _pressure(readings, period, now_ms)
    unit, metric = readings[-1].unit, readings[-1].metric
    fine = [value for r in readings if r.fine and (value := r.in_unit(unit)) is not None]
    gap = gap_ms([r.at_ms for r in readings], metric.cadence_ms)
    return _line("line", points_in(readings, unit), fine, metric, unit, gap, period, now_ms)


def picture_of_many(many: Many, period: Period, *, now_ms: int) -> Picture | None:
    """The same drawing, of very many values. The script leaves it as it is: it holds all that there is to see."""
    gap = gap_ms(many.times_ms, many.metric.cadence_ms)
    return _line("many", many.points, many.fine, many.metric, many.unit, gap, period, now_ms)


def _line(
    kind: str, points: Sequence[Point], fine: Sequence[Decimal], metric: Metric, unit: str, gap: int, period: Period,
    now_ms: int,
) -> Picture:  # fmt: skip
    band = metric.band(unit)
    plausible = [p.value for p in points if p.solid] or [p.value for p in points]
    window = frame(plausible, since_ms=now_ms - period.span_ms, until_ms=now_ms, band=band)
    return Picture(
        kind=kind,
        unit=words.unit_words(unit),
        x_ticks=time_ticks(window, period),
        y_ticks=value_ticks(window),
        band=window.band(band),
        line=draw_line(points, window, gap_ms=gap),
        ranges=_ranges(fine, unit) if metric.code in GLUCOSE else (),
        reference=_edges(band),
    )


def _edges(band: Band | None) -> str:
    if band is None or band.low is None or band.high is None:
        return ""
    return f"{words.number(band.low)}–{words.number(band.high)}"


def points_in(readings: Sequence[Reading], unit: str) -> list[Point]:
    """Every value that can be told in `unit`."""
    return [
        Point(at_ms=r.at_ms, value=float(value), solid=r.fine)
        for r in readings
        if (value := r.in_unit(unit)) is not None
    ]


def pairs_in(readings: Sequence[Reading], unit: str) -> list[Pair]:
    """Every systolic with the diastolic of its instant and envelope, when both can be told in `unit`."""
    systolic = {(r.at_ms, r.entry): r for r in readings if r.metric.code == PRESSURE[0]}
    pairs = []
    for low in (r for r in readings if r.metric.code == PRESSURE[1]):
        high = systolic.get((low.at_ms, low.entry))
        if high is None or (above := high.in_unit(unit)) is None or (under := low.in_unit(unit)) is None:
            continue
        pairs.append(
            Pair(
                at_ms=low.at_ms,
                systolic=float(above),
                diastolic=float(under),
                morning=words.local(low.at_ms).hour < 12,
                solid=high.fine and low.fine,
            )
        )
    return pairs


def profile_of(readings: Sequence[Reading], period: Period) -> Picture | None:
    """Glucose over a usual day, from seven days on."""
    if not readings or readings[0].metric.code not in GLUCOSE or period.hours < 24 * _PROFILE_DAYS:
        return None
    unit = readings[-1].unit
    fine = [p for p in points_in(readings, unit) if p.solid]
    samples = [(_hour(words.local(p.at_ms)), p.value) for p in fine]
    return _profile(samples, readings[-1].metric, unit)


def profile_of_many(many: Many, period: Period) -> Picture | None:
    """The same, of very many values."""
    if many.metric.code not in GLUCOSE or period.hours < 24 * _PROFILE_DAYS:
        return None
    return _profile(many.hours(), many.metric, many.unit)


def _profile(samples: Sequence[tuple[float, float]], metric: Metric, unit: str) -> Picture | None:
    if not samples:
        return None
    band = metric.band(unit)
    window = frame((value for _, value in samples), since_ms=0, until_ms=_DAY_MS, band=band)
    ticks = tuple(
        Tick(place=window.x(h * 3_600_000), percent=h / 24 * 100, label=f"{h:02} h") for h in (3, 6, 9, 12, 15, 18, 21)
    )
    return Picture(
        kind="profile",
        unit=words.unit_words(unit),
        x_ticks=ticks,
        y_ticks=value_ticks(window),
        band=window.band(band),
        profile=draw_profile(samples, window),
    )


def strip_picture(strip: Strip, seconds: int = 10) -> Paper:
    """The first seconds of a waveform, on paper."""
    column = strip.column
    count = max(2, int(seconds / strip.period_s))
    values = [float(Decimal(v).scaleb(column.exponent)) for v in column.values[:count]]
    per_unit = {"mV": 10.0, "uV": 0.01}.get(column.unit)
    if per_unit is None:  # not a voltage: let it fill 20 mm
        per_unit = 20 / ((max(values) - min(values)) or 1)
    return draw_paper(values, period_s=strip.period_s, mm_per_unit=per_unit)


def _pressure(readings: Sequence[Reading], period: Period, now_ms: int) -> Picture | None:
    unit = readings[-1].unit
    pairs = pairs_in(readings, unit)
    if not pairs:
        return None
    window = frame(
        [v for p in pairs for v in (p.systolic, p.diastolic)],
        since_ms=now_ms - period.span_ms,
        until_ms=now_ms,
    )
    return Picture(
        kind="pressure",
        unit=words.unit_words(unit),
        x_ticks=time_ticks(window, period),
        y_ticks=value_ticks(window),
        band=None,
        bars=draw_bars(pairs, window),
    )


def gap_ms(times_ms: Sequence[int], cadence_ms: int) -> int:
    """Longer than this without a value is a gap: three times the metric's rhythm, or what was seen of it."""
    steps = [later - earlier for earlier, later in pairwise(times_ms) if later > earlier]
    seen = int(median(steps)) if steps else 0
    return _GAPS * max(seen, cadence_ms, 1000)


def _ranges(fine: Sequence[Decimal], unit: str) -> tuple[Range, ...]:
    if not fine:
        return ()
    low, under, over, high = (words.number(edge) for edge in edges_in(unit))
    names = (f"< {low}", f"{low}–{under}", f"{under}–{over}", f"{over}–{high}", f"> {high}")
    ranges, start = [], 0
    for key, share, name in zip(
        ("vlow", "low", "in", "high", "vhigh"), shares_in_ranges(fine, unit), names, strict=True
    ):
        ranges.append(Range(key=key, share=share, words=name, start=start))
        start += share
    return tuple(ranges)


def _hour(moment: datetime) -> float:
    return moment.hour + moment.minute / 60


def value_ticks(window: Frame, count: int = 4) -> tuple[Tick, ...]:
    """Round values, about `count` of them, told in the reader's language."""
    ticks = round_ticks(window.low, window.high, count)
    shown = max((len(f"{t:g}".partition(".")[2]) for t in ticks), default=0)
    return tuple(Tick(place=window.y(t), percent=0, label=words.number(Decimal(f"{t:.{shown}f}"))) for t in ticks)


def time_ticks(window: Frame, period: Period) -> tuple[Tick, ...]:
    """Lines on round local hours or midnights, far enough from the edges for their words to be read."""
    step = _STEP_MINUTES[period.key]
    moment = words.local(window.since_ms).replace(minute=0, second=0, microsecond=0)
    if step >= 60:
        moment = moment.replace(hour=0)
    ticks = []
    while (ms := int(moment.timestamp() * 1000)) < window.until_ms:
        if 0.05 * WIDTH < (x := window.x(ms)) < 0.95 * WIDTH:
            label = _tick_label(moment, step)
            ticks.append(Tick(place=x, percent=round(x / WIDTH * 100, 2), label=label))
        moment += timedelta(minutes=step)
    return tuple(ticks)


def _tick_label(moment: datetime, step: int) -> str:
    if step >= _DAY:
        return formats.date_format(moment, "D j" if step < 7 * _DAY else "j M")
    return moment.strftime("%H:%M")
