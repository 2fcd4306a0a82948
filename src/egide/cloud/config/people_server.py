"""The people's listener: uvicorn in a few processes on one port. No access log: addresses are personal.

Each process has a socket of its own on the port, and the system spreads connections over them (SO_REUSEPORT). They die
with whoever started them, and one that dies takes all down: whoever watches starts them again.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import signal
import socket
import sys
from typing import Final, NoReturn

import uvicorn

from egide.cloud.config.sockets import listening_sockets
from egide.cloud.fleet.broker.child import require_free
from egide.cloud.options import Options

__all__ = ["serve_people"]

_PR_SET_PDEATHSIG: Final = 1
_DIED: Final = 1
_READY: Final = b"."
#: Of one process, streams and requests: more are told to come back (503).
_MOST_CONNECTIONS: Final = 1_000


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: int) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            os.write(self._ready, _READY)
            os.close(self._ready)


def serve_people(options: Options) -> None:
    """Serve until SIGTERM or Ctrl-C; say "ready" on the output once every process listens. Ends the process.

    Raises ConfigError when the port is busy or not allowed.
    """
    require_free(options.listen, options.people_port)
    sockets = listening_sockets(options.listen, options.people_port, options.people_processes)
    from egide.cloud.config import asgi  # noqa: F401 (read once, before the processes part; nothing is connected yet)

    gc.freeze()  # what is read stays shared
    told, tell = os.pipe()
    stopping = False
    children: set[int] = set()

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True
        _signal(children, signal.SIGTERM)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    parent = os.getpid()
    for mine in sockets:
        pid = os.fork()
        if pid == 0:
            os.close(told)
            _serve(mine, [other for other in sockets if other is not mine], tell, parent)
        children.add(pid)
    os.close(tell)
    for mine in sockets:
        mine.close()
    if _all_say(told, len(children)):
        print("ready", flush=True)
    status = _wait(children)
    sys.exit(0 if stopping else status or _DIED)


def _all_say(told: int, many: int) -> bool:
    """Whether each process said that it listens; the pipe ends when those who did not are gone."""
    heard = 0
    with os.fdopen(told, "rb", buffering=0) as pipe:
        while heard < many:
            said = pipe.read(many)
            if not said:
                return False
            heard += len(said)
    return True


def _wait(children: set[int]) -> int:
    """Until all are gone: the first that goes takes the others along. Its status."""
    first: int | None = None
    while children:
        pid, status = os.wait()
        children.discard(pid)
        if first is None:
            first = abs(os.waitstatus_to_exitcode(status))
        _signal(children, signal.SIGTERM)
    return first or 0


def _signal(children: set[int], number: int) -> None:
    for pid in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _serve(mine: socket.socket, others: list[socket.socket], ready: int, parent: int) -> NoReturn:
    """One process: never returns to what called its parent."""
    status = _DIED
    try:
        if sys.platform.startswith("linux"):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before the line above
            os._exit(_DIED)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        for other in others:
            other.close()
        config = uvicorn.Config(
            "egide.cloud.config.asgi:application",
            access_log=False,
            log_level="warning",
            server_header=False,
            proxy_headers=False,
            lifespan="off",
            timeout_graceful_shutdown=3,
            limit_concurrency=_MOST_CONNECTIONS,
        )
        _Server(config, ready).run(sockets=[mine])
        status = 0
    finally:
        os._exit(status)
