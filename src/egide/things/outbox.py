"""What the object has to say, kept until a receipt that verifies has come back.

    draft ──sign──> waiting ──receipt──> receipted (30 days, then removed)
                       └─────refusal───> dead (shown, never removed by itself)

An envelope is durable when `add` returns. Its number (seq) is taken in the same transaction, so a number
that left the object is never used again, whatever happens to the power. The same bytes are sent again;
they are never signed anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from egide import cbor
from egide.things.store import Store

__all__ = ["KEEP_MS", "Counts", "Draft", "Item", "Outbox", "State"]

KEEP_MS: Final = 30 * 86_400_000


class State(IntEnum):
    WAITING = 1
    RECEIPTED = 2
    DEAD = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One envelope. `answer` is its receipt (receipted) or its refusal (dead)."""

    id: int
    digest: bytes
    state: State
    seq: int
    envelope: bytes
    added_ms: int
    settled_ms: int | None = None
    code: str | None = None
    log: str | None = None
    leaf: int | None = None
    answer: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Readings (encoded) that wait for a certificate to be signed under."""

    id: int
    pairing: str
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    drafts: int
    waiting: int
    receipted: int
    dead: int


_SELECT: Final = (
    "SELECT id, digest, state, seq, sealed, added_ms, settled_ms, code, log, leaf, answer FROM envelope"
)


class Outbox:
    """The envelopes of one object. Every method may raise StorageError; then nothing changed."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, key: bytes, sign: Callable[[int], bytes], *, now_ms: int) -> Item:
        """Number, sign and keep an envelope, in one transaction.

        `key` is the SHA-256 of the signer's public key, `sign(seq)` returns the envelope. What `sign`
        raises passes through, and the number is not taken.
        """
        store = self._store
        with store.writing():
            rows = store.rows("SELECT next_seq FROM counter WHERE key = ?", key)
            seq: int = rows[0][0] if rows else 0
            envelope = sign(seq)
            digest = hashlib.sha256(envelope).digest()
            store.run("INSERT OR REPLACE INTO counter (key, next_seq) VALUES (?, ?)", key, seq + 1)
            store.run(
                "INSERT INTO envelope (digest, state, seq, key, sealed, added_ms) VALUES (?, ?, ?, ?, ?, ?)",
                digest,
                State.WAITING,
                seq,
                key,
                store.seal(envelope, digest),
                now_ms,
            )
            row = store.rows("SELECT last_insert_rowid()")[0][0]
        return Item(id=row, digest=digest, state=State.WAITING, seq=seq, envelope=envelope, added_ms=now_ms)

    def draft(self, pairing: str, payload: bytes) -> None:
        """Keep readings that no valid certificate can sign for now."""
        sealed = self._store.seal(cbor.encode([pairing, payload]), b"draft")
        with self._store.writing():
            self._store.run("INSERT INTO draft (sealed) VALUES (?)", sealed)

    def drafts(self) -> list[Draft]:
        """Oldest first."""
        found = []
        for row, sealed in self._store.rows("SELECT id, sealed FROM draft ORDER BY id"):
            pairing, payload = cbor.decode(self._store.open(sealed, b"draft"), limit=1 << 17, what="a draft")
            found.append(Draft(id=row, pairing=pairing, payload=payload))
        return found

    def sign_draft(self, draft: Draft, key: bytes, sign: Callable[[int], bytes], *, now_ms: int) -> Item:
        """Turn a draft into an envelope, in one transaction."""
        with self._store.writing():
            item = self.add(key, sign, now_ms=now_ms)
            self._store.run("DELETE FROM draft WHERE id = ?", draft.id)
        return item

    def waiting_ids(self) -> list[int]:
        """Ids of what waits, oldest first."""
        return [
            row[0]
            for row in self._store.rows("SELECT id FROM envelope WHERE state = ? ORDER BY id", State.WAITING)
        ]

    def get(self, item: int) -> Item | None:
        return next(self._items("WHERE id = ?", item), None)

    def find(self, digest: bytes) -> Item | None:
        """The envelope whose bytes have this SHA-256."""
        return next(self._items("WHERE digest = ?", digest), None)

    def items(self, state: State) -> Iterator[Item]:
        """Oldest first."""
        return self._items("WHERE state = ? ORDER BY id", state)

    def receipted(self, digest: bytes, receipt: bytes, *, log: str, leaf: int, now_ms: int) -> bool:
        """Settle: `receipt` was verified. False when it was settled before."""
        return self._settle(State.RECEIPTED, digest, receipt, now_ms, log=log, leaf=leaf)

    def refused(self, digest: bytes, refusal: bytes, *, code: str, now_ms: int) -> bool:
        """Move to the dead letters: `refusal` was verified and is final. False when it was settled before."""
        return self._settle(State.DEAD, digest, refusal, now_ms, code=code)

    def _settle(
        self,
        state: State,
        digest: bytes,
        answer: bytes,
        now_ms: int,
        *,
        code: str | None = None,
        log: str | None = None,
        leaf: int | None = None,
    ) -> bool:
        store = self._store
        with store.writing():
            changed = store.run(
                "UPDATE envelope SET state = ?, settled_ms = ?, code = ?, log = ?, leaf = ?, answer = ?"
                " WHERE digest = ? AND state = ?",
                state,
                now_ms,
                code,
                log,
                leaf,
                store.seal(answer, b"answer" + digest),
                digest,
                State.WAITING,
            )
        return changed == 1

    def reopen(self, log: str, size: int) -> int:
        """A log was restored with `size` leaves: what was receipted beyond waits again. Returns how many."""
        with self._store.writing():
            return self._store.run(
                "UPDATE envelope SET state = ?, settled_ms = NULL, log = NULL, leaf = NULL, answer = NULL"
                " WHERE state = ? AND log = ? AND leaf >= ?",
                State.WAITING,
                State.RECEIPTED,
                log,
                size,
            )

    def purge(self, *, now_ms: int) -> int:
        """Remove what was receipted 30 days ago or earlier. Returns how many. Dead letters stay."""
        with self._store.writing():
            return self._store.run(
                "DELETE FROM envelope WHERE state = ? AND settled_ms <= ?", State.RECEIPTED, now_ms - KEEP_MS
            )

    def counts(self) -> Counts:
        found = dict(self._store.rows("SELECT state, count(*) FROM envelope GROUP BY state"))
        return Counts(
            drafts=self._store.rows("SELECT count(*) FROM draft")[0][0],
            waiting=found.get(State.WAITING, 0),
            receipted=found.get(State.RECEIPTED, 0),
            dead=found.get(State.DEAD, 0),
        )

    def _items(self, where: str, *values: Any) -> Iterator[Item]:
        open_ = self._store.open
        for row in self._store.rows(f"{_SELECT} {where}", *values):
            id_, digest, state, seq, sealed, added, settled, code, log, leaf, answer = row
            yield Item(
                id=id_,
                digest=digest,
                state=State(state),
                seq=seq,
                envelope=open_(sealed, digest),
                added_ms=added,
                settled_ms=settled,
                code=code,
                log=log,
                leaf=leaf,
                answer=None if answer is None else open_(answer, b"answer" + digest),
            )
