"""Cut whoever is no longer valid, even while connected, within 2 s.

The broker keeps a connection as long as it lasts; a revocation happens in our tables. So the list of
connections (all pages, of every broker of the cluster) is held against what our tables no longer accept.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import nats.errors
from nats.aio.client import Client

from egide.cloud.fleet.broker.configuration import ACCOUNT
from egide.errors import EgideError, UnavailableError

__all__ = ["EVERY_S", "Banned", "BannedSource", "Connection", "Reconciler", "Told"]

_LOG = logging.getLogger(__name__)
EVERY_S: Final = 2.0
_PAGE: Final = 1_024
_TIMEOUT_S: Final = 2.0
_GATHER_S: Final = 0.25  # brokers of a cluster that answer later are met at the next round


@dataclass(frozen=True, slots=True)
class Connection:
    """One MQTT connection: where it is, and who it is (object id, SHA-256 of its certificate)."""

    server: str
    cid: int
    object_id: str
    certificate: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Banned:
    """Who may no longer be connected: object ids, and SHA-256 of certificates."""

    objects: frozenset[str] = frozenset()
    certificates: frozenset[bytes] = frozenset()

    def covers(self, connection: Connection) -> bool:
        return connection.object_id in self.objects or connection.certificate in self.certificates


BannedSource = Callable[[], Awaitable[Banned]]
Told = Callable[[str], Awaitable[None]]


class Reconciler:
    """`client` is the user "system"; `banned` reads the tables; `told` hears the object's id of each one that was cut.

    Raises UnavailableError without a broker.
    """

    def __init__(self, client: Client, banned: BannedSource, *, told: Told | None = None) -> None:
        self._client, self._banned, self._told = client, banned, told

    async def run(self) -> None:
        """Reconcile every 2 s until cancelled. A round that fails is logged and tried again at the next."""
        while True:
            try:
                await self.reconcile()
            except EgideError as err:
                _LOG.warning("reconcile-failed %s", err.code)
            except Exception as err:  # a watch that stops by accident watches nothing
                _LOG.error("reconcile-failed %s", type(err).__name__)
            task = asyncio.current_task()
            if task is not None and task.cancelling():  # told while an answer came: wait_for gave the answer instead
                raise asyncio.CancelledError
            await asyncio.sleep(EVERY_S)

    async def reconcile(self) -> int:
        """Cut every connection that is no longer valid; how many were."""
        banned = await self._banned()
        cut = 0
        async for connection in self.connections():
            if banned.covers(connection):
                await self._cut(connection)
                cut += 1
                if self._told is not None:
                    await self._told(connection.object_id)
        if cut:
            _LOG.info("connections-cut %d", cut)
        return cut

    async def connections(self) -> AsyncIterator[Connection]:
        """Every MQTT connection, page after page, of every broker."""
        for server, page in await self._servers():
            while True:
                for connection in _read_page(server, page):
                    yield connection
                offset = int(page["offset"]) + int(page["num_connections"])
                if not page["num_connections"] or offset >= int(page["total"]):
                    break
                listing = {**_LISTING, "offset": offset}
                page = (await self._ask(f"$SYS.REQ.SERVER.{server}.CONNZ", listing))["data"]

    async def _servers(self) -> list[tuple[str, dict[str, Any]]]:
        """Ask all brokers the first page. One answers at least; the others have 250 ms after it."""
        inbox = self._client.new_inbox()
        subscription = await self._client.subscribe(inbox)
        found: list[tuple[str, dict[str, Any]]] = []
        try:
            listing = json.dumps({**_LISTING, "offset": 0}).encode()
            await self._client.publish("$SYS.REQ.SERVER.PING.CONNZ", listing, inbox)
            while True:
                message = await subscription.next_msg(_GATHER_S if found else _TIMEOUT_S)
                answer = json.loads(message.data)
                found.append((answer["server"]["id"], answer["data"]))
        except (TimeoutError, nats.errors.Error) as err:
            if not found:
                raise UnavailableError("the broker does not list its connections") from err
        finally:
            await subscription.unsubscribe()
        return found

    async def _cut(self, connection: Connection) -> None:
        await self._ask(f"$SYS.REQ.SERVER.{connection.server}.KICK", {"cid": connection.cid})

    async def _ask(self, subject: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            message = await self._client.request(subject, json.dumps(body).encode(), timeout=_TIMEOUT_S)
        except (TimeoutError, nats.errors.Error) as err:
            raise UnavailableError("the broker does not answer") from err
        answer: dict[str, Any] = json.loads(message.data)
        return answer


_LISTING: Final = {"auth": True, "acc": ACCOUNT, "state": 0, "sort": "cid", "limit": _PAGE}


def _read_page(server: str, page: dict[str, Any]) -> list[Connection]:
    return [
        Connection(server, int(one["cid"]), one["mqtt_client"], _certificate(one))
        for one in page.get("connections") or ()
        if one.get("mqtt_client")
    ]


def _certificate(one: dict[str, Any]) -> bytes:
    peers = one.get("tls_peer_certs") or ()
    return bytes.fromhex(peers[0].get("cert_sha256", "")) if peers else b""
