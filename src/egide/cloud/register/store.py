"""The register on a database: one short, serial transaction appends, everything else reads.

SQLite: BEGIN IMMEDIATE (config/sqlite). PostgreSQL: READ COMMITTED, and an advisory lock taken before the head is read.
The tail of the tree is kept in memory between two appends and used only if the head is still the one it belongs to.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from django.db import connection, transaction

from egide.cloud.register.models import ENTRY_BITS, Log
from egide.errors import NotFoundError, RollbackError, UnavailableError
from egide.trust.register.receipt import TreeHead
from egide.trust.register.tiles import TILE_HEIGHT, TILE_WIDTH, Appended, Appender, TileNodes
from egide.trust.register.tree import HASH_SIZE, inclusion_path

__all__ = [
    "Register", "appending", "current_log", "entry_number", "get_tile", "head_of", "leaves_at", "nodes_of", "path_of",
    "split_entry",
]

_LOCK_ID = 0x65676964  # "egid"
_AT_ONCE = 2_000  # entries of one query
_TILES_AT_ONCE = 100
_WHOLE = 8  # entries of one tile: from then on it is read whole
_AT = "CAST(asked.at AS integer)"


def entry_number(log: int, index: int) -> int:
    """The number of an entry: log << 40 | leaf index."""
    return log << ENTRY_BITS | index


def split_entry(entry: int) -> tuple[int, int]:
    """(log, leaf index) of an entry's number."""
    return entry >> ENTRY_BITS, entry & ((1 << ENTRY_BITS) - 1)


def current_log() -> Log:
    """The epoch in force. Raises UnavailableError before the register is seeded."""
    log = Log.objects.order_by("-id").first()
    if log is None:
        raise UnavailableError("the register is not open yet")
    return log


def get_tile(log_id: int, level: int, n: int) -> bytes:
    """The hashes of a tile as they are now (at most 256 of 32 bytes). Raises NotFoundError."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT data FROM register_tile WHERE log_id = %s AND level = %s AND n = %s", [log_id, level, n]
        )
        row = cursor.fetchone()
    if row is None:
        raise NotFoundError("no such tile")
    return bytes(row[0])


def nodes_of(log_id: int) -> TileNodes:
    """The tree of a log, read from its tiles; each tile is read once."""
    seen: dict[tuple[int, int], bytes] = {}

    def read(level: int, n: int) -> bytes:
        if (level, n) not in seen:
            seen[level, n] = get_tile(log_id, level, n)
        return seen[level, n]

    return TileNodes(read)


def path_of(log_id: int, index: int, size: int) -> list[bytes]:
    """The inclusion path of leaf `index` in the tree of `size` leaves; the tiles that it crosses are read in one query.

    Raises NotFoundError when one is not there.
    """
    wanted, level = set(), 0
    while (hashes := size >> (TILE_HEIGHT * level)) > 0:
        wanted |= {(level, (index >> (TILE_HEIGHT * level)) // TILE_WIDTH), (level, (hashes - 1) // TILE_WIDTH)}
        level += 1
    asked = sorted(wanted)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT level, n, data FROM register_tile WHERE log_id = %s AND ("  # noqa: S608 (only marks)
            + " OR ".join(["(level = %s AND n = %s)"] * len(asked)) + ")",
            [log_id, *(x for pair in asked for x in pair)],
        )  # fmt: skip
        found = {(level, n): bytes(data) for level, n, data in cursor.fetchall()}
    return inclusion_path(index, size, TileNodes(lambda level, n: found.get((level, n)) or get_tile(log_id, level, n)))


def leaves_at(entries: Iterable[int]) -> dict[int, bytes]:
    """The leaf hash of each of these entries; a tile of which a few are wanted stays where it is.

    Raises NotFoundError when one is not there.
    """
    found: dict[int, bytes] = {}
    tiles: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for entry in entries:
        log_id, index = split_entry(entry)
        tiles.setdefault((log_id, index // TILE_WIDTH), []).append((entry, index % TILE_WIDTH * HASH_SIZE))
    for key, data in _tiles([key for key, places in tiles.items() if len(places) >= _WHOLE]):
        found |= {entry: data[at : at + HASH_SIZE] for entry, at in tiles[key]}
    found |= _leaves_apart([entry for places in tiles.values() if len(places) < _WHOLE for entry, _ in places])
    if any(len(found.get(entry, b"")) != HASH_SIZE for places in tiles.values() for entry, _ in places):
        raise NotFoundError("no such entry in the register")
    return found


def _tiles(keys: list[tuple[int, int]]) -> Iterator[tuple[tuple[int, int], bytes]]:
    """Tiles of leaves, by log and number; those that are not there are left out."""
    for at in range(0, len(keys), _TILES_AT_ONCE):
        asked = keys[at : at + _TILES_AT_ONCE]
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT log_id, n, data FROM register_tile WHERE level = 0 AND ("  # noqa: S608 (only marks)
                + " OR ".join(["(log_id = %s AND n = %s)"] * len(asked)) + ")",
                [part for key in asked for part in key],
            )  # fmt: skip
            rows = cursor.fetchall()
        yield from (((int(log_id), int(n)), bytes(data)) for log_id, n, data in rows)


def _leaves_apart(wanted: list[int]) -> dict[int, bytes]:
    """Cut out of their tiles by the database."""
    found: dict[int, bytes] = {}
    for at in range(0, len(wanted), _AT_ONCE):
        asked = wanted[at : at + _AT_ONCE]
        marks, values = ", ".join(["(%s, %s, %s, %s)"] * len(asked)), list[int]()
        for entry in asked:
            log_id, index = split_entry(entry)
            values += [entry, log_id, index // TILE_WIDTH, index % TILE_WIDTH * HASH_SIZE + 1]
        with connection.cursor() as cursor:
            cursor.execute(
                f"WITH asked(entry, log_id, n, at) AS (VALUES {marks}) "  # noqa: S608 (only marks)
                f"SELECT asked.entry, substr(tile.data, {_AT}, {HASH_SIZE}) FROM asked "
                "JOIN register_tile AS tile ON tile.log_id = asked.log_id AND tile.level = 0 AND tile.n = asked.n",
                values,
            )
            found |= {int(entry): bytes(leaf) for entry, leaf in cursor.fetchall()}
    return found


def head_of(log_id: int) -> TreeHead:
    with connection.cursor() as cursor:
        cursor.execute("SELECT size, root FROM register_log WHERE id = %s", [log_id])
        row = cursor.fetchone()
    if row is None:
        raise NotFoundError("no such log")
    return TreeHead(int(row[0]), bytes(row[1]))


@contextmanager
def appending() -> Iterator[None]:
    """One writer at a time, committed at the end of the block, or nothing of it."""
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK_ID])
        yield


class Register:
    """Appends to one log. One per process or thread that writes."""

    def __init__(self, log_id: int) -> None:
        self.log_id = log_id
        self._next: Appender | None = None  # goes on from the last append, if nobody else appended since

    def head(self) -> TreeHead:
        """The head as committed (or, inside `appending`, as this transaction sees it)."""
        return head_of(self.log_id)

    def append(self, leaves: Sequence[bytes], *, head: TreeHead | None = None) -> Appended:
        """Append leaf hashes; call inside `appending`, with `head` if it was read inside that same block.

        When the block rolls back, what is kept in memory no longer fits the head, and the tiles are read again.
        """
        head = head or self.head()
        if self._next is None or self._next.head() != head:
            self._next = Appender(head.size, functools.partial(get_tile, self.log_id))
        appended = self._next.append(leaves)
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO register_tile (log_id, level, n, data) VALUES (%s, %s, %s, %s)"
                " ON CONFLICT (log_id, level, n) DO UPDATE SET data = excluded.data",
                [(self.log_id, level, n, data) for (level, n), data in appended.changed.items()],
            )
            cursor.execute(
                "UPDATE register_log SET size = %s, root = %s WHERE id = %s AND size = %s",
                [appended.head.size, appended.head.root, self.log_id, head.size],
            )
            if cursor.rowcount != 1:
                raise RollbackError("the register's head moved under its lock")
        self._next = appended.next
        return appended
