"""A wire that can be cut: a TCP proxy on the loopback, in threads, with a knife."""

from __future__ import annotations

import select
import socket
import struct
import threading
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

__all__ = ["Proxy"]

_RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER 0: close sends RST


class Proxy:
    """Listens on `port` (0: any), and brings bytes to and from `target` ("host", port, or a Unix socket's path).

    `reset` ends every connection with RST and refuses new ones; `hole` keeps them open and lets nothing pass any
    more, as a lost route does; `heal` lets new connections through (those in the hole are lost). `drop_answers` lets
    requests pass and swallows what comes back.
    """

    def __init__(self, target: tuple[str, int] | str, *, path: str = "", port: int = 0) -> None:
        self._target = target
        if path:
            self._server = socket.socket(socket.AF_UNIX)
            self._server.bind(path)
            self._server.listen(64)
        else:
            self._server = socket.create_server(("127.0.0.1", port), backlog=64)
        self.port = 0 if path else int(self._server.getsockname()[1])
        self._mode = ""  # "", "reset", "hole" or "deaf"
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._lost: list[socket.socket] = []
        self._guard = threading.Lock()
        self._ended = threading.Event()
        self.connections = 0
        self.swallowed = 0  # bytes
        self._thread = threading.Thread(target=self._accept, name="proxy", daemon=True)
        self._thread.start()

    def reset(self) -> None:
        """Cut with RST, and refuse."""
        self._mode = "reset"
        self._close_all()

    def hole(self) -> None:
        """Cut without a word."""
        self._mode = "hole"

    def drop_answers(self) -> None:
        """What is asked arrives; no answer does."""
        self._mode = "deaf"

    def heal(self) -> None:
        """As if nothing had been; the connections of before the cut are gone."""
        before, self._mode = self._mode, ""
        if before:
            self._close_all()

    def close(self) -> None:
        self._ended.set()
        self._server.close()
        self._close_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _accept(self) -> None:
        while not self._ended.is_set():
            with suppress(OSError):
                if not select.select([self._server], [], [], 0.2)[0]:
                    continue
                client, _ = self._server.accept()
                self._serve(client)

    def _serve(self, client: socket.socket) -> None:
        if self._mode == "reset":
            _cut(client)
            return
        if self._mode == "hole":
            with self._guard:
                self._lost.append(client)
            return
        try:
            if isinstance(self._target, str):
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._target)
            else:
                server = socket.create_connection(self._target, timeout=5)
                server.settimeout(None)
        except OSError:
            _cut(client)
            return
        self.connections += 1
        with self._guard:
            self._pairs[client] = server
        threading.Thread(target=self._bring, args=(client, server), daemon=True).start()

    def _bring(self, client: socket.socket, server: socket.socket) -> None:
        """Both ways, until one ends; what is in a hole stays there."""
        try:
            while not self._ended.is_set():
                for source in select.select([client, server], [], [], 0.2)[0]:
                    if self._mode == "hole":
                        self._ended.wait(0.05)
                        continue
                    data = source.recv(65_536)
                    if not data:
                        return
                    if source is server and self._mode == "deaf":
                        self.swallowed += len(data)
                        continue
                    (server if source is client else client).sendall(data)
        except (OSError, ValueError):
            return
        finally:
            with self._guard:
                self._pairs.pop(client, None)
            _cut(client)
            _cut(server)

    def _close_all(self) -> None:
        with self._guard:
            found = [*self._pairs.items()]
            lost, self._lost = self._lost, []
        for one in (*lost, *(each for pair in found for each in pair)):
            _reset(one)


def _reset(one: socket.socket) -> None:
    """Wake whoever waits on it; its own thread closes it."""
    with suppress(OSError):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)


def _cut(one: socket.socket) -> None:
    with suppress(OSError):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    with suppress(OSError):
        one.close()
