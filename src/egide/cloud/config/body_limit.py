"""A request's body has a size and a time, and all bodies together a room: what is beyond is refused before it is kept
anywhere, signed in or not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

__all__ = ["ALWAYS_TAKEN", "BodyLimit"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[..., Awaitable[None]]
_MIB: Final = 1024 * 1024
#: Of each body, what needs no room: a form is taken while others fill it with files.
ALWAYS_TAKEN: Final = 64 * 1024


class _Refused(Exception):
    def __init__(self, status: int, said: bytes, *headers: tuple[bytes, bytes]) -> None:
        super().__init__(status)
        self.status, self.said, self.headers = status, said, headers


def _too_large() -> _Refused:
    return _Refused(413, b"egide: too-large: the request is larger than this server takes\n")


def _too_slow() -> _Refused:
    return _Refused(408, b"egide: too-slow: the request did not come whole in its time\n")


def _full() -> _Refused:
    return _Refused(503, b"egide: busy: too much is being sent at once; try again\n", (b"retry-after", b"30"))


class BodyLimit:
    """`limit` bytes at most, by what a request announces and by what it sends (413), whole within `within_s` (408).

    All bodies that are held, until each is answered, have `room` bytes in this process (503, Retry-After).
    """

    def __init__(self, app: App, limit: int, *, within_s: float = 30, room: int = 128 * _MIB) -> None:
        self._app, self._limit, self._within_s, self._room = app, limit, within_s, room

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = _Body(receive, self._limit, asyncio.get_running_loop().time() + self._within_s, self._take)
        try:
            if (announced := _announced(scope)) > self._limit:
                raise _too_large()
            if _counted(announced) > self._room:
                raise _full()
            await self._app(scope, body.receive, send)
        except _Refused as refused:  # a body is read whole before an answer begins
            await _refuse(send, refused)
        finally:
            self._room += body.held

    def _take(self, size: int) -> None:
        if size > self._room:
            raise _full()
        self._room -= size


class _Body:
    """What one request sends, and how much room it holds."""

    def __init__(self, receive: Receive, limit: int, until: float, take: Callable[[int], None]) -> None:
        self._receive, self._limit, self._until, self._take_room = receive, limit, until, take
        self._taken, self._whole, self.held = 0, False, 0

    async def receive(self) -> Message:
        if self._whole:  # what comes now is that whoever asked is gone: a stream waits for it as long as it lasts
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            raise _too_slow() from None
        self._taken += len(message.get("body", b""))
        if self._taken > self._limit:
            raise _too_large()
        self._take_room(_counted(self._taken) - self.held)
        self.held = _counted(self._taken)
        self._whole = not message.get("more_body", False)
        return message


def _counted(size: int) -> int:
    return max(0, size - ALWAYS_TAKEN)


def _announced(scope: Scope) -> int:
    lengths = [value for name, value in scope["headers"] if name == b"content-length"]
    return int(lengths[0]) if lengths and lengths[0].isdigit() else 0


async def _refuse(send: Send, refused: _Refused) -> None:
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"), (b"x-content-type-options", b"nosniff"),
        (b"connection", b"close"), *refused.headers,
    ]  # fmt: skip
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": refused.said})
