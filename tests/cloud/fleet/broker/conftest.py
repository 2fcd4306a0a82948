"""A running edge: broker, callout and reconciliation, with a registry in the place of the tables."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from nats.aio.client import Client

from egide.cloud.fleet.broker.edge import Edge
from egide.cloud.fleet.broker.stream import Inlet, Waiting, connect, disconnect, waiting_bytes
from tests.support.broker import PATIENCE, Ground, Identity, Registry, Thing, make_ground, new_id

_T = TypeVar("_T")


class Loop:
    """An event loop in a thread of its own, for tests that are not coroutines."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE * 2)

    def begin(self, work: Coroutine[Any, Any, _T]) -> concurrent.futures.Future[_T]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        async def begin() -> asyncio.Task[None]:
            return asyncio.create_task(work)

        return self.run(begin())

    def cancel(self, task: asyncio.Task[None]) -> None:
        """End `task`, and wait for its end."""

        async def end() -> None:
            task.cancel()
            await asyncio.wait([task])

        self.run(end())

    def close(self) -> None:
        async def end() -> None:
            rest = asyncio.all_tasks() - {asyncio.current_task()}
            for task in rest:
                task.cancel()
            await asyncio.gather(*rest, return_exceptions=True)

        self.run(end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@dataclass(slots=True)
class Ward:
    """Objects, a broker, an edge and intake's inlet."""

    ground: Ground
    loop: Loop
    registry: Registry = field(default_factory=Registry)
    edge: Edge | None = None
    inlet: Inlet | None = None
    _edge_run: asyncio.Task[None] | None = None
    _things: list[Thing] = field(default_factory=list)
    _clients: dict[str, Client] = field(default_factory=dict)

    def open_edge(self) -> None:
        """Run an edge, and return when it admits objects."""
        self.edge = Edge(self.ground.options, self.ground.secrets, self.registry.admit, self.registry.banned)
        self._edge_run = self.loop.start(self.edge.run())
        self.loop.run(self.edge.wait_ready())

    def close_edge(self) -> None:
        if self._edge_run is not None:
            self.loop.cancel(self._edge_run)
            self._edge_run = None

    def client(self, user: str) -> Client:
        """A connection of one of the platform's users."""
        if user not in self._clients:
            self._clients[user] = self.loop.run(connect(self.ground.broker.url, self.ground.secrets, user))
        return self._clients[user]

    def enrol(self, *, life: timedelta = timedelta(days=1)) -> tuple[str, Identity]:
        """A new object and its certificate."""
        object_id = new_id()
        identity = self.ground.ca.object(object_id, life=life)
        self.registry.enrol(object_id, identity)
        return object_id, identity

    def thing(self, identity: Identity | None, client_id: str, **more: Any) -> Thing:
        self._things.append(Thing(self.ground, identity, client_id, **more))
        return self._things[-1]

    def connected(self, **more: Any) -> Thing:
        """An enrolled object that is connected."""
        object_id, identity = self.enrol(**more)
        thing = self.thing(identity, object_id)
        assert thing.connect() == 0
        return thing

    def pull(self, batch: int = 500, timeout: float = 5.0) -> list[Waiting]:
        if self.inlet is None:
            self.inlet = self.loop.run(Inlet.open(self.client("intake")))
        return self.loop.run(self.inlet.pull(batch, timeout))

    def kept(self) -> int:
        """How many messages the broker keeps for intake."""
        return self.loop.run(waiting_bytes(self.client("stream")))[0]

    def close(self) -> None:
        for thing in self._things:
            thing.close()
        self.close_edge()
        for client in self._clients.values():
            self.loop.run(disconnect(client))
        self.ground.broker.stop()


@pytest.fixture
def loop() -> Iterator[Loop]:
    made = Loop()
    yield made
    made.close()


@pytest.fixture
def bare(tmp_path: Path, loop: Loop) -> Iterator[Ward]:
    """A broker with no edge: nobody answers its questions."""
    made = Ward(make_ground(tmp_path), loop)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def ward(bare: Ward) -> Ward:
    """A broker and its edge."""
    bare.open_edge()
    return bare
