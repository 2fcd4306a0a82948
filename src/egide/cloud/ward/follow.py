"""Follow-ups as their team sees and changes them. What is signed decides; who may change it is decided here."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Final

from egide.cloud.consent.attested import facts_of
from egide.cloud.consent.facts import Care, Follow, Span, runs
from egide.cloud.consent.rules import opposed
from egide.cloud.people.authority import CARE_OFFICES
from egide.cloud.people.models import Account, Membership
from egide.cloud.people.offices import offices_of
from egide.cloud.people.service import name_of
from egide.cloud.release.door import works_of
from egide.errors import NotFoundError

__all__ = ["Carer", "Member", "Relation", "carers_with", "doctors_among", "relation_of", "relations_of"]

_MANY: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Carer:
    """A colleague who may be in a team."""

    account: Account
    name: str
    doctor: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """Somebody in the team, now or later."""

    account: str
    name: str
    part: str
    since_ms: int
    until_ms: int | None
    replaces: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """A care relation that the reader belongs to."""

    care: Care
    responsible: str
    team: tuple[Member, ...]
    pause: Span | None


def carers_with(reader: Account, *, now_ms: int) -> list[Carer]:
    """People who care, where the reader cares, by name; the reader is among them."""
    places = [m.establishment_id for m in offices_of(reader, now_ms=now_ms) if m.office in CARE_OFFICES]
    rows = Membership.objects.filter(establishment__in=places, office__in=CARE_OFFICES).exclude(until_ms__lte=now_ms)
    accounts = Account.objects.filter(pk__in=rows.values("account"), role=Account.Role.PROFESSIONAL, is_active=True)
    found = []
    for account in accounts[:_MANY]:
        held = {m.office for m in offices_of(account, now_ms=now_ms) if m.establishment_id in places}
        if held & CARE_OFFICES:
            found.append(Carer(account=account, name=name_of(account), doctor="doctor" in held))
    return sorted(found, key=lambda one: one.name.casefold())


def doctors_among(carers: list[Carer]) -> list[Carer]:
    return [one for one in carers if one.doctor]


def relations_of(reader: Account, patient: Account, *, now_ms: int) -> list[Relation]:
    """The running care relations in whose team the reader is now, or which they answer for.

    None that the patient opposes or refused, and none once every office of care of the reader ended.
    """
    facts, me = facts_of(patient.pk), str(reader.pk)
    found: list[Relation] = []
    if works_of(reader, now_ms).dismissed:
        return found
    for care in (c for c in facts.care if runs(c, now_ms)):
        if opposed(facts, care.id, me, at_ms=now_ms):
            continue
        team = [f for f in facts.follows if f.follow_up == care.id and (f.until_ms is None or now_ms < f.until_ms)]
        if care.responsible == me or any(f.professional == me and runs(f, now_ms) for f in team):
            found.append(_relation(care, team, now_ms))
    return found


def relation_of(reader: Account, patient: Account, follow_up: uuid.UUID, *, now_ms: int) -> Relation:
    """Raises NotFoundError: none of the reader's, which is also what is said of another team's."""
    for relation in relations_of(reader, patient, now_ms=now_ms):
        if relation.care.id == str(follow_up):
            return relation
    raise NotFoundError("no such follow-up of yours")


def _relation(care: Care, team: list[Follow], now_ms: int) -> Relation:
    ids = {care.responsible, *(f.professional for f in team), *(f.replaces for f in team if f.replaces)}
    names = {str(a.pk): name_of(a) for a in Account.objects.filter(pk__in=ids)}
    return Relation(
        care=care,
        responsible=names.get(care.responsible, ""),
        team=tuple(
            Member(
                account=f.professional,
                name=names.get(f.professional, ""),
                part=f.part,
                since_ms=f.since_ms,
                until_ms=f.until_ms,
                replaces=names.get(f.replaces, ""),
            )
            for f in sorted(team, key=lambda f: f.since_ms)
        ),
        pause=next((p for p in care.pauses if runs(p, now_ms)), None),
    )
