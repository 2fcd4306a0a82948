"""What an object remembers of a log, and what it refuses to be shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egide.errors import RollbackError
from egide.things.memory import NOTHING, Exposure, Memory, link, sizes_to_link
from egide.things.store import Store
from egide.trust.register.tree import TreeHead
from tests.things.simulated import NOW, SECRET, SimLog

LOG = SimLog(leaves=[bytes([n]) * 32 for n in range(40)])
FORK = SimLog(leaves=[*LOG.leaves[:9], *(bytes([n + 100]) * 32 for n in range(31))])
sizes = st.integers(1, 40)


@given(st.integers(0, 40), st.lists(sizes, max_size=8))
def test_the_moments_of_one_log_are_linked_to_the_largest(before: int, shown: list[int]) -> None:
    """Whatever their order, and how often each is shown."""
    remembered = LOG.head(before) if before else NOTHING
    heads = [LOG.head(size) for size in shown]
    paths = LOG.paths(sizes_to_link(remembered, heads))
    assert link(remembered, heads, paths) == LOG.head(max([before, *shown])) if before or shown else NOTHING


@given(sizes, st.integers(10, 40))
def test_a_head_of_another_history_is_a_rollback(before: int, shown: int) -> None:
    """A fork shows itself as soon as both sides are seen, with the paths of either side."""
    remembered, head = LOG.head(before), FORK.head(shown)
    if before <= 9 <= shown:
        assert link(remembered, [head], FORK.paths(sizes_to_link(remembered, [head]))) == head
        return
    for side in (LOG, FORK):
        with pytest.raises(RollbackError):
            link(remembered, [head], side.paths(sizes_to_link(remembered, [head])))


@given(sizes, sizes)
def test_a_head_without_a_proof_is_refused(before: int, shown: int) -> None:
    """A signature is not enough, whether the head is larger or smaller."""
    remembered, head = LOG.head(before), LOG.head(shown)
    if before == shown:
        assert link(remembered, [head], {}) == head
        return
    with pytest.raises(RollbackError):
        link(remembered, [head], {})


def test_two_roots_of_one_size_are_a_rollback() -> None:
    """Also when both are new, and neither is remembered."""
    with pytest.raises(RollbackError):
        link(NOTHING, [LOG.head(12), FORK.head(12)], {})


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    store = Store(tmp_path / "store", SECRET)
    yield Memory(store)
    store.close()


def test_a_log_is_pinned_once(memory: Memory) -> None:
    """A platform cannot bring another log in later by saying so."""
    memory.pin([LOG.anchor])
    memory.pin([SimLog(n=2).anchor])
    assert [log.uri for log in memory.logs()] == [LOG.uri]


def test_memory_only_grows(memory: Memory) -> None:
    """A smaller head never replaces a larger one."""
    memory.pin([LOG.anchor])
    memory.remember(LOG.uri, LOG.head(20))
    memory.remember(LOG.uri, LOG.head(5))
    assert memory.logs()[0].head == LOG.head(20)


def test_an_exposure_is_kept_once_with_its_evidence(memory: Memory) -> None:
    """The two heads and the document that showed it."""
    exposure = Exposure(
        at_ms=NOW, log=LOG.uri, what="rolled-back", remembered=LOG.head(20), shown=(TreeHead(3, b"r" * 32),),
        document=b"receipt",
    )  # fmt: skip
    memory.expose(exposure)
    memory.expose(exposure)
    assert memory.exposures() == [exposure]
