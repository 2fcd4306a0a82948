"""The downloadable proof of one envelope: released like any reading, then built from what the register holds."""

from __future__ import annotations

from typing import Final

from egide.cloud.fleet.models import Certificate
from egide.cloud.people.models import Account
from egide.cloud.register.epochs import log_anchor
from egide.cloud.register.models import Log, Witness
from egide.cloud.register.platform import platform
from egide.cloud.register.proving import certificates, cosignatures, covering, epochs_to, receipt_at
from egide.cloud.register.store import split_entry
from egide.cloud.release.door import Ask, entry_of, flag_names, release
from egide.cloud.vault.models import Envelope
from egide.cloud.vault.opening import Opened
from egide.trust.anchors import Anchors
from egide.trust.evidence import Assertion, build_evidence
from egide.trust.register.checkpoint import VerifierKey

__all__ = ["build_proof", "platform_anchors", "release_proof"]

_FOREVER: Final = 2**50


def platform_anchors() -> Anchors:
    """What an object's owner or an auditor pins: the CA root, each log, each witness."""
    return Anchors(
        roots=certificates("ca-root.pem"),
        logs=tuple(log_anchor(log) for log in Log.objects.order_by("id")),
        witnesses=tuple(VerifierKey.parse(w.vkey) for w in Witness.objects.order_by("id")),
    )


def release_proof(*, reader: Account | None, patient: Account, entry: int, purpose: str, now_ms: int) -> bytes:
    """The proof file of one entry, for the patient.

    Raises:
        AccessDeniedError: no ground, or somebody else's record (journaled).
        NotFoundError: the record has no such entry.
        UnavailableError: no checkpoint covers it yet: a second later there is one.
    """
    ask = Ask(
        reader=reader, patient=patient, since_ms=0, until_ms=_FOREVER, purpose=purpose, channel="proof", entry=entry,
        signed=True,
    )  # fmt: skip
    return build_proof(*entry_of(release(ask, now_ms=now_ms)), now_ms=now_ms)


def build_proof(row: Envelope, opened: Opened, *, now_ms: int) -> bytes:
    """The proof file of an envelope that was released. Raises UnavailableError: no checkpoint covers it yet."""
    log_id, index = split_entry(row.entry)
    checkpoint = covering(log_id, index)
    certificate = Certificate.objects.get(pk=row.certificate_id)
    me = platform()
    return build_evidence(
        envelope=opened.entry,
        receipt=receipt_at(checkpoint, index),
        chain=(bytes(certificate.der), *certificates("ca-issuing.pem")),
        roots=certificates("ca-root.pem"),
        log=log_anchor(checkpoint.log),
        checkpoint=checkpoint.note,
        cosignatures=cosignatures(checkpoint),
        consistency=(),
        assertion=_assertion(row, opened, now_ms),
        signer=me.signer,
        platform_chain=me.chain,
        epochs=epochs_to(log_id),
    )


def _assertion(row: Envelope, opened: Opened, now_ms: int) -> Assertion:
    doubts = [
        (series, value, code) for series, values in opened.doubts.items() for value, code in values.items()
    ]
    return Assertion(
        model=row.pairing.object.model,
        trust=opened.trust,
        correction_ms=opened.correction_ms,
        received_ms=row.received_ms,
        made_ms=now_ms,
        flags=tuple(sorted(flag_names(row.flags))),
        doubts=tuple(sorted(doubts)),
    )
