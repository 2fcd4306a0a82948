"""What time it is for an object: its own clock, set by a time that the platform signed for it.

The platform echoes a nonce that the object has just drawn, so an old answer cannot be shown again; its
certificate leads to the pinned root. What is kept is an offset to the time since the object started, so
that a jump of the machine's wall clock changes nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Final

from egide.errors import UnavailableError
from egide.trust.envelope import Clock

__all__ = ["ObjectClock"]

MAX_ROUND_TRIP_MS: Final = 10_000
GOOD_FOR_MS: Final = 7 * 86_400_000  # a quartz of 100 ppm has then drifted by a minute


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


def _running_ms() -> int:
    """Milliseconds that also count while the machine sleeps, where the system can tell."""
    source = getattr(time, "CLOCK_BOOTTIME", None)
    return (time.monotonic_ns() if source is None else time.clock_gettime_ns(source)) // 1_000_000


class ObjectClock:
    """The object's clock. `wall_ms` may be wrong, jump, or be dead; `running_ms` never goes back."""

    def __init__(
        self,
        *,
        wall_ms: Callable[[], int] = _wall_ms,
        running_ms: Callable[[], int] = _running_ms,
        boot: bytes | None = None,
    ) -> None:
        self._wall_ms = wall_ms
        self._running_ms = running_ms
        self._started = running_ms()
        self._boot = boot if boot is not None else os.urandom(8)
        self._set_at: int | None = None  # running ms
        self._set_to = 0  # ms since 1970

    def running_ms(self) -> int:
        """Milliseconds since the object started."""
        return self._running_ms() - self._started

    @property
    def synchronised(self) -> bool:
        """A signed time was read during this start, and not long ago."""
        return self._set_at is not None and self.running_ms() - self._set_at <= GOOD_FOR_MS

    def now_ms(self) -> int:
        """Milliseconds since 1970: by the platform's time once it was read, else by the wall clock (never
        negative).
        """
        if self._set_at is None:
            return max(0, self._wall_ms())
        return self._set_to + self.running_ms() - self._set_at

    def story(self) -> Clock:
        """What an envelope says of the clock it was dated by."""
        return Clock(boot=self._boot, since_boot_ms=max(0, self.running_ms()), synchronised=self.synchronised)

    def set(self, server_ms: int, *, asked_ms: int, answered_ms: int) -> None:
        """Take a verified time; the question left at `asked_ms` and the answer came at `answered_ms`
        (running).

        The error is at most half of the round trip. Raises UnavailableError when that is too long to be of
        use.
        """
        if not 0 <= answered_ms - asked_ms <= MAX_ROUND_TRIP_MS:
            raise UnavailableError("the server's time took too long to come")
        self._set_to = server_ms + (answered_ms - asked_ms) // 2
        self._set_at = answered_ms
