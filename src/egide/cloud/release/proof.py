"""The downloadable proof of one envelope: released like any reading, then built from what the register holds."""

from __future__ import annotations

from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from django.conf import settings

from egide.cloud.fleet.models import Certificate
from egide.cloud.people.models import Account
from egide.cloud.register.epochs import log_anchor
from egide.cloud.register.models import Checkpoint, Log, Statement, Witness
from egide.cloud.register.platform import platform
from egide.cloud.register.publishing import signed_head
from egide.cloud.register.store import path_of, split_entry
from egide.cloud.release.door import Ask, entry_of, flag_names, release
from egide.cloud.vault.models import Envelope
from egide.cloud.vault.opening import Opened
from egide.errors import UnavailableError
from egide.trust.anchors import Anchors
from egide.trust.evidence import Assertion, Epoch, build_evidence
from egide.trust.genesis import GENESIS_KIND
from egide.trust.register.checkpoint import Checkpoint as Note
from egide.trust.register.checkpoint import SignedNote, VerifierKey

__all__ = ["build_proof", "platform_anchors", "release_proof"]

_FOREVER: Final = 2**50


def _der(name: str) -> tuple[bytes, ...]:
    certificates = x509.load_pem_x509_certificates(settings.OPTIONS.read_key(name))
    return tuple(c.public_bytes(Encoding.DER) for c in certificates)


def platform_anchors() -> Anchors:
    """What an object's owner or an auditor pins: the CA root, each log, each witness."""
    return Anchors(
        roots=_der("ca-root.pem"),
        logs=tuple(log_anchor(log) for log in Log.objects.order_by("id")),
        witnesses=tuple(VerifierKey.parse(w.vkey) for w in Witness.objects.order_by("id")),
    )


def release_proof(*, reader: Account | None, patient: Account, entry: int, purpose: str, now_ms: int) -> bytes:
    """The proof file of one entry, for whoever may read it.

    Raises:
        AccessDeniedError: no ground (journaled).
        NotFoundError: the record has no such entry.
        UnavailableError: no checkpoint covers it yet: a second later there is one.
    """
    ask = Ask(
        reader=reader, patient=patient, since_ms=0, until_ms=_FOREVER, purpose=purpose, channel="proof", entry=entry
    )
    return build_proof(*entry_of(release(ask, now_ms=now_ms)), now_ms=now_ms)


def build_proof(row: Envelope, opened: Opened, *, now_ms: int) -> bytes:
    """The proof file of an envelope that was released. Raises UnavailableError: no checkpoint covers it yet."""
    log_id, index = split_entry(row.entry)
    checkpoint = _covering(log_id, index)
    root = Note.parse(SignedNote.parse(checkpoint.note.encode()).text).root
    receipt = signed_head(checkpoint, root).receipt(index, path_of(log_id, index, checkpoint.size))
    certificate = Certificate.objects.get(pk=row.certificate_id)
    me = platform()
    return build_evidence(
        envelope=opened.entry,
        receipt=receipt,
        chain=(bytes(certificate.der), *_der("ca-issuing.pem")),
        roots=_der("ca-root.pem"),
        log=log_anchor(checkpoint.log),
        checkpoint=checkpoint.note,
        cosignatures=_cosignatures(checkpoint),
        consistency=(),
        assertion=_assertion(row, opened, now_ms),
        signer=me.signer,
        platform_chain=me.chain,
        epochs=_epochs(log_id),
    )


def _covering(log_id: int, index: int) -> Checkpoint:
    """The latest checkpoint over an entry, one with cosignatures rather than a later one without."""
    over = Checkpoint.objects.filter(log_id=log_id, size__gt=index).select_related("log").order_by("-size")
    found = over.filter(cosignatures__isnull=False).first() or over.first()
    if found is None:
        raise UnavailableError("no checkpoint covers this entry yet")
    return found


def _cosignatures(checkpoint: Checkpoint) -> list[tuple[VerifierKey, str]]:
    keys = {w.name: VerifierKey.parse(w.vkey) for w in Witness.objects.all()}
    return [(keys[c.witness], c.line) for c in checkpoint.cosignatures.order_by("id") if c.witness in keys]


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


def _epochs(log_id: int) -> list[Epoch]:
    """The genesis statements that lead to a log; none for the first."""
    if log_id == 1:
        return []
    rows = Statement.objects.filter(kind=GENESIS_KIND).order_by("entry")
    return [Epoch(statement=bytes(row.body), chain=platform().chain) for row in rows if row.entry >> 40 <= log_id]
