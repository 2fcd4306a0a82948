"""The outbox: numbers, states, retention, and what a thief of the file sees."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from egide.errors import KeyMissingError, SealError, StorageError
from egide.things.outbox import KEEP_MS, Counts, Outbox, State
from egide.things.store import Store, store_secret
from tests.things.power import Disk, PowerVfs
from tests.things.simulated import NOW, SECRET

KEY = b"k" * 32


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "store", SECRET)
    yield made
    made.close()


@pytest.fixture
def outbox(store: Store) -> Outbox:
    return Outbox(store)


def add(outbox: Outbox, text: bytes = b"envelope", key: bytes = KEY, now_ms: int = NOW) -> bytes:
    return outbox.add(key, lambda seq: text + b" %d" % seq, now_ms=now_ms).digest


def test_numbers_grow_by_one_for_each_key(outbox: Outbox) -> None:
    """A number belongs to the key that signs: each has its own count, from 0."""
    first = [outbox.add(KEY, lambda seq: b"a %d" % seq, now_ms=NOW).seq for _ in range(3)]
    other = [outbox.add(b"o" * 32, lambda seq: b"b %d" % seq, now_ms=NOW).seq for _ in range(2)]
    assert (first, other) == ([0, 1, 2], [0, 1])


def test_a_number_is_not_taken_when_signing_fails(outbox: Outbox) -> None:
    """A token that was pulled out leaves no gap and no half-written envelope."""

    def fail(seq: int) -> bytes:
        raise KeyMissingError("the token is gone")

    with pytest.raises(KeyMissingError):
        outbox.add(KEY, fail, now_ms=NOW)
    assert outbox.add(KEY, lambda seq: b"x%d" % seq, now_ms=NOW).seq == 0
    assert outbox.counts() == Counts(drafts=0, waiting=1, receipted=0, dead=0)


def test_a_removed_envelope_does_not_free_its_number(outbox: Outbox) -> None:
    """The count goes on when the 30 days of the last envelope are over."""
    digest = add(outbox)
    outbox.receipted(digest, b"r", log="log", leaf=1, now_ms=NOW)
    outbox.purge(now_ms=NOW + KEEP_MS)
    assert outbox.get(1) is None
    assert outbox.add(KEY, lambda seq: b"%d" % seq, now_ms=NOW).seq == 1


def test_numbers_go_on_after_a_restart(tmp_path: Path) -> None:
    """The count is in the store, not in the process."""
    for expected in range(3):
        store = Store(tmp_path / "again", SECRET)
        assert Outbox(store).add(KEY, lambda seq: b"%d" % seq, now_ms=NOW).seq == expected
        store.close()


def test_an_envelope_is_settled_once(outbox: Outbox) -> None:
    """The second answer changes nothing, whatever it says."""
    digest = add(outbox)
    assert outbox.receipted(digest, b"receipt", log="log", leaf=7, now_ms=NOW)
    assert not outbox.refused(digest, b"refusal", code="malformed", now_ms=NOW)
    assert not outbox.receipted(digest, b"other", log="log", leaf=8, now_ms=NOW)
    item = outbox.find(digest)
    assert item is not None
    assert (item.state, item.answer, item.leaf) == (State.RECEIPTED, b"receipt", 7)


@pytest.mark.parametrize(("age", "left"), [(KEEP_MS - 1, 1), (KEEP_MS, 0)])
def test_a_receipted_envelope_is_kept_thirty_days(outbox: Outbox, age: int, left: int) -> None:
    """A restore may need it again: not one millisecond less."""
    outbox.receipted(add(outbox), b"r", log="log", leaf=1, now_ms=NOW)
    assert outbox.purge(now_ms=NOW + age) == 1 - left
    assert outbox.counts().receipted == left


def test_dead_letters_and_what_waits_are_never_removed(outbox: Outbox) -> None:
    """Ten years later they are still shown."""
    outbox.refused(add(outbox), b"refusal", code="pairing-unknown", now_ms=NOW)
    waiting = add(outbox)
    outbox.purge(now_ms=NOW + 3650 * 86_400_000)
    assert [item.code for item in outbox.items(State.DEAD)] == ["pairing-unknown"]
    assert [item.digest for item in outbox.items(State.WAITING)] == [waiting]


def test_what_lies_beyond_a_restore_waits_again(outbox: Outbox) -> None:
    """Of one log, from the size that its backup held; the bytes are the same."""
    digests = [add(outbox) for _ in range(4)]
    for leaf, digest in enumerate(digests[:3], start=5):
        outbox.receipted(digest, b"r", log="old", leaf=leaf, now_ms=NOW)
    outbox.receipted(digests[3], b"r", log="other", leaf=9, now_ms=NOW)
    assert outbox.reopen("old", 6) == 2
    assert [item.digest for item in outbox.items(State.WAITING)] == digests[1:3]
    assert outbox.counts().receipted == 2


def test_a_draft_becomes_an_envelope_in_one_step(outbox: Outbox) -> None:
    """Readings that no certificate could sign are kept, then signed once."""
    outbox.draft("pairing", b"payload")
    (draft,) = outbox.drafts()
    assert (draft.pairing, draft.payload) == ("pairing", b"payload")
    outbox.sign_draft(draft, KEY, lambda seq: b"signed", now_ms=NOW)
    assert outbox.counts() == Counts(drafts=0, waiting=1, receipted=0, dead=0)


def test_a_thief_of_the_file_reads_nothing(tmp_path: Path) -> None:
    """Neither an envelope, a receipt nor a draft stands in clear in the store or its journal."""
    store = Store(tmp_path / "store", SECRET)
    outbox = Outbox(store)
    outbox.receipted(add(outbox, b"SYSTOLIC-142"), b"RECEIPT-TEXT", log="log", leaf=1, now_ms=NOW)
    outbox.draft("PAIRING-NAME", b"GLUCOSE-98")
    store.close()
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    for clear in (b"SYSTOLIC", b"RECEIPT-TEXT", b"PAIRING-NAME", b"GLUCOSE"):
        assert clear not in written


def test_a_store_cannot_be_read_with_another_secret(tmp_path: Path) -> None:
    """A stolen file and a guess open nothing."""
    store = Store(tmp_path / "store", SECRET)
    add(Outbox(store))
    store.close()
    other = Store(tmp_path / "store", b"t" * 32)
    with pytest.raises(SealError):
        list(Outbox(other).items(State.WAITING))
    other.close()


def test_a_row_moved_to_another_place_does_not_open(store: Store, outbox: Outbox) -> None:
    """What is sealed is bound to what it is about."""
    first, second = add(outbox), add(outbox)
    (row,) = store.rows("SELECT sealed FROM envelope WHERE digest = ?", first)
    with store.writing():
        store.run("UPDATE envelope SET sealed = ? WHERE digest = ?", row[0], second)
    with pytest.raises(SealError):
        outbox.find(second)


@pytest.mark.parametrize("what", ["full", "read_only"])
def test_a_disk_that_takes_nothing_is_said_and_loses_nothing(what: str) -> None:
    """Full or read-only: StorageError with its hint; what was kept is still there, and work goes on."""
    vfs = PowerVfs("egide-full")
    vfs.disk = Disk()
    try:
        store = Store("outbox", SECRET, vfs="egide-full")
        outbox = Outbox(store)
        before = add(outbox)
        setattr(vfs.disk, what, True)
        with pytest.raises(StorageError) as caught:
            add(outbox)
        assert "disk" in caught.value.hint
        setattr(vfs.disk, what, False)
        assert outbox.find(before) is not None
        assert outbox.add(KEY, lambda seq: b"%d" % seq, now_ms=NOW).seq == 1
        store.close()
    finally:
        vfs.unregister()


def test_a_damaged_store_is_said_not_guessed(tmp_path: Path) -> None:
    """A file that is no store raises our error."""
    path = tmp_path / "store"
    path.write_bytes(b"not a database, by a long way" * 100)
    with pytest.raises(StorageError):
        Store(path, SECRET)


def test_a_secret_that_others_may_read_is_refused(tmp_path: Path) -> None:
    """The secret is made with mode 0600, and refused with another."""
    path = tmp_path / "store.key"
    assert len(store_secret(path)) == 32
    assert store_secret(path) == store_secret(path)
    path.chmod(0o640)
    with pytest.raises(KeyMissingError):
        store_secret(path)
