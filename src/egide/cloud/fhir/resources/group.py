"""Group: the patients whom somebody follows now. Its id is that person's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["to_fhir"]

Resource = dict[str, Any]


def to_fhir(who: str, patients: Sequence[str]) -> Resource:
    found: Resource = {
        "resourceType": "Group",
        "id": who,
        "active": True,
        "type": "person",
        "actual": True,
        "name": "My patients",
        "quantity": len(patients),
        "managingEntity": {"reference": f"Practitioner/{who}"},
    }
    if patients:
        found["member"] = [{"entity": {"reference": f"Patient/{one}"}} for one in patients]
    return found
