"""People of the establishments that an officer steers, their offices, and what waits for a second person."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Final

from egide.cloud.people.models import Account, Establishment, Invitation, Membership, Proposal
from egide.cloud.people.offices import offices_of
from egide.cloud.people.service import name_of
from egide.cloud.ward.desks import Seat

__all__ = ["Colleague", "Invited", "Place", "Waiting", "colleagues", "has_come", "invited", "places", "waiting"]

_MANY: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """An office in force."""

    membership: Membership
    office: str
    place: str
    since_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Colleague:
    """Somebody who works here: a professional or an officer, never a patient."""

    account: Account
    name: str
    held: tuple[Held, ...]
    elsewhere: bool  # they work at a place that others steer, too: the account is not this officer's to close


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """An office that one person proposed and a second one has not decided. `mine`: it waits for somebody else."""

    proposal: Proposal
    name: str
    office: str
    place: str
    by: str
    mine: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Invited:
    """An invitation that nobody used yet."""

    invitation: Invitation
    name: str
    place: str
    by: str
    made_ms: int
    expires_ms: int
    lapsed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An establishment, and how many people work and are registered there."""

    establishment: Establishment
    name: str
    kind: str
    group: str
    staff: int
    patients: int
    reference: bool  # of its group: its officers steer the others
    team: tuple[tuple[str, tuple[str, ...]], ...] = ()  # offices, and who holds each


def colleagues(seat: Seat, *, now_ms: int) -> list[Colleague]:
    """Everybody with an office in force there, by name; offices are those that signed statements give."""
    rows = Membership.objects.filter(establishment__in=seat.steers).exclude(until_ms__lte=now_ms)
    found = []
    for account in Account.objects.filter(pk__in=rows.values("account"))[:_MANY]:
        offices = offices_of(account, now_ms=now_ms)
        held = tuple(
            Held(membership=m, office=m.office, place=m.establishment.name, since_ms=m.since_ms)
            for m in offices
            if m.establishment_id in seat.steers
        )
        if held:
            elsewhere = len(held) < len(offices)
            found.append(Colleague(account=account, name=name_of(account), held=held, elsewhere=elsewhere))
    return sorted(found, key=lambda one: one.name.casefold())


def waiting(seat: Seat, *, now_ms: int) -> list[Waiting]:
    """Appointments to decide, the oldest first."""
    rows = Proposal.objects.filter(establishment__in=seat.steers, decided_ms=None, lapses_ms__gt=now_ms)
    ordered = rows.select_related("account", "establishment", "proposed_by").order_by("proposed_ms")
    return [
        Waiting(
            proposal=row,
            name=name_of(row.account),
            office=row.office,
            place=row.establishment.name,
            by=name_of(row.proposed_by),
            mine=seat.account.pk in (row.proposed_by_id, row.account_id),
        )
        for row in ordered
    ]


def invited(seat: Seat, *, now_ms: int) -> list[Invited]:
    """Open invitations of staff, latest first: who is invited as a patient is not told here."""
    rows = Invitation.objects.filter(establishment__in=seat.steers, used_ms=None, withdrawn_ms=None)
    staff = rows.filter(account__role__in=("professional", "operator"))
    staff = staff.select_related("account", "establishment", "made_by")
    return [
        Invited(
            invitation=row,
            by=name_of(row.made_by) if row.made_by else "",
            name=name_of(row.account),
            place=row.establishment.name,
            made_ms=row.made_ms,
            expires_ms=row.expires_ms,
            lapsed=row.expires_ms <= now_ms,
        )
        for row in staff.order_by("-made_ms")[:_MANY]
    ]


def has_come(account: Account, *, now_ms: int) -> bool:
    """Whether this person holds an office already: then a further one needs no invitation."""
    return bool(offices_of(account, now_ms=now_ms))


def places(seat: Seat, *, now_ms: int) -> list[Place]:
    """The establishments, by name, each with who works there by office; patients are counted and never named."""
    rows = Establishment.objects.filter(pk__in=seat.steers).select_related("group")
    teams: dict[uuid.UUID, dict[str, list[str]]] = {}
    people: dict[uuid.UUID, set[uuid.UUID]] = {}
    for colleague in colleagues(seat, now_ms=now_ms):
        for one in colleague.held:
            team = teams.setdefault(one.membership.establishment_id, {})
            team.setdefault(one.office, []).append(colleague.name)
            people.setdefault(one.membership.establishment_id, set()).add(colleague.account.pk)
    found = [_place(row, teams.get(row.pk, {}), len(people.get(row.pk, ()))) for row in rows]
    return sorted(found, key=lambda one: one.name.casefold())


def _place(row: Establishment, team: dict[str, list[str]], staff: int) -> Place:
    order = {office: at for at, office in enumerate(Membership.Office.values)}
    return Place(
        establishment=row,
        name=row.name,
        kind=row.kind,
        group=row.group.name if row.group else "",
        staff=staff,
        patients=row.registrations.filter(until_ms=None).count(),
        reference=row.group is not None and row.group.reference == row.pk,
        team=tuple((office, tuple(team[office])) for office in sorted(team, key=lambda one: order.get(one, 99))),
    )
