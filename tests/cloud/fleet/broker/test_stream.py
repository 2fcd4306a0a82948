"""What the broker keeps for intake: all it acknowledged, encrypted, and no object takes the others' room."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from egide.cloud.fleet.broker import stream
from egide.cloud.fleet.broker.stream import PENDING, Inlet, Waiting, ensure_stream
from egide.errors import ConfigError, UnavailableError
from tests.support.broker import Thing, make_ground, require

from .conftest import Loop, Ward

pytestmark = pytest.mark.server


def burst(thing: Thing, count: int) -> list[int]:
    """Publish `count` messages at once; the numbers of those acknowledged before the connection ended."""
    sent = [thing.send(f"up/{thing.id}", b"%d" % number) for number in range(count)]
    require(lambda: thing.left.is_set() or all(info.is_published() for info in sent))
    return [number for number, info in enumerate(sent) if info.is_published()]


def test_at_most_64_messages_of_one_object_wait(ward: Ward) -> None:
    """The 65th ends the publisher's connection without PUBACK; the others are not slowed."""
    alice, bob = ward.connected(), ward.connected()
    acknowledged = burst(alice, PENDING + 40)
    assert alice.left.is_set()
    assert bob.deliver(f"up/{bob.id}", b"mine")
    assert ward.kept() == PENDING + 1
    kept: list[Waiting] = []
    while len(kept) < PENDING + 1:
        kept += ward.pull()
    assert {int(one.data) for one in kept if one.object_id == alice.id} == set(range(PENDING))
    assert set(acknowledged) <= set(range(PENDING))
    assert [one.data for one in kept if one.object_id == bob.id] == [b"mine"]


def test_the_room_is_given_back_once_intake_has_committed(ward: Ward) -> None:
    """An object that waits for its receipts is never cut."""
    alice = ward.connected()
    for _ in range(3):
        assert len(burst(alice, PENDING)) == PENDING
        taken: list[bytes] = []
        while len(taken) < PENDING:
            for waiting in ward.pull():
                taken.append(waiting.data)
                ward.loop.run(waiting.ack())
        require(lambda: ward.kept() == 0)


def test_what_is_not_acknowledged_comes_again(ward: Ward) -> None:
    """A worker that stops gives back what it fetched, and another has it at once."""
    alice = ward.connected()
    assert len(burst(alice, 10)) == 10
    assert [waiting.tries for waiting in ward.pull(1)] == [1]
    assert ward.inlet is not None
    ward.loop.run(ward.inlet.close())
    again = ward.loop.run(Inlet.open(ward.client("intake")))
    seen: list[bytes] = []
    while len(seen) < 9:
        seen += [waiting.data for waiting in ward.loop.run(again.pull(100, 5))]
    assert sorted(int(one) for one in seen) == list(range(1, 10))


def test_a_killed_broker_loses_nothing_it_acknowledged(ward: Ward) -> None:
    """kill -9 in the middle of a burst of three objects: every PUBACK is in the store afterwards."""
    things = [ward.connected() for _ in range(3)]
    sent = [(f"{one.id}/{n}", one.send(f"up/{one.id}", b"%d" % n)) for n in range(60) for one in things]
    require(lambda: sum(info.is_published() for _, info in sent) > 30)
    os.kill(ward.ground.broker.pid, signal.SIGKILL)
    ward.ground.broker.wait()
    for thing in things:
        assert thing.left.wait(10)
    acknowledged = {name for name, info in sent if info.is_published()}
    assert acknowledged
    ward.ground.broker.stop()
    ward.ground.restart()
    require(lambda: ward.edge is not None and ward.edge.standing)
    found: set[str] = set()
    while not acknowledged <= found:
        kept = ward.pull()
        assert kept, "an acknowledged message is not in the store"
        found |= {f"{one.object_id}/{int(one.data)}" for one in kept}


def test_the_store_shows_nothing_of_what_it_keeps(ward: Ward) -> None:
    """The message is not in the bytes of the broker's folder, running or stopped."""
    marker = b"a reading that nobody may find on the disk"
    alice = ward.connected()
    assert alice.subscribe(f"down/{alice.id}/#", qos=1) == 1
    assert alice.deliver(f"up/{alice.id}", marker)
    folder = ward.ground.options.data / "broker"
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) > len(marker)
    for file in files:
        assert marker not in file.read_bytes()
        assert marker[:16] not in file.read_bytes()
    ward.ground.broker.stop()
    for file in [file for file in folder.rglob("*") if file.is_file()]:
        assert marker[:16] not in file.read_bytes()


def test_the_store_opens_with_its_own_key_alone(bare: Ward) -> None:
    """With another cipher key the broker does not start, and says why."""
    ensure_all(bare)
    bare.ground.broker.stop()
    file: Path = bare.ground.options.keys / "broker.json"
    text = file.read_text()
    cipher = bare.ground.secrets.cipher
    file.write_text(text.replace(cipher, "A" * 43 + "="))
    with pytest.raises(ConfigError):
        bare.ground.restart()
    file.write_text(text)
    bare.ground.restart()
    ensure_all(bare)


def ensure_all(ward: Ward) -> None:
    ward.loop.run(ensure_stream(ward.client("stream"), max_bytes=ward.ground.options.broker_bytes))


def test_the_stream_is_made_once_and_kept(bare: Ward) -> None:
    """Making it again, with what it holds, changes nothing; other limits are brought to ours."""
    bare.open_edge()
    alice = bare.connected()
    assert alice.deliver(f"up/{alice.id}", b"kept")
    ensure_all(bare)
    bare.loop.run(ensure_stream(bare.client("stream"), max_bytes=bare.ground.options.broker_bytes // 2))
    assert bare.kept() == 1
    assert [waiting.data for waiting in bare.pull()] == [b"kept"]


def test_a_full_stream_refuses_without_acknowledging(bare: Ward) -> None:
    """When the whole stream is full, publishers keep their copies; what was acknowledged is kept."""
    bare.open_edge()
    bare.loop.run(ensure_stream(bare.client("stream"), max_bytes=200_000))
    alice = bare.connected()
    sent = [alice.send(f"up/{alice.id}", bytes(50_000)) for _ in range(8)]
    assert alice.left.wait(10)
    acknowledged = sum(info.is_published() for info in sent)
    assert acknowledged <= bare.kept() < 4


def test_a_pull_with_no_stream_says_so(bare: Ward) -> None:
    """Before the edge has run, intake is told to try later instead of waiting for ever."""
    with pytest.raises(UnavailableError):
        bare.pull()


def test_qos_0_and_qos_2_keep_nothing(ward: Ward) -> None:
    """Only QoS 1 is a promise: QoS 0 is not stored, QoS 2 ends the connection."""
    alice = ward.connected()
    alice.send(f"up/{alice.id}", b"zero", qos=0)
    assert alice.deliver(f"up/{alice.id}", b"one")
    assert ward.kept() == 1
    alice.send(f"up/{alice.id}", b"two", qos=2)
    assert alice.left.wait(10)
    assert [waiting.data for waiting in ward.pull()] == [b"one"]


def test_an_oversized_message_ends_its_connection(ward: Ward) -> None:
    """Nothing larger than an envelope is stored."""
    alice = ward.connected()
    assert not alice.deliver(f"up/{alice.id}", bytes(100_000))
    assert ward.kept() == 0


@pytest.mark.parametrize("sync", ["always", "500ms"])
def test_pulling_goes_on_after_the_broker_restarted(tmp_path: Path, loop: Loop, sync: str) -> None:
    """One inlet for the life of a worker, whatever the broker does and however it flushes."""
    ward = Ward(make_ground(tmp_path, broker_sync=sync), loop)
    try:
        ward.open_edge()
        alice = ward.connected()
        assert alice.deliver(f"up/{alice.id}", b"before")
        [waiting] = ward.pull()
        loop.run(waiting.ack())
        ward.ground.broker.stop()
        ward.ground.restart()
        require(lambda: ward.edge is not None and ward.edge.standing)
        bob = ward.connected()
        assert bob.deliver(f"up/{bob.id}", b"after")
        found: list[bytes] = []
        while b"after" not in found:
            found += [one.data for one in ward.pull()]
    finally:
        ward.close()


def test_a_request_that_expires_is_made_again(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that comes after a long silence is not kept waiting for the next pull."""
    monkeypatch.setattr(stream, "_EXPIRES_S", 0.2)
    alice = ward.connected()
    assert ward.pull(timeout=0.5) == []
    assert ward.inlet is not None
    pulled = ward.loop.begin(ward.inlet.pull(10, 20))
    with pytest.raises(TimeoutError):
        pulled.result(0.6)
    started = time.monotonic()
    assert alice.deliver(f"up/{alice.id}", b"late")
    assert [waiting.data for waiting in pulled.result(10)] == [b"late"]
    assert time.monotonic() - started < 5
