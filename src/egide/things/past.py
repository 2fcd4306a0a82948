"""What a virtual object kept from before it was enrolled: months, sent a day at a time.

    for readings in past(thing, now_ms, days=90): obj.send(readings)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from egide.measure.readings import Readings, Series
from egide.things.virtual import VirtualObject

__all__ = ["past", "together"]

_DAY_MS: Final = 86_400_000
#: Seconds between two measures that are kept: a strip a day, blood pressure morning and evening.
_KEPT_EVERY_S: Final = {
    "glucose": 300, "watch": 3_600, "blood-pressure": 43_200, "thermometer": 14_400, "scale": 86_400,
    "heart-monitor": 86_400, "oximeter": 86_400,
}  # fmt: skip


def past(thing: VirtualObject, until_ms: int, *, days: int) -> Iterator[Readings]:
    """The `days` before `until_ms`, oldest first; the last one ends just before it."""
    step = _KEPT_EVERY_S[thing.profile_key] * 1000
    for day in range(days, 0, -1):
        start = until_ms - day * _DAY_MS
        measured = (thing.readings(at) for at in range(start, start + _DAY_MS, step))
        yield from together(readings for readings in measured if readings is not None)


def together(measured: Iterable[Readings]) -> Iterator[Readings]:
    """Join spot measures into one; what holds a waveform stays by itself."""
    spots: list[Readings] = []
    for readings in measured:
        if any(isinstance(s.times, int) and len(s.values) > 1 for s in readings.series):
            yield readings
        else:
            spots.append(readings)
    if spots:
        yield _joined(spots)


def _joined(spots: list[Readings]) -> Readings:
    """One series per metric, unit and exponent; each value keeps its instant."""
    t0_ms = min(readings.t0_ms for readings in spots)
    found: dict[tuple[str, str, int], list[tuple[int, int]]] = {}
    for readings in spots:
        for s in readings.series:
            rows = found.setdefault((s.code, s.unit, s.exponent), [])
            rows += [(readings.t0_ms - t0_ms + at, v) for at, v in zip(s.offsets_ms(), s.values, strict=True)]
    series = []
    for (code, unit, exponent), rows in found.items():
        rows.sort()
        series.append(
            Series(
                code=code, unit=unit, exponent=exponent, times=tuple(at for at, _ in rows),
                values=tuple(value for _, value in rows),
            )
        )  # fmt: skip
    return Readings(t0_ms=t0_ms, series=tuple(series))
