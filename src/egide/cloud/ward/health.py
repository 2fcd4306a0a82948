"""How the platform is, in facts that can be checked: no measurement, nobody's name."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import Max

from egide.cloud.register.models import Cosignature, Statement, Witness
from egide.cloud.register.publishing import latest_checkpoint
from egide.cloud.register.store import current_log
from egide.cloud.vault.models import Envelope
from egide.errors import EgideError

__all__ = ["FINE", "LATE_MS", "UNKNOWN", "WRONG", "Check", "checks", "witnesses"]

FINE: Final = "fine"
WRONG: Final = "wrong"
UNKNOWN: Final = "unknown"
LATE_MS: Final = 60_000  # the worker publishes each second that the register grew
_BACKUP_MS: Final = 26 * 3_600_000
_LEAST_FREE: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One fact. `key` names the sentence, `state` is FINE, WRONG or UNKNOWN."""

    key: str
    state: str
    at_ms: int | None = None
    count: int = 0
    share: int = 0  # per cent


@dataclass(frozen=True, slots=True, kw_only=True)
class Watcher:
    """A witness, and when it last cosigned."""

    name: str
    last_ms: int | None


def checks(*, now_ms: int) -> list[Check]:
    """Every fact that can be told; the first is whether the rest can."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        current_log()
    except (DatabaseError, EgideError):
        return [Check(key="ready", state=WRONG)]
    return [Check(key="ready", state=FINE), _worker(now_ms), _intake(), _witnessed(), _disk(), _backup(now_ms)]


def witnesses() -> list[Watcher]:
    """Those that are asked, by name."""
    names = Witness.objects.order_by("name").values_list("name", flat=True)
    signed = Cosignature.objects.filter(witness__in=list(names)).values("witness").annotate(last=Max("at_ms"))
    last = {row["witness"]: row["last"] for row in signed}
    return [Watcher(name=name, last_ms=last.get(name)) for name in names]


def _worker(now_ms: int) -> Check:
    """The worker signs a checkpoint each second that the register grew: one that lags tells that it does not run."""
    log = current_log()
    checkpoint = latest_checkpoint(log)
    if checkpoint is None:
        return Check(key="worker", state=WRONG if log.size > 1 else UNKNOWN, count=log.size)
    lag = log.size - checkpoint.size
    grew_ms = _grew_ms()
    behind = lag > 0 and grew_ms is not None and now_ms - max(checkpoint.at_ms, grew_ms) > LATE_MS
    return Check(key="worker", state=WRONG if behind else FINE, at_ms=checkpoint.at_ms, count=lag)


def _grew_ms() -> int | None:
    """When the register last grew, by what it holds."""
    said = Statement.objects.order_by("-entry").values_list("at_ms", flat=True).first()
    came = Envelope.objects.order_by("-entry").values_list("received_ms", flat=True).first()
    return max((at_ms for at_ms in (said, came) if at_ms is not None), default=None)


def _intake() -> Check:
    """The last message taken in; silence may be the objects' own, so it is never called wrong."""
    last = Envelope.objects.order_by("-entry").values_list("received_ms", flat=True).first()
    return Check(key="intake", state=UNKNOWN if last is None else FINE, at_ms=last)


def _witnessed() -> Check:
    asked = witnesses()
    if not asked:
        return Check(key="witness", state=UNKNOWN)
    last = max((watcher.last_ms for watcher in asked if watcher.last_ms is not None), default=None)
    return Check(key="witness", state=FINE if last is not None else WRONG, at_ms=last, count=len(asked))


def _disk() -> Check:
    try:
        usage = shutil.disk_usage(settings.OPTIONS.data)
    except OSError:
        return Check(key="disk", state=UNKNOWN)
    free = usage.free / usage.total if usage.total else 0.0
    return Check(key="disk", state=FINE if free >= _LEAST_FREE else WRONG, share=round(100 * free))


def _backup(now_ms: int) -> Check:
    """The last backup that the register tells of."""
    last = Statement.objects.filter(kind="backup").order_by("-entry").values_list("at_ms", flat=True).first()
    if last is None:
        return Check(key="backup", state=UNKNOWN)
    return Check(key="backup", state=FINE if now_ms - last <= _BACKUP_MS else WRONG, at_ms=last)
