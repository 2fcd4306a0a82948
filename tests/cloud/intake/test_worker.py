"""The intake worker beside a real broker: what waits is stored, then answered, then forgotten, in that order."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import nats.errors
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from egide import cbor
from egide.cloud.fleet.broker.stream import Inlet, connect
from egide.cloud.fleet.relay import IntakeAbsentError, Relay
from egide.cloud.intake import worker as worker_module
from egide.cloud.intake.pipeline import Answer, Pipeline
from egide.cloud.intake.worker import HTTP_SUBJECT, Worker, run_intake
from egide.cloud.people.models import Account
from egide.cloud.people.service import create_account
from egide.cloud.vault.models import Envelope
from egide.errors import StorageError, UnavailableError
from egide.trust.answer import decode_answer
from tests.cloud.fleet.broker.conftest import Loop, Ward
from tests.support.broker import PATIENCE, make_ground, require
from tests.support.broker import Thing as Line
from tests.support.thing import Thing, code_of, glucose, receipt_of

pytestmark = [pytest.mark.server, pytest.mark.django_db(transaction=True)]


class Site:
    """A broker, its gate, and an intake worker that can be stopped and started."""

    def __init__(self, ward: Ward) -> None:
        self.ward = ward
        self._run: asyncio.Task[None] | None = None
        self.relay = Relay(self._web, wait_s=PATIENCE)

    async def _web(self) -> Client:
        return await connect(self.ward.ground.broker.url, self.ward.ground.secrets, "web")

    def start(self) -> None:
        ready = threading.Event()
        url, secrets = self.ward.ground.broker.url, self.ward.ground.secrets
        self._run = self.ward.loop.start(run_intake(url, secrets, ready=ready.set))
        assert ready.wait(PATIENCE)

    def stop(self) -> None:
        if self._run is not None:
            self.ward.loop.cancel(self._run)
            self._run = None

    def line(self, thing: Thing) -> Line:
        """The thing's MQTT connection, listening for its answers."""
        name = str(thing.row.pk)
        identity = self.ward.ground.ca.object(name)
        self.ward.registry.enrol(name, identity)
        line = self.ward.thing(identity, name)
        assert line.connect() == 0
        assert line.subscribe(f"down/{name}/#") == 0
        return line

    def close(self) -> None:
        self.relay.close()
        self.stop()
        self.ward.close()


@pytest.fixture
def site(tmp_path: Path, meter: Thing, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(worker_module, "AFTER_FAILURE_S", 0.01)
    monkeypatch.setattr(worker_module, "time", type("Clock", (), {"time_ns": lambda: 1_800_000_000_000_000_000}))
    loop = Loop()
    made = Site(Ward(make_ground(tmp_path), loop))
    try:
        made.ward.open_edge()
        yield made
    finally:
        made.close()
        loop.close()


def answer_on(line: Line, data: bytes) -> Answer:
    """The next answer that the broker brings."""
    topic, got = line.received.get(timeout=PATIENCE)
    assert topic == f"down/{line.id}/answer"
    return Answer(got, getattr(decode_answer(got), "code", ""))


def forgotten(site: Site) -> None:
    """Wait until the broker keeps nothing for intake."""
    require(lambda: site.ward.kept() == 0)


def test_what_an_object_publishes_is_stored_answered_and_forgotten(site: Site, meter: Thing) -> None:
    """The receipt that comes back verifies, and the broker keeps nothing."""
    site.start()
    line, data = site.line(meter), meter.envelope()
    assert line.deliver(f"up/{line.id}", data)
    receipt_of(answer_on(line, data), data)
    forgotten(site)
    assert Envelope.objects.count() == 1


def test_what_waited_while_no_worker_ran_is_taken_in(site: Site, meter: Thing) -> None:
    """Fifty messages that the broker kept; each is answered, each once."""
    line, batch = site.line(meter), [meter.envelope(glucose(80 + n)) for n in range(50)]
    for data in batch:
        assert line.deliver(f"up/{line.id}", data)
    assert Envelope.objects.count() == 0
    site.start()
    answers = {bytes(decode_answer(a.data).digest): a for a in (answer_on(line, b"") for _ in batch)}
    for data in batch:
        receipt_of(answers[hashlib.sha256(data).digest()], data)
    forgotten(site)
    assert Envelope.objects.count() == 50


def test_a_refusal_is_answered_and_forgotten_too(site: Site, meter: Thing, bob: Account) -> None:
    """A bad message does not come back for ever; an object that speaks for another is refused."""
    site.start()
    line, other = site.line(meter), Thing.enrol(bob)
    for data, code in ((b"junk", "malformed"), (other.envelope(), "identity-unknown")):
        assert line.deliver(f"up/{line.id}", data)
        _, got = line.received.get(timeout=PATIENCE)
        assert code_of(Answer(got, code), data) == code
    forgotten(site)
    assert Envelope.objects.count() == 0


def test_what_the_store_does_not_take_comes_again(
    site: Site, meter: Thing, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """No answer, no forgetting: the message is given back, and stored once the store works."""
    process, failures = Pipeline.process, iter([StorageError("full"), RuntimeError("values")])

    def flaky(self: Pipeline, batch: Sequence[object]) -> list[Answer]:
        for error in failures:
            raise error
        return process(self, batch)  # type: ignore[arg-type]

    monkeypatch.setattr(Pipeline, "process", flaky)
    site.start()
    line, data = site.line(meter), meter.envelope()
    assert line.deliver(f"up/{line.id}", data)
    receipt_of(answer_on(line, data), data)
    forgotten(site)
    assert Envelope.objects.count() == 1
    assert "storage-failed" in caplog.text
    assert "RuntimeError" in caplog.text
    assert "values" not in caplog.text


def test_an_answer_that_could_not_leave_is_given_at_the_next_try(
    site: Site, meter: Thing, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The object sends again what it has no receipt for: the same leaf, and this time the answer arrives."""
    publish, failures = Inlet.publish_answer, iter([UnavailableError("away")])

    async def flaky(self: Inlet, object_id: str, data: bytes) -> None:
        for error in failures:
            raise error
        await publish(self, object_id, data)

    monkeypatch.setattr(Inlet, "publish_answer", flaky)
    site.start()
    line, data = site.line(meter), meter.envelope()
    assert line.deliver(f"up/{line.id}", data)
    require(lambda: "answers not sent" in caplog.text)
    assert line.deliver(f"up/{line.id}", data)
    receipt_of(answer_on(line, data), data)
    assert Envelope.objects.count() == 1


def test_what_comes_by_https_goes_through_the_same_door(site: Site, meter: Thing) -> None:
    """201 and a receipt; the status of a refusal says what kind it is."""
    site.start()
    data, me = meter.envelope(), str(meter.row.pk)
    status, answer = site.relay.ask(me, data)
    assert status == 201
    receipt_of(Answer(answer), data)
    expected = {
        b"junk": (400, "malformed"),
        meter.envelope(certificate=bytes(32)): (403, "identity-unknown"),
        bytes(62_001): (400, "malformed"),
    }
    for bad, (status, code) in expected.items():
        got = site.relay.ask("", bad)
        assert got[0] == status
        assert code_of(Answer(got[1], code), bad) == code


def test_a_post_that_is_not_one_gets_an_answer(site: Site) -> None:
    """Whatever another part of the platform could put on the subject, intake goes on."""
    site.start()
    client = site.ward.client("web")
    for junk in (b"", b"\xff", cbor.encode(["only one"]), cbor.encode([1, b"x"])):
        reply = site.ward.loop.run(client.request(HTTP_SUBJECT, junk, timeout=PATIENCE))
        assert cbor.decode(reply.data, limit=100) == [400, b""]


def test_a_post_that_cannot_be_stored_is_a_503(
    site: Site, meter: Thing, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The object keeps its envelope."""

    def full(*_: object) -> list[Answer]:
        raise StorageError("full")

    site.start()
    with monkeypatch.context() as broken:
        broken.setattr(Pipeline, "process", full)
        assert site.relay.ask("", meter.envelope()) == (503, b"")
    assert "posts not stored: storage-failed" in caplog.text
    assert site.relay.ask("", meter.envelope())[0] == 201


def test_a_post_that_nobody_waits_for_stops_no_other(
    site: Site, meter: Thing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that cannot leave costs its sender a retry; the worker serves the next one."""
    site.start()
    respond, failed = Msg.respond, threading.Event()

    async def broken(self: Msg, data: bytes) -> None:
        failed.set()
        raise nats.errors.ConnectionClosedError

    monkeypatch.setattr(Msg, "respond", broken)
    site.ward.loop.run(site.ward.client("web").publish(HTTP_SUBJECT, b"not a post", reply="_INBOX.nobody"))
    assert failed.wait(PATIENCE)
    monkeypatch.setattr(Msg, "respond", respond)
    assert site.relay.ask("", meter.envelope())[0] == 201


def test_without_a_worker_https_says_come_back(site: Site, meter: Thing) -> None:
    """Nobody answers: not a receipt, not a refusal."""
    with pytest.raises(IntakeAbsentError):
        site.relay.ask("", meter.envelope())


@pytest.mark.slow
def test_a_worker_that_is_stopped_loses_nothing(site: Site, meter: Thing) -> None:
    """Stopped and started while an object sends: all is stored once. What was on its way comes again after 30 s."""
    site.start()
    line, batch = site.line(meter), [meter.envelope(glucose(60 + n)) for n in range(30)]
    for n, data in enumerate(batch):
        assert line.deliver(f"up/{line.id}", data)
        if n % 10 == 9:
            site.stop()
            site.start()
    require(lambda: site.ward.kept() == 0, 45)
    assert Envelope.objects.count() == 30


def test_a_broker_that_restarts_is_met_again(site: Site, meter: Thing, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pulling fails for a while, and goes on."""
    pulls = iter([UnavailableError("no consumer yet")] * 3)
    pull = Inlet.pull

    async def flaky(self: Inlet, batch: int, timeout: float) -> object:
        for error in pulls:
            raise error
        return await pull(self, batch, timeout)

    monkeypatch.setattr(Inlet, "pull", flaky)
    site.start()
    line, data = site.line(meter), meter.envelope()
    assert line.deliver(f"up/{line.id}", data)
    receipt_of(answer_on(line, data), data)


def test_many_answers_under_way_hold_the_next_batch(
    site: Site, meter: Thing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory is bounded: a batch waits while five others' answers have not left."""
    gate = asyncio.Event()
    answer, begun = Worker._answer, []

    async def slow(self: Worker, waiting: object, answers: object) -> None:
        begun.append(1)
        await gate.wait()
        await answer(self, waiting, answers)  # type: ignore[arg-type]

    monkeypatch.setattr(worker_module, "BATCH", 1)
    monkeypatch.setattr(Worker, "_answer", slow)
    site.start()
    line, batch = site.line(meter), [meter.envelope(glucose(60 + n)) for n in range(12)]
    for data in batch:
        assert line.deliver(f"up/{line.id}", data)
    require(lambda: len(begun) == 5)
    assert Envelope.objects.count() <= 6
    site.ward.loop.run(_set(gate))
    forgotten(site)
    assert Envelope.objects.count() == 12


async def _set(event: asyncio.Event) -> None:
    event.set()


def test_a_broker_that_does_not_answer_is_said_at_the_start(site: Site) -> None:
    """Nothing half-started remains."""
    site.ward.ground.broker.stop()
    with pytest.raises(UnavailableError):
        site.ward.loop.run(run_intake(site.ward.ground.broker.url, site.ward.ground.secrets))


def test_people_are_not_needed_to_start(site: Site) -> None:
    """A worker on an empty store waits quietly."""
    site.start()
    site.stop()
    assert create_account("patient", "Ève", 1).pk
