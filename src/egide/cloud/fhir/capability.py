"""GET /fhir/metadata: what the registry has, and no more."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Any, Final

from egide.cloud.fhir.registry import OPERATIONS, RESOURCES, WRITES, Resource

__all__ = ["SECURITY", "capability_statement"]

_SECURITY: Final = (
    "A session opened in the portal, or a token. Nothing is open by default; every answer of the door out, yes or "
    "no, is written in the patient's journal; what a token's scopes do not name is refused before it. "
    "_purpose says what for (HL7 PurposeOfUse): PATRQT for one's own record, TREAT for care."
)
Body = dict[str, Any]
#: What an app above this one says of how one signs in, for our base: elements of CapabilityStatement.rest.security.
SECURITY: Final[list[Callable[[str], dict[str, Any]]]] = []


def capability_statement(base: str) -> Body:
    """`base` is this server's address, without a last slash."""
    rest: Body = {
        "mode": "server",
        "security": {
            "cors": bool(SECURITY),
            "description": _SECURITY,
        }
        | {name: value for said in SECURITY for name, value in said(base).items()},
        "resource": [_resource(RESOURCES[kind]) for kind in sorted(RESOURCES)],
    }
    if "" in WRITES:
        rest["interaction"] = [{"code": code} for code in WRITES[""].codes]
    if found := _operations(""):
        rest["operation"] = found
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-11-22",
        "kind": "instance",
        "software": {"name": "Egide", "version": version("egide")},
        "implementation": {"description": "Measurements of connected health objects, each signed", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json"],
        "rest": [rest],
    }


def _resource(resource: Resource) -> Body:
    codes = [
        *(["read"] if resource.read else []),
        *(["vread", "history-instance"] if resource.history else []),
        *(["search-type"] if resource.search else []),
        *(WRITES[resource.type].codes if resource.type in WRITES else []),
    ]
    found: Body = {"type": resource.type}
    if resource.profiles:
        found["supportedProfile"] = list(resource.profiles)
    if resource.text:
        found["documentation"] = resource.text
    if codes:
        found["interaction"] = [{"code": code} for code in codes]
    found["versioning"] = "versioned" if resource.history else "no-version"
    if resource.includes:
        found["searchInclude"] = list(resource.includes)
    if resource.revincludes:
        found["searchRevInclude"] = list(resource.revincludes)
    if resource.parameters:
        found["searchParam"] = [
            {"name": p.name, "type": p.type, **({"documentation": p.text} if p.text else {})}
            for p in resource.parameters
        ]
    if operations := _operations(resource.type):
        found["operation"] = operations
    return found


def _operations(kind: str) -> list[Body]:
    return [
        {
            "name": name.removeprefix("$"),
            "definition": one.definition,
            **({"documentation": one.text} if one.text else {}),
        }
        for (of, name), one in sorted(OPERATIONS.items())
        if of == kind
    ]
