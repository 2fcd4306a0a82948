"""Establishments are declared and grouped by the officers of the one that runs the platform."""

from __future__ import annotations

from django.db import transaction

from egide.cloud.people import establishments
from egide.cloud.people.authority import PROPOSERS, require_steering
from egide.cloud.people.models import Account, Establishment
from egide.cloud.people.offices import holder_of
from egide.errors import RefusedError

__all__ = ["attach_establishment", "declare_establishment", "name_establishment"]


def declare_establishment(
    kind: str, name: str, *, by: Account, now_ms: int, beside: Establishment | None = None, group: str = ""
) -> Establishment:
    """A new establishment, alone or in the group of another; a group is opened around that one if it has none.

    Raises:
        AccessDeniedError: not an officer of the establishment that runs the platform.
        RefusedError: no such kind, a name that cannot be, or a group to open without a name.
    """
    home = establishments.home(now_ms)
    require_steering(holder_of(by, now_ms=now_ms), establishments.place_of(home), PROPOSERS)
    with transaction.atomic():
        joined = None
        if beside is not None:
            if beside.group is None and not group:
                raise RefusedError("a new group needs a name")
            joined = beside.group or establishments.create_group(group, beside, now_ms=now_ms)
        return establishments.create_establishment(kind, name, now_ms=now_ms, group=joined)


def attach_establishment(
    establishment: Establishment, beside: Establishment | None, *, by: Account, now_ms: int, group: str = ""
) -> None:
    """Let an establishment enter the group of another, or leave its own with None; one is opened where there is none.

    Raises:
        AccessDeniedError: not an officer of the establishment that runs the platform.
        RefusedError: beside itself, a group to open without a name, or the reference of a group, which cannot leave.
    """
    home = establishments.home(now_ms)
    require_steering(holder_of(by, now_ms=now_ms), establishments.place_of(home), PROPOSERS)
    if beside is not None and beside.pk == establishment.pk:
        raise RefusedError("an establishment is not beside itself")
    with transaction.atomic():
        joined = None
        if beside is not None:
            if beside.group is None and not group:
                raise RefusedError("a new group needs a name")
            joined = beside.group or establishments.create_group(group, beside, now_ms=now_ms)
        establishments.join_group(establishment, joined, now_ms=now_ms)


def name_establishment(establishment: Establishment, name: str, *, by: Account, now_ms: int) -> None:
    """Give it its name. Raises AccessDeniedError: not an officer who steers there; RefusedError: the name cannot be."""
    require_steering(holder_of(by, now_ms=now_ms), establishments.place_of(establishment), PROPOSERS)
    establishments.rename(establishment, name)
