"""What a record held in error, as its page says it: which metric, how many, from when to when. Never a value."""

from __future__ import annotations

from dataclasses import dataclass

from egide.cloud.portal.metrics import describe
from egide.cloud.portal.record import is_wave
from egide.cloud.release.door import Answer
from egide.cloud.release.errata import errata_of

__all__ = ["Struck", "struck_in"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Struck:
    """Measurements of one metric that turned out to be somebody else's."""

    name: str
    count: int
    first_ms: int
    last_ms: int


def struck_in(answer: Answer) -> list[Struck]:
    """One line a metric, of what was asked, by name."""
    found: dict[str, Struck] = {}
    for column in errata_of(answer):
        name, n = describe(column.code).name, 1 if is_wave(column) else len(column.times_ms)
        before = found.get(name)
        found[name] = Struck(
            name=name,
            count=n + (before.count if before else 0),
            first_ms=min(column.times_ms[0], before.first_ms) if before else column.times_ms[0],
            last_ms=max(column.times_ms[-1], before.last_ms) if before else column.times_ms[-1],
        )
    return sorted(found.values(), key=lambda struck: struck.name.casefold())
