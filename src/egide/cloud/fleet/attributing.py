"""Whose an envelope is: its pairing's patient's, within the pairing's window, unless it was attributed otherwise. Pure.

    moved   measured within the period of an attribution to somebody else: theirs
    own     measured within the period of one to the pairing's own patient: theirs, inside the window or not
    else    the pairing's patient's within its window; outside it, held
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

__all__ = ["Attributed", "Record", "attributed", "overlaps"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Part of a patient's record, with a key pair of its own."""

    patient: UUID
    klass: str
    establishment: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributed:
    """What was measured in [since_ms, until_ms) under a pairing belongs to `record`."""

    id: UUID
    record: Record
    since_ms: int
    until_ms: int | None

    def covers(self, first_ms: int, last_ms: int) -> bool:
        """Whether a whole envelope lies within: one that lies across an edge stays where it is."""
        return self.since_ms <= first_ms and (self.until_ms is None or last_ms < self.until_ms)


def attributed(among: Iterable[Attributed], first_ms: int, last_ms: int) -> Attributed | None:
    """The attribution that an envelope falls under. Those in force of one pairing never overlap."""
    return next((a for a in among if a.covers(first_ms, last_ms)), None)


def overlaps(a: tuple[int, int | None], b: tuple[int, int | None]) -> bool:
    """Whether two periods [since, until) have an instant in common."""
    return (b[1] is None or a[0] < b[1]) and (a[1] is None or b[0] < a[1])
