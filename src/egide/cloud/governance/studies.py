"""Objects that measure for a study: paired under the patient's own participation, sealed to the research class.

What is measured so is no part of the care record: its key is another, and erasing it leaves the care.
"""

from __future__ import annotations

import uuid

from egide.cloud.consent.attested import facts_of
from egide.cloud.consent.facts import runs
from egide.cloud.consent.grants import leave_research
from egide.cloud.fleet.models import HealthObject, Pairing
from egide.cloud.fleet.pairings import pair, unpair
from egide.cloud.keys.models import RecordKey
from egide.cloud.keys.records import ESTABLISHMENT
from egide.cloud.people.models import Account
from egide.errors import EgideError, RefusedError

__all__ = ["end_over_pairings", "end_study_pairings", "leave_study", "pair_for_study"]


def pair_for_study(
    owner: HealthObject, patient: Account, participation: str, *, now_ms: int, establishment: uuid.UUID = ESTABLISHMENT
) -> Pairing:
    """From now on the object measures this patient for a study, under a participation that runs.

    Raises:
        RefusedError: the patient takes part in no such project now. Others as `fleet.pairings.pair`.
    """
    mine = (part for part in facts_of(patient.pk).participations if part.id == participation)
    if not any(runs(part, now_ms) for part in mine):
        raise RefusedError("the patient takes part in no such project")
    klass = str(RecordKey.Class.RESEARCH)
    return pair(owner, patient, now_ms, klass=klass, establishment=establishment, study=participation)


def leave_study(patient: Account, participation: str, *, now_ms: int) -> None:
    """The patient's no: from now on nobody reads for the study, and its objects measure nothing more. At once."""
    leave_research(patient, participation, now_ms=now_ms)
    end_study_pairings(patient, now_ms=now_ms)


def end_over_pairings(*, now_ms: int) -> int:
    """End those of everybody who takes part in nothing any more: a project that was left later, or that is over.

    A patient whose record cannot be read is passed over. Returns how many.
    """
    running = Pairing.objects.filter(klass=RecordKey.Class.RESEARCH, until_ms=None)
    ended = 0
    for patient in Account.objects.filter(pk__in=running.values("patient")).order_by("pk"):
        try:
            ended += end_study_pairings(patient, now_ms=now_ms)
        except EgideError:
            continue
    return ended


def end_study_pairings(patient: Account, *, now_ms: int) -> int:
    """End the research pairings of a patient who takes part in nothing any more; returns how many. Once is enough."""
    if any(runs(part, now_ms) for part in facts_of(patient.pk).participations):
        return 0
    running = Pairing.objects.filter(patient=patient, klass=RecordKey.Class.RESEARCH, until_ms=None)
    for pairing in (ended := list(running)):
        unpair(pairing, now_ms)
    return len(ended)
