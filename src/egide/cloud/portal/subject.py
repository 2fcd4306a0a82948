"""Whose record a page is about, and the one way a page asks for it: through the door out."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from django.http import HttpRequest
from django.urls import reverse

from egide.cloud.consent.attested import facts_of_each
from egide.cloud.consent.families import FAMILIES
from egide.cloud.consent.models import Ground
from egide.cloud.consent.overview import AccessLine, lines_of
from egide.cloud.consent.rules import CARE_TEAM, GRANT, REPRESENTATIVE
from egide.cloud.people.models import Account
from egide.cloud.people.service import name_of
from egide.cloud.portal import live
from egide.cloud.portal.belonging import holders_of
from egide.cloud.release.deciding import Ask
from egide.cloud.release.door import Answer, release, why
from egide.cloud.signin.guard import reader_of, signed_in
from egide.errors import AccessDeniedError

__all__ = [
    "CHANNEL", "Subject", "asked", "open_record", "reader_of", "require_open", "signed_in", "subject_of",
    "subjects_of", "wish_purpose", "wished_purposes",
]  # fmt: skip

CHANNEL: Final = "portal"
_WISHED: Final = "what-for"
_KEPT: Final = 20  # patients of one session


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A reader in front of a patient's record."""

    reader: Account
    patient: Account
    own: bool
    emergency: bool = False  # the reader broke the glass, and its four hours run
    shared: str = ""  # what for, where a grant or a representation opens this record to the reader

    @property
    def purpose(self) -> str:
        return "PATRQT" if self.own else "ETREAT" if self.emergency else self.shared or "TREAT"

    @property
    def base(self) -> str:
        """The address that this record's pages begin with."""
        return reverse("portal:me") if self.own else reverse("portal:patient", args=[self.patient.pk])

    def patient_name(self) -> str:
        """Call it only once the record was released to the reader."""
        return name_of(self.patient)


def subject_of(request: HttpRequest, patient_id: uuid.UUID | None) -> Subject:
    """The record that an address names: one's own when it names none.

    Raises:
        AccessDeniedError: there is no such record to be seen (which of absent and forbidden is not said).
    """
    reader = reader_of(request)
    if patient_id is None:
        if reader.role != Account.Role.PATIENT:
            raise AccessDeniedError("this account has no record of its own")
        return Subject(reader=reader, patient=reader, own=True)
    found = subjects_of(request, [patient_id]).get(patient_id)
    if found is None:
        raise AccessDeniedError("no such record")
    return found


def subjects_of(request: HttpRequest, patients: Collection[uuid.UUID]) -> dict[uuid.UUID, Subject]:
    """The records that several ids name, read together; an id that is no patient's is left out."""
    reader, now = reader_of(request), live.now_ms()
    accounts = Account.objects.filter(role=Account.Role.PATIENT).in_bulk(list(patients))
    others = [patient for patient in accounts.values() if patient.pk != reader.pk]
    opened, shared = _broke_the_glass(reader, others, now), _what_for(request, reader, others, now)
    return {
        key: Subject(reader=reader, patient=patient, own=True)
        if key == reader.pk
        else Subject(reader=reader, patient=patient, own=False, emergency=key in opened, shared=shared.get(key, ""))
        for key, patient in accounts.items()
    }


def wished_purposes(request: HttpRequest) -> dict[str, str]:
    """What for, by patient: what this reader chose in this session, among what they were given."""
    kept = request.session.get(_WISHED, {}) if hasattr(request, "session") else {}
    return dict(kept) if isinstance(kept, dict) else {}


def wish_purpose(request: HttpRequest, patient: Account, purpose: str) -> None:
    """From now on, in this session, this patient's pages ask for this purpose where a grant names it."""
    kept = wished_purposes(request)
    kept.pop(str(patient.pk), None)
    request.session[_WISHED] = dict([*kept.items(), (str(patient.pk), purpose)][-_KEPT:])


def _what_for(
    request: HttpRequest, reader: Account, patients: Sequence[Account], now_ms: int
) -> dict[uuid.UUID, str]:
    """The purpose that pages ask for outside a care team, by patient. The door decides."""
    if not patients:
        return {}
    mine, wished = holders_of(reader, now_ms=now_ms), wished_purposes(request)
    facts = facts_of_each([patient.pk for patient in patients])
    return {
        key: _purpose([line for line in lines_of(said, now_ms=now_ms) if line.holder in mine], wished.get(str(key), ""))
        for key, said in facts.items()
    }


def _purpose(mine: list[AccessLine], wished: str) -> str:
    """The one that the reader chose, where a grant names it; else that on which the most is open; "" in a team."""
    lines = [line for line in mine if line.state == "open"]
    if not lines or any(line.ground == CARE_TEAM for line in lines):
        return ""
    granted = [line for line in lines if line.ground == GRANT]
    if any(wished in line.purposes for line in granted):
        return wished
    if any(line.ground == REPRESENTATIVE for line in lines):  # a grant for the family's use would be tried before it
        return "PWATRNY" if any("FAMRQT" in line.purposes for line in granted) else "FAMRQT"
    return _widest(granted) if granted else lines[0].purposes[0]


def _widest(granted: list[AccessLine]) -> str:
    """Of several purposes, that whose grants open the most families; of those alike, the one given first."""
    opened: dict[str, set[str]] = {}
    for line in granted:
        families = FAMILIES if line.data.families is None else line.data.families
        opened.setdefault(line.purposes[0], set()).update(families)
    return max(opened, key=lambda purpose: len(opened[purpose]))


def _broke_the_glass(reader: Account, patients: Sequence[Account], now_ms: int) -> set[uuid.UUID]:
    """Of which patients a page is to ask as in an emergency. A row is only what it asks by: the door decides."""
    if not patients or reader.role != Account.Role.PROFESSIONAL:
        return set()
    mine = Ground.objects.filter(kind=Ground.Kind.EMERGENCY, patient__in=patients, holder=str(reader.pk))
    return set(mine.filter(since_ms__lte=now_ms, until_ms__gt=now_ms).values_list("patient", flat=True))


def require_open(subject: Subject, *, now_ms: int) -> None:
    """Raises AccessDeniedError (journaled) when nothing opens this record to the reader now; else does nothing."""
    ask = asked(subject, 0, now_ms)
    if not why(ask, now_ms=now_ms).allowed:
        release(ask, now_ms=now_ms)


def open_record(
    subject: Subject,
    since_ms: int,
    until_ms: int,
    *,
    now_ms: int,
    codes: tuple[str, ...] = (),
    entry: int | None = None,
) -> Answer:
    """Ask the door out. Raises AccessDeniedError."""
    return release(asked(subject, since_ms, until_ms, codes=codes, entry=entry), now_ms=now_ms)


def asked(
    subject: Subject, since_ms: int, until_ms: int, *, codes: tuple[str, ...] = (), entry: int | None = None
) -> Ask:
    """What a page asks the door."""
    return Ask(
        reader=subject.reader, patient=subject.patient, since_ms=since_ms, until_ms=until_ms, purpose=subject.purpose,
        channel=CHANNEL, codes=codes, entry=entry,
    )  # fmt: skip
