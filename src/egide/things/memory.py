"""What the object remembers of the register, so that nobody can show it a shorter or another one.

1. A log is known by its pin (at enrolment) or by an epoch's genesis statement, never by a receipt alone.
2. A tree head is believed when a log's key signed it *and* a consistency proof links it to the largest
   head that is remembered. The same size with another root, or a size that cannot be linked, is a rollback.
3. A rollback is exposed: what was shown is kept as evidence, and nothing else of the object's changes.
4. A new epoch names the old log's origin, size and root. The old log must lead from what is remembered to
   that head, unless the old one was cut short by a restore; then what was receipted beyond is sent again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from egide import cbor
from egide.errors import ProofError, RollbackError
from egide.things.store import Store
from egide.trust.anchors import LogAnchor
from egide.trust.cose import PublicKey
from egide.trust.register.tree import EMPTY_ROOT, TreeHead, verify_consistency

__all__ = ["NOTHING", "Exposure", "KnownLog", "Memory", "link", "sizes_to_link"]

NOTHING: Final = TreeHead(0, EMPTY_ROOT)
_MAX_EXPOSURES: Final = 200

Paths = Mapping[tuple[int, int], list[bytes]]
"""(smaller size, larger size) -> the consistency path between them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownLog:
    """A log, its Ed25519 key (32 bytes), and the largest of its heads that verified."""

    uri: str
    origin: str
    public: bytes
    head: TreeHead
    epoch: int  # 0 for the first

    @property
    def key(self) -> PublicKey:
        return PublicKey(Ed25519PublicKey.from_public_bytes(self.public))


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """A log showed less than, or other than, what it showed before."""

    at_ms: int
    log: str
    what: str
    remembered: TreeHead
    shown: tuple[TreeHead, ...]
    document: bytes  # what showed it: a receipt, a checkpoint, a genesis statement


def sizes_to_link(remembered: TreeHead, heads: Iterable[TreeHead]) -> list[int]:
    """The sizes between which consistency paths are needed: ascending, each once; fewer than two: none."""
    return sorted({remembered.size, *(head.size for head in heads)} - {0})


def link(remembered: TreeHead, heads: Iterable[TreeHead], paths: Paths) -> TreeHead:
    """Check that all `heads`, whose signatures were checked, are moments of one log with what is remembered.

    Returns the largest. Raises RollbackError when they are not, or when a path is missing.
    """
    roots: dict[int, bytes] = {}
    for head in (remembered, *heads):
        if roots.setdefault(head.size, head.root) != head.root:
            raise RollbackError("the log showed two trees of one size", step="consistency")
    sizes = sorted(size for size in roots if size)
    for first, second in pairwise(sizes):
        path = paths.get((first, second))
        if path is None:
            raise RollbackError("a tree head came without a consistency proof", step="consistency")
        try:
            verify_consistency(first, roots[first], second, roots[second], path)
        except ProofError as err:
            raise RollbackError(
                "a tree head is not a continuation of the one remembered", step="consistency"
            ) from err
    size = sizes[-1] if sizes else 0
    return TreeHead(size, roots[size])


class Memory:
    """The logs the object knows, kept in its store. Every method may raise StorageError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def logs(self) -> list[KnownLog]:
        """In the order of the epochs."""
        rows = self._store.rows("SELECT uri, origin, public, size, root, epoch FROM log ORDER BY epoch, uri")
        return [
            KnownLog(uri=uri, origin=origin, public=public, head=TreeHead(size, root), epoch=epoch)
            for uri, origin, public, size, root, epoch in rows
        ]

    def log(self, uri: str) -> KnownLog | None:
        return next((log for log in self.logs() if log.uri == uri), None)

    def pin(self, logs: Iterable[LogAnchor]) -> None:
        """Know the logs that came with an enrolment. Does nothing when a log is known: then only an epoch
        adds one.
        """
        with self._store.writing():
            if not self._store.rows("SELECT 1 FROM log LIMIT 1"):
                for epoch, log in enumerate(logs):
                    self._add(log, epoch)

    def remember(self, uri: str, head: TreeHead) -> None:
        """Keep a head that `link` returned. A smaller one than what is kept changes nothing."""
        with self._store.writing():
            self._store.run(
                "UPDATE log SET size = ?, root = ? WHERE uri = ? AND size < ?",
                head.size,
                head.root,
                uri,
                head.size,
            )

    def open_epoch(self, log: LogAnchor, *, after: KnownLog) -> None:
        """Know a log that continues `after`; its genesis statement was verified."""
        with self._store.writing():
            if self.log(log.uri) is None:
                self._add(log, after.epoch + 1)

    def _add(self, log: LogAnchor, epoch: int) -> None:
        self._store.run(
            "INSERT INTO log (uri, origin, public, size, root, epoch) VALUES (?, ?, ?, 0, ?, ?)",
            log.uri,
            log.origin,
            log.public,
            EMPTY_ROOT,
            epoch,
        )

    def expose(self, exposure: Exposure) -> None:
        """Keep the evidence of a rollback, once; the first two hundred are enough."""
        evidence = cbor.encode(
            [
                [exposure.remembered.size, exposure.remembered.root],
                [[head.size, head.root] for head in exposure.shown],
                exposure.document,
            ]
        )
        with self._store.writing():
            self._store.run(
                "INSERT INTO exposure (at_ms, log, what, evidence) SELECT ?, ?, ?, ?"
                " WHERE NOT EXISTS (SELECT 1 FROM exposure WHERE log = ? AND evidence = ?)"
                " AND (SELECT count(*) FROM exposure) < ?",
                exposure.at_ms,
                exposure.log,
                exposure.what,
                evidence,
                exposure.log,
                evidence,
                _MAX_EXPOSURES,
            )

    def exposures(self) -> list[Exposure]:
        """Oldest first."""
        found = []
        for at_ms, log, what, evidence in self._store.rows(
            "SELECT at_ms, log, what, evidence FROM exposure ORDER BY id"
        ):
            old, shown, document = cbor.decode(evidence, limit=1 << 20, what="an exposure")
            found.append(
                Exposure(
                    at_ms=at_ms,
                    log=log,
                    what=what,
                    remembered=TreeHead(*old),
                    shown=tuple(TreeHead(*head) for head in shown),
                    document=document,
                )
            )
        return found
