"""DeviceMetric: one metric that an object measures, as HL7's PHD guide says one."""

from __future__ import annotations

from typing import Any

from egide.cloud.fhir.codes import code_of
from egide.cloud.fhir.systems import UCUM, coding, concept

__all__ = ["key_of", "to_fhir"]

Resource = dict[str, Any]


def key_of(object_id: str, code: str) -> str:
    """The id of an object's metric: a code's colon is none of an id's characters."""
    return f"{object_id}.{code.replace(':', '.')}"[:64]


def to_fhir(object_id: str, code: str, unit: str) -> Resource:
    return {
        "resourceType": "DeviceMetric",
        "id": key_of(object_id, code),
        "type": code_of(code),
        "unit": concept(coding(UCUM, unit, unit)),
        "source": {"reference": f"Device/{object_id}"},
        "operationalStatus": "on",
        "category": "measurement",
    }
