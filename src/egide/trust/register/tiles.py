"""Hash tiles (C2SP tlog-tiles): the tree kept 256 hashes at a time, and grown in batches.

Tile `n` of level `level` holds the hashes of the perfect subtrees of height `8 * level` with the indices
[256 n, 256 (n + 1)): fewer while the tree grows (a partial tile), never others once it is full.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Final

from egide.errors import MalformedError, ProofError
from egide.trust.register.tree import EMPTY_ROOT, HASH_SIZE, MAX_SIZE, TreeHead, node_hash

__all__ = ["TILE_HEIGHT", "TILE_WIDTH", "Appended", "Appender", "TileNodes", "tile_path", "tiles_of"]

TILE_HEIGHT: Final = 8
TILE_WIDTH: Final = 256

LoadTile = Callable[[int, int], bytes]
"""(level, n) -> the hashes the tile holds now, one after the other: at most 256 * 32 bytes."""


def tile_path(level: int, n: int, width: int = TILE_WIDTH) -> str:
    """Where a tile is served: `tile/<level>/<n>`, with `.p/<width>` when it is partial.

    `n` is written in groups of three digits, all but the last after an `x`: 1234067 is x001/x234/067.

    Raises:
        MalformedError: a level, index or width that no tile has.
    """
    if not (0 <= level <= 63 and 0 <= n <= MAX_SIZE and 0 < width <= TILE_WIDTH):
        raise MalformedError("no tile has this level, index or width")
    groups = [f"{n % 1000:03d}"]
    while n := n // 1000:
        groups.append(f"x{n % 1000:03d}")
    partial = "" if width == TILE_WIDTH else f".p/{width}"
    return f"tile/{level}/{'/'.join(reversed(groups))}{partial}"


def tiles_of(size: int) -> dict[tuple[int, int], int]:
    """The last tile of each level in a tree of `size` leaves, {(level, n): width}; those before are full."""
    last: dict[tuple[int, int], int] = {}
    level = 0
    while count := size >> (TILE_HEIGHT * level):
        last[level, (count - 1) // TILE_WIDTH] = (count - 1) % TILE_WIDTH + 1
        level += 1
    return last


class TileNodes:
    """A `NodeSource` that reads tiles, and keeps the ones it read: make one per job.

    Raises:
        ProofError: a tile is shorter than the tree it should hold.
    """

    def __init__(self, get_tile: LoadTile) -> None:
        self._get_tile = get_tile
        self._tiles: dict[tuple[int, int], bytes] = {}

    def __call__(self, height: int, index: int) -> bytes:
        level, rise = divmod(height, TILE_HEIGHT)
        first = index << rise
        key = level, first >> TILE_HEIGHT
        tile = self._tiles.get(key)
        if tile is None:
            tile = self._tiles[key] = self._get_tile(*key)
        begin, end = first % TILE_WIDTH, first % TILE_WIDTH + (1 << rise)
        if len(tile) < end * HASH_SIZE:
            raise ProofError("a tile is shorter than the tree", step="tiles")
        if level and len(tile) == TILE_WIDTH * HASH_SIZE:
            return _nodes_in(tile)[rise][begin >> rise]
        return _perfect(tile, begin, end)


def _perfect(tile: bytes, begin: int, end: int) -> bytes:
    """The root of the hashes [begin, end) of a tile; their number is a power of two."""
    row = [tile[i : i + HASH_SIZE] for i in range(begin * HASH_SIZE, end * HASH_SIZE, HASH_SIZE)]
    while len(row) > 1:
        row = list(map(node_hash, row[::2], row[1::2]))
    return row[0]


@lru_cache(maxsize=64)  # 20 kB each: those above 4 million leaves
def _nodes_in(tile: bytes) -> list[list[bytes]]:
    """Every node of a full tile, by height. Kept by the tile's content, so that another content is never answered for:
    one tile above the leaves is on the way of 65,536 of them."""
    rows = [[tile[i : i + HASH_SIZE] for i in range(0, len(tile), HASH_SIZE)]]
    while len(rows) < TILE_HEIGHT:
        rows.append(list(map(node_hash, rows[-1][::2], rows[-1][1::2])))
    return rows


@dataclass(frozen=True, slots=True)
class _Row:
    """The nodes of one height that an append touches: `hashes[i]` is the node `first + i`.

    The last one may be the ragged right edge: the root of fewer leaves than a node of this height covers.
    """

    first: int
    hashes: list[bytes]


@dataclass(frozen=True)
class Appended:
    """The outcome of one append: what changed, and the paths of the new leaves at the new size."""

    first: int  # the index of the first new leaf
    head: TreeHead
    #: (level, n) -> the whole new content of each tile that changed
    changed: dict[tuple[int, int], bytes]
    #: the appender that goes on from here: keep it once the transaction is committed
    next: Appender
    _count: int = field(repr=False)
    _rows: list[_Row] = field(repr=False)

    def path(self, i: int) -> list[bytes]:
        """The inclusion path of the `i`-th new leaf (its index is `first + i`) in the tree of `head`."""
        return self.paths[i]

    @cached_property
    def paths(self) -> list[list[bytes]]:
        """Every new leaf's path, in order: the part above several leaves is computed once."""
        below_first = self.first >> len(self._rows)
        below: list[list[bytes]] = [[]]
        last = self.first + self._count - 1
        for height in range(len(self._rows) - 1, -1, -1):
            row = self._rows[height]
            begin, end = self.first >> height, (last >> height) + 1
            base, hashes, n = row.first, row.hashes, len(row.hashes)
            above, above_first = below, below_first
            below = []
            for index in range(begin, end):
                rest = above[(index >> 1) - above_first]
                sibling = (index ^ 1) - base
                below.append([hashes[sibling], *rest] if sibling < n else rest)
            below_first = begin
        return below


class Appender:
    """The right edge of a tree of `size` leaves: all that is needed to append. Immutable.

    Args:
        size: how many leaves the tree holds.
        load_tile: gives the partial tile at the right of each level; full ones are never asked for.

    Raises:
        ProofError: a tile does not hold what `size` says.
    """

    __slots__ = ("_edge", "_tails", "size")

    def __init__(self, size: int, load_tile: LoadTile) -> None:
        if not 0 <= size <= MAX_SIZE:
            raise MalformedError("a tree's size is out of range")
        self.size = size
        # Per level, the hashes of the tile that is not full.
        self._tails: list[bytes] = []
        # Per height, the last perfect node when it has no right sibling, else b"".
        self._edge: list[bytes] = []
        level = 0
        while count := size >> (TILE_HEIGHT * level):
            width = count % TILE_WIDTH
            tail = load_tile(level, count // TILE_WIDTH) if width else b""
            if len(tail) != width * HASH_SIZE:
                raise ProofError("a tile does not hold what the tree's size says", step="tiles")
            self._tails.append(tail)
            for rise in range(TILE_HEIGHT):
                end = width >> rise << rise
                odd = end >> rise & 1
                self._edge.append(_perfect(tail, end - (1 << rise), end) if odd else b"")
            level += 1

    @classmethod
    def _of(cls, size: int, tails: list[bytes], edge: list[bytes]) -> Appender:
        made = cls.__new__(cls)
        made.size, made._tails, made._edge = size, tails, edge
        return made

    def head(self) -> TreeHead:
        """The tree's head, from the right edge alone."""
        root = b""
        for node in self._edge:
            if node:
                root = node_hash(node, root) if root else node
        return TreeHead(self.size, root or EMPTY_ROOT)

    def append(self, leaves: Sequence[bytes]) -> Appended:
        """Append leaf hashes, in order; this appender is left as it is.

        Raises:
            MalformedError: no leaf, a hash that has not 32 bytes, or a tree that would be too large.
        """
        old, size = self.size, self.size + len(leaves)
        if not leaves or size > MAX_SIZE or any(len(leaf) != HASH_SIZE for leaf in leaves):
            raise MalformedError("leaves are hashes of 32 bytes, at least one")
        rows: list[_Row] = []
        tails, edge = list(self._tails), []
        changed: dict[tuple[int, int], bytes] = {}
        fresh, ragged = list(leaves), b""
        for height in range(size.bit_length()):
            if height % TILE_HEIGHT == 0 and fresh:
                _fill_tiles(height // TILE_HEIGHT, old >> height, fresh, tails, changed)
            before = self._edge[height] if height < len(self._edge) else b""
            hashes = [before, *fresh] if before else fresh
            first = (old >> height) - 1 if before else old >> height
            alone = hashes[-1] if len(hashes) & 1 else b""
            edge.append(alone)
            fresh = list(map(node_hash, hashes[::2], hashes[1::2]))
            rows.append(_Row(first, [*hashes, ragged] if ragged else hashes))
            if alone:
                ragged = node_hash(alone, ragged) if ragged else alone
        edge.extend([b""] * (-len(edge) % TILE_HEIGHT))
        rows = rows[: (size - 1).bit_length()]  # those under the root's, which hold siblings
        grown = Appender._of(size, tails, edge)
        return Appended(old, TreeHead(size, ragged), changed, grown, len(leaves), rows)


def _fill_tiles(
    level: int, first: int, hashes: list[bytes], tails: list[bytes], changed: dict[tuple[int, int], bytes]
) -> None:
    """Write the new hashes of one level (from index `first`) into its tiles; keep the last partial one."""
    if level == len(tails):
        tails.append(b"")
    data = tails[level] + b"".join(hashes)
    n, full = first // TILE_WIDTH, TILE_WIDTH * HASH_SIZE
    while data:
        changed[level, n] = data[:full]
        if len(data) < full:
            break
        data, n = data[full:], n + 1
    tails[level] = data
