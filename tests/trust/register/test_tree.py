"""Trees, tiles and paths, against the definition of RFC 9162 written as plainly as it reads."""

from __future__ import annotations

import functools
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egide.errors import EgideError, MalformedError, ProofError
from egide.trust.register.tiles import Appender, TileNodes, tile_path, tiles_of
from egide.trust.register.tree import (
    EMPTY_ROOT,
    MAX_SIZE,
    TreeHead,
    consistency_path,
    inclusion_path,
    leaf_hash,
    node_hash,
    root_from_inclusion,
    root_hash,
    verify_consistency,
)

LEAVES = [leaf_hash(f"entry {i}".encode()) for i in range(700)]
OTHER = hashlib.sha256(b"other").digest()


def mth(leaves: list[bytes]) -> bytes:
    """RFC 9162, section 2.1.1, over leaf hashes."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def path_of(index: int, leaves: list[bytes]) -> list[bytes]:
    """RFC 9162, section 2.1.3.1."""
    if len(leaves) == 1:
        return []
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if index < k:
        return [*path_of(index, leaves[:k]), mth(leaves[k:])]
    return [*path_of(index - k, leaves[k:]), mth(leaves[:k])]


def subproof(first: int, leaves: list[bytes], whole: bool) -> list[bytes]:
    """RFC 9162, section 2.1.4.1."""
    if first == len(leaves):
        return [] if whole else [mth(leaves)]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if first <= k:
        return [*subproof(first, leaves[:k], whole), mth(leaves[k:])]
    return [*subproof(first - k, leaves[k:], False), mth(leaves[:k])]


@functools.cache
def node(height: int, index: int) -> bytes:
    """A NodeSource that computes everything."""
    return mth(LEAVES[index << height : (index + 1) << height])


def grow(sizes: list[int]) -> tuple[Appender, dict[tuple[int, int], bytes]]:
    """Append batches of these sizes; return the last appender and every tile."""
    appender, tiles, done = Appender(0, lambda *_: b""), {}, 0
    for size in sizes:
        appended = appender.append(LEAVES[done : done + size])
        tiles.update(appended.changed)
        appender, done = appended.next, done + size
    return appender, tiles


sizes = st.integers(1, 300)
batches = st.lists(st.integers(1, 130), min_size=1, max_size=5)


@given(size=st.integers(0, 300))
def test_the_root_is_the_definition_s(size: int) -> None:
    """Any size, from none on."""
    assert root_hash(size, node) == mth(LEAVES[:size])


@given(data=st.data(), size=sizes)
def test_a_leaf_s_path_is_the_definition_s_and_leads_to_the_root(data: st.DataObject, size: int) -> None:
    """Made and verified by different code, inclusion holds for every leaf of every size."""
    index = data.draw(st.integers(0, size - 1))
    path = inclusion_path(index, size, node)
    assert path == path_of(index, LEAVES[:size])
    assert root_from_inclusion(LEAVES[index], index, size, path) == mth(LEAVES[:size])


@given(data=st.data(), second=sizes)
def test_growth_is_proved_by_the_definition_s_path(data: st.DataObject, second: int) -> None:
    """Every earlier size is the beginning of every later one, and the proof is the shortest."""
    first = data.draw(st.integers(1, second))
    path = consistency_path(first, second, node)
    assert path == subproof(first, LEAVES[:second], True)
    verify_consistency(first, mth(LEAVES[:first]), second, mth(LEAVES[:second]), path)


@given(data=st.data(), size=sizes)
def test_no_other_path_proves_a_leaf(data: st.DataObject, size: int) -> None:
    """A changed, added or missing hash, another index or another leaf never lead to the root."""
    index = data.draw(st.integers(0, size - 1))
    root, path = mth(LEAVES[:size]), inclusion_path(index, size, node)
    paths = [[*path, OTHER], path[:-1], [OTHER, *path[1:]]] if path else [[OTHER]]
    others = [i for i in (index - 1, index + 1) if 0 <= i < size]
    wrong = [(LEAVES[index], index, p) for p in paths] + [(LEAVES[index], i, path) for i in others]
    for leaf, at, hashes in [*wrong, (OTHER, index, path)]:
        try:
            found = root_from_inclusion(leaf, at, size, hashes)
        except ProofError:
            continue
        assert found != root


@given(data=st.data(), second=st.integers(2, 300))
def test_a_rewritten_past_cannot_be_proved(data: st.DataObject, second: int) -> None:
    """Neither a forged older root, nor a forged newer one, nor a changed path pass."""
    first = data.draw(st.integers(1, second - 1))
    old, new = mth(LEAVES[:first]), mth(LEAVES[:second])
    path = consistency_path(first, second, node)
    forged = [
        (OTHER, new, path), (old, OTHER, path), (old, new, [*path, OTHER]), (old, new, path[:-1]),
        (old, new, [OTHER, *path[1:]]),
    ]
    for first_root, second_root, hashes in forged:
        with pytest.raises(ProofError):
            verify_consistency(first, first_root, second, second_root, hashes)


def test_an_empty_tree_begins_every_tree_and_equal_trees_are_equal() -> None:
    """These two proofs are empty, and nothing else passes for them."""
    root = mth(LEAVES[:5])
    verify_consistency(0, EMPTY_ROOT, 5, root, [])
    verify_consistency(5, root, 5, root, [])
    verify_consistency(0, EMPTY_ROOT, 0, EMPTY_ROOT, [])
    assert consistency_path(0, 5, node) == consistency_path(5, 5, node) == []
    for first, first_root, second, second_root, path in (
        (0, OTHER, 5, root, []), (0, EMPTY_ROOT, 5, root, [OTHER]), (5, root, 5, OTHER, []),
        (0, OTHER, 0, OTHER, []), (5, root, 5, root, [OTHER]), (0, EMPTY_ROOT, 0, OTHER, []),
    ):
        with pytest.raises(ProofError):
            verify_consistency(first, first_root, second, second_root, path)


@pytest.mark.parametrize(("first", "second"), [(3, 5), (4, 5)], ids=["not-perfect", "perfect"])
def test_a_proof_with_nothing_in_it_proves_no_growth(first: int, second: int) -> None:
    """Between two different trees, something must be shown."""
    with pytest.raises(ProofError):
        verify_consistency(first, mth(LEAVES[:first]), second, mth(LEAVES[:second]), [])


@pytest.mark.parametrize(
    ("first", "second"), [(-1, 5), (6, 5), (1, MAX_SIZE + 1)], ids=["negative", "shrinks", "too-large"]
)
def test_sizes_out_of_order_are_refused(first: int, second: int) -> None:
    """By whoever makes the proof as by whoever reads it."""
    with pytest.raises(MalformedError):
        consistency_path(first, second, node)
    with pytest.raises(ProofError):
        verify_consistency(first, OTHER, second, OTHER, [OTHER])


@pytest.mark.parametrize(
    ("index", "size"),
    [(-1, 5), (5, 5), (0, 0), (0, MAX_SIZE + 1)],
    ids=["negative", "beyond", "none", "too-large"],
)
def test_a_leaf_that_the_tree_has_not_is_refused(index: int, size: int) -> None:
    """By whoever makes the proof as by whoever reads it."""
    with pytest.raises(MalformedError):
        inclusion_path(index, size, node)
    with pytest.raises(ProofError):
        root_from_inclusion(OTHER, index, size, [])


def test_hashes_of_another_length_are_refused() -> None:
    """A 31-byte hash would let two inputs hash alike."""
    with pytest.raises(ProofError):
        root_from_inclusion(LEAVES[0], 0, 2, [bytes(31)])
    with pytest.raises(ProofError):
        verify_consistency(1, bytes(33), 2, OTHER, [OTHER])
    for size in (-1, MAX_SIZE + 1):
        with pytest.raises(MalformedError):
            root_hash(size, node)


@given(batches=batches)
def test_however_it_is_appended_a_tree_is_the_same(batches: list[int]) -> None:
    """Batches of any sizes give the tiles, root and edge that one append of them all gives."""
    appender, tiles = grow(batches)
    total = sum(batches)
    at_once = Appender(0, lambda *_: b"").append(LEAVES[:total])
    assert tiles == at_once.changed
    assert appender.head() == at_once.head == TreeHead(total, mth(LEAVES[:total]))
    assert {key: len(tile) // 32 for key, tile in tiles.items() if key in tiles_of(total)} == tiles_of(total)


@given(batches=batches)
def test_the_tree_is_whole_in_its_tiles(batches: list[int]) -> None:
    """From tiles alone: the root, any leaf's path, and an appender that goes on the same."""
    appender, tiles = grow(batches)
    total = sum(batches)
    nodes = TileNodes(lambda level, n: tiles[level, n])
    assert root_hash(total, nodes) == mth(LEAVES[:total])
    assert inclusion_path(total // 2, total, nodes) == path_of(total // 2, LEAVES[:total])
    reloaded = Appender(total, lambda level, n: tiles[level, n])
    more = LEAVES[total : total + 3]
    a, b = reloaded.append(more), appender.append(more)
    assert (a.head, a.changed, a.paths) == (b.head, b.changed, b.paths)


@given(before=st.integers(0, 400), count=st.integers(1, 200))
def test_an_append_gives_the_new_leaves_paths(before: int, count: int) -> None:
    """They are those of the tree as it is after the whole batch."""
    appender = grow([before])[0] if before else Appender(0, lambda *_: b"")
    appended = appender.append(LEAVES[before : before + count])
    total = before + count
    assert appended.first == before
    assert [appended.path(i) for i in range(count)] == [
        inclusion_path(before + i, total, node) for i in range(count)
    ]


def test_appending_leaves_the_appender_as_it_was() -> None:
    """A transaction that rolls back has changed nothing in memory."""
    appender, _ = grow([300])
    first, second = appender.append(LEAVES[300:310]), appender.append(LEAVES[300:310])
    assert (first.head, first.changed) == (second.head, second.changed)
    assert appender.head() == TreeHead(300, mth(LEAVES[:300]))


def test_a_full_tile_never_changes() -> None:
    """What was served as full is written once."""
    appender, tiles = grow([256])
    full = tiles[0, 0]
    assert (0, 0) not in appender.append(LEAVES[256:600]).changed
    assert full == b"".join(LEAVES[:256])


def test_an_empty_appender_has_the_empty_root() -> None:
    """A log begins with nothing."""
    assert Appender(0, lambda *_: b"").head() == TreeHead(0, EMPTY_ROOT)


@pytest.mark.parametrize("leaves", [[], [bytes(31)]], ids=["none", "short"])
def test_what_is_not_a_leaf_is_not_appended(leaves: list[bytes]) -> None:
    """A leaf is a hash of 32 bytes, and an append has one at least."""
    with pytest.raises(MalformedError):
        Appender(0, lambda *_: b"").append(leaves)


def test_a_tree_that_would_be_too_large_is_refused() -> None:
    """Sizes stop at 63 bits, in the proofs as in the tree."""
    with pytest.raises(MalformedError):
        Appender(MAX_SIZE + 1, lambda *_: b"")
    full = Appender(MAX_SIZE, lambda level, n: bytes(32 * min(MAX_SIZE >> 8 * level & 255 or 0, 255)))
    with pytest.raises(MalformedError):
        full.append([OTHER])


@pytest.mark.parametrize("size", [1, 255, 257, 65537])
def test_a_damaged_tile_is_noticed(size: int) -> None:
    """A tile shorter than the tree's size says is refused, not read as another tree."""
    with pytest.raises(ProofError):
        Appender(size, lambda *_: b"")
    with pytest.raises(ProofError):
        root_hash(size, TileNodes(lambda *_: b""))


def test_each_tile_is_read_once_per_job() -> None:
    """A path costs one reading of each tile on its way."""
    _, tiles = grow([600])
    asked: list[tuple[int, int]] = []

    def get(level: int, n: int) -> bytes:
        asked.append((level, n))
        return tiles[level, n]

    nodes = TileNodes(get)
    for index in (0, 1, 599):
        inclusion_path(index, 600, nodes)
    assert len(asked) == len(set(asked))


def test_a_full_tile_above_the_leaves_answers_by_its_content() -> None:
    """Above 65,536 leaves: the paths are right, and a tile with one bit changed gives another path."""
    total = 66_000
    leaves = [i.to_bytes(32, "big") for i in range(total)]
    tiles = Appender(0, lambda *_: b"").append(leaves).changed
    root = mth(leaves)
    assert root_hash(total, TileNodes(lambda level, n: tiles[level, n])) == root
    for index in (0, 255, 256, 40_000, 65_535, 65_536, total - 1):
        path = inclusion_path(index, total, TileNodes(lambda level, n: tiles[level, n]))
        assert root_from_inclusion(leaves[index], index, total, path) == root
    changed = bytearray(tiles[1, 0])
    changed[-1] ^= 1
    path = inclusion_path(0, total, TileNodes(lambda level, n: bytes(changed) if level == 1 else tiles[level, n]))
    assert root_from_inclusion(leaves[0], 0, total, path) != root


@pytest.mark.parametrize(
    ("level", "n", "width", "path"),
    [
        (0, 0, 256, "tile/0/000"),
        (0, 1234067, 256, "tile/0/x001/x234/067"),
        (3, 5, 1, "tile/3/005.p/1"),
        (63, 1000, 255, "tile/63/x001/000.p/255"),
    ],
)
def test_a_tile_is_named_as_others_name_it(level: int, n: int, width: int, path: str) -> None:
    """C2SP tlog-tiles: groups of three digits, and the width of a partial one."""
    assert tile_path(level, n, width) == path


@pytest.mark.parametrize(
    ("level", "n", "width"), [(-1, 0, 1), (64, 0, 1), (0, -1, 1), (0, 0, 0), (0, 0, 257)]
)
def test_a_tile_that_cannot_be_has_no_name(level: int, n: int, width: int) -> None:
    """Names are never made from what was not checked."""
    with pytest.raises(EgideError):
        tile_path(level, n, width)


def test_nodes_and_leaves_hash_apart() -> None:
    """A leaf can never pass for a node (RFC 9162, section 2.1)."""
    assert node_hash(b"a" * 32, b"b" * 32) != leaf_hash(b"a" * 32 + b"b" * 32)
