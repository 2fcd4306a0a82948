"""Whose care record an object measures for, as the engineer chooses it: an establishment, never a patient or a class.

Only of what measures for care: what a patient keeps as their own, or lends to a study, is theirs to change.
"""

from __future__ import annotations

import uuid
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from egide.cloud.fleet.models import HealthObject, Pairing
from egide.cloud.fleet.service import pair
from egide.cloud.keys.models import RecordKey
from egide.cloud.keys.records import ESTABLISHMENT
from egide.cloud.people.registrations import registered_at
from egide.cloud.ward.desks import Seat
from egide.cloud.ward.fleet import unit
from egide.errors import NotFoundError, RefusedError

__all__ = ["kept_words", "measuring", "place", "places_for"]


_KEPT: Final = {
    RecordKey.Class.CARE: gettext_noop("a care record"),
    RecordKey.Class.PERSONAL: gettext_noop("its patient’s own measurements"),
    RecordKey.Class.RESEARCH: gettext_noop("a research project"),
}


def kept_words(klass: str) -> str:
    """How long it is kept, and by whose choice, goes with this."""
    return _(_KEPT[RecordKey.Class(klass)])


def measuring(seat: Seat, object_id: uuid.UUID) -> Pairing | None:
    """The pairing in force of an object of here; None where it measures nobody here. Raises NotFoundError."""
    unit(seat, object_id)
    if not seat.wears(object_id):
        return None
    return Pairing.objects.filter(object=object_id, until_ms=None).select_related("patient").first()


def places_for(seat: Seat, pairing: Pairing) -> list[uuid.UUID]:
    """Where it may measure for from now on, the place of today first; none when that is not this seat's to choose.

    A place that knows the patient, and that this seat reaches; whoever runs the platform reaches every one. What
    another place keeps is not taken from it.
    """
    mine = seat.whole or pairing.establishment in seat.steers
    if pairing.klass != RecordKey.Class.CARE or not mine:
        return []
    known = {place for place in registered_at(pairing.patient) if seat.whole or place in seat.steers}
    others = (known | {ESTABLISHMENT} if seat.whole else known) - {pairing.establishment}
    return [pairing.establishment, *sorted(others, key=str)]


def place(seat: Seat, object_id: uuid.UUID, answer: str, *, now_ms: int) -> None:
    """From now on it measures for that establishment's care record; what it measured before stays where it is.

    Raises:
        NotFoundError: no such object here, or it measures nobody here. RefusedError: not among `places_for`.
    """
    pairing = measuring(seat, object_id)
    if pairing is None:
        raise NotFoundError("it measures nobody here")
    chosen = next((place for place in places_for(seat, pairing) if str(place) == answer), None)
    if chosen is None:
        raise RefusedError("this object does not measure for that place")
    if chosen != pairing.establishment:
        owner = HealthObject.objects.get(pk=object_id)
        pair(owner, pairing.patient, now_ms, klass=str(RecordKey.Class.CARE), establishment=chosen)
