"""The judge of FHIR resources sees what is wrong: without that, its silence would prove nothing."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.fhir_profile import BASE, judge

Resource = dict[str, Any]


def quantity(value: float, unit: str) -> Resource:
    return {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}


def loinc(code: str) -> Resource:
    return {"coding": [{"system": "http://loinc.org", "code": code}]}


PRESSURE: Resource = {
    "resourceType": "Observation",
    "id": "1-0-0",
    "status": "final",
    "category": [
        {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}]}
    ],
    "code": loinc("85354-9"),
    "subject": {"reference": "Patient/1"},
    "effectiveDateTime": "2026-11-21T20:13:20.000Z",
    "component": [
        {"code": loinc("8480-6"), "valueQuantity": quantity(128, "mm[Hg]")},
        {"code": loinc("8462-4"), "valueQuantity": quantity(79, "mm[Hg]")},
    ],
}


def test_a_right_one_is_found_right() -> None:
    """By Observation, by vitalsigns and by bp."""
    for profile in ("", BASE + "vitalsigns", BASE + "bp"):
        assert judge(PRESSURE, profile) == []


def drop(*path: str | int) -> Callable[[Resource], None]:
    def change(resource: Resource) -> None:
        target: Any = resource
        for step in path[:-1]:
            target = target[step]
        del target[path[-1]]

    return change


def put(value: Any, *path: str | int) -> Callable[[Resource], None]:
    def change(resource: Resource) -> None:
        target: Any = resource
        for step in path[:-1]:
            target = target[step]
        target[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "found"),
    [
        pytest.param(drop("status"), "status: at least 1", id="a-required-element-is-missing"),
        pytest.param(put("done", "status"), "not in", id="a-code-outside-a-required-binding"),
        pytest.param(put("x", "colour"), "not allowed", id="an-element-that-does-not-exist"),
        pytest.param(put("21/11/2026", "effectiveDateTime"), "not a dateTime", id="a-date-of-another-form"),
        pytest.param(put("72", "valueQuantity"), "valueQuantity", id="a-value-of-another-type"),
        pytest.param(drop("effectiveDateTime"), "effective[x]: at least 1", id="no-time"),
        pytest.param(drop("subject"), "subject: at least 1", id="no-subject"),
        pytest.param(drop("component", 1), "DiastolicBP: at least 1", id="a-slice-is-missing"),
        pytest.param(put("kPa", "component", 0, "valueQuantity", "code"), "must be 'mm[Hg]'", id="another-unit"),
        pytest.param(put(True, "component", 0, "valueQuantity", "value"), "not a decimal", id="a-truth-for-a-number"),
        pytest.param(drop("component", 0, "valueQuantity"), "vs-3", id="an-invariant-is-broken"),
        pytest.param(put(loinc("1-1"), "code"), "BPCode: at least 1", id="another-code"),
    ],
)
def test_one_thing_wrong_is_seen(change: Callable[[Resource], None], found: str) -> None:
    """Each kind of rule is judged: cardinality, type, binding, slice, fixed value, invariant."""
    resource = copy.deepcopy(PRESSURE)
    change(resource)
    assert any(found in problem for problem in judge(resource, BASE + "bp")), judge(resource, BASE + "bp")


def test_an_inner_resource_is_judged_too() -> None:
    """What a bundle holds is judged by its own definition."""
    inner = {**PRESSURE, "status": "done"}
    bundle = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": inner}]}
    assert any("observation-status" in problem for problem in judge(bundle))
    assert any("bdl-1" in problem for problem in judge({**bundle, "type": "collection", "total": 1}))


def test_a_period_that_ends_before_it_begins_is_seen() -> None:
    """The invariants that need hasValue() are evaluated, not skipped."""
    period = {"start": "2026-11-21T20:13:20Z", "end": "2026-11-20T20:13:20Z"}
    resource = {k: v for k, v in PRESSURE.items() if k != "effectiveDateTime"} | {"effectivePeriod": period}
    assert any("per-1" in problem for problem in judge(resource))
