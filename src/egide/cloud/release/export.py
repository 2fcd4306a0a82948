"""What a whole record leaves with: the signed entries of one released answer, and a proof of each."""

from __future__ import annotations

from collections.abc import Iterator

from egide.cloud.release.door import Answer, entries_of
from egide.cloud.release.proof import build_proof
from egide.cloud.vault.models import Envelope
from egide.cloud.vault.opening import Opened
from egide.errors import AccessDeniedError, UnavailableError

__all__ = ["Entry", "entries", "proof_or_none"]

Entry = tuple[Envelope, Opened]


def entries(answer: Answer) -> Iterator[Entry]:
    """Every envelope of an answer that a patient got of their own record, opened, in the order of the register.

    Raises:
        AccessDeniedError: the answer is somebody else's: whole envelopes may hold what is hidden from them.
    """
    if answer.ask.reader is None or answer.ask.reader.pk != answer.ask.patient.pk:
        raise AccessDeniedError("whole envelopes leave for the patient alone")
    yield from entries_of(answer)


def proof_or_none(entry: Entry, *, now_ms: int) -> bytes | None:
    """The proof file of one entry; None while no checkpoint covers it: a second later there is one."""
    try:
        return build_proof(*entry, now_ms=now_ms)
    except UnavailableError:
        return None
