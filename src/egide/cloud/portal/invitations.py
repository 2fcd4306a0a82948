"""Invitations of patients and relatives, for who receives people at a desk: one person suffices; no record opens.

An administrator sees those they made themselves, never who else is a patient. Professionals and officers are invited
elsewhere, once two people gave them an office.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from egide.cloud.governance.views.desk import sought
from egide.cloud.people import invitations
from egide.cloud.people.authority import CARE_OFFICES
from egide.cloud.people.models import Account, Establishment, Invitation
from egide.cloud.people.offices import offices_of, require_office
from egide.cloud.people.registrations import REGISTRARS
from egide.cloud.people.scope import scope_of
from egide.cloud.people.service import name_of
from egide.cloud.signin.attested import has_factor
from egide.errors import NotFoundError, RefusedError

__all__ = [
    "Made", "Open", "invite", "invite_again", "open_invitations", "open_one", "places", "require_registrar", "withdraw",
]  # fmt: skip

_MANY: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """An invitation that nobody used."""

    invitation: Invitation
    name: str
    role: str
    place: str
    by: str
    lapsed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A new invitation, with its token: it is shown once, and kept nowhere."""

    account: Account
    name: str
    token: str
    expires_ms: int


def places(reader: Account, *, now_ms: int) -> list[Establishment]:
    """Where the reader invites patients and relatives, by name."""
    ids = {m.establishment_id for m in offices_of(reader, now_ms=now_ms) if m.office in REGISTRARS}
    return sorted(Establishment.objects.filter(pk__in=ids), key=lambda one: (one.name.casefold(), one.pk))


def require_registrar(reader: Account, *, now_ms: int) -> None:
    """Raises AccessDeniedError: the reader receives nobody at a desk."""
    require_office(reader, *REGISTRARS, now_ms=now_ms)


def open_invitations(reader: Account, *, now_ms: int) -> list[Open]:
    """Of patients and relatives where the reader invites, latest first; an administrator's are their own."""
    cares = {m.establishment_id for m in offices_of(reader, now_ms=now_ms) if m.office in CARE_OFFICES}
    here = [place.pk for place in places(reader, now_ms=now_ms)]
    rows = scope_of(reader, now_ms=now_ms).invitations().filter(
        establishment__in=here, account__role__in=("patient", "relative"), account__is_active=True, used_ms=None,
        withdrawn_ms=None,
    )  # fmt: skip
    latest = rows.select_related("account", "establishment", "made_by").order_by("-made_ms", "pk")[:_MANY]
    return [
        Open(
            invitation=row, name=name_of(row.account), role=row.account.role, place=row.establishment.name,
            by=name_of(row.made_by) if row.made_by else "", lapsed=row.expires_ms <= now_ms,
        )
        for row in latest
        if row.establishment_id in cares or row.made_by_id == reader.pk
    ]  # fmt: skip


def invite(reader: Account, said: Mapping[str, str], *, now_ms: int) -> Made:
    """The invitation that a form asks for.

    Raises:
        RefusedError: an answer is missing, or whoever it is opens their account already. NotFoundError: no such place,
        or nobody of that name and birth date there. AccessDeniedError: as `invite_patient`.
    """
    place = _place(reader, said.get("place", ""), now_ms)
    who, name = said.get("who", ""), said.get("name", "")
    if who == "patient":
        account, token = invitations.welcome_patient(name, place, by=reader, now_ms=now_ms)
    elif who == "relative":
        account, token = invitations.invite_relative(name, place, by=reader, now_ms=now_ms)
    elif who == "known":
        account = _known(reader, said, now_ms)
        token = invitations.invite_patient(account, place, by=reader, now_ms=now_ms)
    else:
        raise RefusedError("say whom the invitation is for")
    return _made(account, token, now_ms)


def invite_again(reader: Account, invitation_id: uuid.UUID, *, now_ms: int) -> Made:
    """In the place of one that was lost or lapsed. Raises NotFoundError, RefusedError: it is over."""
    row = open_one(reader, invitation_id, now_ms=now_ms)
    return _made(row.account, invitations.invite_again(row, by=reader, now_ms=now_ms), now_ms)


def withdraw(reader: Account, invitation_id: uuid.UUID, *, now_ms: int) -> None:
    """It stops working now: it narrows. Raises NotFoundError, RefusedError: it is over."""
    invitations.withdraw(open_one(reader, invitation_id, now_ms=now_ms), by=reader, now_ms=now_ms)


def _made(account: Account, token: str, now_ms: int) -> Made:
    expires_ms = now_ms + invitations.INVITATION_LIFE_MS
    return Made(account=account, name=name_of(account), token=token, expires_ms=expires_ms)


def open_one(reader: Account, invitation_id: uuid.UUID, *, now_ms: int) -> Invitation:
    """One of `open_invitations`. Raises NotFoundError: none of the reader's."""
    for one in open_invitations(reader, now_ms=now_ms):
        if one.invitation.pk == invitation_id:
            return one.invitation
    raise NotFoundError("no such invitation here")


def _place(reader: Account, wanted: str, now_ms: int) -> Establishment:
    """The place that a form names; the only one where there is no choice."""
    here = places(reader, now_ms=now_ms)
    found = here if not wanted and len(here) == 1 else [place for place in here if str(place.pk) == wanted]
    if not found:
        raise NotFoundError("no such establishment here")
    return found[0]


def _known(reader: Account, said: Mapping[str, str], now_ms: int) -> Account:
    """By name and birth date, and one person alone: who has a key already is not invited, they recover."""
    typed = {"name": said.get("name", ""), "birth": said.get("birth", ""), "patient": ""}
    found = sought(reader, typed, now_ms)
    if len(found) != 1:
        raise NotFoundError("nobody, or several people, of that name and birth date here")
    if has_factor(found[0].patient):
        raise RefusedError("this patient opens their account already")
    return found[0].patient
