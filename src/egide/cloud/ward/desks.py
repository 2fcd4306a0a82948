"""Where somebody holds an office, and the desks that it opens. None of them opens a record."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Final

from egide.cloud.fleet.models import Pairing
from egide.cloud.keys.records import ESTABLISHMENT
from egide.cloud.people.establishments import place_of
from egide.cloud.people.models import Account
from egide.cloud.people.offices import holder_of, offices_of
from egide.cloud.people.scope import scope_of
from egide.errors import AccessDeniedError

__all__ = ["DESKS", "Seat", "desks_of", "seat_of"]

#: Office to the address of its desk, in the order of the menu.
DESKS: Final = {
    "security-officer": "ward:security",
    "dpo": "ward:privacy",
    "administrator": "ward:staff",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """An officer at a desk: the establishments that this very office steers."""

    account: Account
    office: str
    steers: frozenset[uuid.UUID]

    @property
    def whole(self) -> bool:
        """The office is held in the establishment that runs the platform: what concerns everybody is theirs to see."""
        return ESTABLISHMENT in self.steers

    def objects(self) -> frozenset[uuid.UUID] | None:
        """The objects of the patients registered there; None when every object is."""
        if self.whole:
            return None
        here = Pairing.objects.filter(
            patient__registrations__establishment__in=self.steers, patient__registrations__until_ms=None
        )
        return frozenset(here.values_list("object_id", flat=True))


def seat_of(account: Account, office: str, *, now_ms: int) -> Seat:
    """Raises AccessDeniedError: the account holds no such office."""
    holder = holder_of(account, now_ms=now_ms)
    steered = scope_of(account, now_ms=now_ms)
    places = steered.establishments().filter(pk__in=steered.steers).select_related("group")
    steers = frozenset(e.pk for e in places if holder.holds(place_of(e), (office,)))
    if not steers:
        raise AccessDeniedError("this account does not hold the office that this page needs")
    return Seat(account=account, office=office, steers=steers)


def desks_of(account: Account, *, now_ms: int) -> list[str]:
    """The offices of an account that have a desk, in the order of the menu."""
    held = {membership.office for membership in offices_of(account, now_ms=now_ms)}
    return [office for office in DESKS if office in held]
