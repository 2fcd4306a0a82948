"""The journal as people think of it: one visit is one person, one purpose, one answer, without a long pause.

Pure. Exports and refusals are never hidden in a visit of another kind.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from egide.cloud.release.journal import JournalLine

__all__ = ["EXPORTS", "PAUSE_MS", "Visit", "visits_of"]

#: A person who asks again within this time of their last question is still on the same visit.
PAUSE_MS: Final = 30 * 60_000
#: What was taken away, not only looked at.
EXPORTS: Final = frozenset({"proof", "export"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """Lines of the journal that belong together, latest first: never empty."""

    lines: tuple[JournalLine, ...]

    @property
    def last(self) -> JournalLine:
        return self.lines[0]

    @property
    def first_ms(self) -> int:
        return self.lines[-1].at_ms

    @property
    def last_ms(self) -> int:
        return self.lines[0].at_ms

    @property
    def yes(self) -> bool:
        return self.last.decision == "yes"

    @property
    def export(self) -> bool:
        return self.last.channel in EXPORTS

    @property
    def codes(self) -> tuple[str, ...]:
        """What was asked for, each once; empty when any line asked for everything."""
        if any(not line.codes for line in self.lines):
            return ()
        return tuple(sorted({code for line in self.lines for code in line.codes}))

    @property
    def since_ms(self) -> int:
        return min(line.since_ms for line in self.lines)

    @property
    def until_ms(self) -> int:
        return max(line.until_ms for line in self.lines)


def visits_of(lines: Iterable[JournalLine]) -> list[Visit]:
    """Group lines that are given latest first. Every line is in exactly one visit."""
    open_now: dict[tuple[str, ...], list[JournalLine]] = {}
    found: list[list[JournalLine]] = []
    for line in lines:
        key = (line.reader, line.role, line.purpose, line.ground, line.decision, line.channel, line.app,
               line.responsible)  # fmt: skip
        before = open_now.get(key)
        if before is None or line.channel in EXPORTS or before[-1].at_ms - line.at_ms > PAUSE_MS:
            before = open_now[key] = []
            found.append(before)
        before.append(line)
    return [Visit(lines=tuple(group)) for group in found]
