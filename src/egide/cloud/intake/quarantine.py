"""Where refused envelopes go: sealed to the quarantine's key, bounded, never in clear.

At most 10,000 are kept, the oldest leave first; at most 64 a minute and source are kept, and the rest are counted.
"""

from __future__ import annotations

import functools
from collections import Counter
from typing import Final

from django.conf import settings

from egide.cloud.intake.models import Refused
from egide.cloud.intake.steps import Incoming
from egide.trust.limits import LIMITS
from egide.trust.seal import Suite, seal_to

__all__ = ["REFUSALS", "keep"]

KEPT: Final = 10_000
PER_MINUTE: Final = 64
INFO: Final = b"egide quarantine v1"

#: Refusals by code since this process started, kept or not.
REFUSALS: Counter[str] = Counter()
_minute: tuple[int, Counter[str]] = (0, Counter())


@functools.cache
def _public() -> bytes:
    return settings.OPTIONS.read_key("quarantine.pub")


def keep(incoming: Incoming, code: str, digest: bytes) -> None:
    """Keep a refused envelope. Its audit entry commits on its own."""
    global _minute
    REFUSALS[code] += 1
    minute = incoming.received_ms // 60_000
    if _minute[0] != minute:
        _minute = (minute, Counter())
    _minute[1][incoming.source] += 1
    if _minute[1][incoming.source] > PER_MINUTE:
        return
    row = Refused.objects.create(
        at_ms=incoming.received_ms,
        code=code,
        digest=digest,
        source=incoming.source,
        sealed=seal_to(Suite.X25519, _public(), incoming.data[: LIMITS.statement], INFO),
    )
    if row.pk % 256 == 0:
        Refused.objects.filter(pk__lte=row.pk - KEPT).delete()
