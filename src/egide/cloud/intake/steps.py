"""The steps of intake that look at one envelope. Pure but for the fleet that is asked who signs.

Numbers are those of `pipeline`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from egide.cloud.intake.fleet_cache import Admitted, FleetCache, Window
from egide.cloud.intake.freshness import BootMemory, Timing, judge, require_in_force
from egide.cloud.vault.models import Flag
from egide.cloud.vault.sealing import Chains, record_bytes
from egide.errors import CertificateRevokedError, IdentityError, PairingError
from egide.measure.plausibility import doubts
from egide.trust.envelope import Envelope, VerifiedEnvelope

__all__ = ["Candidate", "Incoming", "Sealed", "date", "identify", "read", "seal", "verify"]

_DAY_MS: Final = 86_400_000


class Incoming(NamedTuple):
    """Bytes at the door. `source` is the object's UUID as TLS or the broker proved it, or "" when nothing did."""

    data: bytes
    source: str
    received_ms: int


@dataclass(slots=True)
class Candidate:
    """An envelope that was read, by a certificate that we issued; its signature was not looked at."""

    at: int  # place in the batch
    incoming: Incoming
    envelope: Envelope
    admitted: Admitted
    counter: tuple[int, int]  # (key, seq)


@dataclass(slots=True)
class Sealed:
    """An envelope that was verified and sealed: everything its row needs but its number."""

    candidate: Candidate
    leaf: bytes
    window: Window
    flags: int
    first_ms: int
    last_ms: int
    data_key: int
    step: int
    record: bytes


def read(incoming: Incoming) -> Envelope:
    """1. Size and form."""
    envelope = Envelope.parse(incoming.data)
    if incoming.source and incoming.source != envelope.object_id:
        raise IdentityError("the sender is not the object that the envelope names")
    return envelope


def identify(envelope: Envelope, fleet: FleetCache) -> Admitted:
    """3a. The object is known: its certificate was issued by us to that name."""
    admitted = fleet.get(envelope.certificate)
    if admitted is None or admitted.object_id != envelope.object_id:
        raise IdentityError("no such object is enrolled")
    return admitted


def verify(candidate: Candidate) -> VerifiedEnvelope:
    """3b, 4 and 7. Not revoked when it arrived, signed by the object's key, and the payload's form."""
    admitted = candidate.admitted
    if admitted.revoked_ms is not None and admitted.revoked_ms <= candidate.incoming.received_ms:
        raise CertificateRevokedError("the object or its certificate is revoked")
    return candidate.envelope.verify(admitted.public_key)


def date(candidate: Candidate, boots: BootMemory) -> Timing:
    """3c and 5. When it was signed, by a corrected clock, and that the certificate was in force then.

    Call it for a verified envelope only: what an envelope says of its boot is remembered.
    """
    admitted, envelope = candidate.admitted, candidate.envelope
    timing = judge(
        iat_ms=envelope.iat * 1000,
        since_boot_ms=envelope.clock.since_boot_ms,
        boot=envelope.clock.boot,
        synchronised=envelope.clock.synchronised,
        key=admitted.key_id,
        not_before_ms=admitted.not_before_ms,
        received_ms=candidate.incoming.received_ms,
        boots=boots,
    )
    require_in_force(envelope.iat * 1000 + timing.correction_ms, admitted.not_before_ms, admitted.not_after_ms)
    return timing


def seal(
    candidate: Candidate, verified: VerifiedEnvelope, timing: Timing, fleet: FleetCache, chains: Chains, nonce: bytes
) -> Sealed:
    """6, 8 and 9. The pairing, what was said of its periods, the plausibility, and the seal."""
    envelope, admitted, received_ms = candidate.envelope, candidate.admitted, candidate.incoming.received_ms
    window = admitted.pairings.get(envelope.pairing_id)
    if window is None:
        raise PairingError("the object has no such pairing")
    first_ms, last_ms = verified.readings.span_ms()
    first_ms += timing.correction_ms
    last_ms += timing.correction_ms
    flags = (Flag.LATE if timing.late else 0) | (Flag.CLOCK if timing.clock else 0)
    if not window.covers(first_ms, last_ms):
        flags |= Flag.HELD
    said = window.attribution(first_ms, last_ms) if window.attributed else None
    if said is not None and (flags & Flag.HELD or said.record != window.record):  # else its pairing says as much
        flags |= Flag.ATTRIBUTED
    ahead = received_ms - timing.correction_ms if last_ms > received_ms else None  # rare, and slower to judge
    found = doubts(verified.readings, now_ms=ahead)
    leaf = envelope.leaf()
    data_key, step, record = chains.seal(
        fleet.recipient_of(window) if said is None else fleet.recipient(said.record),
        record_bytes(
            envelope.entry,
            correction_ms=timing.correction_ms,
            received_ms=received_ms,
            flags=int(flags),
            trust=admitted.trust,
            doubts=found,
        ),
        leaf=leaf,
        pairing=window.uuid,
        day=received_ms // _DAY_MS,
        nonce=nonce,
    )
    return Sealed(candidate, leaf, window, int(flags), first_ms, last_ms, data_key, step, record)


