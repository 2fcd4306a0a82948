"""What anybody may see of the platform at work: counts and the register's head. Nothing of anyone."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.db.models import Count

from egide.cloud.intake.models import Refused
from egide.cloud.register.models import Checkpoint, Cosignature, Log, Witness
from egide.cloud.register.store import current_log
from egide.cloud.vault.models import Envelope

__all__ = ["Live", "forget", "look", "now_ms", "refused_by_code", "stored"]

_WINDOW_MS: Final = 60_000
_BARS: Final = 30
_SAMPLE: Final = 3_000
_KEPT_MS: Final = 1_500  # anybody may ask, as often as they like: the tables are read once for all of them
_RECENT: Final = 10  # checkpoints: a witness that signed none of them no longer watches


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """The platform as it is now."""

    stored: int
    per_minute: int
    bars: tuple[int, ...]  # envelopes every two seconds of the last minute, oldest first
    last_ms: int | None
    size: int
    root: str  # hexadecimal
    origin: str
    witnesses: int  # asked
    cosigned: int  # of them, those that signed one of the latest checkpoints
    refused: int


class _Counter:
    """Counts envelopes without reading them all again: entries only ever grow."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._log = ""
        self._upto = -1
        self._count = 0

    def count(self, log: str) -> int:
        """`log` names the register counted: another one starts again from nothing."""
        with self._lock:
            if log != self._log:
                self._log, self._upto, self._count = log, -1, 0
            fresh = Envelope.objects.filter(entry__gt=self._upto)
            newest = fresh.order_by("-entry").values_list("entry", flat=True).first()
            if newest is not None:
                self._count += fresh.filter(entry__lte=newest).count()
                self._upto = newest
            return self._count


class _Kept:
    """The last look, for the moment that it stays true enough; one thread looks again, the others wait for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: tuple[int, Live] | None = None

    def at(self, log: Log, at_ms: int) -> Live:
        with self._lock:
            if self._last is not None:
                then, live = self._last
                if live.origin == log.origin and 0 <= at_ms - then < _KEPT_MS:
                    return live
            live = _look(log, at_ms)
            self._last = (at_ms, live)
            return live

    def forget(self) -> None:
        with self._lock:
            self._last = None


_counter = _Counter()
_kept = _Kept()


def now_ms() -> int:
    """The pages' clock."""
    return time.time_ns() // 1_000_000


def stored() -> int:
    """How many envelopes the vault holds."""
    return _counter.count(current_log().origin)


def look(at_ms: int) -> Live:
    """The platform at that moment, or up to a second and a half before. Raises UnavailableError before it is open."""
    return _kept.at(current_log(), at_ms)


def forget() -> None:
    """Look anew the next time."""
    _kept.forget()


def _look(log: Log, at_ms: int) -> Live:
    received = list(Envelope.objects.order_by("-entry").values_list("received_ms", flat=True)[:_SAMPLE])
    recent = [ms for ms in received if at_ms - _WINDOW_MS < ms <= at_ms]
    span = _WINDOW_MS if len(recent) < _SAMPLE else max(1, at_ms - recent[-1])
    return Live(
        stored=_counter.count(log.origin),
        per_minute=round(len(recent) * _WINDOW_MS / span),
        bars=_bars(recent, at_ms),
        last_ms=received[0] if received else None,
        size=log.size,
        root=bytes(log.root).hex(),
        origin=log.origin,
        witnesses=Witness.objects.count(),
        cosigned=_cosigned(log),
        refused=Refused.objects.count(),
    )


def refused_by_code() -> dict[str, int]:
    rows = Refused.objects.values_list("code").annotate(n=Count("id")).order_by("code")
    return dict(rows)


def _cosigned(log: Log) -> int:
    """Witnesses asked today that signed one of the latest checkpoints: one that left, or fell silent, is not told."""
    recent = list(Checkpoint.objects.filter(log=log).order_by("-size").values_list("pk", flat=True)[:_RECENT])
    asked = Witness.objects.values("name")
    signed = Cosignature.objects.filter(checkpoint__in=recent, witness__in=asked)
    return signed.values("witness").distinct().count()


def _bars(recent: Sequence[int], at_ms: int) -> tuple[int, ...]:
    counts = [0] * _BARS
    for ms in recent:
        counts[_BARS - 1 - min(_BARS - 1, (at_ms - ms) * _BARS // _WINDOW_MS)] += 1
    return tuple(counts)
