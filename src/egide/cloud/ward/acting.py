"""For which establishment somebody acts, when they work in several: chosen on a page, kept in their session.

The choice only narrows: an office held elsewhere opens nothing here until its holder changes place.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Final

from django.http import HttpRequest

from egide.cloud.people.models import Account, Establishment
from egide.cloud.people.offices import offices_of
from egide.errors import NotFoundError

__all__ = ["Workplace", "act_for", "acting_at", "workplaces"]

_KEY: Final = "ward.place"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """An establishment where somebody holds offices now."""

    establishment: Establishment
    offices: tuple[str, ...]
    chosen: bool


def workplaces(request: HttpRequest, account: Account, *, now_ms: int) -> list[Workplace]:
    """Where this account holds an office, the first one given above; one of them is chosen."""
    held = offices_of(account, now_ms=now_ms)
    offices: dict[uuid.UUID, list[str]] = {}
    for membership in held:
        offices.setdefault(membership.establishment_id, []).append(membership.office)
    chosen = _chosen(request, list(offices))
    rows = Establishment.objects.select_related("group").in_bulk(list(offices))
    return [
        Workplace(establishment=rows[place], offices=tuple(named), chosen=place == chosen)
        for place, named in offices.items()
    ]


def acting_at(request: HttpRequest, account: Account, *, now_ms: int) -> uuid.UUID | None:
    """The establishment for which this account acts in this session; None for who holds no office."""
    return _chosen(request, list(dict.fromkeys(m.establishment_id for m in offices_of(account, now_ms=now_ms))))


def act_for(request: HttpRequest, account: Account, place: uuid.UUID, *, now_ms: int) -> None:
    """Act for that establishment from now on. Raises NotFoundError: no office is held there."""
    if place not in {m.establishment_id for m in offices_of(account, now_ms=now_ms)}:
        raise NotFoundError("no office is held there")
    request.session[_KEY] = str(place)


def _chosen(request: HttpRequest, places: list[uuid.UUID]) -> uuid.UUID | None:
    """What was chosen, while it still is a workplace; otherwise the office given first."""
    wanted = request.session.get(_KEY)
    return next((place for place in places if str(place) == wanted), places[0] if places else None)
