"""PractitionerRole: an office that somebody holds somewhere, as a signed statement gave it."""

from __future__ import annotations

import uuid
from typing import Any

from egide.cloud.fhir.systems import OFFICES, coding, concept, instant

__all__ = ["to_fhir"]

Resource = dict[str, Any]


def to_fhir(
    key: uuid.UUID, who: uuid.UUID, where: uuid.UUID, office: str, label: str, *, since_ms: int, until_ms: int | None
) -> Resource:
    return {
        "resourceType": "PractitionerRole",
        "id": str(key),
        "active": True,
        "period": {"start": instant(since_ms), **({"end": instant(until_ms)} if until_ms is not None else {})},
        "practitioner": {"reference": f"Practitioner/{who}"},
        "organization": {"reference": f"Organization/{where}"},
        "code": [concept(coding(OFFICES, office, label), text=label)],
    }
