"""How each resource is written: pure functions, one file a resource, no database and no clock."""

from __future__ import annotations

from egide.cloud.fhir.resources.device import to_fhir as device
from egide.cloud.fhir.resources.provenance import to_fhir as provenance

__all__ = ["device", "provenance"]
