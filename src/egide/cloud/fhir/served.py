"""What is served from the start: each type's rules, put in the registry when the app is ready."""

from __future__ import annotations

from typing import Final

from egide.cloud.fhir.reading import device, entries, observation
from egide.cloud.fhir.registry import RESOURCES, Parameter, Resource
from egide.cloud.fhir.search import PARAMETERS

__all__ = ["register"]

_R4: Final = "http://hl7.org/fhir/StructureDefinition/"
_VITALS: Final = (
    "vitalsigns", "bp", "heartrate", "resprate", "bodytemp", "bodyweight", "bodyheight", "bmi", "oxygensat",
)  # fmt: skip
#: What R4 marks as part of a summary, of what we write.
_OBSERVATION: Final = frozenset({"subject", "effective", "issued", "value", "component"})


def register() -> None:
    """Put everything of this app in the registry. Twice is the same as once."""
    for resource in _resources():
        RESOURCES[resource.type] = resource


def _resources() -> tuple[Resource, ...]:
    return (
        Resource(
            type="Observation",
            read=observation.read,
            search=observation.search,
            history=observation.history,
            parameters=tuple(Parameter(*one) for one in PARAMETERS),
            profiles=tuple(_R4 + name for name in _VITALS),
            includes=("Observation:device", "Observation:patient", "Observation:subject"),
            revincludes=("Provenance:target",),
            mandatory=frozenset({"status", "code"}),
            summary=_OBSERVATION,
            text="One value, one blood pressure or one stretch of waveform.",
        ),
        Resource(type="Device", read=device.read, summary=frozenset({"status"})),
        Resource(
            type="Provenance",
            read=entries.read_provenance,
            mandatory=frozenset({"target", "recorded", "agent"}),
            text="The signed bytes of one envelope and the register's receipt: for the patient alone.",
        ),
    )
