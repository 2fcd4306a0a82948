"""Virtual objects: they measure nobody, replay recordings (profiles.py), and can be made to fail.

    thing = VirtualObject("glucose", patient_no=3, seed=1)
    thing.readings(at_ms)              # the same for the same arguments, always
    run(obj, thing, stop)              # measures and sends, at its cadence, until `stop` is set

`speed` makes it measure so many times as often; every reading is still dated when it was measured.
`history` gives what it would have measured before.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from random import Random
from typing import Final

from egide.errors import StorageError
from egide.measure.readings import Readings, Series
from egide.things.clock import ObjectClock
from egide.things.object import Object
from egide.things.outbox import State
from egide.things.profiles import PROFILES, Moment, Profile, spot

__all__ = ["DeafClock", "Fault", "VirtualObject", "run", "ward"]

_DRIFT_MS: Final = 45 * 60_000  # where a drifting clock starts from
_DRIFT_RATE: Final = 1.01
_SPIKE_EVERY: Final = 7
_FIRST_MS: Final = 120_000  # a clock that starts in 1970 leaves room for what lies before
_BATTERY: Final = "mdc:67996"
_WARD: Final = ("glucose", "watch", "oximeter", "heart-monitor", "blood-pressure", "thermometer", "scale")


class Fault(StrEnum):
    """What can go wrong."""

    CLOCK_DRIFT = "clock-drift"  # its clock is late, runs too fast, and takes no time from the platform
    NO_CLOCK = "no-clock"  # its clock starts in 1970 at each start, and takes no time from the platform
    REPLAY = "replay"  # it sends an old envelope again after each new one
    FLAT_LINE = "flat-line"  # its sensor is stuck: every value is the first one
    SPIKE = "spike"  # one measure in seven is ten times too high
    SILENCE = "silence"  # it measures nothing
    LOW_BATTERY = "low-battery"  # its battery goes from 15 % down to 1 % in two hours


class DeafClock(ObjectClock):
    """A clock that takes no time from the platform."""

    def set(self, server_ms: int, *, asked_ms: int, answered_ms: int) -> None:
        del server_ms, asked_ms, answered_ms


@dataclass(slots=True)
class VirtualObject:
    """One virtual object of one person. `faults` may be changed while it runs."""

    profile_key: str
    patient_no: int
    seed: int = 0
    faults: set[Fault] = field(default_factory=set)
    speed: float = 1.0

    @property
    def profile(self) -> Profile:
        return PROFILES[self.profile_key]

    @property
    def model(self) -> str:
        return self.profile.model

    @property
    def cadence_s(self) -> float:
        """Seconds between two measures, as fast as `speed` makes it, half a second at least."""
        return max(0.5, self.profile.cadence_s / self.speed)

    def readings(self, at_ms: int) -> Readings | None:
        """What it measures at `at_ms` (by its own clock), or None when it says nothing."""
        if Fault.SILENCE in self.faults:
            return None
        at_ms = max(at_ms, _FIRST_MS)
        chance = _chance(f"{self.profile_key}/{self.patient_no}/{self.seed}/{at_ms}")
        readings = self.profile.measure(Moment(at_ms=at_ms, patient=self.patient_no, chance=chance))
        series = tuple(self._spoil(each, at_ms) for each in readings.series)
        if Fault.LOW_BATTERY in self.faults:
            left = max(1.0, 15 - (at_ms % 7_200_000) / 7_200_000 * 14)
            series += (replace(spot(_BATTERY, "%", left, 0), times=(max(0, at_ms - readings.t0_ms),)),)
        return replace(readings, series=series)

    def _spoil(self, series: Series, at_ms: int) -> Series:
        values = series.values
        if Fault.FLAT_LINE in self.faults:
            first = self.profile.measure(Moment(at_ms=0, patient=self.patient_no, chance=_chance("")))
            stuck = next((s.values[0] for s in first.series if s.code == series.code), values[0])
            values = (stuck,) * len(values)
        if Fault.SPIKE in self.faults and round(at_ms / 1000 / self.cadence_s) % _SPIKE_EVERY == 0:
            place = len(values) // 2
            values = (*values[:place], values[place] * 10, *values[place + 1 :])
        return replace(series, values=values)

    def history(self, until_ms: int, *, hours: float) -> Iterator[Readings]:
        """What it measured before `until_ms`, oldest first, at its profile's own cadence."""
        step = int(self.profile.cadence_s * 1000)
        for back in range(int(hours * 3_600_000) // step, 0, -1):
            found = self.readings(until_ms - back * step)
            if found is not None:
                yield found

    def clock(self) -> ObjectClock:
        """The clock that its faults give it, for `Object.enrol` and `Object.open`."""
        if Fault.NO_CLOCK in self.faults:
            started = time.monotonic_ns()
            return DeafClock(wall_ms=lambda: (time.monotonic_ns() - started) // 1_000_000)
        if Fault.CLOCK_DRIFT in self.faults:
            first = time.time_ns() // 1_000_000
            return DeafClock(
                wall_ms=lambda: first - _DRIFT_MS + int((time.time_ns() // 1_000_000 - first) * _DRIFT_RATE)
            )
        return ObjectClock()


def _chance(name: str) -> Random:
    return Random(name)  # noqa: S311 (a simulation, not a secret)


def run(
    obj: Object,
    thing: VirtualObject,
    stop: threading.Event,
    *,
    sent: Callable[[Readings], None] = lambda _: None,
) -> None:
    """Measure and send, at the object's cadence, until `stop` is set. A full disk is waited out."""
    while not stop.is_set():
        readings = thing.readings(obj.clock.now_ms())
        if readings is not None:
            try:
                obj.send(readings)
                sent(readings)
            except StorageError:
                pass
            if Fault.REPLAY in thing.faults:
                _replay(obj)
        stop.wait(thing.cadence_s)


def _replay(obj: Object) -> None:
    """Send the oldest envelope that has its receipt once more."""
    old = next(obj.outbox.items(State.RECEIPTED), None)
    if old is not None:
        obj.send_again(old)


def ward(n: int, seed: int = 0, *, speed: float = 1.0) -> list[VirtualObject]:
    """A small ward: `n` objects, person by person; everybody has a glucose reader and a watch, then the
    rest.
    """
    per_person = len(_WARD)
    return [
        VirtualObject(_WARD[i % per_person], patient_no=i // per_person, seed=seed, speed=speed)
        for i in range(n)
    ]
