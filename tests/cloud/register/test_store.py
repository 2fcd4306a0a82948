"""The register on a database: it grows, by one writer at a time, and only as the tree says."""

from __future__ import annotations

import threading
from contextlib import suppress

import pytest
from django.db import connection, transaction
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries, DjangoDbBlocker

from egide.cloud.register.models import Log, Tile
from egide.cloud.register.store import (
    Register,
    appending,
    current_log,
    entry_number,
    get_tile,
    head_of,
    nodes_of,
    path_of,
    split_entry,
)
from egide.errors import NotFoundError, ProofError, RollbackError, UnavailableError
from egide.trust.register.receipt import TreeHead
from egide.trust.register.tree import EMPTY_ROOT, leaf_hash, root_from_inclusion, root_hash
from tests.support.thing import forget

LEAVES = [leaf_hash(b"%d" % n) for n in range(700)]


def new_log(name: str = "a") -> Log:
    return Log.objects.create(
        origin=f"egide/log/{name}", uri=f"urn:uuid:{name}", kid=bytes(32), public=bytes(44), opened_ms=1, size=0,
        root=EMPTY_ROOT,
    )  # fmt: skip


@pytest.fixture
def register(db: None) -> Register:
    return Register(new_log().pk)


@given(st.integers(0, 2**15), st.integers(0, 2**40 - 1))
def test_a_number_names_one_entry_of_one_log(log: int, index: int) -> None:
    """And numbers follow the order of epochs, then of leaves."""
    assert split_entry(entry_number(log, index)) == (log, index)
    assert entry_number(log, index) < entry_number(log + 1, 0)


@pytest.mark.parametrize("cuts", [[700], [1, 699], [255, 1, 256, 188], [256, 256, 188], [3] * 30])
def test_however_leaves_come_the_tree_is_the_same(register: Register, cuts: list[int]) -> None:
    """Heads, paths and stored tiles agree with the definition of the tree after each append."""
    at = 0
    for count in cuts:
        with appending():
            appended = register.append(LEAVES[at : at + count])
        assert appended.first == at
        at += count
        head = register.head()
        assert head == appended.head == TreeHead(at, root_hash(at, nodes_of(register.log_id)))
        for i in {0, count // 2, count - 1}:
            path = appended.path(i)
            assert root_from_inclusion(LEAVES[appended.first + i], appended.first + i, at, path) == head.root
    stored = b"".join(get_tile(register.log_id, 0, n) for n in range((at + 255) // 256))
    assert stored == b"".join(LEAVES[:at])


def test_a_tile_that_is_full_is_never_written_again(register: Register) -> None:
    """What an object or a mirror fetched stays what it was."""
    with appending():
        register.append(LEAVES[:256])
        full = get_tile(register.log_id, 0, 0)
        assert register.append(LEAVES[256:300]).changed.keys() == {(0, 1)}
    assert get_tile(register.log_id, 0, 0) == full


def test_what_a_rollback_undid_is_forgotten(register: Register) -> None:
    """The tail that memory holds is not the database's any more: the tiles are read again."""
    with appending():
        register.append(LEAVES[:10])
    with suppress(ZeroDivisionError), appending():
        register.append(LEAVES[10:20])
        raise ZeroDivisionError
    assert register.head().size == 10
    with appending():
        appended = register.append(LEAVES[50:60])
    assert (appended.first, register.head().root) == (10, root_hash(20, nodes_of(register.log_id)))
    assert get_tile(register.log_id, 0, 0) == b"".join(LEAVES[:10] + LEAVES[50:60])


def test_two_registers_on_one_log_follow_each_other(register: Register) -> None:
    """Each notices what the other appended."""
    other = Register(register.log_id)
    for turn in range(6):
        with appending():
            (register, other)[turn % 2].append(LEAVES[turn * 5 : turn * 5 + 5])
    assert register.head() == TreeHead(30, root_hash(30, nodes_of(register.log_id)))
    assert get_tile(register.log_id, 0, 0) == b"".join(LEAVES[:30])


def test_a_head_that_is_not_the_stored_one_cannot_be_built_upon(register: Register) -> None:
    """Whoever appends without the lock, on an older head, writes nothing."""
    with appending():
        register.append(LEAVES[:10])
        stale = register.head()
        Register(register.log_id).append(LEAVES[10:12])
        tiles = list(Tile.objects.values_list("level", "n", "data"))
        with pytest.raises((RollbackError, ProofError)), transaction.atomic():
            register.append(LEAVES[20:30], head=stale)
        assert list(Tile.objects.values_list("level", "n", "data")) == tiles
    assert register.head().size == 12


def test_tiles_that_were_cut_are_noticed_before_anything_is_appended(register: Register) -> None:
    """A tile that does not hold what the size says is a refusal, not a new history."""
    with appending():
        register.append(LEAVES[:10])
    with connection.cursor() as cursor:
        cursor.execute("UPDATE register_tile SET data = %s", [b"".join(LEAVES[:9])])
    with pytest.raises(ProofError), appending():
        Register(register.log_id).append(LEAVES[10:11])
    assert register.head().size == 10


def test_logs_do_not_mix(register: Register) -> None:
    """Two epochs have each their tiles and their head; the last opened is in force."""
    other = Register(new_log("b").pk)
    with appending():
        register.append(LEAVES[:3])
        other.append(LEAVES[100:104])
    assert (register.head().size, other.head().size) == (3, 4)
    assert current_log().pk == other.log_id
    assert nodes_of(other.log_id)(0, 3) == LEAVES[103]


def test_what_is_not_there_is_said(db: None) -> None:
    """No register yet: unavailable, come back. No such tile or log: not found."""
    with pytest.raises(UnavailableError):
        current_log()
    with pytest.raises(NotFoundError):
        get_tile(1, 0, 0)
    with pytest.raises(NotFoundError):
        head_of(1)
    with pytest.raises(NotFoundError):
        nodes_of(1)(0, 0)


def test_a_tile_is_read_once_for_a_proof(register: Register, django_assert_num_queries: object) -> None:
    """A path of a large tree costs as many reads as tiles, not as hashes."""
    with appending():
        register.append(LEAVES[:256])
    nodes = nodes_of(register.log_id)
    with django_assert_num_queries(1):  # type: ignore[operator]  # pytest-django's fixture is a callable
        assert [nodes(0, n) for n in range(256)] == LEAVES[:256]


@pytest.fixture
def shared(transactional_db: None) -> Register:
    """A register that several connections see."""
    forget()
    return Register(new_log("shared").pk)


def test_writers_at_the_same_time_wait_for_each_other(shared: Register, django_db_blocker: DjangoDbBlocker) -> None:
    """Four threads with a connection each: every leaf has one place, and the tree is whole."""
    places: list[tuple[int, bytes]] = []
    failures: list[BaseException] = []

    def write(worker: int) -> None:
        register = Register(shared.log_id)
        try:
            for turn in range(10):
                mine = LEAVES[worker * 40 + turn * 4 : worker * 40 + turn * 4 + 4]
                with appending():
                    first = register.append(mine).first
                places.extend((first + i, leaf) for i, leaf in enumerate(mine))
        except BaseException as err:
            failures.append(err)
        finally:
            connection.close()

    with django_db_blocker.unblock():
        threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not failures
    assert [place for place, _ in sorted(places)] == list(range(160))
    assert get_tile(shared.log_id, 0, 0) == b"".join(leaf for _, leaf in sorted(places))
    assert shared.head() == TreeHead(160, root_hash(160, nodes_of(shared.log_id)))


@pytest.mark.parametrize("size", [2, 255, 256, 257, 512, 700])
def test_a_path_is_read_at_once_and_leads_to_the_root(
    register: Register, size: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """One query, however deep the tree, for the first leaf, the last and those around a tile's edge."""
    with appending():
        head = register.append(LEAVES[:size]).head
    for index in {0, 1, size // 2, min(255, size - 1), min(256, size - 1), size - 1}:
        with django_assert_num_queries(1):
            path = path_of(register.log_id, index, size)
        assert root_from_inclusion(LEAVES[index], index, size, path) == head.root


def test_a_path_through_a_tile_that_is_gone_is_not_made_up(register: Register) -> None:
    """The log cannot prove what it lost."""
    with appending():
        register.append(LEAVES)
    Tile.objects.filter(level=0, n=1).delete()
    assert path_of(register.log_id, 3, 256)
    with pytest.raises(NotFoundError):
        path_of(register.log_id, 300, 700)
