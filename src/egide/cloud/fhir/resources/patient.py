"""Patient: who is measured, by a random id, a name, and what the civil register says. Identity numbers are not told."""

from __future__ import annotations

import uuid
from typing import Any, Final

__all__ = ["to_fhir"]

_GENDERS: Final = {"M": "male", "F": "female", "I": "unknown"}
Resource = dict[str, Any]


def to_fhir(
    key: uuid.UUID, name: str = "", *, active: bool = True, sex: str = "", birth_date: str = "", replaced_by: str = ""
) -> Resource:
    """Only what a reader of the record needs to tell whose it is; without a name for who may not know whose."""
    found: Resource = {"resourceType": "Patient", "id": str(key), "active": active}
    if name:
        found["name"] = [{"use": "official", "text": name}]
    if sex in _GENDERS:
        found["gender"] = _GENDERS[sex]
    if birth_date:
        found["birthDate"] = birth_date
    if replaced_by:
        found["link"] = [{"other": {"reference": f"Patient/{replaced_by}"}, "type": "replaced-by"}]
    return found
