"""Consent: what a patient gave, or took away, of their record. For their own eyes: a restriction is a secret."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from egide.cloud.fhir.systems import FAMILIES, coding, concept, instant

__all__ = ["to_fhir"]

_SCOPE: Final = "http://terminology.hl7.org/CodeSystem/consentscope"
_LOINC: Final = "http://loinc.org"
_POLICY: Final = "http://terminology.hl7.org/CodeSystem/consentpolicycodes"
_REASON: Final = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
_ROLE: Final = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_TYPES: Final = {"account": "Practitioner", "establishment": "Organization", "team": "CareTeam"}
Resource = dict[str, Any]


def to_fhir(
    key: str, patient: str, *, permits: bool, holder: tuple[str, str], purpose: str, families: Sequence[str],
    since_ms: int, until_ms: int | None, now_ms: int,
) -> Resource:  # fmt: skip
    """A grant permits, a restriction denies. `holder` is (kind, id); no families means the whole record."""
    runs = until_ms is None or now_ms < until_ms
    provision: Resource = {
        "type": "permit" if permits else "deny",
        "period": {"start": instant(since_ms), **({"end": instant(until_ms)} if until_ms is not None else {})},
        "actor": [{"role": concept(coding(_ROLE, "IRCP", "information recipient")), "reference": _who(*holder)}],
    }
    if purpose:
        provision["purpose"] = [coding(_REASON, purpose)]
    if families:
        provision["code"] = [concept(coding(FAMILIES, family), text=family) for family in families]
    return {
        "resourceType": "Consent",
        "id": key,
        "status": "active" if runs else "inactive",
        "scope": concept(coding(_SCOPE, "patient-privacy", "Privacy Consent")),
        "category": [concept(coding(_LOINC, "59284-0", "Consent Document"))],
        "patient": {"reference": f"Patient/{patient}"},
        "dateTime": instant(since_ms),
        "policyRule": concept(coding(_POLICY, "cric", "Common Rule Informed Consent"), text="Egide: deny by default"),
        "provision": provision,
    }


def _who(kind: str, key: str) -> Resource:
    return {"reference": f"{_TYPES[kind]}/{key}"} if kind in _TYPES and key else {"display": kind}
