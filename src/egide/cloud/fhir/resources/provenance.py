"""Provenance: who says so. The COSE_Sign1 that an object signed, whole, and the receipt that the register gave."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, Final

from egide.cloud.fhir.systems import coding, concept, instant
from egide.trust.cose import Sign1
from egide.trust.envelope import Envelope

__all__ = ["to_fhir"]

_PARTICIPANT: Final = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_SIGNATURE: Final = "urn:iso-astm:E1762-95:2013"
_SOURCE: Final = ("1.2.840.10065.1.12.1.14", "Source Signature")
_EVENT: Final = ("1.2.840.10065.1.12.1.13", "Event Witness Signature")
Resource = dict[str, Any]


def to_fhir(
    number: int, statement: bytes, targets: Sequence[str], *, received_ms: int, first_ms: int, receipt: bytes = b""
) -> Resource:
    """Who says so: the COSE_Sign1 that the object signed, byte for byte (RFC 9052), and the receipt (RFC 9942).

    `targets` are the ids of the observations that this envelope carries.
    """
    envelope = Envelope.parse(statement)
    who = {"reference": f"Device/{envelope.object_id}"}
    resource: Resource = {
        "resourceType": "Provenance",
        "id": str(number),
        "target": [{"reference": f"Observation/{target}"} for target in targets],
        "occurredDateTime": instant(first_ms),
        "recorded": instant(received_ms),
        "agent": [
            {"type": concept(coding(_PARTICIPANT, "author", "Author")), "who": who},
            {"type": concept(coding(_PARTICIPANT, "verifier", "Verifier")), "who": {"display": "Egide"}},
        ],
        "signature": [
            {
                "type": [coding(_SIGNATURE, *_SOURCE)],
                "when": instant(envelope.iat * 1000),
                "who": who,
                "targetFormat": str(Sign1.parse(statement).header[3]),
                "sigFormat": "application/cose",
                "data": base64.b64encode(statement).decode(),
            }
        ],
    }
    if receipt:
        resource["signature"] += [
            {
                "type": [coding(_SIGNATURE, *_EVENT)],
                "when": instant(received_ms),
                "who": {"display": "Egide, the register"},
                "sigFormat": "application/cose",
                "data": base64.b64encode(receipt).decode(),
            }
        ]
    return resource
