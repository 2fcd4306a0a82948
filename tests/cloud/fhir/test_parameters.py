"""Each parameter of a search finds what it says; each wrong one is 400 and named; the answer has the form asked for."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from urllib.parse import quote, urlencode

import pytest
from django.http import HttpRequest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from egide.cloud.fhir import reader as readers
from egide.cloud.fhir.quantities import parse_amounts
from egide.cloud.fhir.reader import Reader, Scope
from egide.cloud.people.models import Account
from egide.cloud.signin import pace
from egide.errors import MalformedError
from egide.measure.catalogue import CATALOGUE
from tests.cloud.conftest import NOW
from tests.cloud.fhir.conftest import Get, link, resources
from tests.support.fhir_profile import judge
from tests.support.ward import HOUR_MS, Thing, Ward, spot

Few = tuple[Account, Thing, Thing]


@pytest.fixture
def few(ward: Ward) -> Few:
    """Alice, her cuff and her scale: a panel with its pulse, a glucose in mg/dL, a weight, a temperature."""
    alice = ward.patient("Alice Moreau")
    cuff, scale = ward.thing("Tensio Bras", alice, trust=3), ward.thing("Balance Claire", alice, trust=4)
    cuff.send(
        spot("8867-4", "/min", "64"), spot("8480-6", "mm[Hg]", "128"), spot("8462-4", "mm[Hg]", "79"),
        t0_ms=NOW - 5 * HOUR_MS,
    )  # fmt: skip
    scale.send(spot("29463-7", "kg", "70.4"), t0_ms=NOW - 4 * HOUR_MS)
    scale.send(spot("99504-3", "mg/dL", "126"), t0_ms=NOW - 3 * HOUR_MS)
    scale.send(spot("8310-5", "Cel", "36.50"), t0_ms=NOW - 2 * HOUR_MS)
    return alice, cuff, scale


def found(get: Get, who: Account, query: str) -> set[str]:
    status, bundle = get(who, f"Observation?{query}")
    assert status == 200, bundle
    assert judge(bundle) == []
    return {r["code"]["coding"][0]["code"] for r in resources(bundle) if r["resourceType"] == "Observation"}


PULSE, PANEL, WEIGHT, SUGAR, HEAT = "8867-4", "85354-9", "29463-7", "99504-3", "8310-5"
EVERY = {PULSE, PANEL, WEIGHT, SUGAR, HEAT}
FORM = "application/x-www-form-urlencoded"
KG = "http://unitsofmeasure.org|kg"


@pytest.mark.parametrize(
    ("query", "codes"),
    [
        ("", EVERY),
        ("code=85354-9", {PANEL}),
        ("code=8480-6", set()),  # it is a component's
        ("combo-code=8480-6", {PANEL}),
        ("component-code=8480-6,8462-4", {PANEL}),
        ("component-code=29463-7", set()),
        ("combo-code=http://loinc.org|8480-6&category=vital-signs", {PANEL}),
        ("category=vital-signs", {PULSE, PANEL, WEIGHT, HEAT}),
        ("category=laboratory", {SUGAR}),
        ("category=http://hl7.org/fhir/uv/phd/CodeSystem/PhdObservationCategories|phd&code=29463-7", {WEIGHT}),
        (f"value-quantity=70.4|{KG}", {WEIGHT}),
        ("value-quantity=70400|http://unitsofmeasure.org|g", {WEIGHT}),
        ("value-quantity=gt70000||g", {WEIGHT}),
        ("value-quantity=lt71|http://unitsofmeasure.org|kg", {WEIGHT}),
        ("value-quantity=97.7|http://unitsofmeasure.org|[degF]", {HEAT}),
        ("value-quantity=ap38||Cel", {HEAT}),
        ("value-quantity=126", {SUGAR}),
        ("value-quantity=ne126||mg/dL", set()),
        ("value-quantity=128||mm[Hg]", set()),
        ("component-value-quantity=128||mm[Hg]", {PANEL}),
        ("combo-value-quantity=ge79||mm[Hg],lt37||Cel", {PANEL, HEAT}),
        ("status=final", EVERY),
        ("status=entered-in-error,amended", set()),
        ("date=ap2026-11-21", EVERY),
        ("date=ne2026-11-21", set()),
        ("date=2025,2026", EVERY),
        ("_lastUpdated=gt2026-11-21T18:30:00Z&code=29463-7,8310-5", {HEAT}),
        ("_lastUpdated=lt2020", set()),
        ("_sort=_lastUpdated", EVERY),
    ],
)
def test_a_parameter_finds_what_it_says(few: Few, get: Get, query: str, codes: set[str]) -> None:
    """By R4's meaning of each, units converted."""
    assert found(get, few[0], query.replace("[", "%5B").replace("]", "%5D")) == codes


def test_by_object_and_by_id(few: Few, get: Get) -> None:
    """An object's own; some ids, with or without saying whose; another's id is not found and is no error."""
    alice, cuff, _ = few
    assert found(get, alice, f"device=Device/{cuff.row.pk}") == {PULSE, PANEL}
    _, bundle = get(alice, "Observation?code=29463-7")
    key = resources(bundle)[0]["id"]
    assert found(get, alice, f"_id={key},99999-0-0") == {WEIGHT}
    assert found(get, alice, f"_id={key}&patient={alice.pk}") == {WEIGHT}
    assert found(get, alice, f"_id={key}&code=8310-5") == set()


@pytest.mark.parametrize(
    ("query", "element"),
    [
        ("date=2026-02-30", "date"), ("_lastUpdated=soon", "_lastUpdated"), ("value-quantity=heavy", "value-quantity"),
        ("value-quantity=7||stone", "value-quantity"), ("value-quantity=7|http://x|kg", "value-quantity"),
        ("value-quantity=7|kg", "value-quantity"), ("status=red", "status"), ("device=Patient/1", "device"),
        ("code=", "code"), ("_sort=code", "_sort"), ("_summary=some", "_summary"), ("_total=all", "_total"),
        ("_elements=a.b", "_elements"), ("_include=Observation:subject:x", "_include"), ("_count=x", "_count"),
        ("_revinclude=*", "_revinclude"), ("code:not=1", "code:not"), ("colour=red", "colour"),
        ("patient=x", "patient"),
        ("_cursor=x", "_cursor"), ("_has:Provenance:target:agent=1", "_has:Provenance:target:agent"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(few: Few, get: Get, query: str, element: str) -> None:
    """400, and the outcome says which parameter; never its value."""
    status, outcome = get(few[0], f"Observation?{query}")
    assert (status, outcome["issue"][0]["expression"]) == (400, [f"http.{element}"])
    assert judge(outcome) == []


def test_what_is_unknown_is_ignored_only_when_one_says_so(few: Few, get: Get) -> None:
    """Prefer: handling=lenient; then the answer says what it ignored, and its link does not."""
    client = Client()
    client.force_login(few[0])
    answer = client.get("/fhir/Observation?colour=red&_count=1", headers={"prefer": "handling=lenient"})
    bundle = json.loads(answer.content)
    assert answer.status_code == 200
    assert "colour" in bundle["entry"][-1]["resource"]["issue"][0]["details"]["text"]
    assert "colour" not in (link(bundle, "self") or "")
    refused = client.get("/fhir/Observation?code:not=1", headers={"prefer": "handling=lenient"})
    assert refused.status_code == 400


def test_a_number_is_searched_for_as_many_times_as_a_desk_may(few: Few, monkeypatch: pytest.MonkeyPatch) -> None:
    """By software too: a turn each, counted by account with those of the desk, then 429."""
    monkeypatch.setattr(pace, "TURNS", {"search": 2})
    client = Client()
    client.force_login(few[0])
    asked = [
        client.post("/fhir/Patient/_search", urlencode({"identifier": "255069999999934"}), content_type=FORM)
        for _ in range(3)
    ]
    assert [answer.status_code for answer in asked] == [200, 200, 429]
    assert json.loads(asked[2].content)["issue"][0]["details"]["coding"][0]["code"] == "too-often"
    assert client.get("/fhir/Patient").status_code == 200


def test_a_search_by_post_is_the_same_and_takes_a_form(few: Few, get: Get) -> None:
    """What the form says counts as what an address says; another type is 415, GET is 405."""
    client = Client()
    client.force_login(few[0])
    said = client.post("/fhir/Observation/_search", urlencode({"code": WEIGHT}), content_type=FORM)
    assert [r["code"]["coding"][0]["code"] for r in resources(json.loads(said.content))] == [WEIGHT]
    assert client.post("/fhir/Observation/_search", "{}", content_type="application/json").status_code == 415
    assert client.get("/fhir/Observation/_search").status_code == 405
    assert client.delete("/fhir/Observation/1-0-0").status_code == 405


@pytest.mark.parametrize(
    "query",
    ["Patient?identifier=urn:oid:1.2.250.1.213.1.4.8|255069999999934", "Patient?identifier=255069999999934",
     "Patient?_id=255069999999934", "Practitioner?identifier=10003456789", "Observation?patient=2550699999999",
     "Practitioner?identifier=urn:oid:1.2.250.1.71.4.2.1|810003456789"],
)  # fmt: skip
def test_a_national_identifier_in_an_address_is_refused(few: Few, get: Get, query: str) -> None:
    """INS, NIR and RPPS: addresses are written down on the way. The outcome does not repeat it."""
    status, outcome = get(few[0], query)
    assert status == 400
    assert query.rpartition("|")[2].rpartition("=")[2] not in json.dumps(outcome)


def test_how_many_and_how_much(few: Few, get: Get) -> None:
    """_count=0, _summary=count, _total, _summary, _elements."""
    alice = few[0]
    for query in ("_count=0", "_summary=count"):
        _, bundle = get(alice, f"Observation?{query}")
        assert (bundle["total"], "entry" in bundle) == (5, False)
    assert get(alice, "Observation?_count=2&_total=accurate")[1]["total"] == 5
    assert "total" not in get(alice, "Observation?_count=2")[1]
    assert "total" not in get(alice, "Observation?_total=none")[1]
    _, bundle = get(alice, "Observation?_elements=subject&_count=1")
    assert set(resources(bundle)[0]) == {"resourceType", "id", "meta", "status", "code", "subject"}
    assert resources(bundle)[0]["meta"]["tag"][-1]["code"] == "SUBSETTED"
    _, bundle = get(alice, f"Observation?_summary=true&code={WEIGHT}")
    assert "valueQuantity" in resources(bundle)[0]
    assert "device" not in resources(bundle)[0]
    assert judge(bundle) == []


def test_what_goes_with_it(few: Few, get: Get) -> None:
    """The object, the patient, and for the patient alone the signatures; each once, none of another's."""
    alice, _, scale = few
    query = f"Observation?device=Device/{scale.row.pk}&_include=Observation:device&_include=Observation:subject"
    _, bundle = get(alice, f"{query}&_revinclude=Provenance:target")
    assert judge(bundle) == []
    modes = [(e["resource"]["resourceType"], e["search"]["mode"]) for e in bundle["entry"]]
    assert sorted(set(modes)) == [
        ("Device", "include"), ("Observation", "match"), ("Patient", "include"), ("Provenance", "include"),
    ]  # fmt: skip
    assert modes.count(("Device", "include")) == modes.count(("Patient", "include")) == 1
    assert modes.count(("Provenance", "include")) == 3


def test_pages_under_writing_give_each_once(few: Few, get: Get) -> None:
    """While others come between two pages, what was there is met once, whatever the order; what came, at most once."""
    alice, _, scale = few
    for order in ("-date", "date", "_lastUpdated", "-_lastUpdated"):
        before = {r["id"] for r in resources(get(alice, "Observation?_count=1000")[1])}
        following: str | None = f"Observation?_sort={order}&_count=2"
        met: list[str] = []
        while following:
            status, bundle = get(alice, following)
            assert status == 200
            met += [r["id"] for r in resources(bundle)]
            following = link(bundle, "next")
            if len(met) < 6:
                late = len(met) * 60_000
                scale.send(spot("29463-7", "kg", "70.5"), t0_ms=NOW - 6 * HOUR_MS + late, received_ms=NOW)
                scale.send(spot("29463-7", "kg", "70.6"), t0_ms=NOW - HOUR_MS + late)
        assert len(met) == len(set(met))
        assert before <= set(met)


def test_the_same_again_is_not_sent_again(few: Few) -> None:
    """304 for a tag one has; HEAD has the tag and no body; a cookie's answer is never compressed, metadata is."""
    client = Client()
    client.force_login(few[0])
    first = client.get(f"/fhir/Observation?code={WEIGHT}")
    again = client.get(f"/fhir/Observation?code={WEIGHT}", headers={"if-none-match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    head = client.head(f"/fhir/Observation?code={WEIGHT}")
    assert (head.status_code, head.content, head.headers["ETag"]) == (200, b"", first.headers["ETag"])
    packed = client.get("/fhir/Observation", headers={"accept-encoding": "gzip"})
    assert "Content-Encoding" not in packed.headers
    public = Client().get("/fhir/metadata", headers={"accept-encoding": "gzip"})
    assert json.loads(gzip.decompress(public.content))["resourceType"] == "CapabilityStatement"


@pytest.fixture
def token(few: Few) -> Iterator[dict[str, str]]:
    """A program that Alice signed in to, with a token for her weights alone."""
    scope = Scope.parse("patient/Observation.rs?code=29463-7")
    alice = few[0]

    def find(request: HttpRequest) -> Reader | None:
        if request.headers.get("Authorization") != "Bearer weights":
            return None
        return Reader(account=alice, scopes=(scope,), patient=alice.pk)

    readers.READERS.insert(0, find)
    yield {"authorization": "Bearer weights", "accept-encoding": "gzip"}
    readers.READERS.remove(find)


def test_a_token_reads_what_its_scopes_leave(few: Few, token: dict[str, str], get: Get) -> None:
    """Counts, reads and includes are of what the scope leaves; another type is refused; a bad token is no cookie."""
    client = Client()
    alice, _, scale = few
    answer = client.get("/fhir/Observation?_total=accurate&_include=Observation:device", headers=token)
    assert answer.status_code == 200
    body = gzip.decompress(answer.content) if "Content-Encoding" in answer.headers else answer.content
    bundle = json.loads(body)
    assert (bundle["total"], [r["resourceType"] for r in resources(bundle)]) == (1, ["Observation"])
    heat = next(iter(resources(get(alice, f"Observation?code={HEAT}")[1])))["id"]
    assert client.get(f"/fhir/Observation/{heat}", headers=token).status_code == 403
    assert client.get(f"/fhir/Device/{scale.row.pk}", headers=token).status_code == 403
    client.force_login(alice)
    assert client.get("/fhir/Observation", headers={"authorization": "Bearer other"}).status_code == 401


@given(st.text(max_size=30))
def test_no_quantity_does_anything_but_parse_or_be_refused(text: str) -> None:
    """And whatever parses can be compared with every metric's values."""
    try:
        amounts = parse_amounts("value-quantity", text)
    except MalformedError:
        return
    for amount in amounts:
        for metric in CATALOGUE.values():
            assert isinstance(amount.holds(metric.low, metric.unit, metric), bool)


def test_an_address_is_built_for_links(few: Few, get: Get) -> None:
    """A next link is good as it is, whoever wrote the first question."""
    alice = few[0]
    _, first = get(alice, f"Observation?category={quote('vital-signs')}")
    assert link(first, "next") is None
    _, paged = get(alice, "Observation?category=vital-signs&_count=3")
    following = link(paged, "next")
    assert following
    assert len(resources(get(alice, following)[1])) == 1
