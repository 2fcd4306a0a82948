"""When to send again. Pure rules: the randomness is an argument, and so is every instant.

1. An envelope is sent at once, then again 30 to 60 s later as long as no answer that verifies has come.
2. Each silence doubles the wait, up to an hour; the jitter is as wide as the wait, so a thousand objects
   that lost the same broker do not come back together.
3. An answer that says "later" counts as a silence.
4. Renewal starts when two thirds of a certificate's life are over, at an instant drawn in the next sixth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

__all__ = ["RETRY", "Random", "Retry", "renewal_at"]


class Random(Protocol):
    """A source of randomness, as `random.Random` and `random.SystemRandom` are."""

    def random(self) -> float:
        """A float in [0, 1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """The waits, in milliseconds."""

    first_ms: int = 30_000
    ceiling_ms: int = 3_600_000

    def delay_ms(self, attempts: int, source: Random) -> int:
        """How long to wait after the `attempts`-th attempt (1 or more) before the next.

        Between w and 2w, where w is 30 s, doubled at each attempt; never under 30 s nor over the ceiling.
        """
        low = min(self.first_ms << min(max(attempts, 1) - 1, 32), max(self.first_ms, self.ceiling_ms // 2))
        return min(low + int(source.random() * low), self.ceiling_ms)


RETRY: Final = Retry()


def renewal_at(not_before_ms: int, not_after_ms: int, source: Random) -> int:
    """The instant (ms since 1970) from which a certificate is renewed: between 4/6 and 5/6 of its life."""
    life = not_after_ms - not_before_ms
    return not_before_ms + life * 4 // 6 + int(source.random() * (life // 6))
