"""HL7's Personal Health Devices guide (hl7.fhir.uv.phd 2.0.0): which of its profiles a metric's Observation holds to.

It asks for a code of ISO/IEEE 11073-10101, its own category, and who brought the measurement: here the object that
signed the envelope, which is its own gateway. Its coded enumerations want MDC codes for values too: ours have none.
"""

from __future__ import annotations

from typing import Any, Final

from egide.cloud.fhir.systems import coding, concept
from egide.measure.catalogue import CATALOGUE

__all__ = ["PHD_CATEGORY", "gateway_extension", "phd_profile_of"]

_BASE: Final = "http://hl7.org/fhir/uv/phd/"
_GATEWAY: Final = "http://hl7.org/fhir/StructureDefinition/observation-gatewayDevice"
_NAMES: Final = {"waveform": "PhdRtsaObservation", "panel": "PhdCompoundNumericObservation"}
PHD_CATEGORY: Final = concept(coding(_BASE + "CodeSystem/PhdObservationCategories", "phd"))


def phd_profile_of(code: str) -> str | None:
    """The profile of a metric's Observation; None where it has none."""
    metric = CATALOGUE.get(code)
    if metric is None or metric.mdc is None or metric.states:
        return None
    return f"{_BASE}StructureDefinition/{_NAMES.get(metric.kind, 'PhdNumericObservation')}"


def gateway_extension(object_id: str) -> dict[str, Any]:
    """Who brought it."""
    return {"url": _GATEWAY, "valueReference": {"reference": f"Device/{object_id}"}}
