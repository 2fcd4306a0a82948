"""A correction is a new Observation that names the one it replaces; the old one gets a version that says so.

Nothing that was signed is touched: a statement, sealed for the patient, says which stands for which. A system
supersedes only what it wrote itself, and each once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from egide.cloud.fhir.observations import Observed
from egide.cloud.fhir.writing.observing import REPLACES
from egide.cloud.fhir.writing.problems import ElementError
from egide.cloud.fhir.writing.registering import scribe
from egide.cloud.fhir.writing.writers import Writer
from egide.cloud.fleet.models import Trust
from egide.cloud.intake.models import Superseded, Written
from egide.cloud.keys.records import care_key
from egide.cloud.people.models import Account
from egide.cloud.register.journal import append_statement
from egide.cloud.vault.models import Envelope
from egide.cloud.vault.owning import records_of

__all__ = ["KIND", "replaced_by", "require_free", "supersede", "with_superseded"]

KIND: Final = "supersession"
_WHERE: Final = f"Observation.extension('{REPLACES}').value.reference"
_REPLACED: Final = "it was replaced already: replace the one that stands for it"
_REFERENCE: Final = re.compile(r"(?:.*/)?Observation/(\d{1,19})-(\d{1,2})-0(?:/_history/\d+)?", re.ASCII)


def replaced_by(writer: Writer, patient: Account, reference: str) -> tuple[int, int]:
    """(entry, position) of what a reference names: of this patient's, and written by this system.

    Raises:
        ElementError: it is not, or not there; which, is not said.
    """
    match = _REFERENCE.fullmatch(reference)
    entry, position = (int(match[1]), int(match[2])) if match else (0, 0)
    key = scribe(writer.system.id).public_key.thumbprint
    row = Envelope.objects.filter(entry=entry, key__thumbprint=key).first() if 0 < entry < 2**63 else None
    if row is None or records_of(entry)[:1] != [patient.pk]:
        raise ElementError("this is no Observation of the patient that this system wrote", _WHERE)
    if not Written.objects.filter(signing_id=row.seq, object=writer.system.id, position=position).exists():
        raise ElementError("this is no Observation of the patient that this system wrote", _WHERE)
    return entry, position


def supersede(patient: Account, old: tuple[int, int], new: tuple[int, int], *, now_ms: int) -> None:
    """Say that `new` stands for `old`. Saying it again changes nothing. Of two said at once, the second signs nothing.

    Raises:
        ElementError: another stands for it already, or it would stand for itself.
    """
    if old == new:
        raise ElementError("an Observation does not replace itself", _WHERE)
    if _stands(old, new):
        return

    def keep() -> None:
        if _taken(old):  # asked again under the register's lock: what is raised here takes the statement back
            raise ElementError(_REPLACED, _WHERE)
        Superseded.objects.create(entry=old[0], position=old[1], by_entry=new[0], by_position=new[1], at_ms=now_ms)

    personal, key = {"old": list(old), "new": list(new)}, care_key(patient.pk)
    try:
        append_statement(KIND, patient.pk, {}, now_ms=now_ms, personal=personal, sealed_for=key, also=keep)
    except ElementError:
        if not _stands(old, new):
            raise


def require_free(olds: Sequence[tuple[int, int]]) -> None:
    """Raises ElementError: something else stands for one of them already, or would twice."""
    if len(set(olds)) != len(olds) or any(map(_taken, olds)):
        raise ElementError(_REPLACED, _WHERE)


def with_superseded(found: Iterable[Observed]) -> list[Observed]:
    """The same, and those that were replaced say by which. Only what systems attest is asked about."""
    kept = list(found)
    entries = {o.entry for o in kept if o.parts[0][0].trust == Trust.SYSTEM}
    if not entries:
        return kept
    rows = Superseded.objects.filter(entry__in=entries)
    said = {(r.entry, r.position): (f"{r.by_entry}-{r.by_position}-0", r.at_ms) for r in rows}
    return [_said(o, *said[o.entry, o.position]) if (o.entry, o.position) in said else o for o in kept]


def _taken(old: tuple[int, int]) -> bool:
    return Superseded.objects.filter(entry=old[0], position=old[1]).exists()


def _stands(old: tuple[int, int], new: tuple[int, int]) -> bool:
    """Whether `new` stands for `old`. Raises ElementError: another does."""
    row = Superseded.objects.filter(entry=old[0], position=old[1]).first()
    if row is not None and (row.by_entry, row.by_position) != new:
        raise ElementError(_REPLACED, _WHERE)
    return row is not None


def _said(observed: Observed, by: str, at_ms: int) -> Observed:
    return replace(observed, superseded_by=by, changed_ms=at_ms)
