"""AuditEvent: one line of a patient's journal, in the shape of IHE BALP's patient read and query.

https://profiles.ihe.net/ITI/BALP: the agents are who read and what they read with; the entities are the patient and
the question. We follow the shape; the profile itself is not validated here (docs/spec/fhir.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from egide.cloud.fhir.systems import coding, concept, instant

__all__ = ["Read", "to_fhir"]

_TYPE: Final = "http://terminology.hl7.org/CodeSystem/audit-event-type"
_REST: Final = "http://hl7.org/fhir/restful-interaction"
_DCM: Final = "http://dicom.nema.org/resources/ontology/DCM"
_PARTICIPATION: Final = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_ENTITY: Final = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_ROLE: Final = "http://terminology.hl7.org/CodeSystem/object-role"
_REASON: Final = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
Resource = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A look at a record: `who` is (type of resource, id, name); the id is empty where the name is withheld."""

    entry: int
    at_ms: int
    patient: str
    who: tuple[str, str, str]
    app: str
    purpose: str
    allowed: bool
    channel: str
    codes: tuple[str, ...]


def to_fhir(read: Read) -> Resource:
    kind, key, name = read.who
    reader: Resource = {**({"reference": f"{kind}/{key}"} if key else {}), **({"display": name} if name else {})}
    agents: list[Resource] = [
        {
            "type": concept(coding(_PARTICIPATION, "IRCP", "information recipient")),
            "who": reader or {"display": "nobody signed in"},
            "requestor": True,
        },
        {
            "type": concept(coding(_DCM, "110153", "Source Role ID")),
            "who": {"display": "Egide"},
            "requestor": False,
        },
        {
            "type": concept(coding(_DCM, "110152", "Destination Role ID")),
            "who": {"display": read.app or read.channel},
            "requestor": False,
        },
    ]
    return {
        "resourceType": "AuditEvent",
        "id": str(read.entry),
        "type": coding(_TYPE, "rest", "RESTful Operation"),
        "subtype": [coding(_REST, "search", "search")],
        "action": "E",
        "recorded": instant(read.at_ms),
        "outcome": "0" if read.allowed else "4",
        **({"purposeOfEvent": [concept(coding(_REASON, read.purpose))]} if read.purpose else {}),
        "agent": agents,
        "source": {"observer": {"display": "Egide"}},
        "entity": [
            {
                "what": {"reference": f"Patient/{read.patient}"},
                "type": coding(_ENTITY, "1", "Person"),
                "role": coding(_ROLE, "1", "Patient"),
            },
            {
                "type": coding(_ENTITY, "2", "System Object"),
                "role": coding(_ROLE, "24", "Query"),
                "description": f"metrics: {', '.join(read.codes) or 'all'}",
            },
        ],
    }
