"""Objects read and found: those that measure, or measured, somebody whose record the reader may see."""

from __future__ import annotations

import uuid
from typing import Any, Final

from django.db.models import Q

from egide.cloud.consent.models import FollowUp
from egide.cloud.fhir.asked import Asked
from egide.cloud.fhir.reading.entries import absent
from egide.cloud.fhir.reading.lists import listed, named_patient, opened
from egide.cloud.fhir.resources import device, device_metric
from egide.cloud.fhir.tokens import parse_references
from egide.cloud.fleet.models import Attribution, HealthObject, Pairing
from egide.cloud.people.models import Account
from egide.cloud.release.door import Column, release
from egide.errors import NotFoundError

__all__ = ["patient_of_object", "read", "read_metric", "search", "search_metrics"]

_RECENT_MS: Final = 90 * 86_400_000
Body = dict[str, Any]


def read(asked: Asked, key: str) -> Body:
    """One object. Raises AccessDeniedError, also when there is none."""
    try:
        object_id = uuid.UUID(key)
    except ValueError as err:
        raise NotFoundError("no such object") from err
    patient = patient_of_object(asked, object_id, "Device")
    opened(asked, patient, "Device", "read")
    found = device(HealthObject.objects.get(pk=object_id))
    if not asked.reader.may("Device", "read", found):
        raise absent()
    return found


def search(asked: Asked) -> Body:
    """The objects that measured, of late, what this reader may see of a record: the others never did."""
    patient = named_patient(asked)
    objects = {column.object_id for column in _columns(asked, patient, "Device", "search-type")}
    rows = HealthObject.objects.filter(pk__in=objects).order_by("created_ms", "id")
    return listed(asked, "Device", [device(row) for row in rows], known={"patient"})


def read_metric(asked: Asked, key: str) -> Body:
    """One metric of an object, by the object's id and the metric's code."""
    try:
        object_id = uuid.UUID(key.partition(".")[0])
    except ValueError as err:
        raise NotFoundError("no such metric of an object") from err
    patient = patient_of_object(asked, object_id, "DeviceMetric")
    for found in _metrics(_columns(asked, patient, "DeviceMetric", "read")):
        if found["id"] == key and asked.reader.may("DeviceMetric", "read", found):
            return found
    raise absent()


def search_metrics(asked: Asked) -> Body:
    """What the objects of a record measure, of what this reader may see, of late."""
    patient = named_patient(asked)
    found = _metrics(_columns(asked, patient, "DeviceMetric", "search-type"))
    if (text := asked.query.get("source")) is not None:
        sources = parse_references("source", "Device", text)
        found = [one for one in found if one["source"]["reference"].removeprefix("Device/") in sources]
    return listed(asked, "DeviceMetric", found, known={"patient", "source"})


def _columns(asked: Asked, patient: Account, kind: str, interaction: str) -> list[Column]:
    asked.require(kind, interaction, patient)
    ask = asked.ask(patient, since_ms=asked.now_ms - _RECENT_MS, until_ms=asked.now_ms + 1)
    return release(ask, now_ms=asked.now_ms).columns


def _metrics(columns: list[Column]) -> list[Body]:
    there = {(column.object_id, column.code): column.unit for column in columns}
    return [device_metric(object_id, code, unit) for (object_id, code), unit in sorted(there.items())]


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
