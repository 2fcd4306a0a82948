"""gunicorn's threaded worker, made fair to objects when somebody is not.

- A connection takes a thread once it has sent something; each request, handshake included, has REQUEST_S.
- One source (an address, or the /64 of an IPv6 one) holds PER_SOURCE threads at most: its other requests wait
  for its own, and the remaining threads serve the others. It has OPEN_PER_SOURCE connections at most.
"""

from __future__ import annotations

import errno
import ipaddress
import selectors
import socket
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Final

from gunicorn.workers.gthread import TConn, ThreadWorker

__all__ = ["OPEN_PER_SOURCE", "PER_SOURCE", "REQUEST_S", "THREADS", "Deadlines", "ObjectsWorker", "source_of"]

THREADS: Final = 32
PER_SOURCE: Final = 20
OPEN_PER_SOURCE: Final = 300
REQUEST_S: Final = 30.0


def source_of(client: object) -> str:
    """The source of a peer's address, as `accept` gives it."""
    if not isinstance(client, tuple) or not client:
        return ""
    try:
        address = ipaddress.ip_address(str(client[0]).partition("%")[0])
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return address.packed[:8].hex()
    return str(client[0])


class Deadlines:
    """Cuts the connections whose request takes too long: a trickle of bytes holds no thread for ever."""

    def __init__(self) -> None:
        self._ends: dict[TConn, float] = {}
        self._lock = threading.Lock()

    def start(self) -> None:
        threading.Thread(target=self._run, name="deadlines", daemon=True).start()

    @contextmanager
    def watch(self, connection: TConn) -> Iterator[None]:
        """`connection` has REQUEST_S until the end of the block."""
        with self._lock:
            self._ends[connection] = time.monotonic() + REQUEST_S
        try:
            yield
        finally:
            with self._lock:
                self._ends.pop(connection, None)

    def _run(self) -> None:
        while True:
            time.sleep(1)
            now = time.monotonic()
            with self._lock:
                late = [connection for connection, end in self._ends.items() if end < now]
            for connection in late:
                with suppress(OSError):  # under TLS: the thread that reads must not lose its state
                    socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)


class _Connection(TConn):  # type: ignore[misc]  # gunicorn is not typed
    """A connection that says, once, that it is closed."""

    def __init__(self, *args: Any, source: str, closed: Callable[[str], None]) -> None:
        super().__init__(*args)
        self.source = source
        self._closed: Callable[[str], None] | None = closed

    def close(self, graceful: bool = False) -> None:
        if self._closed is not None:
            self._closed(self.source)
            self._closed = None
        super().close(graceful)


class ObjectsWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn is not typed
    """What this module's first lines say. All but `handle` runs in the worker's main thread."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deadlines = Deadlines()
        self._open: Counter[str] = Counter()
        self._busy: Counter[str] = Counter()
        self._waiting: defaultdict[str, deque[_Connection]] = defaultdict(deque)

    def init_process(self) -> None:
        self._deadlines.start()
        super().init_process()

    def accept(self, listener: Any) -> None:
        """Take a connection, and wait in the poller, not in a thread, for its first byte."""
        try:
            client, address = listener.accept()
        except OSError as err:
            if err.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EMFILE, errno.ENFILE):
                raise
            return
        source = source_of(address)
        if self._open[source] >= OPEN_PER_SOURCE:
            client.close()
            return
        self._open[source] += 1
        self.nr_conns += 1
        conn = _Connection(
            self.cfg, client, address, listener.getsockname(), source=source, closed=self._forget
        )
        conn.timeout = time.monotonic() + self.cfg.keepalive
        self.pending_conns.append(conn)
        self.poller.register(client, selectors.EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def enqueue_req(self, conn: _Connection) -> None:
        if self._busy[conn.source] >= PER_SOURCE:
            self._waiting[conn.source].append(conn)
            return
        self._busy[conn.source] += 1
        super().enqueue_req(conn)

    def finish_request(self, conn: _Connection, fs: Any) -> None:
        self._busy[conn.source] -= 1
        super().finish_request(conn, fs)
        if waiting := self._waiting.get(conn.source):
            self.enqueue_req(waiting.popleft())
        else:
            self._waiting.pop(conn.source, None)
        if not self._busy[conn.source]:
            del self._busy[conn.source]

    def handle(self, conn: _Connection) -> object:
        with self._deadlines.watch(conn):
            return super().handle(conn)

    def _forget(self, source: str) -> None:
        self._open[source] -= 1
        if not self._open[source]:
            del self._open[source]
