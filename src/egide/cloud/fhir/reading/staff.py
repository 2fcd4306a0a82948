"""Professionals, the offices they hold and where: of one's own establishments, and of one's own team.

There is no patient to ask the door about: what is told is what the same person's pages of the portal list.
"""

from __future__ import annotations

from typing import Any

from egide.cloud.consent.attested import facts_of
from egide.cloud.consent.facts import runs
from egide.cloud.fhir.asked import Asked
from egide.cloud.fhir.reading.lists import listed, picked
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
    return picked(asked, "Practitioner", key, lambda: [_practitioner(who) for who in _known(asked)])


def search_practitioners(asked: Asked) -> Body:
    asked.require("Practitioner", "search-type")
    return listed(asked, "Practitioner", [_practitioner(who) for who in _known(asked)])


def _practitioner(who: Account) -> Body:
    return practitioner(who.pk, name_of(who), active=who.is_active)


def _known(asked: Asked) -> list[Account]:
    """A professional's colleagues and themselves; a patient's team, but for whose name is withheld from them."""
    account = asked.reader.account
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
    return picked(asked, "PractitionerRole", key, lambda: _roles(asked))


def search_roles(asked: Asked) -> Body:
    asked.require("PractitionerRole", "search-type")
    found = _roles(asked)
    for name, path in (("practitioner", "practitioner"), ("organization", "organization")):
        for value in asked.query.getlist(name):
            wanted = {part.rpartition("/")[2] for part in value.split(",")}
            found = [one for one in found if one[path]["reference"].rpartition("/")[2] in wanted]
    return listed(asked, "PractitionerRole", found, known={"practitioner", "organization"})


def _roles(asked: Asked) -> list[Body]:
    return [
        practitioner_role(
            held.pk, who.pk, held.establishment_id, held.office, str(Membership.Office(held.office).label),
            since_ms=held.since_ms, until_ms=held.until_ms,
        )
        for who in _known(asked)
        for held in offices_of(who, now_ms=asked.now_ms)
    ]  # fmt: skip


def read_organization(asked: Asked, key: str) -> Body:
    asked.require("Organization", "read")
    return picked(asked, "Organization", key, lambda: _organizations(asked))


def search_organizations(asked: Asked) -> Body:
    asked.require("Organization", "search-type")
    return listed(asked, "Organization", _organizations(asked))


def _organizations(asked: Asked) -> list[Body]:
    """Where the reader works or steers, or is known as a patient."""
    account = asked.reader.account
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
