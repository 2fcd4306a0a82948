"""Envelopes that come by HTTPS, handed to intake through the broker: one connection for the whole process.

    request on `intake.http`   CBOR [object's uuid that TLS proved, or "", envelope]
    its reply                  CBOR [HTTP status, answer of trust/answer.py]

This listener holds no key of the register: only an intake worker answers an envelope.
"""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError
from typing import Final

import nats.errors
from django.conf import settings
from nats.aio.client import Client

from egide import cbor
from egide.cloud.fleet.broker.child import load_secrets
from egide.cloud.fleet.broker.stream import connect
from egide.errors import EgideError, UnavailableError
from egide.trust.limits import LIMITS

__all__ = ["SUBJECT", "IntakeAbsentError", "Relay", "relay"]

SUBJECT: Final = "intake.http"
_WAIT_S: Final = 10.0
_CONNECT_S: Final = 3.0
_REST_S: Final = 1.0  # after a broker that did not answer, callers are told so at once
_STATUSES: Final = range(200, 600)


class IntakeAbsentError(UnavailableError):
    """No intake worker answers. `retry_s`: when to ask again."""

    def __init__(self) -> None:
        super().__init__("no intake worker answers")
        self.retry_s = 10


class Relay:
    """Asks intake from any thread. `connect` opens the connection when the first envelope needs it."""

    def __init__(self, connect: Callable[[], Awaitable[Client]], *, wait_s: float = _WAIT_S) -> None:
        self._connect = connect
        self._wait_s = wait_s
        self._client: Client | None = None
        self._guard = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._opening = asyncio.Lock()
        self._resting_until = 0.0

    def ask(self, object_id: str, envelope: bytes) -> tuple[int, bytes]:
        """(HTTP status, answer) from intake. Raises IntakeAbsentError: keep the envelope, send it again."""
        request = self._ask(cbor.encode([object_id, envelope]))
        try:
            data = asyncio.run_coroutine_threadsafe(request, self._running_loop()).result()
            reply = cbor.decode(data, limit=LIMITS.answer + 16, what="intake's answer")
        except (nats.errors.Error, OSError, TimeoutError, CancelledError, EgideError) as err:
            raise IntakeAbsentError from err
        match reply:
            case [int(status), bytes(answer)] if status in _STATUSES:
                return status, answer
        raise IntakeAbsentError

    def close(self) -> None:
        """Close the connection and end the thread. Safe to call twice."""
        with self._guard:
            loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._leave(), loop).result(self._wait_s)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    async def _ask(self, data: bytes) -> bytes:
        client = await self._connected()
        reply = await client.request(SUBJECT, data, timeout=self._wait_s)
        return bytes(reply.data)

    async def _connected(self) -> Client:
        async with self._opening:
            if self._client is None or self._client.is_closed:
                await self._open()
        client = self._client
        if client is None or not client.is_connected:
            raise UnavailableError("the broker is away")
        return client

    async def _open(self) -> None:
        now = asyncio.get_running_loop().time()
        if now < self._resting_until:
            raise UnavailableError("the broker is away")
        try:
            self._client = await asyncio.wait_for(self._connect(), _CONNECT_S)
        except (TimeoutError, UnavailableError):
            self._resting_until = asyncio.get_running_loop().time() + _REST_S
            raise

    async def _leave(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._guard:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                run = self._loop.run_forever
                self._thread = threading.Thread(target=run, name="intake-relay", daemon=True)
                self._thread.start()
            return self._loop


@functools.cache
def relay() -> Relay:
    """This process's relay to the broker of the settings."""
    options = settings.OPTIONS

    async def open_connection() -> Client:
        return await connect(f"nats://127.0.0.1:{options.broker_port}", load_secrets(options), "web")

    return Relay(open_connection)
