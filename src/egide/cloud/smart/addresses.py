"""Where things are, as an app sees them: from the address that it came to, which the settings allow."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.urls import reverse

from egide.cloud.fhir.base import base_of as base_at  # what `aud` must be, and what tokens are for

__all__ = ["base_at", "base_of", "origin_of", "security_of", "token_address"]


def base_of(request: Any) -> str:
    """The FHIR base, from oauthlib's request: its address is absolute (server.SmartCore)."""
    parts = urlsplit(request.uri)
    return f"{parts.scheme}://{parts.netloc}" + reverse("fhir:metadata").removesuffix("/metadata")


def token_address(request: Any) -> str:
    """Where tokens are asked for: what an app's assertion must be for."""
    parts = urlsplit(request.uri)
    return f"{parts.scheme}://{parts.netloc}" + reverse("smart:token")


def origin_of(address: str) -> str:
    """Scheme, name and port of an address that was checked."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def security_of(base: str) -> dict[str, Any]:
    """How one signs in, as a CapabilityStatement says it (SMART 2.2, Conformance): older clients look there alone."""
    ends = {"authorize": "authorize", "token": "token", "introspect": "introspect", "revoke": "revoke"}
    return {
        "extension": [
            {
                "url": "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris",
                "extension": [{"url": name, "valueUri": f"{base}/auth/{end}"} for name, end in ends.items()],
            }
        ],
        "service": [
            {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/restful-security-service",
                        "code": "SMART-on-FHIR",
                    }
                ]
            }
        ],
    }
