"""GET /fhir/metadata: what this server does, and no more."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Final

__all__ = ["capability_statement"]

_SEARCH: Final = (
    ("patient", "reference", "whose record; one's own when absent"),
    ("subject", "reference", "the same as patient"),
    ("code", "token", "LOINC or MDC; a panel's code finds its panel; several separated by commas"),
    ("combo-code", "token", "the same, also by a component's code"),
    ("date", "date", "eq, ge, gt, le, lt, sa, eb; may be repeated"),
)


def capability_statement(base: str) -> dict[str, Any]:
    """`base` is this server's address, without a last slash."""
    read = [{"code": "read"}]
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-11-21",
        "kind": "instance",
        "software": {"name": "Egide", "version": version("egide")},
        "implementation": {
            "description": "Measurements of connected health objects, each signed",
            "url": base,
        },
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json"],
        "rest": [
            {
                "mode": "server",
                "security": {
                    "description": "A session opened in the portal. Nothing is open by default; every "
                    "answer, yes or no, is written in the patient's journal. _purpose says what for (HL7 "
                    "PurposeOfUse): PATRQT for one's own record, TREAT for care."
                },
                "resource": [
                    {
                        "type": "Observation",
                        "supportedProfile": [
                            f"http://hl7.org/fhir/StructureDefinition/{name}"
                            for name in (
                                "vitalsigns",
                                "bp",
                                "heartrate",
                                "resprate",
                                "bodytemp",
                                "bodyweight",
                                "bodyheight",
                                "bmi",
                                "oxygensat",
                            )
                        ],
                        "interaction": [{"code": "read"}, {"code": "search-type"}],
                        "versioning": "no-version",
                        "searchParam": [
                            {"name": name, "type": kind, "documentation": text}
                            for name, kind, text in _SEARCH
                        ],
                    },
                    {"type": "Device", "interaction": read, "versioning": "no-version"},
                    {"type": "Provenance", "interaction": read, "versioning": "no-version"},
                ],
            }
        ],
    }
