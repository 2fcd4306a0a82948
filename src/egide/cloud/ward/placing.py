"""For which part of a record an object measures, as the engineer chooses it: an establishment and a class, no patient.

An object that a service gave measures for care, or for what its patient may have erased. What patients added and keep
as their own, or lend to a study, is theirs to change: a study is joined by whoever takes part in it.
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
from egide.cloud.portal.objects import was_added
from egide.cloud.signin.notices import tell
from egide.cloud.ward.desks import Seat
from egide.cloud.ward.fleet import unit
from egide.errors import NotFoundError, RefusedError

__all__ = ["classes_for", "effect_words", "keep_as", "kept_words", "measuring", "place", "places_for"]


_KEPT: Final = {
    RecordKey.Class.CARE: gettext_noop("a care record"),
    RecordKey.Class.PERSONAL: gettext_noop("its patient’s own measurements"),
    RecordKey.Class.RESEARCH: gettext_noop("a research project"),
}

_EFFECT: Final = {
    RecordKey.Class.CARE: gettext_noop(
        "Kept as long as the law asks of a care record (20 years, as a rule), and not erased before."
    ),
    RecordKey.Class.PERSONAL: gettext_noop("The patient may have it erased for good, when they like."),
}


def kept_words(klass: str) -> str:
    """How long it is kept, and by whose choice, goes with this."""
    return _(_KEPT[RecordKey.Class(klass)])


def effect_words(klass: str) -> str:
    """What choosing a class changes."""
    return _(_EFFECT[RecordKey.Class(klass)])


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
        pair(owner, pairing.patient, now_ms, klass=str(RecordKey.Class.CARE), establishment=chosen, by=seat.account)


def classes_for(seat: Seat, pairing: Pairing) -> list[str]:
    """How what it measures may be kept from now on, as today first; nothing when that is not this seat's to choose."""
    care, personal = str(RecordKey.Class.CARE), str(RecordKey.Class.PERSONAL)
    mine = seat.whole or pairing.establishment in seat.steers
    if not mine or pairing.klass not in (care, personal) or was_added(pairing.patient, pairing.object_id):
        return []
    return [care, personal] if pairing.klass == care else [personal, care]


def keep_as(seat: Seat, object_id: uuid.UUID, answer: str, *, now_ms: int) -> None:
    """From now on what it measures is kept so: the signed statement names this seat's holder, and the patient is told.

    Raises:
        NotFoundError: no such object here, or it measures nobody here. RefusedError: not among `classes_for`.
    """
    pairing = measuring(seat, object_id)
    if pairing is None:
        raise NotFoundError("it measures nobody here")
    offered = classes_for(seat, pairing)
    if answer not in offered:
        raise RefusedError("this object's measurements are not kept so")
    if answer != offered[0]:
        owner = HealthObject.objects.get(pk=object_id)
        pair(owner, pairing.patient, now_ms, klass=answer, establishment=pairing.establishment, by=seat.account)
        tell(pairing.patient, "object-kept", now_ms=now_ms)
