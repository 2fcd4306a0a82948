"""Care records whose term has passed: a list for people to decide on. Nothing here destroys anything."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime

from django.db.models import Q
from django.utils import timezone

from egide.cloud.governance.acting import died_on
from egide.cloud.governance.deadlines import Term, years_later
from egide.cloud.governance.desk import ANSWER
from egide.cloud.governance.duties import duties
from egide.cloud.governance.erasure import has_class
from egide.cloud.governance.retention import destroyable, term_of
from egide.cloud.keys.models import RecordKey
from egide.cloud.people.models import Account
from egide.cloud.people.offices import offices_of
from egide.errors import EgideError, NotFoundError

__all__ = ["Passed", "passed", "passed_for", "place_for"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """A care record that the law no longer asks to keep, or perhaps: `term.sure` is false without a birth date."""

    patient: Account
    term: Term
    died: date | None


def passed(patients: Iterable[Account] | None = None, *, now_ms: int) -> list[Passed]:
    """Of these patients (None: of the platform), those whose term has passed, the longest ago first."""
    care, today = duties().care, _day(now_ms)
    earliest = min(care.years_from_last_contact, care.years_after_death)
    before_ms = round(datetime.combine(years_later(today, -earliest), datetime.min.time(), UTC).timestamp() * 1000)
    if patients is None:
        patients = Account.objects.filter(role=Account.Role.PATIENT, created_ms__lt=before_ms + 86_400_000)
    found = []
    for patient in patients:
        if patient.created_ms >= before_ms + 86_400_000 or not has_class(patient.pk, RecordKey.Class.CARE):
            continue
        died = died_on(patient)
        try:
            term = term_of(patient, now_ms=now_ms, death=died)
        except EgideError:  # an identity that cannot be read: nobody can say when its term passes
            continue
        if term.until < today:
            found.append(Passed(patient=patient, term=term, died=died))
    return sorted(found, key=lambda one: (one.term.until, one.patient.created_ms))


def passed_for(reader: Account, *, now_ms: int) -> list[Passed]:
    """Those of the establishments for which the reader answers; nobody's for anybody else."""
    here = _answers(reader, now_ms)
    known = Q(registrations__establishment__in=here)
    found = passed(Account.objects.filter(known, role=Account.Role.PATIENT).distinct(), now_ms=now_ms)
    return [one for one in found if _place(one.patient, here) is not None]


def place_for(reader: Account, patient: Account, *, now_ms: int) -> uuid.UUID:
    """Of the establishments for which the reader answers and which know the patient, the first that may destroy.

    Raises NotFoundError: there is none.
    """
    found = _place(patient, _answers(reader, now_ms))
    if found is None:
        raise NotFoundError("no such record here")
    return found


def _answers(reader: Account, now_ms: int) -> list[uuid.UUID]:
    return [m.establishment_id for m in offices_of(reader, now_ms=now_ms) if m.office in ANSWER]


def _place(patient: Account, here: Collection[uuid.UUID]) -> uuid.UUID | None:
    known = patient.registrations.filter(establishment__in=here).order_by("since_ms")
    places: Iterable[uuid.UUID] = known.values_list("establishment_id", flat=True)
    return next((place for place in places if destroyable(patient.pk, place)), None)


def _day(ms: int) -> date:
    return datetime.fromtimestamp(ms / 1000, tz=UTC).astimezone(timezone.get_default_timezone()).date()
