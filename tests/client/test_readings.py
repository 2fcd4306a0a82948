"""A row a value: with its unit, its time in UTC, its trust level, and nothing invented."""

from __future__ import annotations

import copy
import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egide.client.readings import QUALITY, TRUST, Reading, Readings, rows_of
from egide.cloud.fhir import systems
from egide.errors import MalformedError

UCUM = "http://unitsofmeasure.org"
GLUCOSE: dict[str, Any] = {
    "resourceType": "Observation",
    "id": "7-0-1",
    "meta": {
        "tag": [
            {"system": TRUST, "code": "4", "display": "software key"},
            {"system": QUALITY, "code": "late"},
            {"system": "urn:other", "code": "9"},
        ]
    },
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "15074-8", "display": "Glucose"}]},
    "subject": {"reference": "Patient/p1"},
    "effectiveDateTime": "2026-03-01T10:00:00.250+01:00",
    "device": {"reference": "Device/d1"},
    "valueQuantity": {"value": Decimal("5.60"), "unit": "mmol/L", "system": UCUM, "code": "mmol/L"},
}


def observation(**changes: Any) -> dict[str, Any]:
    made = copy.deepcopy(GLUCOSE)
    made.update(changes)
    return {key: value for key, value in made.items() if value is not None}


def only(one: dict[str, Any]) -> Reading:
    (row,) = rows_of(one)
    return row


def test_a_value_keeps_its_digits_its_unit_and_its_marks() -> None:
    row = only(GLUCOSE)
    assert str(row.value) == "5.60"
    assert (row.unit, row.trust, row.quality, row.status) == ("mmol/L", 4, ("late",), "final")
    assert row.at == datetime(2026, 3, 1, 9, 0, 0, 250_000, tzinfo=UTC)
    assert (row.patient, row.device, row.code, row.name) == ("p1", "d1", "15074-8", "Glucose")


def test_a_blood_pressure_is_a_row_a_component() -> None:
    parts = [
        {"code": {"coding": [{"code": code}]}, "valueQuantity": {"value": Decimal(value), "code": "mm[Hg]"}}
        for code, value in (("8480-6", 128), ("8462-4", 82))
    ]
    rows = list(rows_of(observation(valueQuantity=None, component=parts)))
    assert [(r.code, str(r.value), r.unit) for r in rows] == [("8480-6", "128", "mm[Hg]"), ("8462-4", "82", "mm[Hg]")]
    assert len({r.at for r in rows}) == 1


def test_what_is_absent_says_why_and_has_no_value() -> None:
    why = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": "not-a-number"}]}
    row = only(observation(valueQuantity=None, dataAbsentReason=why))
    assert (row.value, row.absent) == (None, "not-a-number")


def test_a_state_is_a_text() -> None:
    row = only(observation(valueQuantity=None, valueCodeableConcept={"text": "asleep"}))
    assert (row.value, row.text) == (None, "asleep")


@given(
    samples=st.lists(st.integers(-5000, 5000) | st.sampled_from("EUL"), min_size=1, max_size=50),
    factor=st.decimals("0.001", "10", places=3), origin=st.decimals("-10", "10", places=2),
)  # fmt: skip
def test_a_waveform_is_a_row_a_sample_at_its_own_instant(
    samples: list[int | str], factor: Decimal, origin: Decimal
) -> None:
    """Values are exact; what was out of range has none and says so; every sample has its place in time."""
    sampled = {
        "origin": {"value": origin, "code": "mV"}, "period": Decimal("2.5"), "factor": factor, "dimensions": 1,
        "data": " ".join(map(str, samples)),
    }  # fmt: skip
    start = datetime(2026, 3, 1, 9, tzinfo=UTC)
    whole = observation(
        valueQuantity=None, effectiveDateTime=None, effectivePeriod={"start": start.isoformat()},
        valueSampledData=sampled,
    )  # fmt: skip
    rows = list(rows_of(whole))
    assert [r.value for r in rows] == [origin + s * factor if isinstance(s, int) else None for s in samples]
    assert [bool(r.absent) for r in rows] == [isinstance(s, str) for s in samples]
    assert [r.at for r in rows] == [start + timedelta(milliseconds=2.5 * n) for n in range(len(samples))]
    assert {r.unit for r in rows} == {"mV"}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"resourceType": "Patient"}, id="another-resource"),
        pytest.param({"code": {}}, id="no-code"),
        pytest.param({"effectiveDateTime": "2026-03-01T10:00:00"}, id="no-zone"),
        pytest.param({"effectiveDateTime": "soon"}, id="no-date"),
        pytest.param({"effectiveDateTime": None}, id="no-time"),
        pytest.param({"valueQuantity": {"value": "many"}}, id="no-number"),
        pytest.param({"meta": {"tag": [{"system": TRUST, "code": "high"}]}}, id="no-level"),
        pytest.param({"component": ["x"]}, id="no-component"),
        pytest.param({"valueSampledData": {"data": "1 2"}}, id="no-period"),
        pytest.param({"subject": []}, id="no-subject"),
    ],
)
def test_what_is_no_observation_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        list(rows_of(observation(**changes)))


def test_rows_stand_in_the_order_of_time() -> None:
    later = observation(id="8-0-0", effectiveDateTime="2026-03-01T11:00:00Z")
    readings = Readings([only(later), only(GLUCOSE)])
    assert [r.observation for r in readings] == ["7-0-1", "8-0-0"]
    assert readings[0].at < readings[1].at


FULL = Readings([only(GLUCOSE), only(observation(valueQuantity=None, meta={}, id="9"))])


def test_polars_has_the_same_columns_whatever_is_in_it() -> None:
    frame = FULL.to_polars()
    assert frame.schema == Readings([]).to_polars().schema
    assert frame["value"].to_list() == [5.6, None]
    assert frame["trust"].to_list() == [4, None]
    assert frame["at"][0] == datetime(2026, 3, 1, 9, 0, 0, 250_000, tzinfo=UTC)


def test_pandas_has_the_same_columns_whatever_is_in_it() -> None:
    frame, empty = FULL.to_pandas(), Readings([]).to_pandas()
    assert list(frame.columns) == list(empty.columns)
    assert frame["value"].dtype == empty["value"].dtype == "float64"
    assert frame["value"].iloc[0] == 5.6
    assert math.isnan(frame["value"].iloc[1])
    assert str(frame["at"].dt.tz) == "UTC"


def test_both_frames_say_the_same() -> None:
    assert FULL.to_polars().drop("at").to_dicts()[0] == {
        name: value for name, value in FULL.to_pandas().iloc[0].to_dict().items() if name != "at"
    }


def test_the_tags_are_those_that_the_server_writes() -> None:
    assert (TRUST, QUALITY) == (systems.TRUST, systems.QUALITY)
