"""What is odd in readings: flags, never a refusal, for a doubtful reading can be an emergency.

Pure rules over the catalogue, each with a code that is stored, shown and never renamed:

    unknown-metric  the series' code is not in the catalogue (or names a panel)
    unit-unknown    the metric does not accept the series' unit
    unit            out of the plausible range, but inside it if the unit were another of the metric's
    range           out of the plausible range in every unit
    rate            changed faster, from the value before, than a body can
    flat            the very same value for so long that the sensor looks stuck
    order           a diastolic pressure that is not below its systolic pressure
    future          measured after now

A value gets one code, the first of these that holds. Intake calls `doubts` for every envelope, so the usual
case (all in range, no jump) is decided by max() and min() against integer bounds that are worked out once per
code, unit and exponent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from itertools import groupby
from math import ceil, floor
from typing import Final, NamedTuple

from egide.measure.catalogue import CATALOGUE, Metric, convert
from egide.measure.readings import Readings, Series

__all__ = ["CODES", "WHOLE", "doubts", "spread"]

CODES: Final = ("unknown-metric", "unit-unknown", "unit", "range", "rate", "flat", "order", "future")
WHOLE: Final = -1  # in place of an index: most values of a long series are doubtful, so the series is
MANY: Final = 256  # doubtful values of one series, above which it is doubtful as a whole
MIN_FLAT: Final = 6  # values, at least, before a flat line is one
FUTURE_MS: Final = 300_000  # a clock may be so much ahead
SYSTOLIC: Final = "8480-6"
DIASTOLIC: Final = "8462-4"
_FAR: Final = 2**120  # above any difference of two values
_ZERO: Final = Decimal(0)


class _Rule(NamedTuple):
    """A metric's bounds, in units of 10**exponent of one of its units."""

    low: int
    high: int
    free: int  # a difference that needs no look at the times
    flat_us: int  # 0: a flat line is not judged
    metric: Metric
    base: int  # `step` and `rate` are over this denominator
    step: int
    rate: int  # per ms


_RULES: Final[dict[tuple[str, str, int], _Rule]] = {}  # bounded: only what the catalogue knows


def doubts(
    readings: Readings,
    previous: Mapping[str, tuple[int, Decimal]] | None = None,
    *,
    now_ms: int | None = None,
) -> dict[int, dict[int, str]]:
    """What is doubtful: position of the series -> index of the value -> code; empty in the ordinary case.

    Args:
        previous: by code, the last value known of the same person: (ms since 1970, value in canonical unit).
        now_ms: the time, when values measured later than it (5 minutes allowed) are to be flagged.

    A series with more than 256 doubtful values has the index WHOLE (-1) alone, with its first code: `spread`
    gives every index again.
    """
    found: dict[int, dict[int, str]] = {}
    position = 0
    for s in readings.series:
        rule = _RULES.get((s.code, s.unit, s.exponent))
        values = s.values
        least, most = min(values), max(values)
        if (
            rule is None
            or least < rule[0]
            or most > rule[1]
            or most - least > rule[2]
            or (previous is not None and s.code in previous)
            or (rule[3] and len(values) >= MIN_FLAT and _span_us(s) >= rule[3])
        ):
            odd = _look(s, least, most, readings.t0_ms, previous)
            if odd:
                found[position] = odd
        position += 1
    if position > 1:
        _order(readings, found)
    if now_ms is not None and readings.span_ms()[1] > now_ms + FUTURE_MS:
        _future(readings, now_ms + FUTURE_MS, found)
    for position, odd in found.items():
        if len(odd) > MANY:
            found[position] = {WHOLE: odd[min(odd)]}
    return found


def spread(odd: Mapping[int, str], count: int) -> dict[int, str]:
    """The doubts of one series of `count` values with every index told: WHOLE becomes all of them."""
    if WHOLE in odd:
        return dict.fromkeys(range(count), odd[WHOLE])
    return dict(odd)


def _rule(code: str, unit: str, exponent: int) -> _Rule | str:
    """The rule for a series, kept for the next one; or the code of the doubt that there is none."""
    key = (code, unit, exponent)
    known = _RULES.get(key)
    if known is not None:
        return known
    metric = CATALOGUE.get(code)
    if metric is None or metric.kind == "panel":
        return "unknown-metric"
    conversion = metric.units.get(unit)
    if conversion is None:
        return "unit-unknown"
    scale = conversion.factor * Fraction(10) ** exponent  # canonical units per unit of value
    step, rate, free = Fraction(0), Fraction(0), _FAR
    if metric.step is not None and metric.rate is not None:
        step, rate = Fraction(metric.step) / scale, Fraction(metric.rate) / scale / 60_000
        free = floor(step)
    base = step.denominator * rate.denominator
    rule = _Rule(
        low=ceil((Fraction(metric.low) - conversion.offset) / scale),
        high=floor((Fraction(metric.high) - conversion.offset) / scale),
        free=free,
        flat_us=(metric.flat_s or 0) * 1_000_000,
        metric=metric,
        base=base,
        step=int(step * base),
        rate=int(rate * base),
    )
    _RULES[key] = rule
    return rule


def _span_us(s: Series, start: int = 0, end: int = -1) -> int:
    """Microseconds from the `start`-th value to the `end`-th (the last one, if not said)."""
    times = s.times
    if isinstance(times, int):
        return (end % len(s.values) - start) * times
    return (times[end] - times[start]) * 1_000


def _look(
    s: Series, least: int, most: int, t0_ms: int, previous: Mapping[str, tuple[int, Decimal]] | None
) -> dict[int, str]:
    """Every rule on one series, when a first look at it was not enough."""
    rule = _rule(s.code, s.unit, s.exponent)
    if isinstance(rule, str):
        return dict.fromkeys(range(len(s.values)), rule)
    odd: dict[int, str] = {}
    if least < rule.low or most > rule.high:
        low, high, metric = rule.low, rule.high, rule.metric
        odd = {i: _misfit(v, s, metric) for i, v in enumerate(s.values) if not low <= v <= high}
    if rule.free != _FAR:
        before = None if previous is None else previous.get(s.code)
        if before is not None and 0 not in odd and _leaps(s, t0_ms, rule.metric, before):
            odd[0] = "rate"
        if most - least > rule.free:
            _rate(s, rule, odd)
    if rule.flat_us and len(s.values) >= MIN_FLAT and _span_us(s) >= rule.flat_us:
        _flat(s, rule.flat_us, odd)
    return odd


def _misfit(value: int, s: Series, metric: Metric) -> str:
    """Say whether a value that is out of range would be plausible in another unit of its metric."""
    for unit in metric.units:
        other = _rule(s.code, unit, s.exponent)
        if isinstance(other, _Rule) and other.low <= value <= other.high:
            return "unit"
    return "range"


def _rate(s: Series, rule: _Rule, odd: dict[int, str]) -> None:
    """Flag each value too far from the one before it.

    A value that jumps is not what the next one is held to, unless the next one agrees with it: so a spike
    flags itself and not what follows, and a lasting change of level flags its first value only.
    """
    offsets = s.offsets_ms()
    sound: int | None = None  # index of the last value that fits
    jumped: int | None = None  # index of a value that does not, and may be the start of a new level
    for i in range(len(s.values)):
        if odd.get(i, "rate") != "rate":
            continue
        if sound is None or _near(s, offsets, i, sound, rule) or (
            jumped is not None and _near(s, offsets, i, jumped, rule)
        ):
            sound, jumped = i, None
        else:
            odd[i], jumped = "rate", i


def _near(s: Series, offsets: list[int], i: int, j: int, rule: _Rule) -> bool:
    change = abs(s.values[i] - s.values[j]) * rule.base
    return change <= rule.step + rule.rate * (offsets[i] - offsets[j])


def _leaps(s: Series, t0_ms: int, metric: Metric, before: tuple[int, Decimal]) -> bool:
    """Whether the first value of a series is too far from the last value known before it."""
    value = Decimal(s.values[0]).scaleb(s.exponent)
    if s.unit != metric.unit:
        value = convert(value, s.unit, metric.unit, metric)
    at_ms = t0_ms if isinstance(s.times, int) else t0_ms + s.times[0]
    allowed = (metric.step or _ZERO) + (metric.rate or _ZERO) * abs(at_ms - before[0]) / 60_000
    return abs(value - before[1]) > allowed


def _flat(s: Series, flat_us: int, odd: dict[int, str]) -> None:
    """Flag the values of every run of one same value that lasts `flat_us` or more."""
    times = s.times
    if isinstance(times, int) and not _repeats(s.values, max(1, (flat_us // times + 1) // 2)):
        return
    start = 0
    for _, run in groupby(s.values):
        end = start + sum(1 for _ in run)
        if end - start >= MIN_FLAT and _span_us(s, start, end - 1) >= flat_us:
            for i in range(start, end):
                odd.setdefault(i, "flat")
        start = end


def _repeats(values: tuple[int, ...], size: int) -> bool:
    """Whether one value fills `size` places from a multiple of `size` on (a run of 2 * size - 1 must)."""
    return any(
        values[i] == values[i + size - 1] and values[i : i + size].count(values[i]) == size
        for i in range(0, len(values) - size + 1, size)
    )


def _order(readings: Readings, found: dict[int, dict[int, str]]) -> None:
    """Flag the pairs of pressures of which the diastolic one is not the lower."""
    at = {s.code: position for position, s in enumerate(readings.series)}
    if SYSTOLIC not in at or DIASTOLIC not in at:
        return
    above, below = readings.series[at[SYSTOLIC]], readings.series[at[DIASTOLIC]]
    if above.unit != below.unit:
        return
    pairs: Iterable[tuple[Decimal | int, Decimal | int]]
    if above.exponent == below.exponent:
        pairs = zip(above.values, below.values, strict=False)
    else:
        pairs = zip(above.decimals(), below.decimals(), strict=False)
    for i, (high, low) in enumerate(pairs):
        if low >= high:
            for code in (SYSTOLIC, DIASTOLIC):
                found.setdefault(at[code], {}).setdefault(i, "order")


def _future(readings: Readings, limit_ms: int, found: dict[int, dict[int, str]]) -> None:
    for position, s in enumerate(readings.series):
        late = [i for i, offset in enumerate(s.offsets_ms()) if readings.t0_ms + offset > limit_ms]
        for i in late:
            found.setdefault(position, {}).setdefault(i, "future")
