"""Organization: an establishment, by a random id, its name and its kind."""

from __future__ import annotations

import uuid
from typing import Any, Final

from egide.cloud.fhir.systems import coding, concept

__all__ = ["to_fhir"]

_TYPE: Final = "http://terminology.hl7.org/CodeSystem/organization-type"
_CARES: Final = frozenset({"hospital", "clinic", "practice", "home-care", "laboratory"})
Resource = dict[str, Any]


def to_fhir(key: uuid.UUID, name: str, kind: str, label: str) -> Resource:
    """A name is asked for by R4 (org-1): an establishment that was given none is called by its kind."""
    code = ("prov", "Healthcare Provider") if kind in _CARES else ("other", "Other")
    return {
        "resourceType": "Organization",
        "id": str(key),
        "active": True,
        "type": [concept(coding(_TYPE, *code), text=label)],
        "name": name or label,
    }
