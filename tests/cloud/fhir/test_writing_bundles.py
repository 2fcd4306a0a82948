"""Batches and transactions: the French feed's form among them, with its Patient and its Device."""

from __future__ import annotations

from typing import Any

import pytest

from egide.cloud.fhir.writing import bundles, views
from egide.cloud.fleet.relay import IntakeAbsentError
from egide.cloud.people.identity import declare_identity, declare_ins
from egide.cloud.people.ins import NIR, Ins
from egide.cloud.people.models import Establishment
from egide.cloud.people.traits import Traits
from egide.cloud.register.publishing import publish
from egide.cloud.vault.models import Envelope
from tests.cloud.conftest import NOW
from tests.cloud.fhir.conftest import Get
from tests.support.cast import Cast
from tests.support.fhir_profile import judge
from tests.support.writing import Gateway, heart_rate, refusal, register_at, said, with_changes

Resource = dict[str, Any]
NUMBER = "299076306305254"


def entry(resource: Resource, name: str = "", method: str = "POST", url: str = "") -> Resource:
    found = {"resource": resource, "request": {"method": method, "url": url or resource["resourceType"]}}
    return {"fullUrl": f"urn:uuid:{name}", **found} if name else found


def bundle(kind: str, *entries: Resource) -> Resource:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


@pytest.fixture
def known(cast: Cast) -> Ins:
    """Alice's national number, as it was declared."""
    traits = Traits(birth_name="MOREAU", given_names="ALICE", birth_date="1999-07-08", sex="F")
    declare_identity(cast.alice, traits, by=cast.alice, now_ms=NOW)
    ins = Ins.read(NUMBER)
    declare_ins(cast.alice, ins, by=cast.alice, now_ms=NOW)
    return ins


def french_patient(**changes: Any) -> Resource:
    number = {"use": "official", "system": f"urn:oid:{NIR}", "value": NUMBER}
    return {
        "resourceType": "Patient", "identifier": [number], "name": [{"family": "MOREAU", "given": ["Alice"]}],
        "gender": "female", "birthDate": "1999-07-08",
    } | changes  # fmt: skip


def test_the_french_feed_is_written(cast: Cast, ward_gateway: Gateway, known: Ins, get: Get) -> None:
    """A transaction with the Patient by national number and the Device: one envelope, an answer for each entry."""
    alice = {"reference": "urn:uuid:p"}
    device = {"resourceType": "Device", "type": {"text": "watch"}}
    first = with_changes(heart_rate(cast.alice, "61"), subject=alice, device={"reference": "urn:uuid:d"})
    second = with_changes(heart_rate(cast.alice, "62", at="2026-11-21T22:01:00+01:00"), subject=alice)
    feed = bundle(
        "transaction", entry(french_patient(), "p"), entry(device, "d"), entry(first, "1"), entry(second, "2")
    )
    before = Envelope.objects.count()
    answer = ward_gateway.post("", feed)
    assert answer.status_code == 200, answer.content
    assert judge(said(answer)) == []
    assert Envelope.objects.count() == before + 1
    patient, _, *written = said(answer)["entry"]
    assert patient["response"]["location"] == f"Patient/{cast.alice.pk}"
    assert [one["response"]["status"] for one in written] == ["201 Created", "201 Created"]
    for one, value in zip(written, (61, 62), strict=True):
        name = one["response"]["location"].split("/")[1]
        assert get(cast.alice, f"Observation/{name}")[1]["valueQuantity"]["value"] == value
    again = said(ward_gateway.post("", feed))["entry"]
    assert [one["response"]["status"] for one in again[2:]] == ["200 OK", "200 OK"]
    assert [one["fullUrl"] for one in again[2:]] == [one["fullUrl"] for one in written]
    assert Envelope.objects.count() == before + 1


@pytest.mark.parametrize("changes", [{"birthDate": "1999-07-09"}, {"gender": "male"}, {"identifier": []}], ids=str)
def test_a_number_with_other_traits_is_nobody(cast: Cast, ward_gateway: Gateway, known: Ins, changes: Resource) -> None:
    """Another birth date, another sex or no number: the measurement is nobody's, and is refused."""
    observation = with_changes(heart_rate(cast.alice), subject={"reference": "urn:uuid:p"})
    feed = bundle("transaction", entry(french_patient(**changes), "p"), entry(observation, "1"))
    assert refusal(ward_gateway.post("", feed))[:2] == (403, "access-denied")


def test_a_transaction_is_written_whole_or_not_at_all(cast: Cast, ward_gateway: Gateway) -> None:
    """One wrong entry: nothing is stored, and every wrong one is named."""
    wrong = with_changes(heart_rate(cast.alice), status=None)
    before = Envelope.objects.count()
    answer = ward_gateway.post("", bundle("transaction", entry(heart_rate(cast.alice)), entry(wrong), entry(wrong)))
    assert answer.status_code == 422
    expressions = [issue["expression"][0] for issue in said(answer)["issue"]]
    assert expressions == [f"Bundle.entry[{at}].resource.status" for at in (1, 2)]
    assert Envelope.objects.count() == before


def test_a_transaction_about_two_people_is_refused(cast: Cast, ward_gateway: Gateway, place: Establishment) -> None:
    """Two records cannot be sealed as one."""
    register_at(cast.charlie, place, since_ms=NOW)
    both = bundle("transaction", entry(heart_rate(cast.alice)), entry(heart_rate(cast.charlie)))
    assert refusal(ward_gateway.post("", both)) == (422, "not-supported", "Bundle.entry")


def test_a_batch_writes_what_is_right(cast: Cast, ward_gateway: Gateway, place: Establishment) -> None:
    """Each entry has its own answer: written, refused by its element, or not changed."""
    register_at(cast.charlie, place, since_ms=NOW)
    wrong = with_changes(heart_rate(cast.alice), code=None)
    answer = ward_gateway.post("", bundle(
        "batch", entry(heart_rate(cast.alice)), entry(wrong), entry(heart_rate(cast.charlie)),
        entry(heart_rate(cast.alice), method="PUT", url="Observation/1-0-0"),
        {"request": {"method": "GET", "url": "Observation"}}, {},
    ))  # fmt: skip
    assert judge(said(answer)) == []
    statuses = [one["response"]["status"][:3] for one in said(answer)["entry"]]
    assert statuses == ["201", "422", "201", "422", "422", "422"]
    refused = said(answer)["entry"][3]["response"]["outcome"]["issue"][0]
    assert refused["details"]["coding"][0]["code"] == "edit-refused"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"resourceType": "Bundle", "type": "collection", "entry": []}, "not-written-here"),
        ({"resourceType": "Bundle", "type": "batch"}, "element-missing"),
        ({"resourceType": "Bundle", "type": "batch", "entry": {}}, "element-missing"),
        ({"resourceType": "Bundle", "type": "batch", "entry": [{}] * 1001}, "too-large"),
        ({"resourceType": "Observation"}, "not-written-here"),
    ],
)
def test_what_is_no_bundle_to_write(ward_gateway: Gateway, body: Resource, code: str) -> None:
    """Refused as a whole."""
    assert refusal(ward_gateway.post("", body))[1] == code


def test_two_pressures_of_one_instant_are_not_mixed(cast: Cast, ward_gateway: Gateway) -> None:
    """In one envelope they would be read as one panel: the transaction is refused, and says to send them apart."""
    unit = {"system": "http://unitsofmeasure.org", "code": "mm[Hg]"}
    code = {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]}
    two = [with_changes(heart_rate(cast.alice), code=code, valueQuantity={"value": v, **unit}) for v in (120, 130)]
    assert refusal(ward_gateway.post("", bundle("transaction", *map(entry, two))))[0] == 422


def test_more_than_an_envelope_holds_is_sent_as_a_batch(cast: Cast, ward_gateway: Gateway) -> None:
    """65 values in a transaction are refused, and said how to be sent; nothing is promised."""
    many = [heart_rate(cast.alice, str(50 + n), at=f"2026-11-21T20:{n % 60:02}:0{n // 60}Z") for n in range(65)]
    before = Envelope.objects.count()
    assert refusal(ward_gateway.post("", bundle("transaction", *map(entry, many))))[:2] == (413, "too-large")
    assert Envelope.objects.count() == before
    assert ward_gateway.post("", bundle("transaction", *map(entry, many[:64]))).status_code == 200
    assert Envelope.objects.count() == before + 1


def test_one_of_a_transaction_sent_alone_is_the_same(cast: Cast, ward_gateway: Gateway) -> None:
    """Sent again apart from the others, it is found: the same id, and nothing more is stored."""
    two = [heart_rate(cast.alice, "61"), heart_rate(cast.alice, "62")]
    answer = said(ward_gateway.post("", bundle("transaction", *map(entry, two))))
    publish(now_ms=NOW)
    before = Envelope.objects.count()
    alone = ward_gateway.post("/Observation", two[1])
    assert (alone.status_code, said(alone)["id"]) == (200, answer["entry"][1]["resource"]["id"])
    assert Envelope.objects.count() == before


def beats(cast: Cast, count: int) -> list[Resource]:
    """Entries of a batch, a minute apart."""
    return [entry(heart_rate(cast.alice, at=f"2026-11-21T21:{minute:02}:00+00:00")) for minute in range(count)]


def test_an_intake_that_does_not_answer_is_asked_once_by_a_batch(
    cast: Cast, ward_gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each question waits: those that are left are answered at once, and nothing of them is promised."""
    asked = []

    def absent(envelope: bytes) -> bytes:
        asked.append(envelope)
        raise IntakeAbsentError

    with monkeypatch.context() as away:
        away.setattr(views, "through_intake", absent)
        answer = ward_gateway.post("", bundle("batch", *beats(cast, 5)))
    assert [one["response"]["status"][:3] for one in said(answer)["entry"]] == ["503"] * 5
    assert len(asked) == 1
    again = ward_gateway.post("", bundle("batch", *beats(cast, 5)))
    assert [one["response"]["status"][:2] for one in said(again)["entry"]] == ["20"] * 5


def test_a_batch_that_takes_too_long_is_answered_as_far_as_it_came(
    cast: Cast, ward_gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left is answered 503, so that one request holds no thread for hours."""
    seconds = iter([0.0, 10.0, 29.0, bundles.DEADLINE_S])
    monkeypatch.setattr(bundles, "_now_s", lambda: next(seconds))
    answer = ward_gateway.post("", bundle("batch", *beats(cast, 5)))
    assert [one["response"]["status"][:3] for one in said(answer)["entry"]] == ["201", "201", "503", "503", "503"]
