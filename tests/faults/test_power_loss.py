"""Power fails at any instant of intake's work: every receipt that left is true of what the disk still holds."""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from django.core.management import call_command
from django.db import Error as DatabaseFailure
from django.db import connection, connections
from pytest_django import DjangoDbBlocker, Settings

from egide.cloud.intake.pipeline import Pipeline
from egide.cloud.intake.steps import Incoming
from egide.cloud.options import Options
from egide.cloud.people.service import create_account
from egide.cloud.register.models import Log
from egide.cloud.register.store import nodes_of, split_entry
from egide.cloud.upkeep.fsck import fsck
from egide.cloud.vault.models import Envelope as Row
from egide.errors import StorageError
from egide.things.outbox import Item, State
from egide.trust.register.receipt import VerifiedReceipt
from egide.trust.register.tree import root_hash
from tests.support.apsw_sqlite.base import DatabaseWrapper
from tests.support.oracle import Stored, require_kept
from tests.support.thing import NOW, Thing, made_keys, open_platform, receipt_of
from tests.things.power import Content, Disk, PowerVfs

pytestmark = pytest.mark.slow

CRASHES = 40
VFS = "egide-power-store"
PRAGMAS = ("journal_mode", "synchronous", "foreign_keys", "secure_delete", "temp_store")


@pytest.fixture
def vfs(django_db_blocker: DjangoDbBlocker) -> Iterator[PowerVfs]:
    """The platform's default database is a file of a simulated disk."""
    made = PowerVfs(VFS)
    before = connections["default"]
    with django_db_blocker.unblock():
        connections["default"] = wrapper(before.settings_dict)
        yield made
        connection.close()
        connections["default"] = before
    gc.collect()  # a cursor that a caught error still holds would call the disk when it is gone
    made.unregister()


def wrapper(settings: dict[str, Any]) -> DatabaseWrapper:
    given = {"NAME": "egide.sqlite3", "OPTIONS": {"vfs": VFS}, "CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": False}
    return DatabaseWrapper({**settings, **given}, "default")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Options:
    return made_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def life(vfs: PowerVfs, keys: Options, settings: Settings, seed: int) -> Iterator[Life]:
    call_command("migrate", verbosity=0, interactive=False)
    with open_platform(keys, settings):
        alice = create_account("patient", "Alice Martin", NOW)
        yield Life(vfs, [Thing.enrol(alice) for _ in range(3)], seed)


class Life:
    """What objects saw of one platform over all its power cuts."""

    def __init__(self, vfs: PowerVfs, things: list[Thing], seed: int) -> None:
        self.vfs, self.things, self.chance = vfs, things, Random(seed)
        self.waiting: list[bytes] = []
        self.receipts: dict[bytes, VerifiedReceipt] = {}
        self.usual = 60  # operations of a life
        self.weaker = ""
        connection.close()
        vfs.disk.sync_folder()
        for content in vfs.disk.files.values():
            content.sync()

    def live_and_die(self) -> None:
        """Start intake, work, lose power somewhere; the disk is what is left."""
        disk = self.vfs.disk
        disk.chance = self.chance
        disk.cut_at = self.chance.randrange(1, self.usual + 1)
        if self.weaker:
            connection.cursor().execute(f"PRAGMA synchronous={self.weaker}")
        pipeline = Pipeline("worker-1")
        for _ in range(self.chance.randrange(1, 5)):
            if not self.batch(pipeline, disk):
                break
        connection.close()
        self.usual = max(20, disk.operations)
        disk.cut()
        assert disk.image is not None
        self.vfs.disk = disk.image

    def batch(self, pipeline: Pipeline, disk: Disk) -> bool:
        """New envelopes, what was not answered, and some that were: their receipt got lost. False: the power is out."""
        new = [self.chance.choice(self.things).envelope() for _ in range(self.chance.randrange(1, 9))]
        lost = self.chance.sample(sorted(self.receipts), min(2, len(self.receipts)))
        self.waiting += new
        batch = [*self.waiting, *lost]
        self.chance.shuffle(batch)
        answers = pipeline.process([Incoming(data, "", NOW) for data in batch])
        if disk.image is not None:
            return False  # nobody heard these answers
        for data, answer in zip(batch, answers, strict=True):
            receipt = receipt_of(answer, data)
            before = self.receipts.setdefault(data, receipt)
            assert before.index == receipt.index, "the same envelope has two leaves"
        self.waiting.clear()
        return True

    def check(self) -> None:
        """Restart on a copy of the disk: all receipts are true, and the store is whole."""
        before = self.vfs.disk
        self.vfs.disk = Disk({name: copied(content) for name, content in before.files.items()})
        assert connection.cursor().execute("PRAGMA integrity_check").fetchone() == ("ok",)
        log = Log.objects.get()
        nodes = nodes_of(log.pk)
        rows = []
        for entry, identity in Row.objects.values_list("entry", "identity"):
            index = split_entry(entry)[1]
            rows.append(Stored(bytes(identity), log.uri, index, nodes(0, index)))
        require_kept(rows, [item(data, receipt, log.uri) for data, receipt in self.receipts.items()], complete=False)
        for receipt in self.receipts.values():
            assert receipt.size <= log.size, "the log forgot a tree that it signed"
            assert root_hash(receipt.size, nodes) == receipt.root, "the log signed another tree"
        assert fsck(now_ms=NOW).findings == []
        connection.close()
        self.vfs.disk = before


def copied(content: Content) -> Content:
    return Content(durable=bytearray(content.durable), seen=bytearray(content.seen), pending=list(content.pending))


def item(data: bytes, receipt: VerifiedReceipt, log: str) -> Item:
    return Item(
        id=0, digest=hashlib.sha256(data).digest(), state=State.RECEIPTED, seq=0, envelope=data, added_ms=0, log=log,
        leaf=receipt.index,
    )  # fmt: skip


def lose_power(life: Life, crashes: int) -> None:
    for _ in range(crashes):
        life.live_and_die()
        life.check()


def test_after_a_power_cut_every_receipt_is_true(life: Life) -> None:
    """At any instant of opening, committing or checkpointing: unsynced writes are kept, torn or dropped."""
    lose_power(life, CRASHES)
    assert len(life.receipts) > CRASHES


@pytest.mark.parametrize("weaker", ["NORMAL", "OFF"])
def test_a_weaker_setting_breaks_receipts(life: Life, weaker: str) -> None:
    """The simulated disk is sharp enough to see why the store syncs at each commit."""
    life.weaker = weaker
    with pytest.raises((AssertionError, StorageError, DatabaseFailure)):
        lose_power(life, 400)


def test_the_settings_are_those_of_the_platform(vfs: PowerVfs, tmp_path: Path) -> None:
    """What is tested here is what runs: the same PRAGMAs, read back from both drivers."""
    from egide.cloud.config.sqlite.base import DatabaseWrapper as Production

    real = Production({**connection.settings_dict, "NAME": str(tmp_path / "real.sqlite3"), "OPTIONS": {}}, "default")
    try:
        said = [[one.cursor().execute(f"PRAGMA {name}").fetchone() for name in PRAGMAS] for one in (connection, real)]
    finally:
        real.close()
    assert said[0] == said[1]
    assert said[0][:3] == [("wal",), (2,), (1,)]  # full synchronous
    assert getattr(connection, "transaction_mode") == real.transaction_mode == "IMMEDIATE"  # noqa: B009
