"""The rules against recordings: what real and simulated people do is believed, what broken sensors do is not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from egide.measure.plausibility import doubts
from egide.measure.readings import Readings
from egide.things.profiles import PROFILES
from egide.things.virtual import Fault, VirtualObject

NOW_MS = 1_790_000_000_000
MEASURES = 40


def measured(key: str, *faults: Fault) -> Iterator[Readings]:
    """Forty measures of each of three people's objects."""
    for person in range(3):
        thing = VirtualObject(key, person, faults=set(faults))
        yield from thing.history(NOW_MS, hours=MEASURES * thing.profile.cadence_s / 3_600)


@pytest.mark.parametrize("key", PROFILES)
def test_a_sound_object_is_not_doubted(key: str) -> None:
    """Not one of the ward's measures is flagged: a flag that is often wrong is soon ignored."""
    found = [doubts(readings) for readings in measured(key)]
    assert len(found) >= 3 * MEASURES - 3
    assert not any(found)


@pytest.mark.parametrize("key", PROFILES)
def test_a_sensor_with_spikes_is_doubted(key: str) -> None:
    """One measure in seven is ten times too high: about as many are flagged."""
    found = [doubts(readings) for readings in measured(key, Fault.SPIKE)]
    assert len(found) / 10 < sum(map(bool, found)) < len(found) / 5


@pytest.mark.parametrize("key", ["heart-monitor", "oximeter"])
def test_a_waveform_that_is_stuck_is_doubted_each_time(key: str) -> None:
    """A flat strip is flagged in the strip, and not in what was measured beside it."""
    for readings in measured(key, Fault.FLAT_LINE):
        codes = {readings.series[at].code for at in doubts(readings)}
        assert codes <= {"mdc:131330", "mdc:150452"}
        assert codes
