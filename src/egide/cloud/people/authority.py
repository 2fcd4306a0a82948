"""Who may give an office to whom. Pure: no clock, no database. The default answer is no.

An office needs two people: one proposes, another approves, neither is the person it is for. Both hold a steering
office in the establishment, in the reference establishment of its group, or in the one that runs the platform.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from egide.errors import AccessDeniedError, RefusedError

__all__ = [
    "APART", "APPROVERS", "CARE_OFFICES", "OFFICERS", "PROPOSERS", "Holder", "Place", "require_role_for",
    "require_steering", "require_two_people",
]  # fmt: skip

#: Offices of the people who care: they need a professional's account.
CARE_OFFICES: Final = frozenset({"nurse", "doctor", "professional"})
#: Offices that steer: who holds one is an officer.
OFFICERS: Final = frozenset({"administrator", "security-officer", "dpo"})
PROPOSERS: Final = frozenset({"administrator", "security-officer"})
APPROVERS: Final = OFFICERS
#: Offices that never go with care: who administers or audits sees no health data, under any hat.
APART: Final = frozenset({"administrator", "auditor"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An establishment as steering sees it: the reference of its group, and whether it runs the platform."""

    establishment: uuid.UUID
    reference: uuid.UUID | None
    home: uuid.UUID

    def steered_from(self) -> frozenset[uuid.UUID]:
        """The establishments whose officers steer this one."""
        return frozenset(e for e in (self.establishment, self.reference, self.home) if e is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A person, by account and by blind index of the name, with the offices in force: (establishment, office)."""

    account: uuid.UUID
    name_index: bytes
    offices: frozenset[tuple[uuid.UUID, str]]

    def holds(self, place: Place, offices: Iterable[str]) -> bool:
        return any((e, o) in self.offices for e in place.steered_from() for o in offices)


def require_steering(holder: Holder, place: Place, offices: Iterable[str] = OFFICERS) -> None:
    """Raises AccessDeniedError: none of these offices, here or where this place is steered from."""
    if not holder.holds(place, offices):
        raise AccessDeniedError("this account holds no office that steers this establishment")


def require_two_people(proposer: Holder, approver: Holder, candidate: Holder, place: Place) -> None:
    """One proposes, another approves, and neither is the person concerned.

    Two accounts of one name count as one person: another officer approves.

    Raises:
        RefusedError: one person on two sides. AccessDeniedError: one of the two may not.
    """
    people = (proposer, approver, candidate)
    if len({p.account for p in people}) < 3 or proposer.name_index == approver.name_index:
        raise RefusedError("an office needs two people, and neither is the one it is for")
    if candidate.name_index in (proposer.name_index, approver.name_index):
        raise RefusedError("an office needs two people, and neither is the one it is for")
    require_steering(proposer, place, PROPOSERS)
    require_steering(approver, place, APPROVERS)


def require_role_for(office: str, role: str) -> None:
    """Raises RefusedError: an account of this role cannot hold this office."""
    if role not in {"professional", "operator"}:
        raise RefusedError("a patient's or relative's account holds no office")
    if (office in CARE_OFFICES and role != "professional") or (office in APART and role != "operator"):
        raise RefusedError("this office needs an account of another role")
