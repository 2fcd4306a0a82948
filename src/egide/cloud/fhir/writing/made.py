"""Several Observations as the readings of one envelope, and each as the answer shows it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from egide.cloud.fhir.codes import PRESSURE
from egide.cloud.fhir.observations import Observed, observations
from egide.cloud.fhir.writing.observing import Measured
from egide.cloud.fhir.writing.problems import ElementError, TooMuchError
from egide.cloud.fleet.models import Trust
from egide.cloud.release.door import Column
from egide.measure.plausibility import doubts, spread
from egide.measure.readings import MAX_SERIES, Readings, Series

__all__ = ["make", "observed", "position_of"]

_US: Final = 1000


def position_of(written: Sequence[Measured]) -> list[int]:
    """The place of each one's first series in the envelope that holds all of them."""
    places, at = [], 0
    for measured in written:
        places.append(at)
        at += len(measured.series)
    return places


def make(written: Sequence[Measured]) -> Readings:
    """The readings of one envelope, in this order.

    Raises:
        TooMuchError: more than one envelope holds. ElementError: what could not be told apart in it.
    """
    if sum(len(m.series) for m in written) > MAX_SERIES:
        raise TooMuchError("a transaction holds 64 values, or strips, at most: send the rest in another, or as a batch")
    _require_apart(written)
    t0_ms = min(m.t0_ms for m in written)
    series = tuple(_shifted(s, m.t0_ms - t0_ms) for m in written for s in m.series)
    return Readings(t0_ms=t0_ms, series=series)


def _require_apart(written: Sequence[Measured]) -> None:
    """Pressures of one instant in one envelope are one panel: two of them would be mixed."""
    instants = [m.t0_ms for m in written if m.series[0].code in PRESSURE]
    if len(set(instants)) != len(instants):
        raise ElementError("two blood pressures of one instant are sent apart, or as a batch", "Observation.effective")


def _shifted(series: Series, by_ms: int) -> Series:
    if not by_ms:
        return series
    if isinstance(series.times, int) and series.times % _US:
        raise ElementError("a strip of this period is sent alone, or as a batch", "Observation.value.period")
    return replace(series, times=tuple(by_ms + offset for offset in series.offsets_ms()))


def observed(measured: Measured, *, entry: int, position: int, system: str, pairing: str, received_ms: int) -> Observed:
    """One Observation, as release will read it: the same words, the same doubts, the same id."""
    readings = make([measured])
    odd = doubts(readings, now_ms=received_ms)
    columns = [
        Column(
            entry=entry, position=position + at, code=s.code, unit=s.unit, exponent=s.exponent,
            times_ms=tuple(readings.t0_ms + offset for offset in s.offsets_ms()), correction_ms=0, values=s.values,
            trust=int(Trust.SYSTEM), flags=frozenset(), object_id=system, pairing_id=pairing, received_ms=received_ms,
            doubts=spread(odd.get(at, {}), len(s.values)),
        )
        for at, s in enumerate(readings.series)
    ]  # fmt: skip
    return observations(columns)[0]
