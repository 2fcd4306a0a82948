"""Settle envelopes by the answers that came for them. The numbered steps are those of every answer.

1. It names an envelope of ours that still waits (by the SHA-256 of its bytes).
2. The log that signed it is one the object knows: pinned at enrolment, or opened by a genesis statement.
3. A refusal verifies, and is about this envelope. A final one makes a dead letter, another one means "later".
4. A receipt verifies: the log signed the tree head, and our leaf is in that tree.
5. The tree head is linked by a consistency proof to the largest head that the object remembers.
6. In one transaction the head is remembered and the envelope is settled.

An answer that fails a step settles nothing: the envelope stays, and is sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from egide.errors import EgideError, NotFoundError, ProofError, RollbackError, StorageError, UnavailableError
from egide.things.epochs import FetchPaths
from egide.things.memory import Exposure, KnownLog, Memory, link, sizes_to_link
from egide.things.outbox import Item, Outbox, State
from egide.things.store import Store
from egide.trust.answer import RefusalAnswer, decode_answer, verify_refusal
from egide.trust.cose import Sign1
from egide.trust.envelope import leaf_hash
from egide.trust.limits import LIMITS
from egide.trust.register.receipt import VerifiedReceipt, receipt_log, verify_receipt

__all__ = ["Settled", "Settler"]

_MAX_UNLINKED: Final = 1_000


@dataclass(slots=True)
class Settled:
    """What a set of answers did: ids of envelopes, and what was wrong with the answers that did nothing."""

    receipted: list[int] = field(default_factory=list)
    dead: list[int] = field(default_factory=list)
    later: list[int] = field(default_factory=list)
    problems: list[EgideError] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Unlinked:
    """A receipt that passed step 4."""

    item: Item
    log: str
    receipt: bytes
    verified: VerifiedReceipt


class Settler:
    """`fetch_paths` gives consistency paths, `learn_epochs` asks the register for its epochs; both may
    raise.
    """

    def __init__(
        self,
        store: Store,
        outbox: Outbox,
        memory: Memory,
        *,
        fetch_paths: FetchPaths,
        learn_epochs: Callable[[], None],
    ) -> None:
        self._store, self._outbox, self._memory = store, outbox, memory
        self._fetch_paths, self._learn_epochs = fetch_paths, learn_epochs
        self._unlinked: dict[bytes, _Unlinked] = {}

    @property
    def pending(self) -> bool:
        """Receipts wait for a consistency proof that could not be had."""
        return bool(self._unlinked)

    def settle(self, answers: Iterable[bytes], *, now_ms: int) -> Settled:
        """Take answers, as they came. Raises StorageError only."""
        done = Settled()
        for data in answers:
            try:
                self._read(data, done, now_ms)
            except StorageError:
                raise
            except EgideError as err:
                done.problems.append(err)
        for uri in {each.log for each in self._unlinked.values()}:
            self._link(uri, done, now_ms)
        return done

    def _read(self, data: bytes, done: Settled, now_ms: int) -> None:
        answer = decode_answer(data)
        # 1. One of ours, waiting.
        item = self._outbox.find(answer.digest)
        if item is None or item.state is not State.WAITING:
            return
        if isinstance(answer, RefusalAnswer):
            self._refusal(item, answer.refusal, done, now_ms)
            return
        # 2. A log that is known.
        log = self._known(receipt_log(answer.receipt))
        # 4. Signed by it, for our leaf.
        verified = verify_receipt(answer.receipt, leaf_hash(item.envelope), key=log.key, log_uri=log.uri)
        if len(self._unlinked) < _MAX_UNLINKED:
            self._unlinked[item.digest] = _Unlinked(item, log.uri, answer.receipt, verified)

    def _refusal(self, item: Item, refusal: bytes, done: Settled, now_ms: int) -> None:
        claims = Sign1.parse(refusal, limit=LIMITS.refusal, what="refusal").claims
        # 2. and 3.
        log = self._known(claims.get(2))
        verified = verify_refusal(refusal, digest=item.digest, key=log.key, log_uri=log.uri)
        if verified.retryable:
            done.later.append(item.id)
        elif self._outbox.refused(item.digest, refusal, code=verified.code, now_ms=now_ms):
            done.dead.append(item.id)

    def _known(self, uri: object) -> KnownLog:
        if type(uri) is str:
            if (log := self._memory.log(uri)) is not None:
                return log
            self._learn_epochs()
            if (log := self._memory.log(uri)) is not None:
                return log
        raise ProofError("an answer is signed by a log that the object does not know", step="log")

    def _link(self, uri: str, done: Settled, now_ms: int) -> None:
        """Steps 5 and 6 for every receipt of one log: together, then one by one if together fails."""
        batch = [each for each in self._unlinked.values() if each.log == uri]
        try:
            self._accept(uri, batch, done, now_ms)
        except UnavailableError as err:
            done.problems.append(err)  # they are kept, and linked next time
            if isinstance(err, StorageError):
                raise
        except RollbackError as err:
            if len(batch) == 1:
                self._expose(batch[0], err, done, now_ms)
                return
            for each in batch:
                try:
                    self._accept(uri, [each], done, now_ms)
                except RollbackError as alone:
                    self._expose(each, alone, done, now_ms)
                except UnavailableError as later:
                    done.problems.append(later)

    def _accept(self, uri: str, batch: list[_Unlinked], done: Settled, now_ms: int) -> None:
        log = self._known(uri)
        heads = [each.verified.head for each in batch]
        sizes = sizes_to_link(log.head, heads)
        # 5.
        try:
            paths = self._fetch_paths(uri, sizes) if len(sizes) > 1 else {}
        except NotFoundError as err:
            raise RollbackError("the log cannot show a tree that it signed", step="consistency") from err
        except (UnavailableError, RollbackError):
            raise
        except EgideError as err:
            raise UnavailableError("no consistency proof could be had") from err
        head = link(log.head, heads, paths)
        # 6.
        with self._store.writing():
            self._memory.remember(uri, head)
            for each in batch:
                self._outbox.receipted(
                    each.item.digest, each.receipt, log=uri, leaf=each.verified.index, now_ms=now_ms
                )
        for each in batch:
            self._unlinked.pop(each.item.digest, None)
            done.receipted.append(each.item.id)

    def _expose(self, each: _Unlinked, err: RollbackError, done: Settled, now_ms: int) -> None:
        log = self._memory.log(each.log)
        self._unlinked.pop(each.item.digest, None)
        done.problems.append(err)
        if log is not None:
            self._memory.expose(
                Exposure(
                    at_ms=now_ms,
                    log=each.log,
                    what="rolled-back",
                    remembered=log.head,
                    shown=(each.verified.head,),
                    document=each.receipt,
                )
            )
