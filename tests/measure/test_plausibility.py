"""Plausibility: what a body cannot do is flagged, what is rare is not, and nothing is ever refused."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egide.measure.catalogue import CATALOGUE, Metric
from egide.measure.plausibility import CODES, MANY, MIN_FLAT, WHOLE, doubts, spread
from egide.measure.readings import Readings, Series
from tests.support.wire import readings

T0 = 1_767_225_600_000
MINUTE = 60_000_000  # microseconds
CGM, METER, METER_MOLES = "99504-3", "2339-0", "15074-8"
HEART, TEMPERATURE, ECG = "8867-4", "8310-5", "mdc:131329"
AGO = T0 - 300_000
Times = int | tuple[int, ...]


def one(code: str, unit: str, *numbers: int, times: Times = MINUTE, exponent: int = 0) -> Readings:
    """Readings of one series."""
    if len(numbers) == 1 and isinstance(times, int):
        times = 0
    series = Series(code=code, unit=unit, times=times, exponent=exponent, values=numbers)
    return Readings(t0_ms=T0, series=(series,))


def odd(value: Readings, **context: Any) -> dict[int, str]:
    """The doubts of a single series."""
    return doubts(value, **context).get(0, {})


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(one(CGM, "mg/dL", 110, 112, 115, 119, 123, 127, times=5 * MINUTE), id="glucose"),
        pytest.param(one(METER, "g/L", 110, exponent=-2), id="glucose-french-unit"),
        pytest.param(one(METER_MOLES, "mmol/L", 61, exponent=-1), id="glucose-moles"),
        pytest.param(one(HEART, "/min", 62, 64, 110, 150, 120), id="an-effort"),
        pytest.param(one(HEART, "Hz", 105, exponent=-2), id="hertz"),
        pytest.param(one(TEMPERATURE, "Cel", 3650, exponent=-2), id="temperature"),
        pytest.param(one(TEMPERATURE, "[degF]", 986, exponent=-1), id="fahrenheit"),
        pytest.param(one("29463-7", "kg", 72, exponent=0), id="weight"),
        pytest.param(one("egide:device-status", "1", 0), id="status"),
        pytest.param(one("mdc:67996", "%", 3), id="battery-nearly-empty"),
    ],
)
def test_an_ordinary_measure_is_not_doubted(value: Readings) -> None:
    """Nothing to say, in any of the metric's units."""
    assert doubts(value) == {}


@pytest.mark.parametrize("m", [pytest.param(m, id=m.key) for m in CATALOGUE.values() if m.kind != "panel"])
def test_the_bounds_of_a_range_are_inside_it(m: Metric) -> None:
    """The least and the greatest plausible value are plausible; the next ones are not."""
    exponent = min(int(m.low.as_tuple().exponent), int(m.high.as_tuple().exponent))
    low, high = int(m.low.scaleb(-exponent)), int(m.high.scaleb(-exponent))
    assert odd(one(m.code, m.unit, low, exponent=exponent)) == {}
    assert odd(one(m.code, m.unit, high, exponent=exponent)) == {}
    assert odd(one(m.code, m.unit, low - 1, exponent=exponent)).keys() == {0}
    assert odd(one(m.code, m.unit, high + 1, exponent=exponent)).keys() == {0}


@pytest.mark.parametrize(
    ("value", "code"),
    [
        pytest.param(one(METER_MOLES, "mmol/L", 110), "unit", id="mg-per-dl-sent-as-mmol-per-l"),
        pytest.param(one(METER, "mmol/L", 110), "unit", id="the-same-under-the-mass-code"),
        pytest.param(one(METER, "mg/dL", 55, exponent=-1), "unit", id="mmol-per-l-sent-as-mg-per-dl"),
        pytest.param(one(METER, "mg/dL", 110, exponent=-2), "unit", id="g-per-l-sent-as-mg-per-dl"),
        pytest.param(one(TEMPERATURE, "Cel", 986, exponent=-1), "unit", id="fahrenheit-sent-as-celsius"),
        pytest.param(one("8480-6", "mm[Hg]", 16), "unit", id="kilopascal-sent-as-mmhg"),
        pytest.param(one("59408-5", "%", 97, exponent=-2), "unit", id="fraction-sent-as-percent"),
        pytest.param(one("29463-7", "kg", 72_000), "unit", id="grams-sent-as-kilograms"),
        pytest.param(one(METER, "mg/dL", 100_000), "range", id="no-unit-makes-it-plausible"),
        pytest.param(one(HEART, "/min", -5), "range", id="negative"),
        pytest.param(one(HEART, "/min", 0), "range", id="dead-or-not-worn"),
        pytest.param(one(HEART, "bpm", 62), "unit-unknown", id="not-a-ucum-unit"),
        pytest.param(one(HEART, "mg/dL", 62), "unit-unknown", id="another-metrics-unit"),
        pytest.param(one("0000-0", "1", 62), "unknown-metric", id="unknown-code"),
        pytest.param(one("85354-9", "mm[Hg]", 120), "unknown-metric", id="a-panel-has-no-value"),
        pytest.param(one("egide:device-status", "1", 8), "range", id="unknown-state"),
    ],
)
def test_an_implausible_value_says_why(value: Readings, code: str) -> None:
    """A wrong unit is told from an impossible value."""
    assert odd(value) == {0: code}


def test_only_the_odd_values_are_flagged() -> None:
    """Their neighbours stay plain."""
    value = one(CGM, "mg/dL", 110, 5, 112, 7_000, 115, times=5 * MINUTE)
    assert odd(value) == {1: "unit", 3: "range"}


def test_each_series_is_judged_by_itself() -> None:
    """The position of a series is its key; plain series have none."""
    series = [one(HEART, "/min", 62), one("x", "1", 5), one(HEART, "/min", 900)]
    together = Readings(t0_ms=T0, series=tuple(r.series[0] for r in series))
    assert doubts(together) == {1: {0: "unknown-metric"}, 2: {0: "range"}}


def test_a_spike_is_flagged_and_what_follows_is_not() -> None:
    """The value after a spike is held to the one before it."""
    assert odd(one(CGM, "mg/dL", 110, 250, 112, 113, times=5 * MINUTE)) == {1: "rate"}


def test_a_new_level_is_flagged_once() -> None:
    """A sensor that was recalibrated jumps once; what agrees with the new level is believed."""
    assert odd(one(CGM, "mg/dL", 110, 250, 252, 251, times=5 * MINUTE)) == {1: "rate"}


def test_values_that_jump_everywhere_are_flagged_one_by_one() -> None:
    """Neither the last believed value nor the last jump agrees with them."""
    assert odd(one(CGM, "mg/dL", 110, 250, 400, 550, times=5 * MINUTE)) == dict.fromkeys((1, 2, 3), "rate")


def test_a_value_out_of_range_is_no_measure_of_change() -> None:
    """A drop-out to zero does not make the next value a leap."""
    assert odd(one(CGM, "mg/dL", 300, 0, 310, times=5 * MINUTE)) == {1: "range"}


def test_a_change_is_judged_by_the_time_it_took() -> None:
    """The same climb is plausible in an hour, not in a minute."""
    assert odd(one(CGM, "mg/dL", 110, 300, times=(0, 3_600_000))) == {}
    assert odd(one(CGM, "mg/dL", 110, 300, times=(0, 60_000))) == {1: "rate"}
    assert odd(one(CGM, "mmol/L", 61, 167, times=(0, 60_000), exponent=-1)) == {1: "rate"}


@pytest.mark.parametrize(
    ("value", "before", "expected"),
    [
        pytest.param(one(CGM, "mg/dL", 115), (AGO, Decimal(110)), {}, id="agrees"),
        pytest.param(one(CGM, "mg/dL", 300), (AGO, Decimal(110)), {0: "rate"}, id="leaps"),
        pytest.param(one(CGM, "mg/dL", 300), (T0 - 7_200_000, Decimal(110)), {}, id="long-ago"),
        pytest.param(one(CGM, "mg/dL", 300), (T0 + 300_000, Decimal(110)), {0: "rate"}, id="arrived-late"),
        pytest.param(one(CGM, "mmol/L", 64, exponent=-1), (AGO, Decimal(110)), {}, id="other-unit"),
        pytest.param(one(CGM, "mmol/L", 20), (AGO, Decimal(110)), {0: "rate"}, id="other-unit-leaps"),
        pytest.param(one(CGM, "mg/dL", 9_000), (AGO, Decimal(110)), {0: "range"}, id="range-comes-first"),
        pytest.param(one(ECG, "mV", 5), (T0 - 4, Decimal(-5)), {}, id="not-judged"),
        pytest.param(
            one(CGM, "mg/dL", 300, 299, times=(600_000, 660_000)), (T0, Decimal(110)), {0: "rate"}, id="late"
        ),
    ],
)
def test_the_first_value_is_held_to_the_last_one_known(
    value: Readings, before: tuple[int, Decimal], expected: dict[int, str]
) -> None:
    """A leap between two envelopes is as odd as one within."""
    assert odd(value, previous={value.series[0].code: before}) == expected


def test_a_last_value_of_another_metric_says_nothing() -> None:
    """A glucose is not held to a heart rate."""
    assert odd(one(CGM, "mg/dL", 300), previous={HEART: (T0, Decimal(62))}) == {}


def test_a_flat_line_is_a_stuck_sensor() -> None:
    """Three seconds of one same voltage in an ECG; two hours of one same glucose."""
    assert odd(one(ECG, "uV", *[12] * 751, times=4_000)) == {WHOLE: "flat"}
    assert odd(one(ECG, "uV", *[12] * 750, times=4_000)) == {}
    flat = one(CGM, "mg/dL", *[110] * 25, times=5 * MINUTE)
    assert odd(flat) == dict.fromkeys(range(25), "flat")
    offsets = tuple(i * 300_000 for i in range(25))
    assert odd(one(CGM, "mg/dL", *[110] * 25, times=offsets)) == dict.fromkeys(range(25), "flat")


def test_a_steady_body_is_not_a_stuck_sensor() -> None:
    """An hour of the same glucose, or a few same values far apart, is life."""
    assert odd(one(CGM, "mg/dL", *[110] * 12, times=5 * MINUTE)) == {}
    assert odd(one(CGM, "mg/dL", *[110] * (MIN_FLAT - 1), times=60 * MINUTE)) == {}
    assert odd(one("29463-7", "kg", *[72] * 30, times=1_440 * MINUTE)) == {}


def test_a_flat_line_within_a_strip_is_found() -> None:
    """A lead that came off for four seconds and was put back, wherever it begins."""
    for begins in (0, 1, 374, 900, 1_500):
        moving = [(-1) ** i * (i % 50 + 1) for i in range(2_500)]
        moving[begins : begins + 1_000] = [0] * 1_000
        assert odd(one(ECG, "uV", *moving, times=4_000)) == {WHOLE: "flat"}
    assert odd(one(ECG, "uV", *[(-1) ** i * (i % 50 + 1) for i in range(2_500)], times=4_000)) == {}


def test_a_short_pause_within_a_strip_is_not_flat() -> None:
    """Two seconds without a beat is a pause, and a doctor's matter."""
    moving = [(-1) ** i * (i % 50 + 1) for i in range(2_500)]
    moving[400:900] = [0] * 500
    assert odd(one(ECG, "uV", *moving, times=4_000)) == {}


def test_slow_values_can_be_flat_too() -> None:
    """A period longer than the time that makes a line flat is counted in values."""
    slow = one(HEART, "/min", *[62] * MIN_FLAT, times=120 * MINUTE)
    assert odd(slow) == dict.fromkeys(range(MIN_FLAT), "flat")


def test_a_flat_line_with_offsets_is_found_within_others() -> None:
    """Irregular times are judged by what they say."""
    numbers = [100, 104, *[110] * 8, 111]
    times = tuple(i * 1_200_000 for i in range(len(numbers)))
    assert odd(one(CGM, "mg/dL", *numbers, times=times)) == dict.fromkeys(range(2, 10), "flat")


def pressures(above: int, below: int, unit: str = "mm[Hg]", below_unit: str = "mm[Hg]") -> Readings:
    """A systolic and a diastolic pressure."""
    series = [one("8480-6", unit, above).series[0], one("8462-4", below_unit, below).series[0]]
    return Readings(t0_ms=T0, series=tuple(series))


def test_a_diastolic_pressure_is_below_its_systolic_one() -> None:
    """The two taken for each other are flagged on both sides, once."""
    assert doubts(pressures(128, 79)) == {}
    assert doubts(pressures(79, 128)) == {0: {0: "order"}, 1: {0: "order"}}
    assert doubts(pressures(100, 100)) == {0: {0: "order"}, 1: {0: "order"}}
    assert doubts(pressures(10, 79)) == {0: {0: "unit"}, 1: {0: "order"}}


def test_pressures_written_with_other_digits_are_compared() -> None:
    """128.0 over 79: what is compared is the value, not the integer that carries it."""
    for above, expected in ((1_280, {}), (780, {0: {0: "order"}, 1: {0: "order"}})):
        systolic = one("8480-6", "mm[Hg]", above, exponent=-1).series
        assert doubts(Readings(t0_ms=T0, series=systolic + pressures(128, 79).series[1:])) == expected


def test_pressures_in_two_units_or_alone_are_not_compared() -> None:
    """Without the pair in one unit there is nothing to compare."""
    assert doubts(pressures(16, 79, unit="kPa")) == {}
    lonely = Readings(t0_ms=T0, series=pressures(128, 79).series[:1] + one(HEART, "/min", 62).series)
    assert doubts(lonely) == {}
    other = Readings(t0_ms=T0, series=pressures(128, 79).series[1:] + one(HEART, "/min", 62).series)
    assert doubts(other) == {}


def test_a_measure_of_the_future_is_flagged_when_the_time_is_known() -> None:
    """Five minutes of a clock's drift are forgiven; a year is not."""
    value = one(CGM, "mg/dL", 110, 111, 112, times=5 * MINUTE)
    assert odd(value) == {}
    assert odd(value, now_ms=T0 + 600_000) == {}
    assert odd(value, now_ms=T0 + 299_999) == {2: "future"}
    assert odd(value, now_ms=T0 - 365 * 86_400_000) == dict.fromkeys(range(3), "future")
    both = Readings(t0_ms=T0, series=value.series + one(HEART, "/min", 900).series)
    assert doubts(both, now_ms=T0) == {0: {2: "future"}, 1: {0: "range"}}


def test_many_doubts_of_one_series_are_told_as_one() -> None:
    """What is stored beside an envelope stays small, whatever the envelope holds; nothing is lost."""
    few, many = one("x", "1", *range(MANY)), one("x", "1", *range(MANY + 1))
    assert odd(few) == dict.fromkeys(range(MANY), "unknown-metric")
    assert odd(many) == {WHOLE: "unknown-metric"}
    assert spread(odd(many), MANY + 1) == dict.fromkeys(range(MANY + 1), "unknown-metric")
    assert spread({3: "rate"}, 10) == {3: "rate"}


@settings(deadline=None)
@given(readings, st.none() | st.integers(0, 2**46))
def test_whatever_comes_is_judged_and_never_raises(value: Readings, now_ms: int | None) -> None:
    """A doubt is a known code, at a value that exists."""
    previous = {s.code: (T0, Decimal(1)) for s in value.series}
    for position, found in doubts(value, previous, now_ms=now_ms).items():
        assert found
        assert set(found.values()) <= set(CODES)
        assert set(found) <= {WHOLE, *range(len(value.series[position].values))}


JUDGED = [m for m in CATALOGUE.values() if m.kind != "panel"]


@st.composite
def known(draw: st.DrawFn) -> tuple[Metric, Readings]:
    """A series of a known metric, in any of its units, with values in and around its range."""
    m = draw(st.sampled_from(JUDGED))
    unit = draw(st.sampled_from(list(m.units)))
    exponent = draw(st.integers(-4, 1))
    scale = m.units[unit].factor * Fraction(10) ** exponent
    middle, width = Fraction(m.low + m.high) / 2, Fraction(m.high - m.low) * Fraction(3, 4)
    low = int((middle - width - m.units[unit].offset) / scale)
    high = int((middle + width - m.units[unit].offset) / scale)
    numbers = draw(st.lists(st.integers(low, max(low, high)), min_size=1, max_size=10))
    period = draw(st.integers(1, 90 * MINUTE))
    return m, one(m.code, unit, *numbers, times=period, exponent=exponent)


def by_the_book(m: Metric, s: Series) -> dict[int, str]:
    """The rules as the documentation says them, in rational numbers, without any shortcut."""

    def canonical(value: int, unit: str) -> Fraction:
        return value * Fraction(10) ** s.exponent * m.units[unit].factor + m.units[unit].offset

    def inside(value: int, unit: str) -> bool:
        return Fraction(m.low) <= canonical(value, unit) <= Fraction(m.high)

    found: dict[int, str] = {}
    for i, value in enumerate(s.values):
        if not inside(value, s.unit):
            found[i] = "unit" if any(inside(value, other) for other in m.units) else "range"
    if m.step is not None and m.rate is not None:
        at = s.offsets_ms()

        def near(i: int, j: int) -> bool:
            change = abs(canonical(s.values[i], s.unit) - canonical(s.values[j], s.unit))
            assert m.step is not None
            assert m.rate is not None
            return change <= Fraction(m.step) + Fraction(m.rate) * (at[i] - at[j]) / 60_000

        good = [i for i in range(len(s.values)) if i not in found]
        believed, jumped = good[:1], None
        for i in good[1:]:
            if near(i, believed[-1]) or (jumped is not None and near(i, jumped)):
                believed, jumped = [*believed, i], None
            else:
                found[i], jumped = "rate", i
    if m.flat_s is not None and isinstance(s.times, int):
        for start in range(len(s.values)):
            for end in range(start + MIN_FLAT, len(s.values) + 1):
                same = len(set(s.values[start:end])) == 1
                if same and (end - 1 - start) * s.times >= m.flat_s * 1_000_000:
                    for i in range(start, end):
                        found.setdefault(i, "flat")
    return found


@settings(max_examples=500, deadline=None)
@given(known())
def test_the_shortcuts_change_nothing(case: tuple[Metric, Readings]) -> None:
    """Integer bounds worked out beforehand, and the quick look, give what the rules give by the book."""
    m, value = case
    assert odd(value) == by_the_book(m, value.series[0])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([110, 110, 110, 111]), min_size=6, max_size=40), st.integers(1, 60))
def test_flat_runs_are_found_by_the_book(numbers: list[int], minutes: int) -> None:
    """The quick search for a flat run misses none and adds none."""
    value = one(CGM, "mg/dL", *numbers, times=minutes * MINUTE)
    assert odd(value) == by_the_book(CATALOGUE[CGM], value.series[0])
