"""What was measured before the first contact: whole, in order, and small enough to be sent."""

from __future__ import annotations

from decimal import Decimal

import pytest

from egide.measure.plausibility import doubts
from egide.measure.readings import Readings, decode_readings, encode_readings
from egide.things.past import past, together
from egide.things.profiles import PROFILES
from egide.things.virtual import VirtualObject

NOW = 1_770_000_000_000
DAY_MS = 86_400_000


def values(readings: Readings) -> set[tuple[str, int, Decimal]]:
    return {
        (s.code, readings.t0_ms + at, value)
        for s in readings.series
        for at, value in zip(s.offsets_ms(), s.decimals(), strict=True)
    }


@pytest.mark.parametrize("key", sorted(PROFILES))
def test_three_months_are_kept_and_can_be_sent(key: str) -> None:
    """Every kind of object: each day has its envelope, none is too large, none lies after now or before the start."""
    sent = list(past(VirtualObject(key, patient_no=1), NOW, days=90))
    assert len(sent) >= 90
    for readings in sent:
        assert decode_readings(encode_readings(readings)) == readings
        first, last = readings.span_ms()
        assert NOW - 90 * DAY_MS - 60_000 <= first <= last <= NOW


def test_measures_that_are_joined_keep_their_instants_and_values() -> None:
    """Nothing is rounded, moved or lost on the way into one envelope."""
    thing = VirtualObject("blood-pressure", patient_no=0)
    one_by_one = [r for at in range(NOW, NOW + DAY_MS, 3_600_000) if (r := thing.readings(at)) is not None]
    [joined] = together(one_by_one)
    assert values(joined) == set().union(*map(values, one_by_one))
    assert len(joined.series) == len(one_by_one[0].series)


def test_a_day_of_glucose_is_plausible() -> None:
    """The ordinary past marks nothing: a demo that cries wolf teaches to look away."""
    for readings in past(VirtualObject("glucose", patient_no=0), NOW, days=3):
        assert doubts(readings) == {}
