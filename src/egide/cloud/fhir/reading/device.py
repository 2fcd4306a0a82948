"""Objects read and found: those that measure, or measured, somebody whose record the reader may see."""

from __future__ import annotations

import uuid
from typing import Any, Final

from django.db.models import Q

from egide.cloud.consent.models import FollowUp
from egide.cloud.fhir.asked import Asked
from egide.cloud.fhir.reading.entries import absent
from egide.cloud.fhir.resources import device
from egide.cloud.fleet.models import Attribution, HealthObject, Pairing
from egide.cloud.people.models import Account
from egide.cloud.release.door import release
from egide.errors import NotFoundError

__all__ = ["OBJECT_STATE", "patient_of_object", "read"]

#: What of a record one asks for who asks which objects measure it: no measurement.
OBJECT_STATE: Final = ("egide:device-status",)
Body = dict[str, Any]


def read(asked: Asked, key: str) -> Body:
    """One object. Raises AccessDeniedError, also when there is none."""
    try:
        object_id = uuid.UUID(key)
    except ValueError as err:
        raise NotFoundError("no such object") from err
    patient = patient_of_object(asked, object_id, "Device")
    release(asked.ask(patient, codes=OBJECT_STATE), now_ms=asked.now_ms)
    found = device(HealthObject.objects.get(pk=object_id))
    if not asked.reader.may("Device", "read", found):
        raise absent()
    return found


def patient_of_object(asked: Asked, object_id: uuid.UUID, kind: str) -> Account:
    """Whose record is asked for, of those that an object measured.

    Raises:
        AccessDeniedError: it measured nobody, or no scope lets this reader ask.
    """
    pairings = Pairing.objects.filter(object_id=object_id).select_related("patient").order_by("-since_ms")
    given = Attribution.objects.filter(pairing__object_id=object_id, at_ms__isnull=False, undone_ms=None)
    patients = [pairing.patient for pairing in pairings]
    patients += [said.to for said in given.select_related("to").order_by("-at_ms") if said.to is not None]
    if not patients:
        raise absent()
    patient = _nearest(asked, patients)
    asked.require(kind, "read", patient)
    return patient


def _nearest(asked: Asked, patients: list[Account]) -> Account:
    """Of those an object measured: of the launch, the reader, one they follow now, or the last."""
    launched = next((patient for patient in patients if patient.pk == asked.reader.patient), None)
    if launched is not None:
        return launched
    reader = asked.reader.account
    if reader in patients and reader is not None:
        return reader
    in_force = Q(until_ms=None) | Q(until_ms__gt=asked.now_ms)
    follows = FollowUp.objects.filter(in_force, professional=reader, since_ms__lte=asked.now_ms)
    followed = set(follows.values_list("patient_id", flat=True)) if reader is not None else set()
    return next((patient for patient in patients if patient.pk in followed), patients[0])
