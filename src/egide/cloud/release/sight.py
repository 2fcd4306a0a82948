"""What of an opened envelope a reader may see: the decision, applied before anything is counted, cut or numbered.

What is hidden was never measured for that reader: series and values that remain are numbered as if the others had not
been in the envelope, so neither a number nor a gap tells.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from egide.cloud.consent.facts import Window
from egide.cloud.consent.families import family_of
from egide.cloud.consent.rules import Decision, visible
from egide.measure.readings import Readings, Series

__all__ = ["Seen", "see", "sees_everything", "sees_whole"]


@dataclass(frozen=True, slots=True)
class Seen:
    """A series as its reader may see it. `kept` are places in the series as signed; None: all of them."""

    position: int
    signed_position: int
    series: Series
    times_ms: Sequence[int]
    kept: Sequence[int] | None


def sees_everything(decision: Decision) -> bool:
    """Whether the decision opens the record without a limit."""
    return not decision.hides and Window() in decision.opens


def see(readings: Readings, shift_ms: int, decision: Decision) -> Iterator[Seen]:
    """The series that the reader may see, in the order signed; `shift_ms` makes offsets times."""
    if sees_everything(decision):
        for position, series in enumerate(readings.series):
            yield Seen(position, position, series, [shift_ms + ms for ms in series.offsets_ms()], None)
        return
    seen = 0
    for position, series in enumerate(readings.series):
        family = family_of(series.code)
        times = [shift_ms + ms for ms in series.offsets_ms()]
        kept = [place for place, at_ms in enumerate(times) if visible(decision, family, at_ms)]
        if kept:
            yield Seen(seen, position, series, [times[place] for place in kept], kept)
            seen += 1


def sees_whole(readings: Readings, shift_ms: int, decision: Decision) -> bool:
    """Whether the signed bytes of an envelope may be given: they hold all that was measured in it.

    Where the patient hides anything from this reader, they get no signed bytes of this record at all: refusing only
    those of envelopes that hold something hidden would tell which do.
    """
    if decision.hides:
        return False
    seen = list(see(readings, shift_ms, decision))
    return len(seen) == len(readings.series) and all(
        s.kept is None or len(s.kept) == len(s.series.values) for s in seen
    )
