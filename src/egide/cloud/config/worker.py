"""The worker role: the broker's gate, the cutting of the revoked, checkpoints and witnesses."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final

from django.db import connection

from egide.cloud.fleet.broker.callout_db import FleetTables
from egide.cloud.fleet.broker.child import load_secrets
from egide.cloud.fleet.broker.edge import Edge
from egide.cloud.fleet.revocation import ever_revoked
from egide.cloud.governance.studies import end_over_pairings
from egide.cloud.intake.models import Event
from egide.cloud.keys.provider import provider
from egide.cloud.options import Options
from egide.cloud.portal.ending import tell_endings
from egide.cloud.register.publishing import ask_all, latest_checkpoint, publish
from egide.cloud.register.store import current_log
from egide.cloud.release.moving import move_on, unfinished
from egide.cloud.signin.kept import forget_lapsed
from egide.cloud.vault.pages_writing import look_on, write_due
from egide.cloud.ward.overdue import alarm_overdue
from egide.errors import EgideError

__all__ = [
    "alarm_once", "ask_once", "end_studies_once", "move_once", "note_cut", "note_disagreement", "page_once",
    "publish_once", "run_worker", "survive", "sweep_once", "tell_endings_once",
]  # fmt: skip

EVERY_S: Final = 1.0
AGAIN_MS: Final = 3_600_000
_SWEEP_S: Final = 60.0
_MOVE_S: Final = 2.0
_ENDINGS_S: Final = 600.0
_PAGE_S: Final = 20.0
_log = logging.getLogger("egide.worker")


def publish_once() -> None:
    """Sign the head if it moved."""
    publish(now_ms=time.time_ns() // 1_000_000)


def ask_once() -> None:
    """Ask the witnesses about the latest checkpoint."""
    checkpoint = latest_checkpoint(current_log())
    if checkpoint is not None:
        now_ms = time.time_ns() // 1_000_000
        ask_all(checkpoint, now_ms=now_ms, disagrees=lambda name: note_disagreement(name, now_ms=now_ms))


def sweep_once() -> None:
    """Take away what shared workstations kept and nobody came back for."""
    forget_lapsed(now_ms=time.time_ns() // 1_000_000)


def end_studies_once() -> None:
    """End what measures for a project that its patient left, or that is over."""
    end_over_pairings(now_ms=time.time_ns() // 1_000_000)


def alarm_once() -> None:
    """Tell those in charge of emergencies that nobody reviewed within the day."""
    provider().keys()  # without it, no statement says that there was an emergency
    alarm_overdue(now_ms=time.time_ns() // 1_000_000)


def tell_endings_once() -> None:
    """Tell patients what they opened and what ends by itself soon, or has ended."""
    tell_endings(now_ms=time.time_ns() // 1_000_000)


def move_once() -> None:
    """Go on with what was attributed to another patient and has not moved whole. One that cannot stops no other."""
    for row in unfinished():
        provider().keys()  # ours is missing: that is no fault of the row's
        with suppress(EgideError):  # said by the page, `egide held list` and fsck until somebody mends it
            move_on(row, now_ms=time.time_ns() // 1_000_000)


def page_once() -> None:
    """Write the months of sealed pages that are due: few at a time, so that the rest of the platform goes first."""
    now_ms = time.time_ns() // 1_000_000
    look_on(now_ms=now_ms)
    write_due(now_ms=now_ms)


def note_disagreement(witness: str, *, now_ms: int) -> None:
    """An event for those in charge: a witness saw another register. Once an hour, while it goes on."""
    told = Event.objects.filter(kind=Event.Kind.WITNESS_CONFLICT, detail=witness, at_ms__gt=now_ms - AGAIN_MS)
    if not told.exists():
        Event.objects.create(at_ms=now_ms, kind=Event.Kind.WITNESS_CONFLICT, detail=witness)


def note_cut(object_id: str, *, now_ms: int) -> None:
    """An event: a connection of somebody revoked was ended. One that merely expired is no event."""
    if ever_revoked(uuid.UUID(object_id)):
        Event.objects.create(at_ms=now_ms, kind=Event.Kind.CUT, object_id=uuid.UUID(object_id))


def survive(job: Callable[[], None]) -> None:
    """Run a job; whatever it meets is said by its code or type, and met again at the next look."""
    try:
        job()
    except Exception as err:
        _log.warning("%s failed: %s", job.__name__, err.code if isinstance(err, EgideError) else type(err).__name__)
        connection.close_if_unusable_or_obsolete()


async def _for_ever(job: Callable[[], None], *, every_s: float = EVERY_S) -> None:
    """A thread of its own: a witness that is slow delays neither the gate nor a checkpoint."""
    with ThreadPoolExecutor(1, thread_name_prefix=job.__name__) as thread:
        loop = asyncio.get_running_loop()
        while True:
            await loop.run_in_executor(thread, survive, job)
            await asyncio.sleep(every_s)


async def _tell_cut(object_id: str) -> None:
    """In a thread, whose connection to the database is closed with it: it is seldom."""

    def job() -> None:
        try:
            note_cut(object_id, now_ms=time.time_ns() // 1_000_000)
        finally:
            connection.close()

    await asyncio.to_thread(survive, job)


async def run_worker(options: Options, *, ready: Callable[[], None] = lambda: None) -> None:
    """Serve until cancelled. Raises UnavailableError when the broker cannot be reached at the start."""
    tables = FleetTables()
    edge = Edge(options, load_secrets(options), tables.admit, tables.banned, cut=_tell_cut)

    async def announce() -> None:
        await edge.wait_ready()
        ready()

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(edge.run())
            group.create_task(announce())
            group.create_task(_for_ever(publish_once))
            group.create_task(_for_ever(ask_once))
            group.create_task(_for_ever(sweep_once, every_s=_SWEEP_S))
            group.create_task(_for_ever(end_studies_once, every_s=_SWEEP_S))
            group.create_task(_for_ever(alarm_once, every_s=_SWEEP_S))
            group.create_task(_for_ever(tell_endings_once, every_s=_ENDINGS_S))
            group.create_task(_for_ever(move_once, every_s=_MOVE_S))
            group.create_task(_for_ever(page_once, every_s=_PAGE_S))
    finally:
        await tables.close()
