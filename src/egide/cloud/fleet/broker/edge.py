"""The edge, which `egide worker` runs: it admits objects, and cuts those that are no longer valid.

Nobody is admitted before the stream and its consumer stand, for until then the broker would acknowledge
what nobody keeps. So the order at each start, and after each loss of the broker: stream, then admissions.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from nats.aio.client import Client

from egide.cloud.fleet.broker.callout import Admission, Admit, serve_callout
from egide.cloud.fleet.broker.reconcile import BannedSource, Reconciler, Told
from egide.cloud.fleet.broker.secrets import BrokerSecrets
from egide.cloud.fleet.broker.stream import connect, disconnect, ensure_stream
from egide.cloud.options import Options
from egide.errors import EgideError, UnavailableError

__all__ = ["Edge"]

_LOG = logging.getLogger(__name__)
_RETRY_S: Final = 1.0


class Edge:
    """Callout and reconciliation on one broker. `admit` and `banned` say who is who; `cut` is told who was cut."""

    def __init__(
        self, options: Options, secrets: BrokerSecrets, admit: Admit, banned: BannedSource, *, cut: Told | None = None
    ) -> None:
        self._options, self._secrets = options, secrets
        self._admit_one, self._banned, self._cut = admit, banned, cut
        self._clients: list[Client] = []
        self._standing = asyncio.Event()
        self._lost = asyncio.Event()
        self.reconciler: Reconciler | None = None

    async def run(self) -> None:
        """Serve until cancelled. Raises UnavailableError when the broker cannot be reached at all."""
        url = f"nats://127.0.0.1:{self._options.broker_port}"
        try:
            stream = await self._connect(url, "stream", disconnected_cb=self._on_lost)
            system = await self._connect(url, "system")
            edge = await self._connect(url, "edge")
            self.reconciler = Reconciler(system, self._banned, told=self._cut)
            await serve_callout(edge, self._secrets.issuer, self._admit)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.reconciler.run())
                tasks.create_task(self._keep_stream(stream))
        finally:
            self._standing.clear()
            for client in self._clients:
                await disconnect(client)

    @property
    def standing(self) -> bool:
        """Whether objects are admitted: the stream stands and the broker is there."""
        return self._standing.is_set()

    async def wait_ready(self) -> None:
        """Return once objects are admitted."""
        await self._standing.wait()

    async def _connect(self, url: str, user: str, **more: object) -> Client:
        client = await connect(url, self._secrets, user, **more)
        self._clients.append(client)
        return client

    async def _admit(self, certificate: bytes, client_id: str) -> Admission:
        if not self._standing.is_set():
            raise UnavailableError("the stream does not stand yet")
        return await self._admit_one(certificate, client_id)

    async def _on_lost(self) -> None:
        self._standing.clear()
        self._lost.set()

    async def _keep_stream(self, client: Client) -> None:
        """Make the stream stand, now and each time the broker was lost."""
        while True:
            self._lost.clear()
            try:
                await ensure_stream(client, max_bytes=self._options.broker_bytes)
            except EgideError as err:
                _LOG.warning("stream-not-ready %s", err.code)
                await asyncio.sleep(_RETRY_S)
                continue
            if not self._lost.is_set():
                self._standing.set()
                await self._lost.wait()
