"""An envelope that came by HTTPS gets intake's own answer, or is to be kept."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import nats.errors
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from egide import cbor
from egide.cloud.fleet import relay as relay_module
from egide.cloud.fleet.broker.stream import connect
from egide.cloud.fleet.relay import SUBJECT, IntakeAbsentError, Relay
from egide.errors import UnavailableError
from tests.support.broker import make_ground


class FakeClient:
    """A connection to a broker where intake answers by a function of what it is asked."""

    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        self.is_connected, self.is_closed = True, False
        self._answer = answer

    async def request(self, subject: str, data: bytes, timeout: float) -> object:
        assert subject == SUBJECT
        assert timeout > 0
        return SimpleNamespace(data=self._answer(data))

    async def close(self) -> None:
        self.is_closed = True


def _relay(client: FakeClient, **more: Any) -> Relay:
    async def open_connection() -> Client:
        return cast("Client", client)

    return Relay(open_connection, **more)


@pytest.fixture
def made() -> Iterator[list[Relay]]:
    """Relays to close at the end."""
    relays: list[Relay] = []
    yield relays
    for each in relays:
        each.close()
        each.close()


def test_intake_is_asked_in_its_form_and_its_answer_comes_back(made: list[Relay]) -> None:
    """[object, envelope] goes, [status, answer] comes, from any thread over one connection."""
    asked: list[Any] = []

    def answer(data: bytes) -> bytes:
        asked.append(cbor.decode(data, limit=100))
        return cbor.encode([201, b"receipt"])

    made.append(_relay(FakeClient(answer)))
    found: list[tuple[int, bytes]] = []
    threads = [
        threading.Thread(target=lambda i=i: found.append(made[0].ask("id", bytes([i])))) for i in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [(201, b"receipt")] * 8
    assert sorted(asked) == [["id", bytes([i])] for i in range(8)]


@pytest.mark.parametrize(
    "reply", [b"", b"\xff", *map(cbor.encode, ([201], ["201", b""], [99, b""], [600, b""], [201, ""]))]
)
def test_an_answer_in_another_form_is_none(made: list[Relay], reply: bytes) -> None:
    """What intake did not say in its form is not passed on as its word."""
    made.append(_relay(FakeClient(lambda _: reply)))
    with pytest.raises(IntakeAbsentError):
        made[0].ask("", b"x")


@pytest.mark.parametrize(
    "error", [nats.errors.NoRespondersError(), nats.errors.TimeoutError(), OSError(), TimeoutError()]
)
def test_no_answer_says_to_keep_the_envelope(made: list[Relay], error: Exception) -> None:
    """Nobody listens, nobody answers in time, or the connection breaks: retryable, and when."""

    def fail(_: bytes) -> bytes:
        raise error

    made.append(_relay(FakeClient(fail)))
    with pytest.raises(IntakeAbsentError) as refused:
        made[0].ask("", b"x")
    assert refused.value.retryable
    assert refused.value.retry_s > 0


def test_a_broker_that_is_away_is_not_waited_for(made: list[Relay]) -> None:
    """While the client reconnects by itself, callers are told at once."""
    client = FakeClient(lambda _: cbor.encode([201, b"receipt"]))
    made.append(_relay(client))
    client.is_connected = False
    with pytest.raises(IntakeAbsentError):
        made[0].ask("", b"x")
    client.is_connected = True
    assert made[0].ask("", b"x") == (201, b"receipt")


def test_a_connection_that_cannot_open_is_tried_later(
    made: list[Relay], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One try a second for all callers, and none hangs; a closed connection is opened again."""
    tries: list[int] = []
    client = FakeClient(lambda _: cbor.encode([201, b"receipt"]))

    async def open_connection() -> Client:
        tries.append(1)
        if len(tries) == 1:
            raise UnavailableError("no broker")
        if len(tries) == 2:
            await asyncio.Event().wait()
        return cast("Client", client)

    monkeypatch.setattr(relay_module, "_CONNECT_S", 0.01)
    made.append(Relay(open_connection))
    for _ in range(3):
        with pytest.raises(IntakeAbsentError):
            made[0].ask("", b"x")
    assert len(tries) == 1
    made[0]._resting_until = 0.0
    with pytest.raises(IntakeAbsentError):
        made[0].ask("", b"x")
    made[0]._resting_until = 0.0
    assert made[0].ask("", b"x") == (201, b"receipt")
    client.is_closed = True
    made[0].ask("", b"x")
    assert len(tries) == 4


def test_closing_leaves_no_caller_waiting(made: list[Relay]) -> None:
    """A caller whose answer never came is told so when the process ends."""
    waits = threading.Event()

    class Silent(FakeClient):
        async def request(self, subject: str, data: bytes, timeout: float) -> object:
            waits.set()
            await asyncio.Event().wait()
            return None

    made.append(_relay(Silent(lambda _: b"")))
    told: list[Exception] = []

    def ask() -> None:
        try:
            made[0].ask("", b"x")
        except IntakeAbsentError as err:
            told.append(err)

    caller = threading.Thread(target=ask)
    caller.start()
    assert waits.wait(10)
    made[0].close()
    caller.join(10)
    assert len(told) == 1


@pytest.mark.server
def test_through_a_real_broker(made: list[Relay], tmp_path: Path) -> None:
    """The listener's user may ask intake, whose user may answer; with no worker, the refusal is quick."""
    ground = make_ground(tmp_path)
    try:
        made.append(Relay(lambda: connect(ground.broker.url, ground.secrets, "web"), wait_s=5))
        with pytest.raises(IntakeAbsentError):
            made[0].ask("", b"x")
        stop = threading.Event()
        ready = threading.Event()

        async def work() -> None:
            async def answer(message: Msg) -> None:
                object_id, envelope = cbor.decode(message.data, limit=100)
                await message.respond(cbor.encode([201, object_id.encode() + envelope]))

            client = await connect(ground.broker.url, ground.secrets, "intake")
            await client.subscribe(SUBJECT, queue="intake", cb=answer)
            await client.flush()
            ready.set()
            await asyncio.to_thread(stop.wait)
            await client.close()

        worker = threading.Thread(target=lambda: asyncio.run(work()))
        worker.start()
        assert ready.wait(20)
        assert made[0].ask("id-", b"envelope") == (201, b"id-envelope")
        stop.set()
        worker.join(20)
    finally:
        ground.broker.stop()
