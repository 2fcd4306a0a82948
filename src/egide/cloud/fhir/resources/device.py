"""Device: a connected health object, as HL7's PHD guide says one."""

from __future__ import annotations

from typing import Any

from egide.cloud.fhir.systems import TRUST, coding
from egide.cloud.fleet.models import HealthObject, Trust

__all__ = ["to_fhir"]

Resource = dict[str, Any]


def to_fhir(row: HealthObject) -> Resource:
    """A connected health object."""
    return {
        "resourceType": "Device",
        "id": str(row.pk),
        "meta": {"tag": [coding(TRUST, str(row.trust), str(Trust(row.trust).label))]},
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{row.pk}"}],
        "status": "active" if row.revoked_ms is None else "inactive",
        "deviceName": [{"name": row.model, "type": "model-name"}],
    }
