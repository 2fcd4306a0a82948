"""RelatedPerson: who acts for a patient, as the papers that were signed say."""

from __future__ import annotations

from typing import Any, Final

from egide.cloud.fhir.systems import coding, concept, instant

__all__ = ["to_fhir"]

_ROLE: Final = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
_NATURES: Final = {
    "parent": ("PRN", "parent"), "guardian": ("GUARD", "guardian"), "mandate": ("POWATT", "power of attorney"),
}  # fmt: skip
Resource = dict[str, Any]


def to_fhir(
    key: str, patient: str, name: str, nature: str, *, active: bool, since_ms: int, until_ms: int | None
) -> Resource:
    relation = concept(coding(_ROLE, *_NATURES[nature])) if nature in _NATURES else {"text": "other"}
    found: Resource = {
        "resourceType": "RelatedPerson",
        "id": key,
        "active": active,
        "patient": {"reference": f"Patient/{patient}"},
        "relationship": [relation],
        "period": {"start": instant(since_ms), **({"end": instant(until_ms)} if until_ms is not None else {})},
    }
    if name:
        found["name"] = [{"text": name}]
    return found
