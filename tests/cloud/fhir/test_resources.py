"""Every type that is served: valid by R4, given to whom it may be, and to nobody else."""

from __future__ import annotations

import base64
import json
from decimal import Decimal
from typing import Any

import pytest

from egide.cloud.consent.grants import give_grant
from egide.cloud.consent.restrictions import restrict
from egide.cloud.consent.service import start_follow_up
from egide.cloud.fhir.registry import RESOURCES
from egide.cloud.people.models import Account
from egide.cloud.people.offices import offices_of
from egide.cloud.release.journal import journal_of
from tests.cloud.conftest import NOW
from tests.cloud.fhir.conftest import Get, link, resources
from tests.support.fhir_profile import judge
from tests.support.ward import HOUR_MS, Thing, Ward, spot

World = tuple[Account, Account, Account, Thing]


@pytest.fixture
def world(ward: Ward) -> World:
    """Alice with a weight, a grant and a restriction; Dr Bob who follows her; Diane who follows nobody; a scale."""
    alice = ward.patient("Alice Moreau")
    bob, diane = ward.professional("Dr Bob Durand", alice), ward.professional("Diane Roux")
    scale = ward.thing("Balance Claire", alice)
    for hour, text in ((5, "70.0"), (4, "71.0"), (3, "72.0"), (2, "75.0")):
        scale.send(spot("29463-7", "kg", text), t0_ms=NOW - hour * HOUR_MS)
    scale.send(spot("8867-4", "/min", "61"), t0_ms=NOW - HOUR_MS)
    give_grant(alice, diane, families=["heart"], purpose="TREAT", now_ms=NOW - 9, until_ms=NOW + HOUR_MS)
    restrict(alice, families=["glucose"], who=bob, now_ms=NOW - 8)
    return alice, bob, diane, scale


def every(get: Get, reader: Account, query: str) -> list[dict[str, Any]]:
    status, bundle = get(reader, query)
    assert status == 200, (query, bundle)
    assert judge(bundle) == [], query
    return resources(bundle)


#: What each may search for about Alice, and how many of it: Alice herself, Dr Bob.
SEEN = {
    "Patient": (1, 1), "Device": (1, 1), "DeviceMetric": (2, 2), "CareTeam": (1, 1), "RelatedPerson": (0, 0),
    "Consent": (2, 0), "Practitioner": (1, 1), "Group": (0, 1),
}  # fmt: skip


@pytest.mark.parametrize("kind", SEEN)
def test_each_is_valid_and_is_read_as_it_is_found(world: World, get: Get, kind: str) -> None:
    """A search's resources are those that reading gives; who has no ground is refused, or finds nothing."""
    alice, bob, *_ = world
    about = f"?patient={alice.pk}" if kind not in {"Patient", "Practitioner", "Group"} else ""
    for reader, count in zip((alice, bob), SEEN[kind], strict=True):
        found = every(get, reader, kind + about)
        assert len(found) == count
        for one in found:
            assert judge(one) == []
            assert get(reader, f"{kind}/{one['id']}") == (200, one)


def test_who_has_no_ground_finds_nobody(world: World, get: Get) -> None:
    """What is about a record is refused as the record is; each refusal is in the patient's journal."""
    alice, bob, _, scale = world
    other = Account.objects.get(pk=bob.pk)
    stranger = Account.objects.exclude(pk__in=[alice.pk, bob.pk]).exclude(role="patient").get()
    stranger_asks = [f"CareTeam/{alice.pk}", f"CareTeam?patient={alice.pk}", f"RelatedPerson?patient={alice.pk}"]
    restrict(alice, families=None, who=stranger, now_ms=NOW - 5)
    for path in (f"Patient/{alice.pk}", *stranger_asks, f"Device/{scale.row.pk}", f"Consent?patient={alice.pk}"):
        assert get(stranger, path)[0] == 403, path
        assert journal_of(alice, limit=1)[0].decision == "no"
    for path in ("Patient", f"Patient?_id={alice.pk}", "Group"):
        assert not any(r.get("name") or r.get("member") for r in every(get, stranger, path) if r["id"] != str(other.pk)
                       and r["resourceType"] == "Patient")  # fmt: skip
    assert get(None, f"Patient/{alice.pk}")[0] == 401


def test_a_restriction_is_the_patient_s_to_see(world: World, get: Get) -> None:
    """Alice finds her grant and her restriction; Dr Bob finds none, as of any patient."""
    alice, bob, diane, _ = world
    kinds = sorted(r["provision"]["type"] for r in every(get, alice, f"Consent?patient={alice.pk}"))
    assert kinds == ["deny", "permit"]
    permit = next(r for r in every(get, alice, "Consent") if r["provision"]["type"] == "permit")
    assert permit["provision"]["actor"][0]["reference"]["reference"] == f"Practitioner/{diane.pk}"
    assert every(get, bob, f"Consent?patient={alice.pk}") == []


def test_the_journal_is_audit_events_for_the_patient_alone(world: World, get: Get) -> None:
    """Each look, who and what for; a no has its outcome; nobody else reads it."""
    alice, bob, *_ = world
    get(bob, f"Observation?patient={alice.pk}&_count=1")
    get(bob, f"Observation?patient={alice.pk}&_purpose=HMARKT")
    found = every(get, alice, "AuditEvent?_count=50")
    of_bob = [e for e in found if e["agent"][0]["who"].get("reference") == f"Practitioner/{bob.pk}"]
    assert {e["outcome"] for e in of_bob} == {"0", "4"}
    assert {e["purposeOfEvent"][0]["coding"][0]["code"] for e in of_bob} == {"TREAT", "HMARKT"}
    assert get(alice, f"AuditEvent/{of_bob[0]['id']}") == (200, of_bob[0])
    assert every(get, bob, f"AuditEvent?patient={alice.pk}") == []
    assert every(get, alice, "AuditEvent?date=lt2020") == []


def test_offices_are_told_where_one_works(world: World, get: Get) -> None:
    """Each office that a statement gave, and the establishment it names; nothing to who works nowhere."""
    _, bob, *_ = world
    held = offices_of(bob, now_ms=NOW)
    assert len(every(get, bob, "PractitionerRole")) == len(held)
    assert {r["id"] for r in every(get, bob, "Organization")} == {str(m.establishment_id) for m in held}


def test_a_provenance_has_the_receipt_beside_the_signature(world: World, get: Get) -> None:
    """Once a checkpoint covers it: two COSE structures, the object's and the register's."""
    alice = world[0]
    (_, bundle) = get(alice, "Observation?code=8867-4&_revinclude=Provenance:target")
    (found,) = [r for r in resources(bundle) if r["resourceType"] == "Provenance"]
    assert judge(found) == []
    for signature in found["signature"]:
        assert base64.b64decode(signature["data"], validate=True)[0] == 0xD2  # COSE_Sign1
    assert get(world[1], f"Provenance/{found['id']}")[0] == 403


def test_the_last_of_each(world: World, get: Get) -> None:
    """$lastn gives the last of each code, the latest first; `max` more of them."""
    alice, bob, *_ = world
    for reader in (alice, bob):
        found = every(get, reader, f"Observation/$lastn?patient={alice.pk}&category=vital-signs")
        assert [r["valueQuantity"]["value"] for r in found] == [61, Decimal("75.0")]
    found = every(get, alice, "Observation/$lastn?max=2&code=29463-7")
    assert [r["valueQuantity"]["value"] for r in found] == [Decimal("75.0"), Decimal("72.0")]


def test_statistics_are_those_of_the_values(world: World, get: Get) -> None:
    """$stats: exact decimals in the metric's unit; nothing to compute is said to be absent."""
    alice = world[0]
    names = "average,minimum,maximum,median,sum,count,variance"
    status, found = get(alice, f"Observation/$stats?code=29463-7&statistic={names}&subject=Patient/{alice.pk}")
    assert status == 200
    assert judge(found) == []
    parts = found["parameter"][0]["resource"]["component"]
    told = {p["code"]["coding"][0]["code"]: p["valueQuantity"]["value"] for p in parts}
    assert told == {
        "average": 72, "minimum": Decimal("70.0"), "maximum": Decimal("75.0"), "median": Decimal("71.5"), "sum": 288,
        "count": 4, "variance": Decimal("4.66666666667"),
    }  # fmt: skip
    _, none = get(alice, "Observation/$stats?code=8310-5&statistic=average")
    assert "dataAbsentReason" in none["parameter"][0]["resource"]["component"][0]
    for query, element in (("code=29463-7", "statistic"), ("statistic=average", "code"), ("x=1", "x"),
                           ("code=1&statistic=average", "code"),
                           ("code=29463-7&statistic=average&duration=x", "duration")):  # fmt: skip
        status, outcome = get(alice, f"Observation/$stats?{query}")
        assert (status, outcome["issue"][0]["expression"]) == (400, [f"http.{element}"])


def test_history_has_one_version_of_what_never_changed(world: World, get: Get) -> None:
    """And reading that version gives it."""
    alice = world[0]
    (one,) = every(get, alice, "Observation?code=8867-4")
    status, bundle = get(alice, f"Observation/{one['id']}/_history")
    assert (status, judge(bundle), resources(bundle)) == (200, [], [one])
    assert get(alice, f"Observation/{one['id']}/_history/1") == (200, one)
    assert get(alice, f"Observation/{one['id']}/_history/2")[0] == 404


def test_what_is_declared_is_served(world: World, get: Get) -> None:
    """Each type of the CapabilityStatement answers its own search, and refuses what it does not know."""
    alice = world[0]
    _, statement = get(None, "metadata")
    assert judge(statement) == []
    told = {r["type"] for r in statement["rest"][0]["resource"]}
    assert told == set(RESOURCES)
    for resource in statement["rest"][0]["resource"]:
        if any(i["code"] == "search-type" for i in resource["interaction"]):
            status, outcome = get(alice, f"{resource['type']}?colour=red")
            assert (status, json.dumps(outcome["issue"][0]["expression"])) == (400, '["http.colour"]'), resource["type"]


def test_without_a_patient_it_is_of_those_whom_one_follows(world: World, ward: Ward, get: Get) -> None:
    """Some days of them, each record journaled; nobody else's; a longer time is too costly, as everybody's is."""
    alice, bob, diane, _ = world
    eve, charlie = ward.patient("Ève Marin"), ward.patient("Charlie Petit")
    start_follow_up(bob, eve, now_ms=NOW - 100)
    for n, who in enumerate((eve, charlie)):
        ward.thing("Montre", who).send(spot("8867-4", "/min", f"7{n}"), t0_ms=NOW - 30 * 60_000 * (n + 1))
    whole = every(get, bob, "Observation?date=2026-11-21&_count=100")
    assert {r["subject"]["reference"] for r in whole} == {f"Patient/{alice.pk}", f"Patient/{eve.pk}"}
    assert [line.decision for line in journal_of(eve)] == ["yes"]
    assert journal_of(charlie) == []
    following: str | None = "Observation?date=2026-11-21&_count=2"
    met: list[dict[str, Any]] = []
    while following:
        _, bundle = get(bob, following)
        met += resources(bundle)
        following = link(bundle, "next")
    assert met == whole
    for reader, query in ((bob, "Observation"), (bob, "Observation?date=2026"), (diane, "Observation?date=2026-11-21")):
        status, outcome = get(reader, query)
        assert (status, outcome["issue"][0]["code"]) == (400, "too-costly")
