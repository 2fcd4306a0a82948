"""Where somebody holds an office, and the desks that it opens. None of them opens a record."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from typing import Final

from django.db.models import Q, QuerySet

from egide.cloud.fleet.models import Pairing
from egide.cloud.keys.records import ESTABLISHMENT
from egide.cloud.people.authority import OFFICERS
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
    "engineer": "ward:fleet",
    "auditor": "ward:audit",
    "researcher": "ward:research",
    "maker": "ward:maker",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """Somebody at a desk: the establishments that this very office reaches."""

    account: Account
    office: str
    steers: frozenset[uuid.UUID]

    @property
    def whole(self) -> bool:
        """The office is held in the establishment that runs the platform: what concerns everybody is theirs to see."""
        return ESTABLISHMENT in self.steers

    def objects(self) -> frozenset[uuid.UUID] | None:
        """The objects paired there, or with the patients registered there; None when every object is."""
        if self.whole:
            return None
        return frozenset(self._pairings().values_list("object_id", flat=True))

    def wears(self, object_id: uuid.UUID) -> bool:
        """The object measures somebody here now; of the whole platform's seat, any object. Objects change hands."""
        return self.whole or self._pairings().filter(object=object_id, until_ms=None).exists()

    def _pairings(self) -> QuerySet[Pairing]:
        known = Q(patient__registrations__establishment__in=self.steers, patient__registrations__until_ms=None)
        return Pairing.objects.filter(known | Q(establishment__in=self.steers))


def seat_of(account: Account, office: str, *, now_ms: int, at: uuid.UUID | None = None) -> Seat:
    """The office's seat; with `at`, by what is held in that establishment alone.

    An office that steers reaches what is steered from there; any other, the establishment where it is held.

    Raises:
        AccessDeniedError: the account holds no such office (there).
    """
    held = [(m.establishment_id, m.office) for m in offices_of(account, now_ms=now_ms)]
    here = frozenset((place, name) for place, name in held if at in (None, place))
    if office in OFFICERS:
        holder = replace(holder_of(account, now_ms=now_ms), offices=here)
        steered = scope_of(account, now_ms=now_ms)
        places = steered.establishments().filter(pk__in=steered.steers).select_related("group")
        reaches = frozenset(e.pk for e in places if holder.holds(place_of(e), (office,)))
    else:
        reaches = frozenset(place for place, name in here if name == office)
    if not reaches:
        raise AccessDeniedError("this account does not hold the office that this page needs")
    return Seat(account=account, office=office, steers=reaches)


def desks_of(account: Account, *, now_ms: int, at: uuid.UUID | None = None) -> list[str]:
    """The offices of an account (there) that have a desk, in the order of the menu."""
    held = {m.office for m in offices_of(account, now_ms=now_ms) if at in (None, m.establishment_id)}
    return [office for office in DESKS if office in held]
