"""What of an opened envelope a reader may see: the decision, applied before anything is counted, cut or numbered.

What is hidden was never measured for that reader. The series and values that remain are numbered and judged as if the
others had not been in the envelope, so neither a number, nor a gap, nor a doubt tells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from egide.cloud.consent.facts import Window
from egide.cloud.consent.families import family_of
from egide.cloud.consent.rules import SELF, Decision, visible
from egide.measure.plausibility import doubts
from egide.measure.readings import Readings, Series

__all__ = ["Seen", "see", "sees_whole", "unlimited"]

Doubts = Mapping[int, Mapping[int, str]]


@dataclass(frozen=True, slots=True)
class Seen:
    """A series as its reader may see it: `odd` as `measure.plausibility.doubts` gives it for one series."""

    position: int
    series: Series
    times_ms: Sequence[int]
    odd: Mapping[int, str]


def see(readings: Readings, shift_ms: int, decision: Decision, noted: Doubts, *, now_ms: int) -> list[Seen]:
    """The series that the reader may see, in the order signed.

    `shift_ms` makes offsets times; `noted` is what intake doubted; `now_ms` is when it did, by the object's clock.
    """
    left = readings if unlimited(decision) else _left(readings, shift_ms, decision)
    if left is not readings:
        noted = doubts(left, now_ms=now_ms) if left.series else {}
    return [
        Seen(position, series, [shift_ms + ms for ms in series.offsets_ms()], noted.get(position, {}))
        for position, series in enumerate(left.series)
    ]


def sees_whole(decision: Decision) -> bool:
    """Whether signed bytes may be given: they hold all that was measured together, and cannot be cut.

    They are the patient's alone. A proof that is there for one reader and missing for another, or for one envelope and
    not for the next, would tell of a restriction, a secret, or a refusal made beforehand.
    """
    return decision.ground == SELF


def unlimited(decision: Decision) -> bool:
    """Whether nothing of the record is hidden from this reader, and every metric and period is open to them."""
    return not decision.hides and Window() in decision.opens


def _left(readings: Readings, shift_ms: int, decision: Decision) -> Readings:
    """The readings without what the decision does not open; the very same where it opens all of them."""
    found = []
    for series in readings.series:
        family, offsets = family_of(series.code), series.offsets_ms()
        kept = [n for n, ms in enumerate(offsets) if visible(decision, family, shift_ms + ms)]
        if len(kept) == len(offsets):
            found.append(series)
        elif kept:
            times, values = tuple(offsets[n] for n in kept), tuple(series.values[n] for n in kept)
            found.append(replace(series, times=times, values=values))
    whole = len(found) == len(readings.series) and all(a is b for a, b in zip(found, readings.series, strict=True))
    return readings if whole else replace(readings, series=tuple(found))
