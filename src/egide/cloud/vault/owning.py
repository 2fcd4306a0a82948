"""Whose the envelopes are: each belongs to the record that it is sealed to. Its pairing is only where to look.

Every list of a patient's envelopes starts here.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable

from django.db.models import Exists, OuterRef, QuerySet

from egide.cloud.fleet.models import Attribution, Pairing
from egide.cloud.keys.models import RecordKey
from egide.cloud.vault.models import Envelope, Erratum, Flag

__all__ = ["errata_of", "held", "keys_of", "keys_of_each", "pairings_of", "records_of", "rows_of"]


def pairings_of(patient: uuid.UUID) -> set[int]:
    """The pairings under which something of this patient's may lie: their own, and those attributed to them."""
    own = Pairing.objects.filter(patient_id=patient).values_list("pk", flat=True)
    given = Attribution.objects.filter(to_id=patient, at_ms__isnull=False).values_list("pairing_id", flat=True)
    return {*own, *given}


def keys_of(patient: uuid.UUID) -> dict[int, uuid.UUID]:
    """The key pairs of a record that open something today, by number, and the establishment of each."""
    return dict(RecordKey.objects.filter(subject=patient, erased_ms=None).values_list("pk", "establishment"))


def keys_of_each(patients: Collection[uuid.UUID]) -> dict[uuid.UUID, dict[int, uuid.UUID]]:
    """The same of several records, in one query."""
    found: dict[uuid.UUID, dict[int, uuid.UUID]] = {patient: {} for patient in patients}
    rows = RecordKey.objects.filter(subject__in=patients, erased_ms=None)
    for key, subject, place in rows.values_list("pk", "subject", "establishment"):
        found[subject][key] = place
    return found


def rows_of(patient: uuid.UUID, keys: Iterable[int] | None = None) -> QuerySet[Envelope]:
    """A patient's envelopes that can be opened, held ones included; those sealed to these keys, when they are named."""
    return Envelope.objects.filter(
        pairing__in=pairings_of(patient), data_key__record_key__in=list(keys_of(patient) if keys is None else keys)
    )


def errata_of(patient: uuid.UUID, keys: Iterable[int] | None = None) -> QuerySet[Erratum]:
    """What this record held in error and does not hold again."""
    mine = pairings_of(patient)
    keys = list(keys_of(patient) if keys is None else keys)
    here = Envelope.objects.filter(entry=OuterRef("entry"), data_key__record_key__in=keys)
    return Erratum.objects.filter(~Exists(here), pairing__in=mine, data_key__record_key__in=keys)


def records_of(entry: int) -> list[uuid.UUID]:
    """Whose an envelope is, then those whose records held it in error; none for a number that is no envelope's."""
    key = "data_key__record_key__subject"
    owners = list(Envelope.objects.filter(entry=entry).values_list(key, flat=True))
    before = Erratum.objects.filter(entry=entry).order_by("-pk").values_list(key, flat=True)
    return list(dict.fromkeys([*owners, *before]))


def held(flags: int) -> bool:
    """Whether an envelope with these flags is nobody's until somebody says whose."""
    return bool(flags & Flag.HELD) and not flags & Flag.ATTRIBUTED
