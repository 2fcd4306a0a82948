"""The door in: verify -> admit -> seal -> register -> receipt.

    1 size and form   2 known already   3 object and certificate   4 signature   5 freshness   6 pairing
    7 payload         8 plausibility    9 seal                    10 store and register       11 receipt

Steps 1 to 9 run outside any lock; step 10 is one transaction for the whole batch; an answer leaves only after it. A
refusal is signed, and what was refused is kept sealed. This process holds public keys and the log's key: it can write
and cannot read.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from django.db import Error as DatabaseFailure
from django.db import connection

from egide.cloud.intake import quarantine, steps
from egide.cloud.intake.counters import Counters, Known
from egide.cloud.intake.fleet_cache import FleetCache
from egide.cloud.intake.freshness import BootMemory
from egide.cloud.intake.models import Event
from egide.cloud.intake.steps import Candidate, Incoming, Sealed
from egide.cloud.register.journal import fleet_version
from egide.cloud.register.models import Log
from egide.cloud.register.platform import log_signer
from egide.cloud.register.store import (
    Register,
    appending,
    current_log,
    entry_number,
    head_of,
    path_of,
    split_entry,
)
from egide.cloud.vault.models import Envelope as EnvelopeRow
from egide.cloud.vault.models import Flag
from egide.cloud.vault.sealing import Chains, Row, insert_rows
from egide.errors import EgideError, RefusedError, StorageError, UnavailableError
from egide.trust.answer import encode_receipt_answer, encode_refusal_answer, sign_refusal
from egide.trust.register.receipt import HeadSigner, SignedHead, TreeHead

__all__ = ["Answer", "Pipeline"]


class Answer(NamedTuple):
    """What goes back for one envelope: the bytes of trust/answer.py, and the code of a refusal or ""."""

    data: bytes
    code: str = ""
    retryable: bool = False


class Pipeline:
    """One worker's intake. Not shared between threads.

    `process` turns a batch of bytes into as many answers, in order, once everything accepted is durable.
    """

    def __init__(self, worker: str = "") -> None:
        self.worker = worker or str(uuid.uuid4())
        self.fleet = FleetCache()
        self.boots = BootMemory()
        self.counters = Counters()
        self.chains = Chains(self.worker)
        self._register: Register | None = None
        self._signers: dict[int, HeadSigner] = {}

    def process(self, batch: Sequence[Incoming]) -> list[Answer]:
        """Raises StorageError when nothing could be made durable: no answer leaves, everything may be sent again."""
        try:
            return self._process(batch)
        except DatabaseFailure as err:
            self._register = None
            connection.close_if_unusable_or_obsolete()
            raise StorageError("the store did not take the batch") from err

    def _process(self, batch: Sequence[Incoming]) -> list[Answer]:
        register = self._open_register()
        seen = register.head()
        self.fleet.refresh(entry_number(register.log_id, seen.size))
        answers: list[Answer | None] = [None] * len(batch)
        candidates: list[Candidate] = []
        for at, incoming in enumerate(batch):
            try:
                envelope = steps.read(incoming)
                admitted = steps.identify(envelope, self.fleet)
                candidates.append(Candidate(at, incoming, envelope, admitted, (admitted.key_id, envelope.seq)))
            except EgideError as err:
                answers[at] = self._refuse(incoming, err)
        known = self.counters.known([c.counter for c in candidates], seen)
        fresh, again = self._verify(candidates, known, answers)
        while (overtaken := self._store(register, fresh, known, seen, answers)) is None:
            seen, fresh, met = self._look_again(register, fresh, known, answers)
            again += met
        self._answer_known(again + overtaken, known, answers)
        return [answer for answer in answers if answer is not None]

    def _verify(
        self, candidates: Iterable[Candidate], known: Known, answers: list[Answer | None]
    ) -> tuple[list[Sealed], list[Candidate]]:
        """Steps 2 to 9 for a batch: what is new, and what only wants its receipt again."""
        fresh: list[Sealed] = []
        again: list[Candidate] = []
        in_batch: set[tuple[int, bytes]] = set()
        nonces = os.urandom(12 * len(answers))
        for c in candidates:
            name = (c.admitted.key_id, c.envelope.identity)
            if name in in_batch or (c.counter in known and _stored(c, known)):
                again.append(c)
                continue
            try:
                verified = steps.verify(c)
                timing = steps.date(c, self.boots)
                nonce = nonces[12 * c.at : 12 * c.at + 12]
                fresh.append(steps.seal(c, verified, timing, self.fleet, self.chains, nonce))
                in_batch.add(name)
            except EgideError as err:
                answers[c.at] = self._refuse(c.incoming, err)
        return fresh, again

    def _store(
        self, register: Register, fresh: list[Sealed], known: Known, seen: TreeHead, answers: list[Answer | None]
    ) -> list[Candidate] | None:
        """10 and 11. One transaction: leaves, rows, clones; then the log signs its new head, once for all receipts.

        Returns what another worker stored between step 2 and the lock; None, and nothing is stored, when the fleet
        changed in between: whose an envelope is, or whether it is anybody's, is judged again.
        """
        overtaken: list[Candidate] = []
        if not fresh:
            return overtaken
        with appending():
            head = register.head()
            if head.size != seen.size:
                if fleet_version(since=entry_number(register.log_id, seen.size)):
                    return None
                known.update(self.counters.known([s.candidate.counter for s in fresh], head))
                overtaken = [s.candidate for s in fresh if _stored(s.candidate, known)]
                fresh = [s for s in fresh if not _stored(s.candidate, known)]
            if fresh:
                appended = register.append([s.leaf for s in fresh], head=head)
                self._mark_clones(fresh, known)
                first = entry_number(register.log_id, appended.first)
                insert_rows([_row(first + i, s) for i, s in enumerate(fresh)])
        if fresh:
            self.counters.add([s.candidate.counter for s in fresh], appended.head)
            signed = self._signer(register.log_id).sign(appended.head)
            for i, s in enumerate(fresh):
                c = s.candidate
                receipt = signed.receipt(appended.first + i, appended.path(i))
                answers[c.at] = Answer(encode_receipt_answer(_digest(c.incoming.data), receipt))
                known.setdefault(c.counter, []).append((c.envelope.identity, first + i))
        return overtaken

    def _look_again(
        self, register: Register, fresh: list[Sealed], known: Known, answers: list[Answer | None]
    ) -> tuple[TreeHead, list[Sealed], list[Candidate]]:
        """Steps 3 to 9 once more, of what was about to be stored, by the fleet as it is now."""
        seen = register.head()
        self.fleet.refresh(entry_number(register.log_id, seen.size))
        candidates = []
        for s in fresh:
            try:
                s.candidate.admitted = steps.identify(s.candidate.envelope, self.fleet)
                candidates.append(s.candidate)
            except EgideError as err:
                answers[s.candidate.at] = self._refuse(s.candidate.incoming, err)
        known.update(self.counters.known([c.counter for c in candidates], seen))
        return seen, *self._verify(candidates, known, answers)

    def _mark_clones(self, fresh: Sequence[Sealed], known: Known) -> None:
        """Same key and counter, other content: both are kept, both are marked, somebody is told."""
        met: dict[tuple[int, int], Sealed] = {}
        if not known and len({s.candidate.counter for s in fresh}) == len(fresh):
            return
        for s in fresh:
            c = s.candidate
            key = c.counter
            twins = [entry for _, entry in known.get(key, [])]
            if not twins and key not in met:
                met[key] = s
                continue
            s.flags |= Flag.CONTESTED
            if key in met:
                met[key].flags |= Flag.CONTESTED
            for row in EnvelopeRow.objects.filter(entry__in=twins):
                row.flags |= Flag.CONTESTED
                row.save(update_fields=["flags"])
            Event.objects.create(
                at_ms=c.incoming.received_ms,
                kind=Event.Kind.CLONE,
                object_id=c.envelope.object_id,
                entry=min(twins, default=None),
            )

    def _answer_known(self, again: Sequence[Candidate], known: Known, answers: list[Answer | None]) -> None:
        """2 and 11. The same envelope again: the same leaf, and a fresh receipt, computed now."""
        logs: dict[int, tuple[TreeHead, SignedHead]] = {}
        for c in again:
            entry = next(entry for identity, entry in known[c.counter] if identity == c.envelope.identity)
            log_id, index = split_entry(entry)
            if log_id not in logs:
                head = head_of(log_id)
                logs[log_id] = (head, self._signer(log_id).sign(head))
            head, signed = logs[log_id]
            receipt = signed.receipt(index, path_of(log_id, index, head.size))
            answers[c.at] = Answer(encode_receipt_answer(_digest(c.incoming.data), receipt))

    def _refuse(self, incoming: Incoming, error: EgideError) -> Answer:
        """Sign a refusal, and keep what was refused, sealed and bounded. Our own failure is never final."""
        if not isinstance(error, RefusedError):
            error = UnavailableError("intake could not judge this envelope")
        digest = _digest(incoming.data)
        quarantine.keep(incoming, error.code, digest)
        log = current_log()
        refusal = sign_refusal(
            log_signer(log.pk), log_uri=log.uri, digest=digest, code=error.code, retryable=error.retryable,
            iat=incoming.received_ms // 1000,
        )  # fmt: skip
        return Answer(encode_refusal_answer(digest, refusal), error.code, error.retryable)

    def _open_register(self) -> Register:
        """The log is looked up once: a new epoch opens while nothing runs (`egide restore`)."""
        if self._register is None:
            self._register = Register(current_log().pk)
        return self._register

    def _signer(self, log_id: int) -> HeadSigner:
        if log_id not in self._signers:
            uri = Log.objects.get(pk=log_id).uri
            self._signers[log_id] = HeadSigner(log_signer(log_id), uri, uri)
        return self._signers[log_id]


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _stored(c: Candidate, known: Known) -> bool:
    return any(i == c.envelope.identity for i, _ in known.get(c.counter, []))


def _row(entry: int, s: Sealed) -> Row:
    c = s.candidate
    return (
        entry, c.admitted.key_id, c.envelope.seq, c.admitted.certificate_id, s.window.id, s.data_key, s.step, s.flags,
        c.incoming.received_ms, s.first_ms, s.last_ms, c.envelope.identity, s.record,
    )  # fmt: skip
