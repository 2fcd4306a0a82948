"""How the platform is, in facts that can be checked: no measurement, nobody's name."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import Max

from egide.cloud.intake.models import Event
from egide.cloud.register.models import Cosignature, Statement, Witness
from egide.cloud.register.publishing import latest_checkpoint
from egide.cloud.register.store import current_log
from egide.cloud.vault.models import Envelope
from egide.errors import EgideError

__all__ = ["FINE", "LATE_MS", "RENEW_MS", "UNKNOWN", "WRONG", "Check", "checks", "witnesses"]

FINE: Final = "fine"
WRONG: Final = "wrong"
UNKNOWN: Final = "unknown"
LATE_MS: Final = 60_000  # the worker publishes each second that the register grew
_BACKUP_MS: Final = 26 * 3_600_000
_LEAST_FREE: Final = 0.1
_STATE: Final = 3  # the column of /proc/net/tcp that holds it
_LISTEN: Final = "0A"
_LATEST: Final = 1_000
_DAY_MS: Final = 86_400_000
#: The servers' certificate renews itself thirty days before its end (docs/operate.md): later, it did not.
RENEW_MS: Final = 20 * _DAY_MS
#: The platform's signing certificate is renewed by hand; the issuing CA by itself years before, with the root's key.
BY_HAND_MS: Final = 90 * _DAY_MS
_CERTIFICATES: Final = (
    ("platform-until", "platform.pem", BY_HAND_MS),
    ("tls-until", "tls.pem", RENEW_MS),
    ("issuing-until", "ca-issuing.pem", BY_HAND_MS),
)


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
    """A witness, and when it last cosigned. `answer`: cosigned, silent, never or disagrees."""

    name: str
    last_ms: int | None
    answer: str


def checks(*, now_ms: int) -> list[Check]:
    """Every fact that can be told; the first is whether the rest can."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        current_log()
    except (DatabaseError, EgideError):
        return [Check(key="ready", state=WRONG)]
    facts = [Check(key="ready", state=FINE), _worker(now_ms), _intake(now_ms), *_doors(), *_witnessed(now_ms)]
    return [*facts, _disk(), _backup(now_ms), *_certificates(now_ms)]


def witnesses() -> list[Watcher]:
    """Those that are asked, by name, with what each last said of the register."""
    names = Witness.objects.order_by("name").values_list("name", flat=True)
    signed = Cosignature.objects.filter(witness__in=list(names)).values("witness").annotate(last=Max("at_ms"))
    last = {row["witness"]: row["last"] for row in signed}
    said = Event.objects.filter(kind=Event.Kind.WITNESS_CONFLICT, detail__in=list(names))
    conflicts = {row["detail"]: row["at"] for row in said.values("detail").annotate(at=Max("at_ms"))}
    checkpoint = latest_checkpoint(current_log())
    return [
        Watcher(
            name=name,
            last_ms=last.get(name),
            answer=_answer(last.get(name), conflicts.get(name), checkpoint.at_ms if checkpoint else 0),
        )
        for name in names
    ]


def _answer(last_ms: int | None, conflict_ms: int | None, checkpoint_ms: int) -> str:
    if conflict_ms is not None and (last_ms is None or conflict_ms > last_ms):
        return "disagrees"
    if last_ms is None:
        return "never"
    return "silent" if checkpoint_ms - last_ms > LATE_MS else "cosigned"


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


def _intake(now_ms: int) -> Check:
    """The last message taken in; silence may be the objects' own, so it is never called wrong."""
    latest = list(Envelope.objects.order_by("-entry").values_list("received_ms", flat=True)[:_LATEST])  # no walk
    recent = sum(at_ms > now_ms - 60_000 for at_ms in latest)
    return Check(key="intake", state=FINE if latest else UNKNOWN, at_ms=latest[0] if latest else None, count=recent)


def _doors() -> list[Check]:
    """Whether this machine listens where objects and intake are to be met: what stopped listens nowhere."""
    options, listening = settings.OPTIONS, _listening()
    doors = (("objects", options.objects_port), ("mqtt", options.mqtt_port), ("broker", options.broker_port))
    if listening is None:
        return [Check(key=key, state=UNKNOWN) for key, _port in doors]
    return [Check(key=key, state=FINE if port in listening else WRONG) for key, port in doors]


def _listening() -> set[int] | None:
    """The TCP ports on which this machine listens, as its kernel lists them; None where it lists none."""
    found: set[int] = set()
    for name in ("tcp", "tcp6"):
        try:
            lines = Path("/proc/net", name).read_text().splitlines()[1:]
        except OSError:
            continue
        parts = [line.split() for line in lines]
        open_ones = (each[1] for each in parts if len(each) > _STATE and each[_STATE] == _LISTEN)
        found |= {int(address.rpartition(":")[2], 16) for address in open_ones}
    return found or None


def _witnessed(now_ms: int) -> list[Check]:
    """One for the whole, and one more for each that disagrees: that is told first of all."""
    asked = witnesses()
    if not asked:
        return [Check(key="witness", state=UNKNOWN)]
    against = sum(one.answer == "disagrees" for one in asked)
    heard = [one.last_ms for one in asked if one.last_ms is not None]
    fine = any(one.answer == "cosigned" for one in asked)
    found = [Check(key="witness", state=FINE if fine else WRONG, at_ms=max(heard, default=None), count=len(asked))]
    return [*found, *([Check(key="disagreement", state=WRONG, count=against, at_ms=now_ms)] if against else [])]


def _certificates(now_ms: int) -> list[Check]:
    """How long the platform's own certificates last, for people to be told while there is time."""
    return [_lasting(key, name, least_ms, now_ms) for key, name, least_ms in _CERTIFICATES]


def _lasting(key: str, name: str, least_ms: int, now_ms: int) -> Check:
    try:
        until = x509.load_pem_x509_certificate(settings.OPTIONS.read_key(name)).not_valid_after_utc
    except (EgideError, ValueError):
        return Check(key=key, state=UNKNOWN)
    left_ms = int(until.timestamp() * 1000) - now_ms
    state = FINE if left_ms > least_ms else WRONG
    return Check(key=key, state=state, at_ms=int(until.timestamp() * 1000), count=max(0, left_ms // 86_400_000))


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
