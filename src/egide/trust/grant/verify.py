"""Verify a consent proof offline: no clock is read, no network, no file. Each step raises with its name.

 1 form: the file is of the specification's form (RFC 9052 section 4.2; RFC 8949 section 4.2.1).
 2 enrolment: the platform enrolled a passkey for an account, and retired that one, if the file says so (RFC 5280
   section 6.1).
 3 passkey signature: its holder, recognised by it, signed this statement, at this place (WebAuthn section 7.2).
 4 entry: the platform entered exactly what was signed, for this patient, within ten minutes.
 5 log: the reader trusts the log, or one that it follows by its epochs' genesis statements.
 6 checkpoint: the log signed the checkpoint (C2SP signed-note, tlog-checkpoint).
 7 receipts: the log's tree at the checkpoint holds the entry; that log, or one before it, the others (RFC 9942).
 8 order: the passkey was enrolled before the consent was entered, and not retired before it.
 9 witnesses: each cosignature verifies (C2SP tlog-cosignature).
10 platform signature: the platform signed all this, and not before it happened (RFC 5280 section 6.1).
11 encoding: what was understood, encoded again, is the file, byte for byte (RFC 8949 section 4.2.1).

What this cannot say: what the screen displayed, whether anybody coerced the signer, and whether the passkey had been
retired when the file does not say so. The register holds each retirement; this file holds those that it was given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final

from egide.errors import ProofError
from egide.trust.anchors import Anchors, LogAnchor
from egide.trust.evidence.anchored import Steps, require_anchored_roots, verify_log
from egide.trust.evidence.witnesses import verify_note, verify_witnesses
from egide.trust.genesis import Genesis
from egide.trust.grant.entries import (
    CREDENTIAL,
    CREDENTIAL_END,
    ENTERED_AS,
    Credential,
    PlatformStatement,
    verify_entry,
)
from egide.trust.grant.form import ConsentProof, Entry, SignedProof, decode
from egide.trust.grant.report import COUNTER, SYNCED, ConsentReport
from egide.trust.grant.signed import VerifiedConsent, verify_consent
from egide.trust.grant.statement import MAX_SIGNING_MS
from egide.trust.identity import Usage, verify_chain
from egide.trust.register.checkpoint import SignedNote
from egide.trust.register.receipt import receipt_log, verify_receipt
from egide.trust.register.tree import TreeHead, leaf_hash
from egide.trust.webauthn import counter_went_back

__all__ = ["verify_consent_proof"]

_ALL: Final = 2**63  # leaves
_CLOCK_SLACK_MS: Final = 600_000  # two honest clocks may differ by this much


@dataclass(frozen=True, slots=True)
class _Logs:
    """The log of the checkpoint and the ones that it follows, each with the size that counts of it, oldest first."""

    known: tuple[tuple[LogAnchor, int], ...]
    head: TreeHead

    def place(self, entry: Entry) -> tuple[int, int]:
        """(log, leaf index) of an entry, once its receipt verifies. Raises EgideError."""
        statement, receipt = entry.parts()
        uri = receipt_log(receipt)
        number = next((i for i, (log, _) in enumerate(self.known) if log.uri == uri), None)
        if number is None:
            raise ProofError("a receipt is of a log that the file does not lead to")
        log, size = self.known[number]
        found = verify_receipt(receipt, leaf_hash(statement), key=log.key, log_uri=log.uri)
        if number == len(self.known) - 1 and (found.size, found.root) != (self.head.size, self.head.root):
            raise ProofError("a receipt is of another tree than the checkpoint's")
        if found.index >= size:
            raise ProofError("an entry lies beyond what the next log followed")
        return number, found.index


def verify_consent_proof(data: bytes, anchors: Anchors | None, *, at: datetime | None = None) -> ConsentReport:
    """Verify an untrusted consent proof, by the steps of this module's docstring.

    With `anchors`, the CA roots and the log must be among them, and a witness counts only when it is.
    Without, the file is only checked against itself, and the report says `anchored=False`. `at` is the
    reader's clock, when there is one: a file made after it is refused.

    Raises:
        ProofError: a step failed; `step` is its name.
    """
    step = Steps()
    with step("1 form"):
        signed = decode(data)
        proof = signed.proof
    with step("2 enrolment"):
        require_anchored_roots(proof.roots, anchors)
        enrolled = _verify_statement(proof.credential, proof.roots, CREDENTIAL)
        credential = Credential.of(enrolled.subject, enrolled.facts)
        retired = _verify_retirement(proof, credential)
    with step("3 passkey signature"):
        verified = verify_consent(proof.signed, credential)
    with step("4 entry"):
        entered = _verify_entered(proof, verified)
    with step("5 log"):
        log = LogAnchor(origin=proof.origin, uri=proof.log_uri, public=proof.log_key)
        epochs = verify_log(log, proof.epochs, proof.roots, anchors)
        _require_pinned(epochs, anchors)
    with step("6 checkpoint"):
        note = SignedNote.parse(proof.checkpoint.encode())
        logs = _Logs((*_followed(epochs), (log, _ALL)), verify_note(note, log))
    with step("7 receipts"):
        places = [logs.place(entry) for entry in proof.in_order()]
    with step("8 order"):
        index = _require_order(places, len(logs.known) - 1)
    with step("9 witnesses"):
        witnesses = verify_witnesses(proof.witnesses, note, log, anchors)
    with step("10 platform signature"):
        platform_uri = _verify_platform(signed, at)
        _require_made_after(proof, (entered, enrolled, retired))
    with step("11 encoding"):
        same = signed.encode() == data and note.encode() == proof.checkpoint.encode()
        if not same or verified.consent.encode() != proof.signed.statement:
            raise ProofError("the file is not what its content encodes to")
    return ConsentReport(
        consent=verified.consent, platform_uri=platform_uri, entered_ms=entered.at_ms,
        enrolled_ms=enrolled.at_ms, retired_ms=retired.at_ms if retired else None, made_ms=proof.made_ms,
        log_origin=log.origin, log_uri=log.uri, register_size=logs.head.size, register_index=index,
        checkpoint_root=logs.head.root, witnesses=witnesses, warnings=_warnings(credential, verified),
        anchored=anchors is not None, steps=tuple(step.passed),
    )


def _verify_statement(entry: Entry, roots: Sequence[bytes], kind: str) -> PlatformStatement:
    found = verify_entry(entry.parts()[0], entry.chain, roots)
    if found.kind != kind:
        raise ProofError("a statement of the file is of another kind than its place says")
    return found


def _verify_retirement(proof: ConsentProof, credential: Credential) -> PlatformStatement | None:
    if proof.retirement is None:
        return None
    retired = _verify_statement(proof.retirement, proof.roots, CREDENTIAL_END)
    if retired.subject != credential.account or retired.facts.get("id") != credential.id_sha256:
        raise ProofError("the retirement is another passkey's")
    return retired


def _verify_entered(proof: ConsentProof, verified: VerifiedConsent) -> PlatformStatement:
    consent = verified.consent
    entered = _verify_statement(proof.entry, proof.roots, ENTERED_AS[consent.kind])
    if entered.subject != consent.patient.uri or entered.facts.get("consent") != proof.signed.digest:
        raise ProofError("the register's statement is about another patient, or another consent")
    if not 0 <= entered.at_ms - consent.at_ms <= MAX_SIGNING_MS:
        raise ProofError("the consent was entered before it was written, or long after")
    return entered


def _require_pinned(epochs: list[Genesis], anchors: Anchors | None) -> None:
    for genesis in epochs if anchors else ():
        pinned = anchors and anchors.log(genesis.log.uri)
        if pinned and pinned != genesis.log:
            raise ProofError("the anchors have another origin or key for a log that this one follows")


def _followed(epochs: list[Genesis]) -> list[tuple[LogAnchor, int]]:
    """Each log that another one followed, and how many of its leaves."""
    return [(old.log, new.previous.size) for old, new in pairwise(epochs) if new.previous]


def _require_order(places: list[tuple[int, int]], last: int) -> int:
    """The consent's index in the last log. `places`: of enrolment, consent and, if it is told, retirement."""
    if places[1][0] != last:
        raise ProofError("the consent was entered in another log than the file's")
    if places[0] >= places[1]:
        raise ProofError("the passkey was enrolled after the consent")
    if places[2:] and places[2] <= places[1]:
        raise ProofError("the passkey had been retired before it signed")
    return places[1][1]


def _verify_platform(signed: SignedProof, at: datetime | None) -> str:
    proof = signed.proof
    platform = verify_chain(
        signed.platform_chain[0], signed.platform_chain[1:], proof.roots,
        at_ms=proof.made_ms, usage=Usage.PLATFORM,
    )
    signed.outer.verify(platform.public_key)
    if at is not None and proof.made_ms > at.timestamp() * 1000 + _CLOCK_SLACK_MS:
        raise ProofError("the file says that it was made later than now by this machine's clock")
    return platform.uri


def _require_made_after(proof: ConsentProof, statements: Sequence[PlatformStatement | None]) -> None:
    if any(each is not None and each.at_ms > proof.made_ms for each in statements):
        raise ProofError("the file says that it was made before what it tells")


def _warnings(credential: Credential, verified: VerifiedConsent) -> tuple[str, ...]:
    found = []
    if counter_went_back(credential.count, verified.passkey.counter):
        found.append(COUNTER)
    if verified.passkey.synced:
        found.append(SYNCED)
    return tuple(found)
