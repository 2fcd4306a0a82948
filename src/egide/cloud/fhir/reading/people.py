"""Patients, those who follow them and those who act for them: to whoever the door lets read the record."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import Q

from egide.cloud.consent.attested import facts_of
from egide.cloud.consent.facts import Follow, runs
from egide.cloud.consent.models import FollowUp, Ground
from egide.cloud.consent.rules import RESEARCH
from egide.cloud.fhir.asked import Asked
from egide.cloud.fhir.reading.entries import absent
from egide.cloud.fhir.reading.lists import OBJECT_STATE, listed, named_patient, opened, picked
from egide.cloud.fhir.resources import care_team, group, patient, related_person
from egide.cloud.fhir.resources.care_team import Part
from egide.cloud.fhir.wrong import ParameterError
from egide.cloud.people.identity import known_identity
from egide.cloud.people.ins import NIR, Ins
from egide.cloud.people.models import Account
from egide.cloud.people.scope import scope_of
from egide.cloud.people.search import find_by_ins
from egide.cloud.people.service import name_of
from egide.cloud.release.door import Answer
from egide.cloud.release.lists import release_each
from egide.cloud.release.withheld import in_force
from egide.cloud.signin.pace import take_turn
from egide.errors import AccessDeniedError, EgideError, NotFoundError

__all__ = [
    "followed_by", "patient_of", "read_group", "read_patient", "read_related", "read_team", "search_groups",
    "search_patients", "search_related", "search_teams",
]  # fmt: skip

_MOST = 500
Body = dict[str, Any]


def patient_of(answer: Answer) -> Body:
    """The patient of a released answer. For research nobody is named: they are known by their id."""
    who = answer.ask.patient
    if answer.decision.ground == RESEARCH:
        return patient(who.pk, active=who.is_active)
    try:
        traits = known_identity(who).traits
    except (NotFoundError, EgideError):
        return patient(who.pk, name_of(who), active=who.is_active)
    return patient(who.pk, name_of(who), active=who.is_active, sex=traits.sex, birth_date=traits.birth_date)


def read_patient(asked: Asked, key: str) -> Body:
    found = patient_of(opened(asked, _patient(asked, key), "Patient", "read"))
    if not asked.reader.may("Patient", "read", found):
        raise absent()
    return found


def _patient(asked: Asked, key: str) -> Account:
    try:
        return asked.patient(key)
    except ParameterError as err:
        raise NotFoundError("no such patient") from err


def search_patients(asked: Asked) -> Body:
    """The reader's own list: themselves, or those they follow; by `_id`, or by a national identifier in a POST."""
    asked.require("Patient", "search-type")
    account = asked.reader.account
    named = asked.query.get("identifier")
    ids = asked.query.get("_id")
    if named is not None:
        people = _by_identifier(asked, named)
    elif ids is not None:
        keys = [_uuid(text) for text in ids.split(",")[:_MOST]]
        people = list(Account.objects.filter(pk__in=[k for k in keys if k], role=Account.Role.PATIENT).order_by("pk"))
    elif asked.reader.patient is not None:
        people = [asked.patient(str(asked.reader.patient))]
    elif account is not None and account.role == Account.Role.PATIENT:
        people = [account]
    else:
        people = followed_by(asked)
    return listed(asked, "Patient", [patient_of(a) for a in _released(asked, people)], known={"identifier"})


def _released(asked: Asked, people: Iterable[Account]) -> list[Answer]:
    """The door's yes, each asked for and journaled; a no is as if they were not there."""
    asks = []
    for who in people:
        try:
            asked.require("Patient", "search-type", who)
        except AccessDeniedError:
            continue
        asks.append(asked.ask(who, codes=OBJECT_STATE))
    found: list[Answer] = []
    for purpose in sorted({ask.purpose for ask in asks}):
        answers = release_each([ask for ask in asks if ask.purpose == purpose], now_ms=asked.now_ms)
        found += [answer for answer in answers if answer is not None]
    return found


def followed_by(asked: Asked) -> list[Account]:
    """The patients whom the reader follows now, by the index: the door says of each whether it is so."""
    if asked.reader.account is None:
        return []
    in_force_now = Q(until_ms=None) | Q(until_ms__gt=asked.now_ms)
    rows = FollowUp.objects.filter(in_force_now, professional=asked.reader.account, since_ms__lte=asked.now_ms)
    return list(Account.objects.filter(pk__in=rows.values("patient"), is_active=True).order_by("pk")[:_MOST])


def _by_identifier(asked: Asked, text: str) -> list[Account]:
    """By the national number, within where the reader may find people. `query_of` refused it in an address.

    Raises:
        ParameterError: it is none. TooOftenError: this account searched too many times.
    """
    system, _, number = text.rpartition("|")
    if asked.request.method != "POST":
        raise ParameterError("identifier", "an identifier is asked for by POST to _search, never in an address")
    if asked.reader.account is None:
        return []
    try:
        ins = Ins.read(number, system.removeprefix("urn:oid:") or NIR)
    except EgideError as err:
        raise ParameterError("identifier", "is not a national health identifier") from err
    take_turn(asked.reader.account, "search", now_ms=asked.now_ms)
    return find_by_ins(scope_of(asked.reader.account, now_ms=asked.now_ms), ins)


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text.removeprefix("Patient/"))
    except ValueError:
        return None


def read_team(asked: Asked, key: str) -> Body:
    """The team of a patient, by the patient's id."""
    who = _patient(asked, key)
    return picked(asked, "CareTeam", key, lambda: _teams(asked, who, "read"))


def search_teams(asked: Asked) -> Body:
    who = named_patient(asked)
    return listed(asked, "CareTeam", _teams(asked, who, "search-type"), known={"patient", "subject"})


def _teams(asked: Asked, who: Account, interaction: str) -> list[Body]:
    answer = opened(asked, who, "CareTeam", interaction)
    if answer.decision.ground == RESEARCH:
        return []
    follows = [f for f in facts_of(who.pk).follows if runs(f, asked.now_ms)]
    return [care_team(str(who.pk), _parts(asked, who, follows))]


def _parts(asked: Asked, who: Account, follows: Sequence[Follow]) -> list[Part]:
    names = _names({f.professional for f in follows})
    hidden = in_force(who.pk, now_ms=asked.now_ms)
    return [
        Part(
            who=f.professional, name=hidden.get(f.professional, names.get(f.professional, "")), part=f.part,
            since_ms=f.since_ms, until_ms=f.until_ms,
        )
        for f in sorted(follows, key=lambda f: (f.since_ms, f.professional))
    ]  # fmt: skip


def _names(keys: Iterable[str]) -> dict[str, str]:
    return {str(account.pk): name_of(account) for account in Account.objects.filter(pk__in=list(keys))}


def read_related(asked: Asked, key: str) -> Body:
    """Who acts for a patient, for whoever may read the record. The row says whose papers to look at, and no more."""
    number = _uuid(key)
    row = Ground.objects.filter(pk=number, kind=Ground.Kind.REPRESENTATION).first() if number else None
    if row is None:
        raise absent()
    return picked(asked, "RelatedPerson", key, lambda: _related(asked, row.patient, "read"))


def search_related(asked: Asked) -> Body:
    who = named_patient(asked)
    return listed(asked, "RelatedPerson", _related(asked, who, "search-type"), known={"patient"})


def _related(asked: Asked, who: Account, interaction: str) -> list[Body]:
    if opened(asked, who, "RelatedPerson", interaction).decision.ground == RESEARCH:
        return []
    deeds = facts_of(who.pk).representations
    names = _names({deed.representative for deed in deeds})
    return [
        related_person(
            deed.id, str(who.pk), names.get(deed.representative, ""), deed.nature, active=runs(deed, asked.now_ms),
            since_ms=deed.since_ms, until_ms=deed.until_ms,
        )
        for deed in deeds
    ]  # fmt: skip


def read_group(asked: Asked, key: str) -> Body:
    return picked(asked, "Group", key, lambda: _groups(asked))


def search_groups(asked: Asked) -> Body:
    """One's own patients: nobody else's list is told."""
    return listed(asked, "Group", _groups(asked))


def _groups(asked: Asked) -> list[Body]:
    asked.require("Group", "read")
    account = asked.reader.account
    if account is None or account.role != Account.Role.PROFESSIONAL:
        return []
    found = _released(asked, followed_by(asked))
    return [group(str(account.pk), sorted(str(answer.ask.patient.pk) for answer in found))]
