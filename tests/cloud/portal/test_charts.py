"""The server's drawings: pure geometry."""

from __future__ import annotations

import random
import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egide.cloud.portal.charts.glucose import draw_profile, edges_in, shares_in_ranges
from egide.cloud.portal.charts.line import MAX_POINTS, Point, draw_line, slices_of
from egide.cloud.portal.charts.paper import draw_paper
from egide.cloud.portal.charts.pressure import Pair, draw_bars
from egide.cloud.portal.charts.scale import HEIGHT, WIDTH, Band, Frame, frame, round_ticks

DAY = Frame(since_ms=0, until_ms=86_400_000, low=0, high=200)
FIVE_MINUTES = 300_000
finite = st.floats(min_value=-1e6, max_value=1e6)


def test_a_gap_stays_a_gap() -> None:
    """Two values on the two sides of a silence are not joined."""
    points = [Point(at_ms=n * FIVE_MINUTES, value=100) for n in (0, 1, 2, 50, 51, 52)]
    assert draw_line(points, DAY, gap_ms=3 * FIVE_MINUTES).curve.count("M") == 2


def test_a_doubtful_value_is_hollow_and_not_joined() -> None:
    """It breaks the curve, and lies alone."""
    points = [Point(at_ms=n * FIVE_MINUTES, value=100, solid=n != 3) for n in range(7)]
    line = draw_line(points, DAY, gap_ms=3 * FIVE_MINUTES)
    assert line.curve.count("M") == 2
    assert line.hollow.count("h0") == 1
    assert line.dots.count("h0") == 6


def test_a_lonely_value_is_drawn() -> None:
    """A point with a gap on both sides is a dot, also when there are too many to dot them all."""
    points = [Point(at_ms=n * 60_000, value=100) for n in range(400)] + [Point(at_ms=80_000_000, value=50)]
    assert draw_line(points, DAY, gap_ms=180_000).dots.count("h0") == 1


@given(st.integers(min_value=0, max_value=2**32), st.integers(min_value=MAX_POINTS + 1, max_value=2_000))
def test_very_many_values_become_a_middle_and_a_spread_that_holds_them_all(start: int, count: int) -> None:
    """The lowest and the highest of each slice are its edges, the line lies between; a doubtful value stays alone."""
    chance = random.Random(start)
    values, odd = [chance.gauss(100, 30) for _ in range(count)], chance.randrange(count)
    step = DAY.until_ms // len(values)
    points = [Point(at_ms=n * step, value=v, solid=n != odd) for n, v in enumerate(values)]
    slices = slices_of(points, DAY)
    solid = [p for p in points if p.solid]
    assert len(slices) <= 241
    assert (min(s.low for s in slices), max(s.high for s in slices)) == (
        min(p.value for p in solid), max(p.value for p in solid)
    )  # fmt: skip
    for point in solid:
        (mine,) = (s for s in slices if s.first_ms <= point.at_ms <= s.last_ms)
        assert mine.low <= point.value <= mine.high
        assert mine.low <= mine.middle <= mine.high
    line = draw_line(points, DAY, gap_ms=FIVE_MINUTES)
    assert (line.hollow.count("h0"), line.curve.count("M"), line.spread.count("Z")) == (1, 1, 1)


def test_a_gap_stays_a_gap_among_very_many_values() -> None:
    """Neither the middle nor the spread is drawn over a silence."""
    points = [Point(at_ms=n * 20_000, value=100 + n % 7) for n in range(2_000) if not 800 <= n < 1_000]
    line = draw_line(points, DAY, gap_ms=60_000)
    assert (line.curve.count("M"), line.spread.count("Z")) == (2, 2)
    assert draw_line(points[:700], DAY, gap_ms=60_000).spread == ""


@given(st.lists(finite, min_size=1, max_size=50), finite)
def test_nothing_is_drawn_outside(values: list[float], beyond: float) -> None:
    """What lies beyond the window is pinned to its edge."""
    window = frame(values, since_ms=0, until_ms=1000)
    assert 0 <= window.y(beyond) <= HEIGHT
    assert 0 <= window.x(beyond) <= WIDTH


@given(st.floats(min_value=-1e5, max_value=1e5), st.floats(min_value=1e-3, max_value=1e5))
def test_axis_values_are_round_and_inside(low: float, width: float) -> None:
    """Ticks lie between the edges, evenly, and are not too many."""
    ticks = round_ticks(low, low + width)
    assert len(ticks) <= 6
    assert all(low - 1e-6 <= tick <= low + width + 1e-6 for tick in ticks)


def test_a_target_range_is_cut_to_the_window() -> None:
    """A band that is open on a side goes to the edge; none is none."""
    assert DAY.band(Band(low=Decimal(50), high=None)) == (0.0, DAY.y(50))
    assert DAY.band(None) is None


@given(st.lists(st.integers(min_value=20, max_value=600).map(Decimal), min_size=1))
def test_shares_add_up(values: list[Decimal]) -> None:
    """Time in range is told in whole percents that make a hundred."""
    shares = shares_in_ranges(values, "mg/dL")
    assert sum(shares) == 100
    assert min(shares) >= 0


def test_ranges_have_the_consensus_edges() -> None:
    """70 and 180 are inside, 69 and 181 outside; each unit has its own written edges."""
    assert shares_in_ranges([Decimal(70), Decimal(180)], "mg/dL") == [0, 0, 100, 0, 0]
    assert shares_in_ranges([Decimal(53), Decimal(69), Decimal(181), Decimal(251)], "mg/dL") == [
        25,
        25,
        0,
        25,
        25,
    ]
    assert edges_in("mmol/L")[1:3] == (Decimal("3.9"), Decimal("10.0"))
    assert shares_in_ranges([], "mg/dL") == [0] * 5


def test_a_usual_day_has_bands_around_its_middle() -> None:
    """The outer area holds the inner one."""
    samples = [(hour + 0.1, 100.0 + day) for hour in range(24) for day in range(14)]
    profile = draw_profile(samples, DAY)
    assert profile.outer.endswith("Z")
    assert profile.inner.endswith("Z")
    assert profile.median.count("L") == 23


def test_morning_and_evening_are_told_apart() -> None:
    """By more than colour: the evening's bars have knobs."""
    pairs = [Pair(at_ms=n * 1000, systolic=130, diastolic=80, morning=n % 2 == 0) for n in range(4)]
    bars = draw_bars(pairs, DAY)
    assert bars.morning.count("V") == bars.evening.count("V") == 2
    assert bars.evening_ends.count("h0") == 4


def test_paper_runs_at_25_millimetres_a_second() -> None:
    """Four seconds are a hundred millimetres, one millivolt ten."""
    paper = draw_paper([0.0, 1.0] * 500, period_s=0.004)
    xs = [float(x) for x in re.findall(r"[ML](\S+) ", paper.curve)]
    ys = [float(y) for y in re.findall(r" ([\d.]+)", paper.curve)]
    assert max(xs) == pytest.approx(99.9)
    assert max(ys) - min(ys) == pytest.approx(10)
    assert paper.width >= 100
    assert paper.width % 5 == 0
