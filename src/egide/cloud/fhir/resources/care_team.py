"""CareTeam: those who belong to a patient's follow-up now, and since when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from egide.cloud.fhir.systems import instant

__all__ = ["Part", "to_fhir"]

Resource = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One of the team: `who` is an account's id, `part` what they do in it (doctor, nurse, replacement...)."""

    who: str
    name: str
    part: str
    since_ms: int
    until_ms: int | None


def to_fhir(patient: str, parts: Sequence[Part]) -> Resource:
    """One team a patient, whose id is the patient's."""
    found: Resource = {
        "resourceType": "CareTeam",
        "id": patient,
        "status": "active" if parts else "inactive",
        "subject": {"reference": f"Patient/{patient}"},
    }
    if parts:
        found["participant"] = [_participant(part) for part in parts]
    return found


def _participant(part: Part) -> Resource:
    period = {"start": instant(part.since_ms), **({"end": instant(part.until_ms)} if part.until_ms is not None else {})}
    return {
        **({"role": [{"text": part.part}]} if part.part else {}),
        "member": {"reference": f"Practitioner/{part.who}", **({"display": part.name} if part.name else {})},
        "period": period,
    }
