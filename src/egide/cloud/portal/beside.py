"""Charts side by side: several metrics on one axis of time. Made from what release() answered, and nothing else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from urllib.parse import urlencode

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from egide.cloud.comfort.units import told_in, unit_for
from egide.cloud.comfort.wishes import current
from egide.cloud.portal import words
from egide.cloud.portal.charts.line import Line, Point, draw_line
from egide.cloud.portal.charts.pressure import Bars, draw_bars
from egide.cloud.portal.charts.scale import HEIGHT, Tick, frame
from egide.cloud.portal.metrics import GLUCOSE, PRESSURE, Metric, describe
from egide.cloud.portal.periods import Period
from egide.cloud.portal.picture import gap_ms, pairs_in, time_ticks, value_ticks
from egide.cloud.portal.record import Group, Row, codes_of, readings_of, rows_of
from egide.cloud.portal.sharing import Choice
from egide.cloud.release.door import Column

__all__ = ["MOST", "Beside", "Panel", "beside_of", "rank"]

MOST: Final = 8  # charts of one page
_USUAL: Final = 6
_ROWS: Final = 12  # values of a table beside others; the rest is one link away
_TICKS: Final = 4
#: What is drawn first when nobody chose, and what comes after every other.
_FIRST: Final = {
    **dict.fromkeys(GLUCOSE, 0), PRESSURE[0]: 1, "29463-7": 2, "59408-5": 3, "2708-6": 3, "8867-4": 4, "80404-7": 9,
}  # fmt: skip
_OTHERS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One metric among others: its last reading, and its chart or its table."""

    group: Group
    text: str  # what is drawn, in words
    unit: str
    y_ticks: tuple[Tick, ...] = ()
    band: tuple[float, float] | None = None
    line: Line | None = None
    bars: Bars | None = None
    rows: tuple[Row, ...] = ()

    @property
    def drawn(self) -> bool:
        return self.line is not None or self.bars is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What a page lays side by side: `rest` are the metrics that were not chosen, with their last reading."""

    panels: tuple[Panel, ...]
    rest: tuple[Group, ...]
    offered: tuple[Choice, ...]
    x_ticks: tuple[Tick, ...]
    picked: str  # what was chosen, for an address: "" when nobody chose, else "&m=..."
    tables: bool

    @property
    def query(self) -> str:
        return f"{self.picked}&as=tables" if self.tables else self.picked


def rank(group: Group) -> tuple[int, int]:
    """What people look for first; then what was measured most often, pulse to pulse last."""
    return (_FIRST.get(group.key, _OTHERS), -group.count)


def beside_of(
    columns: Iterable[Column], groups: Sequence[Group], wanted: Sequence[str], period: Period, *,
    now_ms: int, tables: bool = False,
) -> Beside:  # fmt: skip
    """The metrics that `wanted` names, or the usual ones: drawn, or (`tables`) written out."""
    able = [g for g in sorted(groups, key=rank) if _drawable(g)]
    known = {g.key for g in able}
    chosen = [key for key in dict.fromkeys(wanted) if key in known][:MOST]
    keys = chosen or [g.key for g in able if describe(g.key).of_person][:_USUAL]
    by_code: defaultdict[str, list[Column]] = defaultdict(list)
    for column in columns:
        by_code[column.code].append(column)
    shown = [g for g in able if g.key in keys]
    window = frame((), since_ms=now_ms - period.span_ms, until_ms=now_ms)
    panels = [
        _panel(g, [c for code in codes_of(g.key) for c in by_code[code]], period, now_ms=now_ms, table=tables)
        for g in shown
    ]
    return Beside(
        panels=tuple(panels),
        rest=tuple(g for g in groups if g.key not in keys),
        offered=tuple(Choice(value=g.key, label=g.name, checked=g.key in keys) for g in able),
        x_ticks=time_ticks(window, period),
        picked="".join("&" + urlencode({"m": key}) for key in chosen),
        tables=tables,
    )


def _drawable(group: Group) -> bool:
    return group.last is not None and not group.last.first.metric.states


def _panel(group: Group, columns: list[Column], period: Period, *, now_ms: int, table: bool) -> Panel:
    assert group.last is not None
    last = group.last.first
    unit = words.unit_words(last.unit)
    if table:
        rows = rows_of(readings_of(columns))[::-1][:_ROWS]
        return Panel(group=group, unit=unit, text="", rows=tuple(rows))
    since = now_ms - period.span_ms
    if group.key in PRESSURE:
        pairs = pairs_in(readings_of(columns), last.unit)
        if not pairs:
            return Panel(group=group, unit=unit, text="")
        window = frame([v for p in pairs for v in (p.systolic, p.diastolic)], since_ms=since, until_ms=now_ms)
        text = _said(len(pairs), "", "", unit, sum(not p.solid for p in pairs))
        return Panel(
            group=group, unit=unit, text=text, y_ticks=_percent(value_ticks(window, _TICKS)),
            bars=draw_bars(pairs, window),
        )  # fmt: skip
    points = sorted(_points(columns, last.metric, last.unit), key=lambda p: p.at_ms)
    band = last.metric.band(last.unit)
    plausible = [p.value for p in points if p.solid] or [p.value for p in points]
    window = frame(plausible, since_ms=since, until_ms=now_ms, band=band)
    digits = max(0, -last.value.normalize().as_tuple().exponent, *(-c.exponent for c in columns))  # type: ignore[operator]
    low, high = (words.number(Decimal(f"{v:.{digits}f}")) for v in (min(plausible), max(plausible)))
    return Panel(
        group=group, unit=unit, text=_said(len(points), low, high, unit, sum(not p.solid for p in points)),
        y_ticks=_percent(value_ticks(window, _TICKS)), band=window.band(band),
        line=draw_line(points, window, gap_ms=gap_ms([p.at_ms for p in points], last.metric.cadence_ms)),
    )  # fmt: skip


def _points(columns: Iterable[Column], metric: Metric, unit: str) -> Iterable[Point]:
    """Every value that can be told in `unit`; a place in a drawing needs no exact digits."""
    for column in columns:
        contested = "contested" in column.flags
        doubts = column.doubts
        if column.unit == unit:
            scale = 10.0**column.exponent
            values: Sequence[float | None] = [value * scale for value in column.values]
        else:
            exact = (Decimal(value).scaleb(column.exponent) for value in column.values)
            values = [_told(metric, value, column.unit, unit) for value in exact]
        for i, (at_ms, value) in enumerate(zip(column.times_ms, values, strict=True)):
            if value is not None:
                yield Point(at_ms=at_ms, value=value, solid=not contested and i not in doubts)


def _told(metric: Metric, value: Decimal, from_unit: str, unit: str) -> float | None:
    """In the unit that the reader thinks in, as their readings are told; else as the catalogue converts."""
    wished = unit_for(metric.code, from_unit, current().units)
    told = told_in(metric.code, value, from_unit, unit) if wished == unit else metric.convert(value, from_unit, unit)
    return None if told is None else float(told)


def _percent(ticks: Sequence[Tick]) -> tuple[Tick, ...]:
    """Places from the top in per cent: a small drawing keeps the proportions of a large one."""
    return tuple(Tick(place=t.place, percent=round(t.place / HEIGHT * 100, 1), label=t.label) for t in ticks)


def _said(count: int, low: str, high: str, unit: str, doubtful: int) -> str:
    """What a drawing holds, for who does not see it: how many, from what to what, how many to be checked."""
    told = {"n": words.number(count), "low": low, "high": high, "unit": unit}
    if low and count == 1:
        text = _("1 value, %(low)s %(unit)s") % told
    elif low:
        text = _("%(n)s values, %(low)s to %(high)s %(unit)s") % told
    else:
        text = ngettext("%(n)s value", "%(n)s values", count) % told
    if doubtful:
        text += ", " + _("%(n)s to be checked") % {"n": words.number(doubtful)}
    return f"{text.strip()}."
