"""Practitioner: somebody who cares, by a random id and a name."""

from __future__ import annotations

import uuid
from typing import Any

__all__ = ["to_fhir"]

Resource = dict[str, Any]


def to_fhir(key: uuid.UUID, name: str, *, active: bool = True) -> Resource:
    return {"resourceType": "Practitioner", "id": str(key), "active": active, "name": [{"text": name}]}
