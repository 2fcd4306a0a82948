"""Every Observation that the API can return is judged by R4 and by each profile that it claims."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from egide.cloud.fhir.codes import PRESSURE
from egide.cloud.fhir.observations import observations
from egide.cloud.release.door import Column
from egide.measure.catalogue import CATALOGUE, Metric
from tests.support.fhir_profile import judge

R4 = "http://hl7.org/fhir/StructureDefinition/"
PHD = "http://hl7.org/fhir/uv/phd/StructureDefinition/"
PATIENT = str(uuid.UUID(int=1))
Resource = dict[str, Any]
SENT = sorted(code for code, metric in CATALOGUE.items() if metric.kind != "panel")


def column(metric: Metric, unit: str, *, position: int = 0, trust: int = 4) -> Column:
    """A value, or a strip, in a unit of the metric, doubtful, late and of a corrected clock: all that can be said."""
    wave = metric.kind == "waveform"
    values = tuple(range(20)) if wave else (min(metric.states, default=7200),)
    times = tuple(1_795_000_000_000 + 4 * i for i in range(len(values)))
    return Column(
        entry=7, position=position, code=metric.code, unit=unit, exponent=0 if metric.states else -2, times_ms=times,
        correction_ms=1_000, values=values, trust=trust, flags=frozenset({"late", "contested"}),
        object_id=str(uuid.UUID(int=2)), pairing_id=str(uuid.UUID(int=3)), received_ms=1_795_000_060_000,
        doubts={0: "range"},
    )  # fmt: skip


def returned(code: str) -> Iterator[Resource]:
    """What the API says of a metric: in each unit, at each level of trust, and once it was entered in error."""
    metric = CATALOGUE[code]
    for unit in metric.units:
        yield from (o.resource(PATIENT) for o in observations([column(metric, unit)], []))
        yield from (o.resource(PATIENT) for o in observations([], [column(metric, unit)]))
    for trust in range(1, 6):
        yield observations([column(metric, metric.unit, trust=trust)])[0].resource(PATIENT)


@pytest.mark.parametrize("code", SENT)
def test_a_metric_holds_to_what_it_claims(code: str) -> None:
    """R4's Observation, and every profile in meta.profile."""
    for resource in returned(code):
        assert judge(resource) == []
        for profile in resource["meta"].get("profile", []):
            assert judge(resource, profile) == [], (profile, resource)


@pytest.mark.parametrize("there", [PRESSURE, PRESSURE[:2], PRESSURE[:1], PRESSURE[1:2]], ids=str)
def test_a_blood_pressure_holds_to_what_it_claims(there: tuple[str, ...]) -> None:
    """Whole, or with a part that was not measured."""
    parts = [column(CATALOGUE[code], "mm[Hg]", position=at) for at, code in enumerate(there)]
    resource = observations(parts)[0].resource(PATIENT)
    claimed = resource["meta"]["profile"]
    assert claimed == [R4 + "vitalsigns", R4 + "bp", PHD + "PhdCompoundNumericObservation"]
    assert [judge(resource, profile) for profile in ("", *claimed)] == [[]] * 4


def test_what_has_no_profile_claims_none() -> None:
    """A metric that nobody knows, and a status whose values have no MDC codes."""
    unknown = column(CATALOGUE["8867-4"], "/min")
    assert "profile" not in observations([_renamed(unknown, "1-1")])[0].resource(PATIENT)["meta"]
    status = next(m for m in CATALOGUE.values() if m.states)
    assert "profile" not in observations([column(status, status.unit)])[0].resource(PATIENT)["meta"]


def test_the_guide_s_rules_are_judged() -> None:
    """Without its category, its gateway or its unit's system, an Observation is not one of PHD: the judge says why."""
    resource = observations([column(CATALOGUE["8867-4"], "/min")])[0].resource(PATIENT)
    assert PHD + "PhdNumericObservation" in resource["meta"]["profile"]
    bare = {name: value for name, value in resource["valueQuantity"].items() if name != "system"}
    for changes, found in (({"category": resource["category"][:1]}, "PHD-Observation"),
                           ({"extension": []}, "GatewayDevice"), ({"valueQuantity": bare}, "system")):  # fmt: skip
        problems = judge({**resource, **changes}, PHD + "PhdNumericObservation")
        assert any(found in problem for problem in problems), problems


def _renamed(one: Column, code: str) -> Column:
    return replace(one, code=code)
