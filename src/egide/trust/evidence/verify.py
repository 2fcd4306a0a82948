"""Verify a proof file offline: no clock is read, no network, no file. Each step raises with its name.

 1 form: the file is of the specification's form (RFC 9052 section 4.2; RFC 8949 section 4.2.1).
 2 object certificate: the object's chain leads to a root and was in force at the corrected time (RFC 5280
   section 6.1); the envelope names that certificate and that object (RFC 9360 section 2; RFC 9597).
 3 object signature: the object signed the envelope, whose payload is readings (RFC 9052 section 4.4).
 4 log: the reader trusts the log, or one that it follows by its epochs' genesis statements.
 5 receipt: the log holds the envelope; path, then signature (RFC 9162 section 2.1.3.2; RFC 9942
   section 5.2.1).
 6 checkpoint: the log signed the checkpoint (C2SP signed-note, tlog-checkpoint).
 7 consistency: the receipt's tree is the beginning of the checkpoint's (RFC 9162 section 2.1.4.2).
 8 witnesses: each cosignature verifies (C2SP tlog-cosignature).
 9 assertion: what the platform says fits what the object signed.
10 platform signature: the platform signed all this (RFC 5280 section 6.1; RFC 9052 section 4.4).
11 encoding: what was understood, encoded again, is the file, byte for byte (RFC 8949 section 4.2.1).

Revocation cannot be known offline: the receipt says that the register accepted the envelope when it arrived.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from egide.errors import MalformedError, ProofError
from egide.measure.plausibility import WHOLE
from egide.measure.readings import encode_readings
from egide.trust.anchors import Anchors, LogAnchor
from egide.trust.cose import RECEIPTS, Sign1
from egide.trust.envelope import Envelope, VerifiedEnvelope
from egide.trust.evidence.anchored import Steps, require_anchored_roots, verify_log
from egide.trust.evidence.form import Assertion, Evidence, decode
from egide.trust.evidence.report import ProvedReading, ProvedSeries, Report, WitnessSeen
from egide.trust.evidence.witnesses import verify_note, verify_witnesses
from egide.trust.identity import Usage, VerifiedCertificate, verify_chain
from egide.trust.limits import LIMITS
from egide.trust.register.checkpoint import SignedNote
from egide.trust.register.receipt import VerifiedReceipt, verify_receipt
from egide.trust.register.tree import TreeHead, verify_consistency

__all__ = ["verify_evidence"]

_CLOCK_SLACK_MS: Final = 600_000  # two honest clocks may differ by this much
_MAX_MS: Final = 2**47  # about the year 6429


def verify_evidence(data: bytes, anchors: Anchors | None, *, at: datetime | None = None) -> Report:
    """Verify an untrusted proof file, by the steps of this module's docstring.

    With `anchors`, the CA roots and the log must be among them, and a witness counts only when it is.
    Without, the file is only checked against itself, and the report says `anchored=False`. `at` is the
    reader's clock, when there is one: a file made after it is refused.

    Raises:
        ProofError: a step failed; `step` is its name.
    """
    step = Steps()
    with step("1 form"):
        signed = decode(data)
        evidence, assertion = signed.evidence, signed.evidence.assertion
        envelope, receipt_bytes = _statement(evidence.statement)
    with step("2 object certificate"):
        require_anchored_roots(evidence.roots, anchors)
        certificate = _verify_object(evidence, envelope)
    with step("3 object signature"):
        verified = envelope.verify(certificate.public_key)
    with step("4 log"):
        log = LogAnchor(origin=evidence.origin, uri=evidence.log_uri, public=evidence.log_key)
        verify_log(log, evidence.epochs, evidence.roots, anchors)
    with step("5 receipt"):
        receipt = verify_receipt(receipt_bytes, envelope.leaf(), key=log.key, log_uri=log.uri)
    with step("6 checkpoint"):
        note = SignedNote.parse(evidence.checkpoint.encode())
        head = verify_note(note, log)
    with step("7 consistency"):
        verify_consistency(receipt.size, receipt.root, head.size, head.root, evidence.consistency)
    with step("8 witnesses"):
        witnesses = verify_witnesses(evidence.witnesses, note, log, anchors)
    with step("9 assertion"):
        series = _apply(assertion, verified)
        _require_made_before(assertion, at)
    with step("10 platform signature"):
        platform = verify_chain(
            signed.platform_chain[0], signed.platform_chain[1:], evidence.roots,
            at_ms=assertion.made_ms, usage=Usage.PLATFORM,
        )
        signed.outer.verify(platform.public_key)
    with step("11 encoding"):
        same = signed.encode() == data and note.encode() == evidence.checkpoint.encode()
        if not same or encode_readings(verified.readings) != envelope.payload:
            raise ProofError("the file is not what its content encodes to")
    return _report(
        assertion, verified, receipt, head, log,
        object_uri=certificate.uri, platform_uri=platform.uri, series=series, witnesses=witnesses,
        anchored=anchors is not None, steps=tuple(step.passed),
    )


def _report(
    assertion: Assertion,
    verified: VerifiedEnvelope,
    receipt: VerifiedReceipt,
    head: TreeHead,
    log: LogAnchor,
    *,
    object_uri: str,
    platform_uri: str,
    series: tuple[ProvedSeries, ...],
    witnesses: tuple[WitnessSeen, ...],
    anchored: bool,
    steps: tuple[str, ...],
) -> Report:
    envelope = verified.envelope
    return Report(
        object_uri=object_uri,
        pairing_uri=f"urn:uuid:{envelope.pairing_id}",
        platform_uri=platform_uri,
        model=assertion.model,
        trust=assertion.trust,
        flags=assertion.flags,
        seq=envelope.seq,
        synchronised=envelope.clock.synchronised,
        correction_ms=assertion.correction_ms,
        received_ms=assertion.received_ms,
        made_ms=assertion.made_ms,
        series=series,
        log_origin=log.origin,
        log_uri=log.uri,
        register_size=receipt.size,
        register_index=receipt.index,
        checkpoint_size=head.size,
        checkpoint_root=head.root,
        witnesses=witnesses,
        anchored=anchored,
        steps=steps,
    )


def _statement(data: bytes) -> tuple[Envelope, bytes]:
    """The envelope and its one receipt, out of a transparent statement (RFC 9943)."""
    statement = Sign1.parse(data, limit=LIMITS.statement + LIMITS.receipt, what="the transparent statement")
    match statement.unprotected:
        case {394: [bytes(receipt)]} if list(statement.unprotected) == [RECEIPTS]:
            return Envelope.parse(statement.entry()), receipt
    raise MalformedError("the transparent statement carries one receipt and nothing else beside the envelope")


def _verify_object(evidence: Evidence, envelope: Envelope) -> VerifiedCertificate:
    """The certificate of the object that the envelope names, in force at the envelope's corrected time."""
    at_ms = envelope.iat * 1000 + evidence.assertion.correction_ms
    certificate = verify_chain(
        evidence.chain[0], evidence.chain[1:], evidence.roots, at_ms=at_ms, usage=Usage.OBJECT
    )
    if certificate.sha256 != envelope.certificate or certificate.uuid != envelope.object_id:
        raise ProofError("the envelope names another certificate, or another object")
    return certificate


def _apply(assertion: Assertion, verified: VerifiedEnvelope) -> tuple[ProvedSeries, ...]:
    """The readings with their corrected times and their doubts."""
    readings, correction = verified.readings, assertion.correction_ms
    doubts = {(series, value): code for series, value, code in assertion.doubts}
    unused = set(doubts)
    first, last = readings.span_ms()
    if not 0 <= first + correction <= last + correction <= _MAX_MS:
        raise ProofError("the corrected times are out of range")
    proved = []
    for i, series in enumerate(readings.series):
        places = [(i, j) for j in (WHOLE, *range(len(series.values)))]
        unused.difference_update(places)
        whole = doubts.get(places[0], "")
        rows = zip(series.offsets_ms(), series.decimals(), places[1:], strict=True)
        proved.append(ProvedSeries(
            code=series.code, unit=series.unit, exponent=series.exponent,
            readings=tuple([
                ProvedReading(
                    value=value, signed_ms=readings.t0_ms + offset,
                    corrected_ms=readings.t0_ms + offset + correction, doubt=doubts.get(place, whole),
                )
                for offset, value, place in rows
            ]),
        ))
    if unused:
        raise ProofError("a doubt is about a value that the envelope does not have")
    return tuple(proved)


def _require_made_before(assertion: Assertion, at: datetime | None) -> None:
    if assertion.made_ms < assertion.received_ms:
        raise ProofError("the file says that it was made before the envelope arrived")
    if at is not None and assertion.made_ms > at.timestamp() * 1000 + _CLOCK_SLACK_MS:
        raise ProofError("the file says that it was made later than now by this machine's clock")
