"""What an Observation says, by the R4 definitions and digit by digit."""

from __future__ import annotations

import base64
import json
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from egide.cloud.fhir.exact import dumps
from egide.cloud.fhir.observations import observations
from egide.cloud.fhir.systems import QUALITY, TRUST
from egide.cloud.release.door import Column
from egide.cloud.vault.models import Envelope
from egide.measure.catalogue import CATALOGUE
from egide.measure.readings import Series
from egide.trust.cose import PublicKey, Sign1
from egide.trust.envelope import Envelope as Signed
from tests.cloud.conftest import NOW
from tests.cloud.fhir.conftest import Get, resources
from tests.support.cast import Cast, ecg_strip
from tests.support.fhir_profile import judge
from tests.support.ward import HOUR_MS, spot

BASE = "http://hl7.org/fhir/StructureDefinition/"


def one(cast: Cast, get: Get, entry: int, position: int = 0, index: int = 0) -> dict[str, Any]:
    status, resource = get(cast.alice, f"Observation/{entry}-{position}-{index}")
    assert status == 200
    assert judge(resource) == []
    for profile in resource["meta"].get("profile", []):
        assert judge(resource, profile) == [], profile
    return resource


def codes(resource: dict[str, Any]) -> list[str]:
    return [coding["code"] for coding in resource["code"]["coding"]]


@pytest.mark.parametrize(
    ("code", "unit", "text", "profile"),
    [
        ("8867-4", "/min", "72", "heartrate"),
        ("40443-4", "/min", "58", "heartrate"),
        ("9279-1", "/min", "16", "resprate"),
        ("8310-5", "Cel", "36.50", "bodytemp"),
        ("8331-1", "[degF]", "98.60", "bodytemp"),
        ("29463-7", "kg", "70.40", "bodyweight"),
        ("8302-2", "cm", "172.0", "bodyheight"),
        ("39156-5", "kg/m2", "23.8", "bmi"),
        ("59408-5", "%", "97", "oxygensat"),
        ("2708-6", "%", "96.5", "oxygensat"),
    ],
)
def test_a_vital_sign_conforms_to_its_profile(
    cast: Cast, get: Get, code: str, unit: str, text: str, profile: str
) -> None:
    """It claims vitalsigns and its own profile, and holds to both; its digits are the signed ones."""
    entry = cast.watch.send(spot(code, unit, text), t0_ms=NOW - HOUR_MS)
    resource = one(cast, get, entry)
    assert resource["meta"]["profile"][:2] == [BASE + "vitalsigns", BASE + profile]
    assert code in codes(resource)
    quantity = resource["valueQuantity"]
    assert (str(quantity["value"]), quantity["code"], quantity["system"]) == (text, unit, "http://unitsofmeasure.org")


def test_36_50_stays_36_50(cast: Cast, get: Get) -> None:
    """The trailing zero is there in the bytes."""
    client = Client()
    client.force_login(cast.alice)
    assert b'"value":36.50,' in client.get("/fhir/Observation?code=8310-5").content


@pytest.mark.parametrize(("code", "unit"), [("8310-5", "K"), ("8867-4", "Hz"), ("8480-6", "kPa")])
def test_a_unit_that_a_profile_does_not_take_claims_no_profile(cast: Cast, get: Get, code: str, unit: str) -> None:
    """The value stays as it was signed; it claims no profile of the vital signs."""
    entry = cast.watch.send(spot(code, unit, "1.20"), t0_ms=NOW - HOUR_MS)
    assert not any(url.startswith(BASE) for url in one(cast, get, entry)["meta"].get("profile", []))


def test_a_blood_pressure_is_one_panel(cast: Cast, get: Get) -> None:
    """Systolic, diastolic and mean are its components; what came beside them stays apart."""
    entry = cast.cuff.send(
        spot("8867-4", "/min", "64"), spot("8480-6", "mm[Hg]", "128"), spot("8462-4", "mm[Hg]", "79"),
        spot("8478-0", "mm[Hg]", "95"), t0_ms=NOW - HOUR_MS,
    )  # fmt: skip
    panel = one(cast, get, entry, 1)
    assert panel["meta"]["profile"][:2] == [BASE + "vitalsigns", BASE + "bp"]
    assert codes(panel)[0] == "85354-9"
    values = {c["code"]["coding"][0]["code"]: c["valueQuantity"]["value"] for c in panel["component"]}
    assert values == {"8480-6": 128, "8462-4": 79, "8478-0": 95}
    assert codes(one(cast, get, entry, 0))[0] == "8867-4"
    assert get(cast.alice, f"Observation/{entry}-2-0")[0] == 404


def test_half_a_blood_pressure_says_what_is_absent(cast: Cast, get: Get) -> None:
    """The profile asks for both parts: the missing one is said to be."""
    entry = cast.cuff.send(spot("8480-6", "mm[Hg]", "128"), t0_ms=NOW - HOUR_MS)
    panel = one(cast, get, entry)
    absent = [c for c in panel["component"] if "dataAbsentReason" in c]
    assert [c["code"]["coding"][0]["code"] for c in absent] == ["8462-4"]


def test_a_waveform_is_sampled_data(cast: Cast, get: Get) -> None:
    """data times factor is the value, one every 4 ms, over a period."""
    strip = ecg_strip(2)
    entry = cast.watch.send(strip, t0_ms=NOW - HOUR_MS)
    resource = one(cast, get, entry)
    sampled = resource["valueSampledData"]
    assert (sampled["period"], sampled["factor"], sampled["dimensions"]) == (4, Decimal("0.01"), 1)
    assert sampled["data"].split() == [str(v) for v in strip.values]
    assert sampled["origin"]["code"] == "mV"
    assert set(resource["effectivePeriod"]) == {"start", "end"}


def test_a_waveform_is_whole_whatever_period_meets_it(cast: Cast, get: Get) -> None:
    """A search that cuts a strip in two shows all of it, under the same id."""
    entry = cast.watch.send(ecg_strip(4), t0_ms=NOW - HOUR_MS)
    whole = one(cast, get, entry)
    _, bundle = get(cast.alice, "Observation?code=131329&date=ge2026-11-21T20:13:22Z&date=lt2026-11-21T20:13:23Z")
    assert resources(bundle) == [whole]


def test_an_id_does_not_move_with_the_period(cast: Cast, get: Get) -> None:
    """The same value has the same id however it is found, and reading it by its id gives the same resource."""
    _, all_of_it = get(cast.alice, "Observation?code=99504-3&_count=1000")
    _, part = get(cast.alice, "Observation?code=99504-3&date=ge2026-11-21T20:40:00Z")
    by_id = {r["id"]: r for r in resources(all_of_it)}
    assert 0 < len(resources(part)) < len(by_id)
    for resource in resources(part):
        assert by_id[resource["id"]] == resource
    last = resources(part)[-1]
    assert get(cast.alice, f"Observation/{last['id']}") == (200, last)


def test_a_status_is_said_in_words(cast: Cast, get: Get) -> None:
    """A state is a concept, not a quantity."""
    entry = cast.watch.send(spot("egide:device-status", "1", "3"), t0_ms=NOW - HOUR_MS)
    resource = one(cast, get, entry)
    assert resource["valueCodeableConcept"]["text"] == "not worn"
    assert "category" not in resource


def test_a_metric_that_nobody_knows_is_still_told(cast: Cast, get: Get) -> None:
    """A code outside the catalogue is our own coding, and a doubt says so."""
    entry = cast.watch.send(spot("99999-9", "mg", "5"), t0_ms=NOW - HOUR_MS)
    resource = one(cast, get, entry)
    assert codes(resource) == ["99999-9"]
    assert {"system": QUALITY, "code": "doubt-unknown-metric"} in resource["meta"]["tag"]


def test_trust_and_doubts_go_with_the_reading(cast: Cast, get: Get) -> None:
    """The level of trust is a tag; a doubtful value bears its doubt as a tag and a note."""
    odd = Series(code="99504-3", unit="mg/dL", times=300_000_000, exponent=0, values=(120, 2_900, 121))
    entry = cast.sensor.send(odd, t0_ms=NOW - HOUR_MS)
    fine, doubtful = one(cast, get, entry, 0, 0), one(cast, get, entry, 0, 1)
    assert {"system": TRUST, "code": "4", "display": "signed by the object"} in fine["meta"]["tag"]
    assert "note" not in fine
    assert "doubt-range" in [tag["code"] for tag in doubtful["meta"]["tag"]]
    assert doubtful["note"] == [{"text": "To be checked: range."}]


def test_a_clone_is_contested_in_both(cast: Cast, get: Get) -> None:
    """Two envelopes with one counter are both shown, both marked."""
    first = cast.scale.send(spot("29463-7", "kg", "70.1"), t0_ms=NOW - HOUR_MS)
    second = cast.scale.send(spot("29463-7", "kg", "90.9"), t0_ms=NOW - HOUR_MS, seq=cast.scale.seq)
    for entry in (first, second):
        assert {"system": QUALITY, "code": "contested"} in one(cast, get, entry)["meta"]["tag"]


@pytest.mark.parametrize("code", [code for code, m in CATALOGUE.items() if m.kind != "panel"])
def test_every_metric_of_the_catalogue_is_valid_r4(cast_of_metrics: dict[str, dict[str, Any]], code: str) -> None:
    """By the definition of Observation and by each profile that it claims."""
    resource = cast_of_metrics[code]
    assert judge(resource) == []
    for profile in resource["meta"].get("profile", []):
        assert judge(resource, profile) == []


@pytest.fixture(scope="module")
def cast_of_metrics() -> dict[str, dict[str, Any]]:
    """One observation of each metric, as JSON that was written and read back."""
    found = {}
    for n, (code, metric) in enumerate(CATALOGUE.items()):
        if metric.kind == "panel":
            continue
        values = (1, 2, 3) if metric.kind == "waveform" else (int(metric.low) + 1,)
        column = Column(
            entry=n + 1, position=0, code=code, unit=metric.unit, exponent=0, values=values, trust=4, flags=frozenset(),
            times_ms=tuple(NOW + 4 * i for i in range(len(values))), correction_ms=0, received_ms=NOW,
            object_id="00000000-0000-4000-8000-000000000001", pairing_id="00000000-0000-4000-8000-000000000002",
        )  # fmt: skip
        found[code] = json.loads(dumps(observations([column])[0].resource("00000000-0000-4000-8000-000000000003")))
    return found


def test_device_and_provenance_are_valid_and_carry_the_signature(cast: Cast, get: Get) -> None:
    """The signature's data is the very COSE_Sign1 that the object's key signed, over those observations."""
    entry = cast.scale.send(spot("29463-7", "kg", "70.40"), t0_ms=NOW - HOUR_MS)
    status, found = get(cast.alice, f"Provenance/{entry}")
    assert status == 200
    assert judge(found) == []
    statement = base64.b64decode(found["signature"][0]["data"], validate=True)
    key = PublicKey(cast.scale.signer._key.public_key())
    Signed.parse(statement).verify(key)
    assert Sign1.parse(statement).entry() == statement
    assert [t["reference"] for t in found["target"]] == [f"Observation/{entry}-0-0"]
    assert found["signature"][0]["sigFormat"] == "application/cose"
    reference = found["signature"][0]["who"]["reference"]
    assert reference == one(cast, get, entry)["device"]["reference"]
    status, device = get(cast.alice, reference)
    assert status == 200
    assert judge(device) == []
    assert device["deviceName"][0]["name"] == "Balance Claire"


def test_every_envelope_of_a_day_is_valid_r4(cast: Cast, get: Get) -> None:
    """A bundle by its definition, with what it holds; each provenance names observations that are there."""
    _, bundle = get(cast.alice, "Observation?_count=20")
    assert judge(bundle) == []
    _, whole = get(cast.alice, "Observation?_count=1000")
    ids = {r["id"] for r in resources(whole)}
    for entry in Envelope.objects.order_by("entry").values_list("entry", flat=True)[:3]:
        targets = get(cast.alice, f"Provenance/{entry}")[1]["target"]
        assert {t["reference"].removeprefix("Observation/") for t in targets} <= ids
