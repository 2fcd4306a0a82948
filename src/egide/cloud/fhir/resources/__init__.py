"""How each resource is written: pure functions, one file a resource, no database and no clock."""

from __future__ import annotations

from egide.cloud.fhir.resources.audit_event import to_fhir as audit_event
from egide.cloud.fhir.resources.care_team import to_fhir as care_team
from egide.cloud.fhir.resources.consent import to_fhir as consent
from egide.cloud.fhir.resources.device import to_fhir as device
from egide.cloud.fhir.resources.device_metric import to_fhir as device_metric
from egide.cloud.fhir.resources.group import to_fhir as group
from egide.cloud.fhir.resources.organization import to_fhir as organization
from egide.cloud.fhir.resources.patient import to_fhir as patient
from egide.cloud.fhir.resources.practitioner import to_fhir as practitioner
from egide.cloud.fhir.resources.practitioner_role import to_fhir as practitioner_role
from egide.cloud.fhir.resources.provenance import to_fhir as provenance
from egide.cloud.fhir.resources.related_person import to_fhir as related_person

__all__ = [
    "audit_event", "care_team", "consent", "device", "device_metric", "group", "organization", "patient",
    "practitioner", "practitioner_role", "provenance", "related_person",
]  # fmt: skip
