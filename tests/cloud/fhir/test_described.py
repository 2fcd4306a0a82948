"""Whatever the description allows is answered, in FHIR, by something else than a failure of ours.

The description is the CapabilityStatement that the server gives, told as OpenAPI; schemathesis asks what it allows, and
what it nearly allows. The server is the platform itself, in this process.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import schemathesis
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode

from tests.support.cast import Cast

#: What a parameter of each type may look like; and, now and then, anything.
_LOOKS: dict[str, str] = {
    "date": r"^(eq|ne|gt|lt|ge|le|sa|eb|ap)?20[0-9]{2}(-(0[1-9]|1[0-2])(-[0-2][0-9](T[0-2][0-9]:[0-5][0-9]Z)?)?)?$",
    "quantity": r"^(gt|lt|ge|le)?-?[0-9]{1,4}(\.[0-9]{1,3})?(\|[a-z:/.]{0,20}\|(mg/dL|mmol/L|/min|%|kg))?$",
    "token": r"^(http://loinc\.org\|)?(99504-3|8867-4|85354-9|[A-Za-z0-9|,.-]{0,20})$",
    "reference": r"^((Patient|Device)/)?[0-9a-f-]{0,36}$",
}
_CASES = 8


def described(statement: dict[str, Any], known: dict[str, str]) -> dict[str, Any]:
    """A CapabilityStatement as OpenAPI. `known` are ids that exist, by type."""
    paths: dict[str, Any] = {}
    for resource in statement["rest"][0]["resource"]:
        kind = resource["type"]
        codes = {one["code"] for one in resource.get("interaction", [])}
        asked = [_parameter(one, known) for one in resource.get("searchParam", [])]
        asked += [
            _query("_count", {"type": "integer", "minimum": -1, "maximum": 2000}),
            _query("_sort", {"enum": ["date", "-date", "_lastUpdated", "name"]}),
            _query("_summary", {"enum": ["true", "false", "count", "data", "text"]}),
            _query("_elements", {"type": "string", "maxLength": 20}),
            _query("_total", {"enum": ["none", "accurate", "estimate", "some"]}),
            _query("_include", {"enum": [*resource.get("searchInclude", []), "Observation:performer", "*"]}),
        ]
        if "search-type" in codes:
            paths[f"/{kind}"] = {"get": _operation(asked)}
        for name in ("$" + one["name"] for one in resource.get("operation", [])):
            paths[f"/{kind}/{name}"] = {"get": _operation(asked)}
        if "read" in codes:
            one_of = {"anyOf": [{"enum": [known.get(kind, "none")]}, {"type": "string", "maxLength": 40}]}
            place = {"name": "id", "in": "path", "required": True, "schema": one_of}
            paths[f"/{kind}/{{id}}"] = {"get": _operation([place])}
    return {"openapi": "3.0.3", "info": {"title": "FHIR", "version": "4.0.1"}, "paths": paths}


def _operation(parameters: list[dict[str, Any]]) -> dict[str, Any]:
    names = list(dict.fromkeys(one["name"] for one in parameters))
    unique = [next(one for one in parameters if one["name"] == name) for name in names]
    return {"parameters": unique, "responses": {"default": {"description": "FHIR"}}}


def _parameter(said: dict[str, Any], known: dict[str, str]) -> dict[str, Any]:
    if said["name"] in ("patient", "subject"):
        return _query(said["name"], {"enum": [known["Patient"], f"Patient/{known['Patient']}", "nobody"]})
    look = _LOOKS.get(said["type"])
    return _query(said["name"], {"type": "string", "pattern": look} if look else {"type": "string", "maxLength": 30})


def _query(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema}


@pytest.mark.slow
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_whatever_is_described_is_answered(cast: Cast, seed: int, mode: GenerationMode) -> None:
    client = Client()
    client.force_login(cast.alice)
    statement = json.loads(client.get("/fhir/metadata").content)
    ids = {"Patient": str(cast.alice.pk)}
    found = client.get(f"/fhir/Observation?patient={cast.alice.pk}&_count=1").content
    one = json.loads(found)["entry"][0]["resource"]
    ids |= {"Observation": one["id"], "Device": one["device"]["reference"].removeprefix("Device/")}
    schema = schemathesis.openapi.from_dict(described(statement, ids))
    met: set[int] = set()
    for operation in schema.get_all_operations():
        whole: Any = operation.ok()  # type: ignore[union-attr]  # an error raises here

        @settings(
            max_examples=_CASES, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=whole.as_strategy(generation_mode=mode))
        def ask(case: Any) -> None:
            address = re.sub(r"[\x00-\x20]", "", case.formatted_path)
            with transaction.atomic():
                answer = client.get(f"/fhir{address}", case.query or {})
            met.add(answer.status_code)
            assert answer.status_code < 500, (address, case.query)
            if answer.content and answer.status_code != 304:
                assert answer.headers["Content-Type"].startswith("application/fhir+json"), (address, case.query)
                assert "resourceType" in json.loads(answer.content)

        ask()
    assert {200, 400} <= met
