"""Whose an Observation is: by this server's own reference, a Patient that comes with it, or the national number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.http import HttpRequest

from egide.cloud.fhir.base import base_of
from egide.cloud.fhir.writing.problems import ElementError, MissingElementError
from egide.cloud.fhir.writing.writers import Writer, patient_by_id, patient_by_traits
from egide.cloud.people.models import Account

__all__ = ["patient_of", "person_of"]

_KIND: Final = "Patient/"
Resource = dict[str, Any]


def patient_of(
    request: HttpRequest,
    writer: Writer,
    resource: Resource,
    where: str = "Observation",
    beside: Mapping[str, Resource] | None = None,
) -> Account:
    """The patient that `resource` is about. `beside`: resources of the same Bundle, by their fullUrl.

    Raises:
        MissingElementError, ElementError: no subject, or not a patient's.
        AccessDeniedError: no such patient where the system writes.
    """
    subject = resource.get("subject")
    if subject is None:
        raise MissingElementError("a measurement is somebody's", f"{where}.subject")
    if not isinstance(subject, dict):
        raise ElementError("a subject is a Reference", f"{where}.subject")
    reference = subject.get("reference")
    if isinstance(reference, str):
        person = (beside or {}).get(reference)
        if person is not None:
            return person_of(writer, person, f"{where}.subject.reference")
        own = reference.removeprefix(base_of(request) + "/")
        if own.startswith(_KIND):
            return patient_by_id(writer, own.removeprefix(_KIND))
        raise ElementError("a subject is a patient of this server, or of the same Bundle", f"{where}.subject.reference")
    if "identifier" in subject:
        return patient_by_traits(writer, subject["identifier"], {})
    raise MissingElementError("a subject has a reference or an identifier", f"{where}.subject")


def person_of(writer: Writer, person: Resource, where: str) -> Account:
    """The patient that a Patient describes. Raises ElementError: no Patient. AccessDeniedError: nobody known."""
    if person.get("resourceType") != "Patient":
        raise ElementError("a measurement is a person's", where)
    return patient_by_traits(writer, person.get("identifier", []), person)
