"""The downloadable proof of one signed consent, built from what the register holds (docs/spec/consent.md)."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from egide.cloud.consent.attested import read_statement
from egide.cloud.consent.credentials import Enrolled, credentials_of
from egide.cloud.register.epochs import log_anchor
from egide.cloud.register.models import Checkpoint, Statement
from egide.cloud.register.platform import platform
from egide.cloud.register.proving import certificates, cosignatures, covering, epochs_to, receipt_at
from egide.cloud.register.store import split_entry
from egide.errors import NotFoundError, SignatureError
from egide.trust.grant import Consent, Entry, SignedConsent, build_consent_proof, verify_consent
from egide.trust.grant.entries import ENTERED_AS

__all__ = ["consent_proof", "signed_consents"]


def signed_consents(patient: uuid.UUID) -> list[tuple[int, Consent]]:
    """Entry and statement of every grant and withdrawal that was signed by a passkey, oldest first."""
    rows = Statement.objects.filter(subject=patient, kind__in=tuple(ENTERED_AS.values())).order_by("entry")
    found = [(row.entry, _signed(row)) for row in rows]
    return [(entry, Consent.decode(signed.statement)) for entry, signed in found if signed]


def consent_proof(patient: uuid.UUID, entry: int, *, now_ms: int) -> bytes:
    """The proof file of one signed consent. Who may have it is the caller's to decide: it is the patient's.

    Raises:
        NotFoundError: the patient has no signed consent there, or the register no passkey that signed it.
        UnavailableError: no checkpoint covers it yet: a second later there is one.
    """
    row = Statement.objects.filter(pk=entry, subject=patient).first()
    signed = _signed(row) if row else None
    if row is None or signed is None:
        raise NotFoundError("no signed consent lies there")
    enrolled = _enrolment(signed)
    log_id, index = split_entry(entry)
    ended = _in_log(log_id, (enrolled.ended,))
    checkpoint = covering(log_id, max(index, *(split_entry(each)[1] for each in ended), 0))
    me = platform()
    return build_consent_proof(
        signed=signed,
        entry=_entry(entry, checkpoint),
        credential=_entry(enrolled.entry, checkpoint),
        retirement=_entry(ended[0], checkpoint) if ended else None,
        roots=certificates("ca-root.pem"),
        log=log_anchor(checkpoint.log),
        checkpoint=checkpoint.note,
        cosignatures=cosignatures(checkpoint),
        made_ms=now_ms,
        signer=me.signer,
        platform_chain=me.chain,
        epochs=epochs_to(log_id),
    )


def _signed(row: Statement) -> SignedConsent | None:
    """What the passkey signed, when this statement holds and carries it."""
    said = read_statement(row)
    if said is None or said.personal is None or "consent" not in said.facts:
        return None
    return SignedConsent.decode(said.personal["signature"])


def _enrolment(signed: SignedConsent) -> Enrolled:
    """The credential of the signer whose passkey signed this; a consent names no credential."""
    signer = Consent.decode(signed.statement).signer.uri
    for each in credentials_of(uuid.UUID(signer.removeprefix("urn:uuid:"))):
        try:
            verify_consent(signed, each.credential)
        except SignatureError:
            continue
        return each
    raise NotFoundError("no passkey that the register enrolled signed this")


def _in_log(log_id: int, entries: Iterable[int | None]) -> list[int]:
    """Those that lie in this log: a later log's are not in what this one's checkpoint covers."""
    return [entry for entry in entries if entry is not None and split_entry(entry)[0] == log_id]


def _entry(entry: int, checkpoint: Checkpoint) -> Entry:
    """A statement with its receipt: at the checkpoint's size, or, from a log before, at one of its own."""
    log_id, index = split_entry(entry)
    over = checkpoint if log_id == checkpoint.log_id else covering(log_id, index)
    body = bytes(Statement.objects.get(pk=entry).body)
    return Entry.of(body, receipt_at(over, index), platform().chain)
