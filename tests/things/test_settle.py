"""Only an answer that verifies settles an envelope; anything else changes nothing, or is exposed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from egide import cbor
from egide.errors import MalformedError, ProofError, RollbackError, SignatureError, UnavailableError
from egide.things.memory import Memory
from egide.things.outbox import Counts, Item, Outbox, State
from egide.things.settle import Settled, Settler
from egide.things.store import Store
from egide.trust.answer import encode_receipt_answer
from tests.things.simulated import NOW, SECRET, SimLog

KEY = b"k" * 32


@dataclass
class Bench:
    """An outbox, a memory that pinned `log`, and a register that gives paths (or fails as it is told to)."""

    store: Store
    log: SimLog = field(default_factory=SimLog)
    fails: Exception | None = None
    asked: list[list[int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.outbox, self.memory = Outbox(self.store), Memory(self.store)
        self.memory.pin([self.log.anchor])
        self.settler = Settler(
            self.store, self.outbox, self.memory, fetch_paths=self._paths, learn_epochs=lambda: None
        )

    def _paths(self, uri: str, sizes: Sequence[int]) -> dict[tuple[int, int], list[bytes]]:
        self.asked.append(list(sizes))
        if self.fails is not None:
            raise self.fails
        return self.log.paths(sizes)

    def add(self, text: bytes = b"envelope") -> Item:
        return self.outbox.add(KEY, lambda seq: text + b" %d" % seq, now_ms=NOW)

    def settle(self, *answers: bytes) -> Settled:
        return self.settler.settle(answers, now_ms=NOW)

    def state(self, item: Item) -> State:
        found = self.outbox.get(item.id)
        assert found is not None
        return found.state


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    store = Store(tmp_path / "store", SECRET)
    yield Bench(store)
    store.close()


def test_a_receipt_that_verifies_settles_its_envelope(bench: Bench) -> None:
    """And the object remembers the head that the log signed."""
    item = bench.add()
    done = bench.settle(bench.log.answer(item.envelope))
    assert (done.receipted, done.problems, bench.state(item)) == ([item.id], [], State.RECEIPTED)
    assert bench.memory.logs()[0].head == bench.log.head()


def test_many_receipts_are_linked_by_one_question(bench: Bench) -> None:
    """Each of another head: the object asks for all the paths at once."""
    bench.settle(bench.log.answer(bench.add().envelope))
    items = [bench.add() for _ in range(5)]
    done = bench.settle(*[bench.log.answer(item.envelope) for item in items])
    assert sorted(done.receipted) == [item.id for item in items]
    assert bench.asked == [[2, 3, 4, 5, 6, 7]]


def test_an_older_head_is_fine_when_it_is_proved(bench: Bench) -> None:
    """Answers may come out of order."""
    first, second = bench.add(), bench.add()
    early, late = bench.log.answer(first.envelope), bench.log.answer(second.envelope)
    bench.settle(late)
    assert bench.settle(early).receipted == [first.id]
    assert bench.memory.logs()[0].head.size == 3


def test_the_same_receipt_twice_changes_nothing(bench: Bench) -> None:
    """A resent envelope is answered again."""
    item = bench.add()
    answer = bench.log.answer(item.envelope)
    bench.settle(answer, answer)
    assert bench.settle(answer) == Settled()
    assert bench.outbox.counts().receipted == 1


def forged(bench: Bench, item: Item) -> list[tuple[str, bytes, type[Exception]]]:
    """Receipts that are not this envelope's, and what each fails by."""
    stranger = SimLog(n=2)
    other = bench.log.answer(b"another envelope")
    digest = hashlib.sha256(item.envelope).digest()
    good = bytearray(bench.log.answer(item.envelope))
    flipped = bytes([*good[:-1], good[-1] ^ 1])
    receipt_of_other = cbor.decode(other, limit=10_000)[2]
    return [
        ("another leaf", encode_receipt_answer(digest, receipt_of_other), SignatureError),
        ("a log that nobody pinned", stranger.answer(item.envelope), ProofError),
        ("a flipped bit", flipped, SignatureError),
        ("not an answer", b"\x83\x01", MalformedError),
        ("nothing at all", b"", MalformedError),
    ]


@pytest.mark.parametrize("n", range(5))
def test_a_receipt_that_does_not_verify_settles_nothing(bench: Bench, n: int) -> None:
    """Forged, for another leaf, of another log, or no receipt at all: the envelope waits."""
    item = bench.add()
    _, answer, error = forged(bench, item)[n]
    done = bench.settle(answer)
    assert [type(problem) for problem in done.problems] == [error]
    assert bench.state(item) is State.WAITING


def test_an_answer_about_somebody_elses_envelope_is_ignored(bench: Bench) -> None:
    """It is nobody's problem here."""
    assert bench.settle(bench.log.answer(b"not ours")) == Settled()


def test_a_final_refusal_makes_a_dead_letter(bench: Bench) -> None:
    """With its code and the signed refusal, for a person to see."""
    item = bench.add()
    assert bench.settle(bench.log.refusal(item.envelope, "pairing-unknown")).dead == [item.id]
    (dead,) = bench.outbox.items(State.DEAD)
    assert (dead.code, dead.envelope) == ("pairing-unknown", item.envelope)


def test_a_refusal_for_now_keeps_the_envelope_waiting(bench: Bench) -> None:
    """Retryable: it is sent again later."""
    item = bench.add()
    assert bench.settle(bench.log.refusal(item.envelope, "unavailable", retryable=True)).later == [item.id]
    assert bench.state(item) is State.WAITING


def test_a_refusal_that_the_log_did_not_sign_kills_nothing(bench: Bench) -> None:
    """Or anybody on the way could silence an object."""
    item = bench.add()
    thief = SimLog(n=9)
    thief_refusal = thief.refusal(item.envelope)
    others_refusal = bench.log.refusal(b"another")
    mixed = cbor.encode([2, item.digest, cbor.decode(others_refusal, limit=10_000)[2]])
    done = bench.settle(thief_refusal, mixed)
    assert [type(problem) for problem in done.problems] == [ProofError, ProofError]
    assert bench.state(item) is State.WAITING


def rolled_back(bench: Bench) -> Item:
    """The object has seen 12 entries; then the log shows 3, of which the last is its new envelope."""
    for n in range(10):
        bench.log.append(b"entry %d" % n)
    bench.settle(bench.log.answer(bench.add().envelope))
    bench.log = SimLog(leaves=bench.log.leaves[:2])
    return bench.add(b"after")


def test_a_log_rolled_back_is_exposed_and_everything_is_kept(bench: Bench) -> None:
    """A smaller tree with no proof: the evidence is kept, the envelope waits, the memory is as it was."""
    item = rolled_back(bench)
    before = bench.memory.logs()[0].head
    done = bench.settle(bench.log.answer(item.envelope))
    assert [type(problem) for problem in done.problems] == [RollbackError]
    assert bench.state(item) is State.WAITING
    assert bench.memory.logs()[0].head == before
    (exposure,) = bench.memory.exposures()
    assert (exposure.remembered.size, exposure.shown[0].size) == (12, 3)
    assert exposure.document


def test_a_log_that_grew_another_way_is_exposed(bench: Bench) -> None:
    """Larger than what is remembered, with the other history's own proofs."""
    item = rolled_back(bench)
    for n in range(30):
        bench.log.append(b"other %d" % n)
    done = bench.settle(bench.log.answer(item.envelope))
    assert [type(problem) for problem in done.problems] == [RollbackError]
    assert bench.outbox.counts() == Counts(drafts=0, waiting=1, receipted=1, dead=0)


def test_good_receipts_are_taken_beside_a_bad_one(bench: Bench) -> None:
    """One answer of another history does not hold the others back."""
    good, bad = bench.add(), bench.add()
    bench.settle(bench.log.answer(bench.add().envelope))
    fork = SimLog(leaves=[*bench.log.leaves, b"x" * 32])
    done = bench.settle(bench.log.answer(good.envelope), fork.answer(bad.envelope))
    assert done.receipted == [good.id]
    assert bench.state(bad) is State.WAITING
    assert len(bench.memory.exposures()) == 1


def test_without_a_proof_for_now_the_receipt_waits(bench: Bench) -> None:
    """The listener is away: nothing is settled, nothing is exposed, and the next step links it."""
    bench.settle(bench.log.answer(bench.add().envelope))
    item = bench.add()
    bench.fails = UnavailableError("away")
    done = bench.settle(bench.log.answer(item.envelope))
    assert bench.state(item) is State.WAITING
    assert bench.settler.pending
    assert [type(problem) for problem in done.problems] == [UnavailableError]
    bench.fails = None
    assert bench.settle().receipted == [item.id]
    assert not bench.settler.pending
    assert bench.memory.exposures() == []
