"""Device and Provenance: which object measured, and its signature, whole."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, Final

from egide.cloud.fhir.systems import TRUST, coding, concept, instant
from egide.cloud.fleet.models import HealthObject, Trust
from egide.trust.cose import Sign1
from egide.trust.envelope import Envelope

__all__ = ["device", "provenance"]

_PARTICIPANT: Final = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_SIGNATURE: Final = "urn:iso-astm:E1762-95:2013"
_SOURCE: Final = ("1.2.840.10065.1.12.1.14", "Source Signature")
Resource = dict[str, Any]


def device(row: HealthObject) -> Resource:
    """A connected health object."""
    return {
        "resourceType": "Device",
        "id": str(row.pk),
        "meta": {"tag": [coding(TRUST, str(row.trust), str(Trust(row.trust).label))]},
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{row.pk}"}],
        "status": "active" if row.revoked_ms is None else "inactive",
        "deviceName": [{"name": row.model, "type": "model-name"}],
    }


def provenance(
    number: int, statement: bytes, targets: Sequence[str], *, received_ms: int, first_ms: int
) -> Resource:
    """Who says so: the COSE_Sign1 that the object signed, byte for byte (RFC 9052).

    `targets` are the ids of the observations that this envelope carries.
    """
    envelope = Envelope.parse(statement)
    who = {"reference": f"Device/{envelope.object_id}"}
    return {
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
