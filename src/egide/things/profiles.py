"""What each kind of virtual object measures, as a function of time, person and chance: nothing else, no
state.

Real: ECG, RR and heart rate, photoplethysmogram and pulse rate. From a validated simulator: glucose. By a
rule, and plainly so: oxygen saturation, blood pressure, temperature, weight.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from statistics import median
from typing import Final

from egide.measure.readings import Readings, Series
from egide.things.recordings import Waveform, ecg, glucose, ppg

__all__ = ["PROFILES", "Moment", "Profile"]

_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS
_STRIP_MS: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When (ms since 1970), whom (a number: people differ), and chance that is always the same for both."""

    at_ms: int
    patient: int
    chance: Random

    def wave(self, period_ms: int, phase: float = 0.0) -> float:
        """A sine of that period, between -1 and 1."""
        return math.sin(2 * math.pi * ((self.at_ms % period_ms) / period_ms + phase))

    def person(self, what: str) -> Random:
        """Chance that is the same at every moment of one person."""
        return Random(f"{self.patient}/{what}")  # noqa: S311 (a simulation, not a secret)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A kind of object: `measure` gives what it reads at a moment, at most every `cadence_s` seconds."""

    key: str
    model: str
    cadence_s: float
    measure: Callable[[Moment], Readings]


def spot(code: str, unit: str, value: float, decimals: int) -> Series:
    """One value, with so many decimals."""
    return Series(code=code, unit=unit, times=0, exponent=-decimals, values=(round(value * 10**decimals),))


def _place(moment: Moment, wave: Waveform) -> int:
    """Where in a recording a person is: people do not beat together."""
    return moment.at_ms + moment.person("place").randrange(wave.length_ms)


def _heart_monitor(moment: Moment) -> Readings:
    """Ten seconds of ECG that end now, and the heart rate over them."""
    wave, end = ecg(), _place(moment, ecg())
    steps = wave.strip(end - _STRIP_MS, _STRIP_MS * wave.rate_hz // 1000)
    gain = moment.person("gain").choice((4, 5, 5, 6))  # thousandths of a mV for one step
    strip = Series(
        code="mdc:131330",
        unit="mV",
        times=round(1_000_000 / wave.rate_hz),
        exponent=-3,
        values=tuple(step * gain for step in steps),
    )
    rate = _rate(wave, end)
    series = (
        (strip,)
        if rate is None
        else (strip, Series(code="8867-4", unit="/min", times=(_STRIP_MS,), exponent=0, values=(rate,)))
    )
    return Readings(t0_ms=moment.at_ms - _STRIP_MS, series=series)


def _rate(wave: Waveform, end: int) -> int | None:
    intervals = [long for _, long in wave.intervals(end - _STRIP_MS, end)]
    return round(60_000 / median(intervals)) if intervals else None


def _watch(moment: Moment) -> Readings:
    """A minute that ends now: heart rate every 5 seconds, and each RR interval."""
    wave, end = ecg(), _place(moment, ecg())
    series = []
    rates = [(5_000 * i, _rate(wave, end - 60_000 + 5_000 * i)) for i in range(1, 13)]
    if kept := [(at, rate) for at, rate in rates if rate is not None]:
        series.append(
            Series(
                code="8867-4",
                unit="/min",
                times=tuple(at for at, _ in kept),
                exponent=0,
                values=tuple(rate for _, rate in kept),
            )
        )
    if intervals := wave.intervals(end - 60_000, end):
        series.append(
            Series(
                code="8637-1",
                unit="ms",
                times=tuple(at - (end - 60_000) for at, _ in intervals),
                exponent=0,
                values=tuple(long for _, long in intervals),
            )
        )
    return Readings(t0_ms=moment.at_ms - 60_000, series=tuple(series))


def _oximeter(moment: Moment) -> Readings:
    """Ten seconds of plethysmogram that end now, the pulse rate over them, and a saturation made by a
    rule.
    """
    wave, end = ppg(), _place(moment, ppg())
    usual = 95.5 + moment.person("saturation").random() * 2.5
    saturation = min(99.0, usual + moment.wave(_DAY_MS) * 0.6 + moment.chance.uniform(-0.5, 0.5))
    series = [
        Series(
            code="mdc:150452",
            unit="1",
            times=1_000_000 // wave.rate_hz,
            exponent=0,
            values=wave.strip(end - _STRIP_MS, _STRIP_MS * wave.rate_hz // 1000),
        )
    ]
    if (rate := _rate(wave, end)) is not None:
        series.append(Series(code="8889-8", unit="/min", times=(_STRIP_MS,), exponent=0, values=(rate,)))
    series.append(
        Series(code="59408-5", unit="%", times=(_STRIP_MS,), exponent=0, values=(round(saturation),))
    )
    return Readings(t0_ms=moment.at_ms - _STRIP_MS, series=tuple(series))


def _glucose(moment: Moment) -> Readings:
    """Interstitial glucose now: a virtual adult's three days, round and round, starting on another hour
    each.
    """
    people = glucose()
    trace = people[moment.patient % len(people)]
    length = trace.period_ms * len(trace.values)
    place = (moment.at_ms + moment.person("place").randrange(72) * _HOUR_MS) % length
    return Readings(t0_ms=moment.at_ms, series=(spot("99504-3", "mg/dL", trace.at(place), 0),))


def _thermometer(moment: Moment) -> Readings:
    """Body temperature: lowest before dawn, highest in the evening."""
    usual = 36.5 + moment.person("temperature").random() * 0.4
    value = usual + moment.wave(_DAY_MS, -0.45) * 0.3 + moment.chance.uniform(-0.08, 0.08)
    return Readings(t0_ms=moment.at_ms, series=(spot("8310-5", "Cel", value, 2),))


def _blood_pressure(moment: Moment) -> Readings:
    person = moment.person("pressure")
    high = person.uniform(112, 146) + moment.wave(_DAY_MS, -0.3) * 7 + moment.chance.uniform(-4, 4)
    low = person.uniform(66, 88) + moment.wave(_DAY_MS, -0.3) * 4 + moment.chance.uniform(-3, 3)
    rate = person.uniform(58, 82) + moment.chance.uniform(-3, 3)
    return Readings(
        t0_ms=moment.at_ms,
        series=(
            spot("8480-6", "mm[Hg]", high, 0),
            spot("8462-4", "mm[Hg]", low, 0),
            spot("8478-0", "mm[Hg]", low + (high - low) / 3, 0),
            spot("8867-4", "/min", rate, 0),
        ),
    )


def _scale(moment: Moment) -> Readings:
    person = moment.person("weight")
    value = person.uniform(54, 98) + moment.wave(30 * _DAY_MS) * 0.8 + moment.wave(_DAY_MS) * 0.4
    return Readings(
        t0_ms=moment.at_ms, series=(spot("29463-7", "kg", value + moment.chance.uniform(-0.1, 0.1), 2),)
    )


PROFILES: Final[Mapping[str, Profile]] = {
    profile.key: profile
    for profile in (
        Profile(key="heart-monitor", model="Virtual heart monitor", cadence_s=30, measure=_heart_monitor),
        Profile(key="oximeter", model="Virtual oximeter", cadence_s=30, measure=_oximeter),
        Profile(key="glucose", model="Virtual glucose reader", cadence_s=300, measure=_glucose),
        Profile(key="thermometer", model="Virtual thermometer", cadence_s=4 * 3600, measure=_thermometer),
        Profile(
            key="blood-pressure",
            model="Virtual blood-pressure monitor",
            cadence_s=1800,
            measure=_blood_pressure,
        ),
        Profile(key="scale", model="Virtual scale", cadence_s=86_400, measure=_scale),
        Profile(key="watch", model="Virtual watch", cadence_s=60, measure=_watch),
    )
}
