"""What leaves, when, by which way, and what a failure costs: nothing. No thread, no clock, no network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from egide.errors import EgideError, MalformedError, TooManyTriesError, UnavailableError
from egide.things.courier import WINDOW, Chore, Courier
from egide.things.memory import Memory
from egide.things.outbox import Item, Outbox
from egide.things.settle import Settler
from egide.things.store import Store
from tests.things.simulated import NOW, SECRET, SimLog

KEY = b"k" * 32


class NoChance:
    def random(self) -> float:
        return 0.0


class Platform:
    """Both ways in, on a register; each may be closed, and answers may get lost."""

    def __init__(self, log: SimLog) -> None:
        self.log = log
        self.ready = self.silent = False
        self.fails: EgideError | None = None
        self.https: list[bytes] = []
        self.mqtt: list[bytes] = []
        self.courier: Courier | None = None

    def intake(self, envelope: bytes) -> bytes:
        self.https.append(envelope)
        if self.fails is not None:
            raise self.fails
        return self.log.answer(envelope)

    def publish(self, envelope: bytes) -> None:
        if self.fails is not None:
            raise self.fails
        self.mqtt.append(envelope)
        if not self.silent and self.courier is not None:
            self.courier.answered(self.log.answer(envelope))


class Bench:
    def __init__(self, store: Store, *, mqtt: bool = False, chores: Sequence[Chore] = ()) -> None:
        self.now = 0
        self.log, self.outbox, self.memory = SimLog(), Outbox(store), Memory(store)
        self.memory.pin([self.log.anchor])
        self.platform = Platform(self.log)
        self.platform.ready = mqtt
        self.courier = Courier(
            outbox=self.outbox,
            settler=Settler(
                store, self.outbox, self.memory,
                fetch_paths=lambda _, sizes: self.log.paths(sizes), learn_epochs=lambda: None,
            ),
            door=lambda: None if mqtt else self.platform,
            pipe=lambda: self.platform if mqtt else None,
            running_ms=lambda: self.now,
            now_ms=lambda: NOW + self.now,
            random=NoChance(),
            chores=chores,
        )
        self.platform.courier = self.courier

    def add(self) -> Item:
        return self.outbox.add(KEY, lambda seq: b"envelope %d" % seq, now_ms=NOW)

    def run(self, ms: int) -> None:
        """Let time pass, step by step, as the object's thread does."""
        end = self.now + ms
        while True:
            rest = self.courier.step()
            if self.now + rest > end:
                self.now = end
                return
            self.now += rest


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "store", SECRET)
    yield made
    made.close()


@pytest.mark.parametrize("mqtt", [False, True])
def test_everything_that_waits_is_brought_once(store: Store, mqtt: bool) -> None:
    """By either way, oldest first, and nothing is sent again once it has its receipt."""
    bench = Bench(store, mqtt=mqtt)
    items = [bench.add() for _ in range(100)]
    bench.run(60_000)
    sent = bench.platform.mqtt if mqtt else bench.platform.https
    assert sent == [item.envelope for item in items]
    assert bench.outbox.counts().receipted == 100


def test_without_an_answer_the_same_bytes_are_sent_again_and_again(store: Store) -> None:
    """At once, then after 30 s, 60 s, 120 s...: never sooner, never other bytes."""
    bench = Bench(store, mqtt=True)
    bench.platform.silent = True
    item, times = bench.add(), []
    publish = bench.platform.publish
    bench.platform.publish = lambda data: (times.append(bench.now), publish(data))  # type: ignore[func-returns-value,assignment]
    bench.run(600_000)
    assert times[:4] == [0, 30_000, 90_000, 210_000]
    assert set(bench.platform.mqtt) == {item.envelope}


def test_few_envelopes_are_on_their_way_at_once(store: Store) -> None:
    """While answers do not come, at most 32 are out: half of what the broker keeps for an object."""
    bench = Bench(store, mqtt=True)
    bench.platform.silent = True
    for _ in range(100):
        bench.add()
    bench.run(29_000)
    assert len(bench.platform.mqtt) == WINDOW


def test_an_unreachable_platform_costs_one_try_at_a_time(store: Store) -> None:
    """Not one per envelope; and when it is back, everything goes."""
    bench = Bench(store)
    for _ in range(20):
        bench.add()
    bench.platform.fails = UnavailableError("away")
    bench.run(60_000)
    assert len(bench.platform.https) <= 6
    assert bench.courier.problems["send"].code == "unavailable"
    bench.platform.fails = None
    bench.platform.https.clear()
    bench.run(1_200_000)
    assert bench.outbox.counts().receipted == 20
    assert "send" not in bench.courier.problems


def test_a_platform_that_asks_to_wait_is_given_time(store: Store) -> None:
    """Too many tries: nothing is hammered."""
    bench = Bench(store)
    bench.add()
    bench.platform.fails = TooManyTriesError("slowly")
    bench.run(30_000)
    assert len(bench.platform.https) <= 5


def test_an_answer_that_is_none_holds_up_one_envelope_only(store: Store) -> None:
    """The others still go."""
    bench = Bench(store)
    first, second = bench.add(), bench.add()
    intake = bench.platform.intake

    def strange(envelope: bytes) -> bytes:
        if envelope == first.envelope:
            raise MalformedError("what is this")
        return intake(envelope)

    bench.platform.intake = strange  # type: ignore[method-assign]
    bench.run(10_000)
    found = bench.outbox.get(second.id)
    assert found is not None
    assert found.state.name == "RECEIPTED"
    assert bench.outbox.counts().waiting == 1


def test_a_refusal_for_now_makes_everything_wait_half_a_minute(store: Store) -> None:
    """Then it is sent again, and settled."""
    bench = Bench(store)
    bench.add()

    def refuse(envelope: bytes) -> bytes:
        return bench.log.refusal(envelope, "unavailable", retryable=True)

    bench.platform.intake = refuse  # type: ignore[method-assign]
    bench.run(1_000)
    del bench.platform.intake
    bench.run(28_000)
    assert bench.platform.https == []
    bench.run(5_000)
    assert bench.outbox.counts().receipted == 1


def test_a_receipt_lost_on_its_way_costs_nothing(store: Store) -> None:
    """The envelope is sent again, and answered again."""
    bench = Bench(store, mqtt=True)
    bench.platform.silent = True
    bench.add()
    bench.run(1_000)
    bench.platform.silent = False
    bench.run(40_000)
    assert bench.outbox.counts().receipted == 1
    assert len(bench.platform.mqtt) == 2


def test_hurry_tries_what_is_not_on_its_way(store: Store) -> None:
    """After an outage a person does not wait for the next try."""
    bench = Bench(store)
    bench.add()
    bench.platform.fails = UnavailableError("away")
    bench.run(500_000)
    bench.platform.fails = None
    bench.courier.hurry()
    bench.courier.step()
    bench.courier.step()
    assert bench.outbox.counts().receipted == 1


def test_sending_a_settled_envelope_again_changes_nothing(store: Store) -> None:
    """A replayed envelope leaves, its answer is dropped, its state stays."""
    bench = Bench(store)
    item = bench.add()
    bench.run(1_000)
    bench.courier.send_again(item.envelope)
    bench.run(1_000)
    assert bench.platform.https == [item.envelope] * 2
    assert bench.outbox.counts().receipted == 1


def test_a_chore_that_fails_is_tried_again_later_and_stops_nothing(store: Store) -> None:
    """Its failure is said until it succeeds; envelopes go meanwhile."""
    tries: list[int] = []

    def work() -> int:
        tries.append(bench.now)
        if len(tries) < 3:
            raise UnavailableError("away")
        return 3_600_000

    bench = Bench(store, chores=[Chore(name="time", work=work)])
    bench.add()
    bench.courier.step()
    assert bench.courier.problems["time"].code == "unavailable"
    bench.run(100_000)
    assert tries == [0, 2_000, 6_000]
    assert "time" not in bench.courier.problems
    assert bench.outbox.counts().receipted == 1


def test_a_row_damaged_on_the_disk_stops_nobody_else(store: Store) -> None:
    """It stays where it is and is told as a problem; what stands behind it is brought."""
    bench = Bench(store)
    damaged, sound = bench.add(), bench.add()
    with store.writing():
        store.run("UPDATE envelope SET sealed = zeroblob(80) WHERE id = ?", damaged.id)
    bench.run(120_000)
    assert bench.platform.https == [sound.envelope]
    assert bench.courier.problems["outbox"].code == "seal-broken"
    counts = bench.outbox.counts()
    assert (counts.waiting, counts.receipted) == (1, 1)
