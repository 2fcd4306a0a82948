"""A system that cannot sign writes over FHIR: attested by it, through the same door in, with a receipt."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from decimal import Decimal

import pytest
from django.test import Client

from egide.cloud.consent.restrictions import restrict
from egide.cloud.fhir.portability import portable_file
from egide.cloud.fhir.systems import TRUST
from egide.cloud.fhir.writing.answers import RECEIPT
from egide.cloud.fleet.service import revoke_object
from egide.cloud.people.models import Establishment
from egide.cloud.register.publishing import publish
from egide.cloud.release.proof import platform_anchors, release_proof
from egide.cloud.vault.models import Envelope
from egide.trust.evidence import verify_evidence
from egide.trust.register.receipt import receipt_log
from tests.cloud.conftest import NOW
from tests.cloud.fhir.conftest import Get, resources
from tests.support.cast import Cast
from tests.support.fhir_profile import judge
from tests.support.writing import (
    IDENTIFIERS,
    Gateway,
    gateway,
    heart_rate,
    refusal,
    register_at,
    said,
    with_changes,
)

REPLACES = "http://hl7.org/fhir/StructureDefinition/observation-replaces"


def test_a_heart_rate_is_stored_receipted_shown_and_proved(cast: Cast, ward_gateway: Gateway, get: Get) -> None:
    """The whole way: 201 with its place, version and receipt; read as "attested by a system"; its proof verifies."""
    answer = ward_gateway.post("/Observation", heart_rate(cast.alice, "71.0"))
    assert answer.status_code == 201, answer.content
    assert answer["ETag"] == 'W/"1"'
    written = said(answer)
    assert answer["Location"].endswith(f"/fhir/Observation/{written['id']}")
    assert judge(written) == []
    receipt = next(e["valueBase64Binary"] for e in written["extension"] if e["url"] == RECEIPT)
    assert receipt_log(base64.b64decode(receipt)).startswith("urn:uuid:")
    status, read = get(cast.alice, f"Observation/{written['id']}")
    assert status == 200
    assert {k: v for k, v in written.items() if k not in ("extension", "meta")} == {
        k: v for k, v in read.items() if k not in ("extension", "meta")
    }
    tag = next(t for t in read["meta"]["tag"] if t["system"] == TRUST)
    assert (tag["code"], tag["display"]) == ("2", "attested by a system")
    publish(now_ms=NOW)
    entry = int(written["id"].partition("-")[0])
    proof = release_proof(reader=cast.alice, patient=cast.alice, entry=entry, purpose="PATRQT", now_ms=NOW)
    assert verify_evidence(proof, platform_anchors()).trust == 2


def test_the_chart_says_who_attests_in_words(cast: Cast, ward_gateway: Gateway) -> None:
    """The patient's page of one reading names the level in their language."""
    entry = said(ward_gateway.post("/Observation", heart_rate(cast.alice)))["id"]
    client = Client(headers={"Accept-Language": "en"})
    client.force_login(cast.alice)
    assert b"Sent by a system" in client.get(f"/me/reading/{entry}").content


def test_the_same_sent_again_is_the_same_observation(cast: Cast, ward_gateway: Gateway) -> None:
    """With an identifier or without: the second answer says 200, the same id, and nothing more is stored."""
    for body in (heart_rate(cast.alice, name="a-1"), heart_rate(cast.alice, "73")):
        first = ward_gateway.post("/Observation", body)
        before = Envelope.objects.count()
        again = ward_gateway.post("/Observation", body)
        assert (first.status_code, again.status_code) == (201, 200)
        assert said(first)["id"] == said(again)["id"]
        assert Envelope.objects.count() == before


def test_an_identifier_is_never_another_measurement_s(cast: Cast, ward_gateway: Gateway) -> None:
    """Another value under it is a conflict that says the way; if-none-exist finds the first, and stores nothing."""
    first = ward_gateway.post("/Observation", heart_rate(cast.alice, "72", name="a-1"))
    other = heart_rate(cast.alice, "90", name="a-1")
    assert refusal(ward_gateway.post("/Observation", other))[:2] == (409, "identifier-used")
    publish(now_ms=NOW)
    before = Envelope.objects.count()
    found = ward_gateway.post("/Observation", other, If_None_Exist=f"identifier={IDENTIFIERS}|a-1")
    assert (found.status_code, found["Location"]) == (200, first["Location"])
    assert Envelope.objects.count() == before


def test_prefer_says_what_comes_back(cast: Cast, ward_gateway: Gateway) -> None:
    """Nothing, or what was not kept, element by element."""
    body = with_changes(heart_rate(cast.alice), note=[{"text": "at rest"}], method={"text": "by hand"})
    minimal = ward_gateway.post("/Observation", body, Prefer="return=minimal")
    assert (minimal.status_code, minimal.content) == (201, b"")
    outcome = said(ward_gateway.post("/Observation", body, Prefer="return=OperationOutcome"))
    assert judge(outcome) == []
    assert outcome["issue"][1]["expression"] == ["Observation.note", "Observation.method"]


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_what_was_measured_is_not_changed(cast: Cast, ward_gateway: Gateway, method: str) -> None:
    """The refusal says why, and what to do."""
    name = said(ward_gateway.post("/Observation", heart_rate(cast.alice)))["id"]
    answer = getattr(Client(), method)(f"/fhir/Observation/{name}")
    assert refusal(answer)[:2] == (405, "edit-refused")
    assert "observation-replaces" in said(answer)["issue"][0]["diagnostics"]


def test_an_odd_value_is_marked_not_refused(cast: Cast, ward_gateway: Gateway, get: Get) -> None:
    """Plausibility is judged as for an object: a doubtful value may be an emergency."""
    written = said(ward_gateway.post("/Observation", heart_rate(cast.alice, "1200")))
    assert any(tag["code"] == "doubt-range" for tag in written["meta"]["tag"])
    assert get(cast.alice, f"Observation/{written['id']}")[1]["note"] == written["note"]


def test_digits_and_units_stay_as_they_were_sent(cast: Cast, ward_gateway: Gateway) -> None:
    """36.50 stays 36.50; an annotated unit is the unit; a unit of another kind is refused by its element."""
    body = b'"value":36.50,"system":"http://unitsofmeasure.org","code":"Cel"'
    resource = _raw(heart_rate(cast.alice), "8310-5", body)
    answer = ward_gateway.post("/Observation", resource)
    assert b'"value":36.50,' in answer.content, answer.content
    beats = heart_rate(cast.alice)
    beats["valueQuantity"] = {**beats["valueQuantity"], "code": "{heartbeats}/min"}
    assert said(ward_gateway.post("/Observation", beats))["valueQuantity"]["code"] == "/min"
    grams = with_changes(beats, valueQuantity={**beats["valueQuantity"], "code": "g"})
    assert refusal(ward_gateway.post("/Observation", grams)) == (
        422, "unit-refused", "Observation.value.code",
    )  # fmt: skip


def test_a_blood_pressure_and_a_strip(cast: Cast, ward_gateway: Gateway, get: Get) -> None:
    """A panel's components are one Observation; sampled data comes back value by value."""
    for body in (pressure(cast), strip(cast)):
        answer = ward_gateway.post("/Observation", body)
        assert answer.status_code == 201, answer.content
        read = get(cast.alice, f"Observation/{said(answer)['id']}")[1]
        assert judge(read) == []
        for name in ("component", "valueSampledData"):
            assert said(answer).get(name) == read.get(name)
    assert read["valueSampledData"]["data"] == "1 2 -3 4"


def test_nobody_else_writes(cast: Cast, ward_gateway: Gateway) -> None:
    """Not a person by their session, not a program without a token: whoever it is about."""
    assert Client().post("/fhir/Observation", b"{}", content_type="application/fhir+json").status_code == 401
    for person in (cast.alice, cast.bob):
        client = Client(enforce_csrf_checks=True)
        client.force_login(person)
        answer = client.post("/fhir/Observation", b"{}", content_type="application/fhir+json")
        assert answer.status_code == 403, answer.content


def test_only_for_patients_of_its_establishment(cast: Cast, elsewhere: Gateway) -> None:
    """Known elsewhere, unknown, and no id: one and the same answer; nothing is stored."""
    before = Envelope.objects.count()
    answers = {
        elsewhere.post("/Observation", heart_rate(cast.alice)).content,
        elsewhere.post("/Observation", with_changes(heart_rate(cast.alice), subject=_who("7")).copy()).content,
        elsewhere.post("/Observation", with_changes(heart_rate(cast.alice), subject=_who(cast.bob.pk))).content,
    }
    assert len(answers) == 1
    assert b"access-denied" in answers.pop()
    assert Envelope.objects.count() == before


def test_a_system_that_was_revoked_writes_no_more(cast: Cast, ward_gateway: Gateway) -> None:
    """From the instant of the revocation."""
    assert ward_gateway.post("/Observation", heart_rate(cast.alice)).status_code == 201
    revoke_object(ward_gateway.row, "retired", NOW)
    assert ward_gateway.post("/Observation", heart_rate(cast.alice, "80")).status_code == 401


def test_two_systems_share_nothing(cast: Cast, ward_gateway: Gateway, place: Establishment) -> None:
    """The same identifier of another system is another Observation."""
    register_at(cast.alice, place, since_ms=NOW)
    other = gateway(place, now_ms=NOW, name="Other gateway")
    names = {said(one.post("/Observation", heart_rate(cast.alice, name="a-1")))["id"] for one in (ward_gateway, other)}
    assert len(names) == 2


def test_a_system_writes_about_many(cast: Cast, ward_gateway: Gateway, place: Establishment, get: Get) -> None:
    """Writing about one patient does not end what it writes about another; each reads their own only."""
    register_at(cast.charlie, place, since_ms=NOW)
    for at, who in enumerate((cast.alice, cast.charlie, cast.alice)):
        assert ward_gateway.post("/Observation", heart_rate(who, str(60 + at))).status_code == 201
    found = resources(get(cast.charlie, "Observation?code=8867-4")[1])
    assert [one["valueQuantity"]["value"] for one in found] == [Decimal(61)]


def pressure(cast: Cast) -> dict[str, object]:
    unit = {"system": "http://unitsofmeasure.org", "code": "mm[Hg]", "unit": "mmHg"}
    parts = [
        {"code": {"coding": [{"system": "http://loinc.org", "code": code}]}, "valueQuantity": {"value": value, **unit}}
        for code, value in (("8480-6", 128), ("8462-4", 79))
    ]
    code = {"coding": [{"system": "http://loinc.org", "code": "85354-9"}]}
    return with_changes(heart_rate(cast.alice), code=code, component=parts, valueQuantity=None)


def strip(cast: Cast) -> dict[str, object]:
    data = {
        "origin": {"value": 0, "system": "http://unitsofmeasure.org", "code": "mV"}, "period": 4, "factor": 0.01,
        "dimensions": 1, "data": "1 2 -3 4",
    }  # fmt: skip
    code = {"coding": [{"system": "urn:iso:std:iso:11073:10101", "code": "131329"}]}
    period = {"start": "2026-11-21T20:00:00.000Z", "end": "2026-11-21T20:00:00.012Z"}
    return with_changes(
        heart_rate(cast.alice), code=code, valueSampledData=data, valueQuantity=None, effectiveDateTime=None,
        effectivePeriod=period,
    )  # fmt: skip


def _raw(resource: dict[str, object], code: str, quantity: bytes) -> bytes:
    """The bytes of a body whose quantity is written by hand: JSON of Python has no trailing zero."""
    who = resource["subject"]
    assert isinstance(who, dict)
    return (
        b'{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"'
        + code.encode() + b'"}]},"effectiveDateTime":"2026-11-21T21:00:00Z","subject":{"reference":"'
        + str(who["reference"]).encode() + b'"},"valueQuantity":{' + quantity + b"}}"
    )  # fmt: skip


def _who(name: object) -> dict[str, str]:
    return {"reference": f"Patient/{name}"}


def test_a_correction_supersedes(cast: Cast, ward_gateway: Gateway, get: Get) -> None:
    """The old one gets a version with another status, and says what stands for it; its history keeps the first."""
    old = said(ward_gateway.post("/Observation", heart_rate(cast.alice, "27")))["id"]
    extension = [{"url": REPLACES, "valueReference": {"reference": f"Observation/{old}"}}]
    right = with_changes(heart_rate(cast.alice, "72"), status="corrected", extension=extension)
    first = ward_gateway.post("/Observation", right)
    assert first.status_code == 201, first.content
    assert said(ward_gateway.post("/Observation", right))["id"] == said(first)["id"]
    read = get(cast.alice, f"Observation/{old}")[1]
    assert (read["status"], read["meta"]["versionId"]) == ("entered-in-error", "2")
    assert said(first)["id"] in read["note"][-1]["text"]
    assert judge(read) == []
    history = resources(get(cast.alice, f"Observation/{old}/_history")[1])
    assert [one["status"] for one in history] == ["entered-in-error", "final"]
    assert [one["valueQuantity"]["value"] for one in history] == [Decimal(27), Decimal(27)]
    again = with_changes(heart_rate(cast.alice, "73"), status="corrected", extension=extension)
    assert refusal(ward_gateway.post("/Observation", again))[:2] == (422, "element-invalid")


def test_the_patient_s_own_file_says_what_was_superseded(cast: Cast, ward_gateway: Gateway, get: Get) -> None:
    """The same status and the same note as an answer over FHIR: a figure that was corrected is not final there."""
    old = said(ward_gateway.post("/Observation", heart_rate(cast.alice, "27")))["id"]
    extension = [{"url": REPLACES, "valueReference": {"reference": f"Observation/{old}"}}]
    right = with_changes(heart_rate(cast.alice, "72"), status="corrected", extension=extension)
    new = said(ward_gateway.post("/Observation", right))["id"]
    with zipfile.ZipFile(io.BytesIO(portable_file(cast.alice, now_ms=NOW).content)) as archive:
        bundle = json.loads(archive.read("fhir/bundle.json"), parse_float=Decimal)
    kept = {one["id"]: one for one in resources(bundle) if one["resourceType"] == "Observation"}
    assert [kept[key] for key in (old, new)] == [get(cast.alice, f"Observation/{key}")[1] for key in (old, new)]
    assert [kept[key]["status"] for key in (old, new)] == ["entered-in-error", "final"]


def test_to_whom_something_is_hidden_nothing_is_superseded(cast: Cast, ward_gateway: Gateway, get: Get) -> None:
    """What stands for it could be what they must not know of: to them, the old one was never replaced."""
    old = said(ward_gateway.post("/Observation", heart_rate(cast.alice, "27")))["id"]
    extension = [{"url": REPLACES, "valueReference": {"reference": f"Observation/{old}"}}]
    right = with_changes(heart_rate(cast.alice, "72"), status="corrected", extension=extension)
    assert ward_gateway.post("/Observation", right).status_code == 201
    assert get(cast.bob, f"Observation/{old}")[1]["status"] == "entered-in-error"
    restrict(cast.alice, families=["glucose"], who=cast.bob, now_ms=NOW)
    read = get(cast.bob, f"Observation/{old}")[1]
    assert (read["status"], read["meta"]["versionId"]) == ("final", "1")
    assert len(resources(get(cast.bob, f"Observation/{old}/_history")[1])) == 1


def test_only_what_it_wrote_of_this_patient_is_superseded(
    cast: Cast, ward_gateway: Gateway, place: Establishment
) -> None:
    """Not an object's reading, another system's, another patient's, nor what is not there; nothing is stored."""
    register_at(cast.charlie, place, since_ms=NOW)
    other = gateway(place, now_ms=NOW, name="Other gateway")
    names = [
        f"{Envelope.objects.order_by('entry').values_list('entry', flat=True)[0]}-0-0",
        said(other.post("/Observation", heart_rate(cast.alice)))["id"],
        said(ward_gateway.post("/Observation", heart_rate(cast.charlie)))["id"],
        "9-0-0", "99999999999999999999-0-0", "x",
    ]  # fmt: skip
    before = Envelope.objects.count()
    for name in names:
        extension = [{"url": REPLACES, "valueReference": {"reference": f"Observation/{name}"}}]
        body = with_changes(heart_rate(cast.alice, "72"), extension=extension)
        assert refusal(ward_gateway.post("/Observation", body))[:2] == (422, "element-invalid")
    assert Envelope.objects.count() == before
