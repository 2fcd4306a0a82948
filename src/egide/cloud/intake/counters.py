"""Which counters are stored already, asked of the store as rarely as can be.

While nobody else appends, the largest counter stored of each key is remembered: whatever is above it is new, and
the store is not asked. When the register's head is another than the one we left, all of that is forgotten.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from django.db import connection

from egide.trust.register.receipt import TreeHead

__all__ = ["Counters", "Known"]

#: (key, seq) -> [(identity, entry number)], in the order of entries
Known = dict[tuple[int, int], list[tuple[bytes, int]]]

_MOST: Final = 100_000
_NONE: Final = -1


class Counters:
    """One worker's memory of the counters that the store holds."""

    def __init__(self) -> None:
        self._head: TreeHead | None = None
        self._largest: dict[int, int] = {}

    def known(self, asked: Sequence[tuple[int, int]], head: TreeHead) -> Known:
        """What is stored under these (key, seq). `head` was read before; who locks notices a later one."""
        if head != self._head or len(self._largest) > _MOST:
            self._largest.clear()
            self._head = head
        if unseen := {key for key, _ in asked if key not in self._largest}:
            self._largest.update(_largest(unseen))
        return _stored([pair for pair in asked if pair[1] <= self._largest[pair[0]]])

    def add(self, stored: Sequence[tuple[int, int]], head: TreeHead) -> None:
        """These were just committed, and left the register at `head`. Their keys were asked about before."""
        for key, seq in stored:
            if seq > self._largest[key]:
                self._largest[key] = seq
        self._head = head


def _largest(keys: Collection[int]) -> dict[int, int]:
    """The largest counter stored of each key, -1 when there is none."""
    marks = ", ".join(["(%s)"] * len(keys))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT k.column1, (SELECT max(seq) FROM vault_envelope WHERE key_id = k.column1)"  # noqa: S608
            f" FROM (VALUES {marks}) AS k",
            list(keys),
        )
        return {int(key): _NONE if seq is None else int(seq) for key, seq in cursor.fetchall()}


def _stored(asked: Sequence[tuple[int, int]]) -> Known:
    known: Known = {}
    if not asked:
        return known
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT e.key_id, e.seq, e.identity, e.entry"
                " FROM unnest(%s::bigint[], %s::bigint[]) AS asked(k, s)"
                " JOIN vault_envelope e ON e.key_id = asked.k AND e.seq = asked.s ORDER BY e.entry",
                [[key for key, _ in asked], [seq for _, seq in asked]],
            )
        else:
            marks = ", ".join(["(%s, %s)"] * len(asked))
            cursor.execute(
                "SELECT key_id, seq, identity, entry FROM vault_envelope"  # noqa: S608 (only marks)
                f" WHERE (key_id, seq) IN (VALUES {marks}) ORDER BY entry",
                [x for pair in asked for x in pair],
            )
        for key_id, seq, identity, entry in cursor.fetchall():
            rows = known.setdefault((key_id, seq), [])
            if not rows or rows[-1][1] != entry:
                rows.append((bytes(identity), entry))
    return known
