"""The worker role: the broker's gate, the cutting of the revoked, checkpoints and witnesses."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from django.db import DatabaseError, connection

from egide.cloud.fleet.broker.callout_db import FleetTables
from egide.cloud.fleet.broker.child import load_secrets
from egide.cloud.fleet.broker.edge import Edge
from egide.cloud.options import Options
from egide.cloud.register.publishing import ask_all, publish
from egide.errors import EgideError

__all__ = ["publish_once", "run_worker"]

EVERY_S: Final = 1.0
_log = logging.getLogger("egide.worker")


def publish_once() -> int | None:
    """Sign the head if it moved and ask the witnesses; the size signed, or None."""
    now_ms = time.time_ns() // 1_000_000
    try:
        checkpoint = publish(now_ms=now_ms)
        if checkpoint is None:
            return None
        ask_all(checkpoint, now_ms=now_ms)
    except (EgideError, DatabaseError) as err:
        _log.warning("checkpoint not published: %s", err.code if isinstance(err, EgideError) else type(err).__name__)
        connection.close_if_unusable_or_obsolete()
        return None
    return checkpoint.size


async def _publish_for_ever() -> None:
    """A thread of its own: a witness that is slow delays neither the gate nor the next look."""
    with ThreadPoolExecutor(1, thread_name_prefix="checkpoints") as thread:
        loop = asyncio.get_running_loop()
        while True:
            await loop.run_in_executor(thread, publish_once)
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
            group.create_task(_publish_for_ever())
    finally:
        await tables.close()
