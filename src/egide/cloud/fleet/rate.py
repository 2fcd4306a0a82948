"""A limit on how often one caller may ask (a token bucket), kept in memory, of bounded size."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final

from egide.errors import TooManyTriesError

__all__ = ["RateLimiter", "TooFastError"]

_MAX_CALLERS: Final = 20_000


class TooFastError(TooManyTriesError):
    """Asked too often. `retry_s`: when to ask again."""

    code = "too-fast"
    hint = "keep the envelope, wait as Retry-After says, then send it again"

    def __init__(self, retry_s: int) -> None:
        super().__init__("too many requests a minute")
        self.retry_s = retry_s


class RateLimiter:
    """`per_minute` requests a minute for each caller, and as many at once after a silence. Thread-safe."""

    def __init__(self, per_minute: int) -> None:
        self._per_s = per_minute / 60
        self._full = float(per_minute)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # caller -> (tokens, at)
        self._lock = threading.Lock()

    def take(self, caller: str, *, now_s: float) -> None:
        """Raises TooFastError when the caller has none left. `now_s` is a monotonic clock."""
        with self._lock:
            tokens, at = self._buckets.pop(caller, (self._full, now_s))
            tokens = min(self._full, tokens + (now_s - at) * self._per_s)
            allowed = tokens >= 1
            self._buckets[caller] = (tokens - 1 if allowed else tokens, now_s)
            while len(self._buckets) > _MAX_CALLERS:
                self._buckets.popitem(last=False)
        if not allowed:
            raise TooFastError(int((1 - tokens) / self._per_s) + 1)
