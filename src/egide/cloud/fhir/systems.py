"""Code systems and profiles by their address, and the words that FHIR and we share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

__all__ = [
    "CATEGORY",
    "FAMILIES",
    "LOINC",
    "MDC",
    "METRICS",
    "OFFICES",
    "OUTCOMES",
    "QUALITY",
    "SECURITY",
    "TRUST",
    "UCUM",
    "coding",
    "concept",
    "instant",
]

LOINC: Final = "http://loinc.org"
MDC: Final = "urn:iso:std:iso:11073:10101"
UCUM: Final = "http://unitsofmeasure.org"
CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/observation-category"
SECURITY: Final = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"
#: Our own systems: OIDs made from random UUIDs (ITU-T X.667), so that they are nobody else's.
METRICS: Final = "urn:oid:2.25.35674633906203323755059827444952200960"  # metrics without a published code
TRUST: Final = "urn:oid:2.25.100417601852554718846897822393395343191"  # 1 to 5
QUALITY: Final = "urn:oid:2.25.16436662399725520748313242840951098597"  # contested, late, clock, held, doubt-...
OFFICES: Final = "urn:oid:2.25.81284172868464033153938798834372157197"  # offices that people hold
FAMILIES: Final = "urn:oid:2.25.21484118916585517756702980209139682170"  # families of metrics, as a patient names them
OUTCOMES: Final = "urn:oid:2.25.50024259321673397792964547084279133838"  # the stable codes of egide.errors


def coding(system: str, code: str, display: str = "") -> dict[str, Any]:
    return {"system": system, "code": code, **({"display": display} if display else {})}


def concept(*codings: dict[str, Any], text: str = "") -> dict[str, Any]:
    return {"coding": list(codings), **({"text": text} if text else {})}


def instant(ms: int) -> str:
    """Milliseconds since 1970 as a FHIR instant."""
    return datetime.fromtimestamp(ms / 1000, tz=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
