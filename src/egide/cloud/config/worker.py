"""The worker role: the broker's gate, the cutting of the revoked, checkpoints and witnesses."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from django.db import connection

from egide.cloud.fleet.broker.callout_db import FleetTables
from egide.cloud.fleet.broker.child import load_secrets
from egide.cloud.fleet.broker.edge import Edge
from egide.cloud.options import Options
from egide.cloud.register.publishing import ask_all, latest_checkpoint, publish
from egide.cloud.register.store import current_log
from egide.errors import EgideError

__all__ = ["ask_once", "publish_once", "run_worker", "survive"]

EVERY_S: Final = 1.0
_log = logging.getLogger("egide.worker")


def publish_once() -> None:
    """Sign the head if it moved."""
    publish(now_ms=time.time_ns() // 1_000_000)


def ask_once() -> None:
    """Ask the witnesses about the latest checkpoint."""
    checkpoint = latest_checkpoint(current_log())
    if checkpoint is not None:
        ask_all(checkpoint, now_ms=time.time_ns() // 1_000_000)


def survive(job: Callable[[], None]) -> None:
    """Run a job; whatever it meets is said by its code or type, and met again at the next look."""
    try:
        job()
    except Exception as err:
        _log.warning("%s failed: %s", job.__name__, err.code if isinstance(err, EgideError) else type(err).__name__)
        connection.close_if_unusable_or_obsolete()


async def _for_ever(job: Callable[[], None]) -> None:
    """A thread of its own: a witness that is slow delays neither the gate nor a checkpoint."""
    with ThreadPoolExecutor(1, thread_name_prefix=job.__name__) as thread:
        loop = asyncio.get_running_loop()
        while True:
            await loop.run_in_executor(thread, survive, job)
            await asyncio.sleep(EVERY_S)


async def run_worker(options: Options, *, ready: Callable[[], None] = lambda: None) -> None:
    """Serve until cancelled. Raises UnavailableError when the broker cannot be reached at the start."""
    tables = FleetTables()
    edge = Edge(options, load_secrets(options), tables.admit, tables.banned)

    async def announce() -> None:
        await edge.wait_ready()
        ready()

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(edge.run())
            group.create_task(announce())
            group.create_task(_for_ever(publish_once))
            group.create_task(_for_ever(ask_once))
    finally:
        await tables.close()
