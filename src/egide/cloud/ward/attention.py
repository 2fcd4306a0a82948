"""Who needs attention first. Pure: no clock, no database, no words.

It orders a list; it judges no one's health. A doubtful value may be an emergency or a loose cuff, and silence may be an
empty battery: each line names the plausible reasons, and a person decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Final

__all__ = ["LEVELS", "Heard", "Reason", "Seen", "reasons", "rhythm_ms", "sort_key", "why_silent"]

_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS
_STEPS: Final = 3  # usual intervals without a word, as on the charts
_LEAST_MS: Final = _HOUR_MS  # nobody is told of a shorter silence
_UNKNOWN_MS: Final = 7 * _DAY_MS  # of an object whose rhythm is not known yet
_FEW: Final = 4  # instants that make a rhythm
_LOW_BATTERY: Final = 20

#: Reasons, the most pressing first.
LEVELS: Final = ("contested", "silent", "doubtful", "late", "paused")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """An object paired with the patient now, and when it was heard: true data, whatever the reader may see."""

    object_id: str
    model: str
    paired_ms: int
    heard_ms: int | None  # when its last message came
    measured_ms: tuple[int, ...] = ()  # the last instants that it measured
    certificate_until_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the reader may see of a patient over the last day: counts of what was released to them."""

    values: int = 0
    contested: int = 0
    late: int = 0
    doubts: tuple[tuple[str, int], ...] = ()  # code of a doubt, how many values; the most frequent first
    last_ms: int | None = None
    batteries: tuple[tuple[str, int], ...] = ()  # object, per cent


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a patient stands where they stand. `because` names plausible causes by their codes."""

    code: str
    count: int = 0
    since_ms: int | None = None
    model: str = ""
    because: tuple[str, ...] = ()


def rhythm_ms(measured_ms: Sequence[int]) -> int | None:
    """The usual time between two messages of an object; None while too few came to tell."""
    ordered = sorted(set(measured_ms))
    if len(ordered) < _FEW:
        return None
    return round(median(later - earlier for earlier, later in pairwise(ordered)))


def silent(heard: Heard, *, now_ms: int) -> bool:
    """True when an object kept quiet for longer than three of its usual intervals."""
    rhythm = rhythm_ms(heard.measured_ms)
    allowed = _UNKNOWN_MS if rhythm is None else max(_LEAST_MS, _STEPS * rhythm)
    since = heard.paired_ms if heard.heard_ms is None else heard.heard_ms
    return now_ms - since > allowed


def why_silent(heard: Heard, batteries: dict[str, int], *, now_ms: int) -> tuple[str, ...]:
    """Codes of what may explain a silence, the likeliest first; an object out of reach explains any."""
    causes = []
    if heard.certificate_until_ms is not None and heard.certificate_until_ms <= now_ms:
        causes.append("certificate")
    if batteries.get(heard.object_id, 100) <= _LOW_BATTERY:
        causes.append("battery")
    if heard.heard_ms is None:
        causes.append("never")
    return (*causes, "reach")


def reasons(
    objects: Iterable[Heard], seen: Seen, *, paused_until_ms: int | None = None, paused: bool = False, now_ms: int
) -> tuple[Reason, ...]:
    """Every reason, in the order of LEVELS. While a follow-up is paused, silence is expected and not told."""
    found: list[Reason] = []
    if seen.contested:
        found.append(Reason(code="contested", count=seen.contested))
    if not paused:
        batteries = dict(seen.batteries)
        quiet = sorted((h for h in objects if silent(h, now_ms=now_ms)), key=lambda h: h.heard_ms or h.paired_ms)
        found += [
            Reason(
                code="silent", count=1, since_ms=h.heard_ms, model=h.model,
                because=why_silent(h, batteries, now_ms=now_ms),
            )
            for h in quiet
        ]  # fmt: skip
    if seen.doubts:
        total = sum(n for _, n in seen.doubts)
        found.append(Reason(code="doubtful", count=total, because=tuple(code for code, _ in seen.doubts)))
    if seen.late:
        found.append(Reason(code="late", count=seen.late))
    if paused:
        found.append(Reason(code="paused", since_ms=paused_until_ms))
    return tuple(sorted(found, key=lambda reason: LEVELS.index(reason.code)))


def sort_key(found: Sequence[Reason], last_ms: int | None, name: str) -> tuple[int, int, int, str]:
    """Most pressing reason first, then how many values it counts, then the freshest record, then the name."""
    if not found:
        return (len(LEVELS), 0, -(last_ms or 0), name.casefold())
    return (LEVELS.index(found[0].code), -found[0].count, -(last_ms or 0), name.casefold())
