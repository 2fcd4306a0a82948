"""When what was decided may become another answer by itself, though nobody signs anything. Pure.

The rules and the policies compare the instant of a question with the times in the facts, and with nothing else: between
two neighbours of these, the same question has the same answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Final

from egide.cloud.consent.facts import Emergency, Facts
from egide.cloud.consent.rules import EMERGENCY_MS

__all__ = ["next_instant"]

_TIME: Final = "_ms"


def next_instant(facts: Facts, after_ms: int) -> int | None:
    """The first time in these facts that is later; None when there is none."""
    return min((at_ms for at_ms in _times(facts) if at_ms > after_ms), default=None)


def _times(said: object) -> Iterator[int]:
    """Every time that something holds, whatever it is called: what is added to the facts is found here too."""
    if isinstance(said, tuple):
        for one in said:
            yield from _times(one)
    elif is_dataclass(said):
        if isinstance(said, Emergency):
            yield said.since_ms + EMERGENCY_MS
        for field in fields(said):
            value = getattr(said, field.name)
            if isinstance(value, int) and field.name.endswith(_TIME):
                yield value
            elif isinstance(value, tuple) or is_dataclass(value):
                yield from _times(value)
