"""Power fails at any instant: nothing that `add` acknowledged is lost, and no number is used twice."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from egide.errors import StorageError
from egide.things import store as store_module
from egide.things.outbox import Outbox, State
from egide.things.store import Store
from tests.things.power import Disk, PowerVfs

KEY = b"k" * 32
SECRET = b"s" * 32
CRASHES = 300


@pytest.fixture
def vfs() -> Iterator[PowerVfs]:
    made = PowerVfs("egide-power")
    yield made
    made.unregister()


class Life:
    """What the world outside saw of one object, over all its power cuts."""

    def __init__(self, vfs: PowerVfs, seed: int) -> None:
        self.vfs, self.chance = vfs, Random(seed)
        self.left: dict[int, bytes] = {}  # seq -> envelope, of all that `add` acknowledged
        self.settled: dict[bytes, State] = {}
        self.usual = 60  # operations of a life

    def live_and_die(self) -> None:
        """Open, work, lose power somewhere (perhaps while opening); the disk is what is left."""
        disk = self.vfs.disk
        disk.chance = self.chance
        disk.cut_at = self.chance.randrange(1, self.usual + 1)
        store = Store("outbox", SECRET, vfs="egide-power")
        try:
            self._work(Outbox(store), disk)
        finally:
            store.close()
        self.usual = max(20, disk.operations)
        if disk.image is None:
            disk.cut()
        assert disk.image is not None
        self.vfs.disk = disk.image

    def _work(self, outbox: Outbox, disk: Disk) -> None:
        for _ in range(self.chance.randrange(1, 6)):
            item = outbox.add(KEY, lambda seq: b"%d/" % seq + self.chance.randbytes(40), now_ms=0)
            if disk.image is not None:
                return
            assert item.seq not in self.left, "a number left the object twice"
            self.left[item.seq] = item.envelope
            match self.chance.randrange(4):
                case 0:
                    outbox.receipted(item.digest, b"receipt", log="log", leaf=item.seq, now_ms=0)
                    state = State.RECEIPTED
                case 1:
                    outbox.refused(item.digest, b"refusal", code="malformed", now_ms=0)
                    state = State.DEAD
                case _:
                    continue
            if disk.image is None:
                self.settled[item.digest] = state

    def check(self) -> None:
        """What was acknowledged is there, byte for byte, and settled as it was."""
        before = self.vfs.disk
        self.vfs.disk = Disk({name: content.after_cut(Random(0)) for name, content in before.files.items()})
        store = Store("outbox", SECRET, vfs="egide-power")
        try:
            assert store.rows("PRAGMA integrity_check") == [("ok",)]
            found = {item.seq: item for state in State for item in Outbox(store).items(state)}
        finally:
            store.close()
        self.vfs.disk = before
        for seq, envelope in self.left.items():
            assert seq in found, "an acknowledged envelope is gone"
            assert found[seq].envelope == envelope
            assert found[seq].state is self.settled.get(found[seq].digest, found[seq].state)


def lose_power(vfs: PowerVfs, seed: int, crashes: int) -> None:
    life = Life(vfs, seed)
    with_database = Disk()
    vfs.disk = with_database
    for _ in range(crashes):
        life.live_and_die()
        life.check()


@pytest.mark.parametrize("nth", range(3))
def test_nothing_acknowledged_is_lost_and_no_number_comes_back(vfs: PowerVfs, nth: int, seed: int) -> None:
    """A hundred power cuts in one life, three times, at any instant of opening, adding or settling."""
    lose_power(vfs, seed + nth, CRASHES // 3)


@pytest.mark.parametrize("weaker", ["full", "off"])
def test_a_weaker_setting_loses_what_was_acknowledged(
    vfs: PowerVfs, weaker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The simulated disk is sharp enough to see why the store syncs as it does."""
    monkeypatch.setattr(store_module, "SYNCHRONOUS", weaker)
    with pytest.raises((AssertionError, StorageError)):
        lose_power(vfs, seed=1, crashes=800)
