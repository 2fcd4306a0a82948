"""Following the register to its next epoch: only where a platform of the pinned CA leads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from egide.errors import RollbackError
from egide.things.epochs import follow
from egide.things.memory import Memory
from egide.things.outbox import Outbox, State
from egide.things.store import Store
from egide.trust.genesis import Previous
from egide.trust.register.tree import TreeHead
from tests.support.proofs import World
from tests.things.simulated import NOW, SECRET, SimLog

KEY = b"k" * 32
WORLD = World()


class Bench:
    """An object that knows `old` up to ten entries, its envelopes at the leaves 5 to 9."""

    def __init__(self, store: Store) -> None:
        self.store, self.outbox, self.memory = store, Outbox(store), Memory(store)
        self.old, self.new = SimLog(n=1), SimLog(n=2)
        for n in range(4):
            self.old.append(b"%d" % n)
        self.memory.pin([self.old.anchor])
        self.items = [self.outbox.add(KEY, lambda seq: b"envelope %d" % seq, now_ms=NOW) for _ in range(5)]
        for item in self.items:
            leaf = self.old.append(item.envelope)
            self.outbox.receipted(item.digest, b"receipt", log=self.old.uri, leaf=leaf, now_ms=NOW)
        self.memory.remember(self.old.uri, self.old.head())

    def previous(self, head: TreeHead) -> Previous:
        return Previous(origin=self.old.anchor.origin, uri=self.old.uri, size=head.size, root=head.root)

    def follow(self, *statements: Any, roots: Sequence[bytes] = (WORLD.ca.root,)) -> int:
        return follow(
            statements, store=self.store, memory=self.memory, outbox=self.outbox, roots=roots,
            chain=WORLD.platform_chain, fetch_paths=lambda _, sizes: self.old.paths(sizes), now_ms=NOW,
        )  # fmt: skip

    def epoch(self, head: TreeHead) -> bytes:
        return WORLD.epoch(self.new.anchor, self.previous(head)).statement


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    store = Store(tmp_path / "store", SECRET)
    yield Bench(store)
    store.close()


@pytest.mark.parametrize(("size", "again"), [(10, 0), (8, 2), (6, 4), (1, 5)])
def test_after_a_restore_what_lies_beyond_is_sent_again(bench: Bench, size: int, again: int) -> None:
    """The new log is known, and exactly the envelopes that the backup did not hold wait again."""
    assert bench.follow(bench.epoch(bench.old.head(size))) == again
    assert [log.uri for log in bench.memory.logs()] == [bench.old.uri, bench.new.uri]
    waiting = [item.digest for item in bench.outbox.items(State.WAITING)]
    assert waiting == [item.digest for item in bench.items[5 - again :]]
    assert [exposure.what for exposure in bench.memory.exposures()] == (["restored"] if size < 10 else [])


def test_an_epoch_is_followed_once(bench: Bench) -> None:
    """The same statement, seen again at each watch, sends nothing again."""
    statement = bench.epoch(bench.old.head(8))
    assert bench.follow(statement) == 2
    for item in bench.items[3:]:
        bench.outbox.receipted(item.digest, b"receipt", log=bench.new.uri, leaf=1, now_ms=NOW)
    assert bench.follow(statement) == 0


def test_epochs_are_followed_one_after_the_other_in_any_order(bench: Bench) -> None:
    """An object that slept through two restores finds its way."""
    third = SimLog(n=3)
    after = Previous(origin=bench.new.anchor.origin, uri=bench.new.uri, size=4, root=b"r" * 32)
    second = bench.epoch(bench.old.head())
    bench.follow(WORLD.epoch(third.anchor, after).statement, second)
    assert [log.epoch for log in bench.memory.logs()] == [0, 1, 2]


def test_a_larger_old_log_must_continue_what_is_remembered(bench: Bench) -> None:
    """The old log went on before it ended: proved, the epoch is followed."""
    bench.old.append(b"more")
    assert bench.follow(bench.epoch(bench.old.head())) == 0
    assert len(bench.memory.logs()) == 2


@pytest.mark.parametrize("size", [10, 12])
def test_an_epoch_that_rewrites_the_old_log_is_exposed(bench: Bench, size: int) -> None:
    """The old log under another root, as large or larger: refused, and the evidence is kept."""
    with pytest.raises(RollbackError):
        bench.follow(bench.epoch(TreeHead(size, b"r" * 32)))
    assert [log.uri for log in bench.memory.logs()] == [bench.old.uri]
    assert [exposure.what for exposure in bench.memory.exposures()] == ["forked"]


def refused(bench: Bench) -> list[Any]:
    """Statements that open nothing."""
    other = World()
    head = bench.old.head(7)
    stranger = Previous(origin="egide/log/x", uri=SimLog(n=7).uri, size=7, root=head.root)
    renamed = Previous(origin="egide/log/other", uri=bench.old.uri, size=7, root=head.root)
    signed = bench.epoch(head)
    return [
        other.epoch(bench.new.anchor, bench.previous(head)).statement,
        [other.epoch(bench.new.anchor, bench.previous(head)).statement, list(other.platform_chain)],
        bytes([*signed[:-1], signed[-1] ^ 1]),
        WORLD.epoch(bench.new.anchor, stranger).statement,
        WORLD.epoch(bench.new.anchor, renamed).statement,
        WORLD.epoch(bench.new.anchor, None).statement,
        b"not a statement",
        17,
        [],
    ]


@pytest.mark.parametrize("n", range(9))
def test_a_statement_that_leads_from_no_known_log_opens_nothing(bench: Bench, n: int) -> None:
    """Another CA's platform, a flipped bit, another log before, no log before, or no statement at all."""
    assert bench.follow(refused(bench)[n]) == 0
    assert [log.uri for log in bench.memory.logs()] == [bench.old.uri]
    assert bench.outbox.counts().receipted == 5
