"""Professionals, the offices they hold and where: of one's own establishments, and of one's own team.

There is no patient to ask the door about: what is told is what the same person's pages of the portal list. An app that
was let in for somebody else's record is told of that patient's own, once the door has opened it: never of the reader's.
"""

from __future__ import annotations

from typing import Any

from egide.cloud.consent.attested import facts_of
from egide.cloud.consent.facts import runs
from egide.cloud.consent.rules import RESEARCH
from egide.cloud.fhir.asked import Asked
from egide.cloud.fhir.reading.lists import listed, opened, picked
from egide.cloud.fhir.resources import organization, practitioner, practitioner_role
from egide.cloud.people.models import Account, Establishment, Membership
from egide.cloud.people.offices import offices_of
from egide.cloud.people.scope import scope_of
from egide.cloud.people.service import name_of
from egide.cloud.release.withheld import in_force

__all__ = [
    "read_organization", "read_practitioner", "read_role", "search_organizations", "search_practitioners",
    "search_roles",
]  # fmt: skip

_MOST = 1_000
Body = dict[str, Any]


def read_practitioner(asked: Asked, key: str) -> Body:
    asked.require("Practitioner", "read")
    return picked(asked, "Practitioner", key, lambda: _practitioners(asked, "read"))


def search_practitioners(asked: Asked) -> Body:
    asked.require("Practitioner", "search-type")
    return listed(asked, "Practitioner", _practitioners(asked, "search-type"))


def _practitioners(asked: Asked, interaction: str) -> list[Body]:
    known = _known(asked, "Practitioner", interaction)
    return [practitioner(who.pk, name_of(who), active=who.is_active) for who in known]


def _about(asked: Asked, kind: str, interaction: str) -> Account | None:
    """Of whose surroundings one is told: the reader's, or the patient's for whom their app was let in.

    Raises AccessDeniedError: the door does not open that patient's record (journaled).
    """
    reader = asked.reader
    if reader.account is None or not reader.app or reader.patient in (None, reader.account.pk):
        return reader.account
    answer = opened(asked, asked.patient(str(reader.patient)), kind, interaction)
    return answer.ask.patient if answer.decision.ground != RESEARCH else None


def _known(asked: Asked, kind: str, interaction: str) -> list[Account]:
    """A professional's colleagues and themselves; a patient's team, but for whose name is withheld from them."""
    account = _about(asked, kind, interaction)
    if account is None:
        return []
    if account.role == Account.Role.PATIENT:
        team = {f.professional for f in facts_of(account.pk).follows if runs(f, asked.now_ms)}
        people = Account.objects.filter(pk__in=team - set(in_force(account.pk, now_ms=asked.now_ms)))
    else:
        here = scope_of(account, now_ms=asked.now_ms).colleagues()
        people = Account.objects.filter(pk__in=here.values("pk")) | Account.objects.filter(pk=account.pk)
    return list(people.filter(role=Account.Role.PROFESSIONAL).order_by("pk")[:_MOST])


def read_role(asked: Asked, key: str) -> Body:
    asked.require("PractitionerRole", "read")
    return picked(asked, "PractitionerRole", key, lambda: _roles(asked, "read"))


def search_roles(asked: Asked) -> Body:
    asked.require("PractitionerRole", "search-type")
    found = _roles(asked, "search-type")
    for name, path in (("practitioner", "practitioner"), ("organization", "organization")):
        for value in asked.query.getlist(name):
            wanted = {part.rpartition("/")[2] for part in value.split(",")}
            found = [one for one in found if one[path]["reference"].rpartition("/")[2] in wanted]
    return listed(asked, "PractitionerRole", found, known={"practitioner", "organization"})


def _roles(asked: Asked, interaction: str) -> list[Body]:
    return [
        practitioner_role(
            held.pk, who.pk, held.establishment_id, held.office, str(Membership.Office(held.office).label),
            since_ms=held.since_ms, until_ms=held.until_ms,
        )
        for who in _known(asked, "PractitionerRole", interaction)
        for held in offices_of(who, now_ms=asked.now_ms)
    ]  # fmt: skip


def read_organization(asked: Asked, key: str) -> Body:
    asked.require("Organization", "read")
    return picked(asked, "Organization", key, lambda: _organizations(asked, "read"))


def search_organizations(asked: Asked) -> Body:
    asked.require("Organization", "search-type")
    return listed(asked, "Organization", _organizations(asked, "search-type"))


def _organizations(asked: Asked, interaction: str) -> list[Body]:
    """Where the reader works or steers, or is known as a patient."""
    account = _about(asked, "Organization", interaction)
    if account is None:
        return []
    if account.role == Account.Role.PATIENT:
        places = Establishment.objects.filter(registrations__patient=account, registrations__until_ms=None)
    else:
        places = scope_of(account, now_ms=asked.now_ms).establishments()
    return [
        organization(place.pk, place.name, place.kind, str(Establishment.Kind(place.kind).label))
        for place in places.distinct().order_by("pk")[:_MOST]
    ]
