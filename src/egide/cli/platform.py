"""Run the platform: all of it, or one of its roles."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Coroutine
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import typer

from egide.cli.django import DataOption, KeysOption, setup
from egide.cli.errors import words
from egide.cloud.options import Options
from egide.errors import EgideError, KeyMissingError, UnavailableError

#: Where cores are short, whoever waits for a page goes before objects, which keep what has no receipt yet.
LATER: Final = 5


class Listener(StrEnum):
    objects = "objects"
    people = "people"


def up(data: DataOption = None, keys: KeysOption = None) -> None:
    """Start the whole platform: broker, intake, web, from one folder of data and one of keys.

    The first start makes both. Ctrl-C stops everything.

    Example: egide up --data ./egide-data --keys ~/.config/egide/keys

    Exit codes: 0 stopped by Ctrl-C, 2 a busy port or a setting, 5 the disk or a part that did not start.
    """
    options = setup(data, keys)
    from egide.cloud.config.supervisor import Supervisor, stopped_by_signals

    supervisor = Supervisor(options, say=lambda text: words(f"egide: {text}"))
    with stopped_by_signals(supervisor), supervisor:
        words(f"egide: people   {options.people_address()}")
        words(f"egide: objects  https://{options.public_host}:{options.objects_port}  mqtts port {options.mqtt_port}")
        words("egide: ready (Ctrl-C stops)")
        supervisor.watch()
        words("egide: stopping")


def serve(listener: Listener, data: DataOption = None, keys: KeysOption = None) -> None:
    """Run one listener in the foreground: `objects` (HTTPS 8443) or `people` (HTTP 8000).

    Example: egide serve people

    Exit codes: 0 stopped, 2 a busy port, a setting or a missing key.
    """
    options = _standing(data, keys)
    if listener is Listener.objects:
        from egide.cloud.config.objects_server import serve_objects

        serve_objects(options)
    else:
        from egide.cloud.config.people_server import serve_people

        serve_people(options)


def intake(data: DataOption = None, keys: KeysOption = None) -> None:
    """Run one intake worker in the foreground. As many as wanted may run on PostgreSQL.

    Example: egide intake

    Exit codes: 0 stopped, 2 a setting or a missing key, 5 the broker or the store does not answer.
    """
    options = _standing(data, keys)
    from egide.cloud.fleet.broker.child import load_secrets
    from egide.cloud.intake.worker import calm_collector, run_intake

    calm_collector()
    os.nice(LATER)
    _run(run_intake(f"nats://127.0.0.1:{options.broker_port}", load_secrets(options), ready=_ready))


def worker(data: DataOption = None, keys: KeysOption = None) -> None:
    """Run the broker's gate, the reconciliation of revocations, checkpoints and witnesses, in the foreground.

    Example: egide worker

    Exit codes: 0 stopped, 2 a setting or a missing key, 5 the broker or the store does not answer.
    """
    options = _standing(data, keys)
    from egide.cloud.config.worker import run_worker

    _run(run_worker(options, ready=_ready))


def _standing(data: Path | None, keys: Path | None) -> Options:
    """The settings of a platform that was made, for one of its roles: a demo's store and a real one stay apart."""
    options = setup(data, keys)
    from django.db import Error

    from egide.cloud.config.initialise import require_kind

    try:
        require_kind(options)
    except Error as err:
        if not (options.keys.is_dir() and any(options.keys.iterdir())):
            raise KeyMissingError("the keys folder is missing or empty") from err
        raise UnavailableError("the store does not answer, or was not made yet") from err
    return options


def _ready() -> None:
    typer.echo("ready")


def _run(job: Coroutine[Any, Any, None]) -> None:
    """Run until SIGTERM or Ctrl-C. Of what several tasks raised, the first of our errors is raised alone."""

    async def until_told() -> None:
        task = asyncio.ensure_future(job)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await task

    try:
        asyncio.run(until_told())
    except BaseExceptionGroup as group:
        raise (_ours(group) or group) from None


def _ours(group: BaseExceptionGroup[BaseException]) -> EgideError | None:
    """Our first error in a group of nothing but ours."""
    found, other = group.split(EgideError)
    if found is None or other is not None:
        return None
    first: BaseException = found
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first if isinstance(first, EgideError) else None
