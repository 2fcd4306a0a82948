"""The recordings that virtual objects replay (data/README.md says where each comes from)."""

from __future__ import annotations

import functools
import gzip
import json
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import accumulate, pairwise
from typing import Any

__all__ = ["Recording", "Waveform", "ecg", "glucose", "ppg"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One value each `period_ms`, played round and round."""

    period_ms: int
    values: tuple[int, ...]

    def at(self, ms: int) -> float:
        """The value at `ms`, interpolated."""
        place = ms / self.period_ms
        i = int(place) % len(self.values)
        a, b = self.values[i], self.values[(i + 1) % len(self.values)]
        return a + (b - a) * (place - int(place))


@dataclass(frozen=True, slots=True, kw_only=True)
class Waveform:
    """Samples at `rate_hz`, played round and round; `beats` are the samples where a heart beat or a pulse
    is.
    """

    rate_hz: int
    samples: tuple[int, ...]
    beats: tuple[int, ...]

    @property
    def length_ms(self) -> int:
        return len(self.samples) * 1000 // self.rate_hz

    def strip(self, from_ms: int, count: int) -> tuple[int, ...]:
        """`count` samples from `from_ms` on."""
        first = from_ms * self.rate_hz // 1000 % len(self.samples)
        found = self.samples[first : first + count]
        while len(found) < count:
            found += self.samples[: count - len(found)]
        return found

    def intervals(self, from_ms: int, to_ms: int) -> list[tuple[int, int]]:
        """(when it ends, how long it is), in ms, of each interval between beats that ends in the window.

        Intervals that a lost beat made too long (over 2 s), or a false one too short (under 0.3 s), are
        left out.
        """
        found = []
        for turn in range(from_ms // self.length_ms, to_ms // self.length_ms + 1):
            start = turn * self.length_ms
            first = bisect_left(self.beats, (from_ms - start) * self.rate_hz / 1000)
            last = bisect_right(self.beats, (to_ms - start) * self.rate_hz / 1000)
            for before, beat in pairwise(self.beats[max(first - 1, 0) : last]):
                long = (beat - before) * 1000 // self.rate_hz
                if 300 <= long <= 2_000:
                    found.append((start + beat * 1000 // self.rate_hz, long))
        return found


def _load(name: str) -> dict[str, Any]:
    data = files("egide.things").joinpath("data", f"{name}.json.gz").read_bytes()
    table: dict[str, Any] = json.loads(gzip.decompress(data))
    return table


def _sums(deltas: Sequence[int]) -> tuple[int, ...]:
    return tuple(accumulate(deltas))


@functools.cache
def ecg() -> Waveform:
    """Real, lead MLII, in steps of 0.005 mV."""
    table = _load("ecg")
    return Waveform(rate_hz=table["rate_hz"], samples=_sums(table["deltas"]), beats=tuple(table["beats"]))


@functools.cache
def ppg() -> Waveform:
    """Real, without a unit."""
    table = _load("ppg")
    return Waveform(rate_hz=table["rate_hz"], samples=_sums(table["deltas"]), beats=tuple(table["beats"]))


@functools.cache
def glucose() -> tuple[Recording, ...]:
    """Simulated: three days of each of ten adults, in mg/dL."""
    table = _load("glucose")
    return tuple(
        Recording(period_ms=table["period_s"] * 1000, values=_sums(deltas))
        for deltas in table["people"].values()
    )
