"""Patient: who is measured, by a random id and a name. Identity numbers are not told here."""

from __future__ import annotations

import uuid
from typing import Any

__all__ = ["to_fhir"]

Resource = dict[str, Any]


def to_fhir(key: uuid.UUID, name: str, *, active: bool = True) -> Resource:
    """Only what a reader of the record needs to tell whose it is."""
    return {"resourceType": "Patient", "id": str(key), "active": active, "name": [{"use": "official", "text": name}]}
