"""Nothing is open by default, every answer is in the patient's journal, every refusal is an OperationOutcome."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from egide.cloud.consent.attested import forget
from egide.cloud.consent.emergency import break_glass
from egide.cloud.consent.restrictions import restrict
from egide.cloud.consent.service import end_follow_up, start_follow_up
from egide.cloud.fleet.models import Pairing
from egide.cloud.governance.erasure import erase_classes
from egide.cloud.keys.models import RecordKey
from egide.cloud.people.models import Account
from egide.cloud.register.models import Statement
from egide.cloud.release.journal import journal_of
from egide.cloud.vault.models import Envelope
from tests.cloud.conftest import NOW
from tests.cloud.fhir.conftest import Get, resources
from tests.support.caring import caring
from tests.support.cast import Cast
from tests.support.fhir_profile import judge

UNKNOWN = "00000000-0000-4000-8000-00000000dead"


def personal_paths(cast: Cast) -> list[str]:
    entry = Envelope.objects.order_by("-entry").values_list("entry", flat=True)[0]
    return [
        f"Observation?patient={cast.alice.pk}",
        f"Observation/{entry}-0-0",
        f"Provenance/{entry}",
        f"Device/{cast.watch.row.pk}",
    ]


def test_nothing_personal_opens_without_signing_in(cast: Cast, get: Get) -> None:
    """401 and the stable code; the door is not even asked."""
    before = Statement.objects.count()
    for path in personal_paths(cast):
        status, outcome = get(None, path)
        assert (status, outcome["issue"][0]["code"]) == (401, "login")
        assert outcome["issue"][0]["details"]["coding"][0]["code"] == "sign-in-refused"
        assert judge(outcome) == []
    assert Statement.objects.count() == before


@pytest.mark.parametrize("who", ["diane", "charlie"])
def test_who_has_no_ground_is_refused_and_the_patient_reads_of_it(cast: Cast, get: Get, who: str) -> None:
    """Each refusal is 403, says nothing, and stands in Alice's journal."""
    reader: Account = getattr(cast, who)
    for n, path in enumerate(personal_paths(cast), start=1):
        status, outcome = get(reader, path)
        assert (status, outcome["issue"][0]["code"]) == (403, "forbidden")
        assert outcome["issue"][0]["details"]["coding"][0]["code"] == "access-denied"
        assert judge(outcome) == []
        lines = journal_of(cast.alice)
        assert [line.decision for line in lines] == ["no"] * n
        assert {line.reader for line in lines} == {str(reader.pk)}


def test_the_patient_and_who_follows_them_read(cast: Cast, get: Get) -> None:
    """Own record for PATRQT, care for TREAT, each journaled with its channel; the signature is the patient's alone."""
    for reader, purpose in ((cast.alice, "PATRQT"), (cast.bob, "TREAT")):
        for path in personal_paths(cast):
            if path.startswith("Provenance") and reader == cast.bob:
                continue
            assert get(reader, path)[0] == 200
            line = journal_of(cast.alice, limit=1)[0]
            assert (line.reader, line.purpose, line.decision, line.channel) == (str(reader.pk), purpose, "yes", "fhir")


def test_an_emergency_does_not_leave_for_other_software(cast: Cast, get: Get) -> None:
    """What it opens is read on the spot: no path gives any of it, and the patient reads of each try."""
    break_glass(caring(cast.diane, now_ms=NOW), cast.alice, reason="Found unconscious", families=None, now_ms=NOW)
    for path in personal_paths(cast):
        joint = "&" if "?" in path else "?"
        assert get(cast.diane, f"{path}{joint}_purpose=ETREAT")[0] == 403
        line = journal_of(cast.alice, limit=1)[0]
        assert (line.purpose, line.decision, line.channel) == ("ETREAT", "no", "fhir")


@pytest.mark.parametrize("purpose", ["HMARKT", "HRESCH", "PATRQT"])
def test_a_ground_serves_its_purpose_only(cast: Cast, get: Get, purpose: str) -> None:
    """A professional who follows Alice may not read her for anything but care."""
    for path in personal_paths(cast):
        joint = "&" if "?" in path else "?"
        assert get(cast.bob, f"{path}{joint}_purpose={purpose}")[0] == 403


def test_follow_up_that_has_ended_opens_nothing(cast: Cast, get: Get) -> None:
    """At the exact end it is over."""
    end_follow_up(cast.bob, cast.alice, now_ms=NOW)
    assert get(cast.bob, f"Observation?patient={cast.alice.pk}")[0] == 403


def test_absent_and_forbidden_are_one_answer(cast: Cast, get: Get) -> None:
    """Nobody learns who is a patient, or which entry is whose."""
    entry = Envelope.objects.values_list("entry", flat=True)[0]
    for there, absent in (
        (f"Observation?patient={cast.alice.pk}", f"Observation?patient={UNKNOWN}"),
        (f"Observation/{entry}-0-0", "Observation/1-0-0"),
        (f"Provenance/{entry}", "Provenance/1"),
        (f"Device/{cast.watch.row.pk}", f"Device/{UNKNOWN}"),
    ):
        assert get(cast.diane, there) == get(cast.diane, absent)


@pytest.mark.parametrize("who", ["alice", "bob", "diane"])
def test_erased_and_absent_are_one_answer(cast: Cast, get: Get, who: str) -> None:
    """A record whose key is no more is as one that never was, and fails no search that names it beside another."""
    reader: Account = getattr(cast, who)
    entry = Envelope.objects.values_list("entry", flat=True)[0]
    start_follow_up(cast.bob, cast.charlie, now_ms=NOW)
    get(reader, f"Patient?_id={cast.alice.pk}")  # what was remembered of the record opens nothing either
    erase_classes(cast.alice.pk, [RecordKey.Class.CARE], now_ms=NOW)
    for there, absent in (
        (f"Patient/{cast.alice.pk}", f"Patient/{UNKNOWN}"),
        (f"Observation?patient={cast.alice.pk}", f"Observation?patient={UNKNOWN}"),
        (f"Observation/{entry}-0-0", "Observation/1-0-0"),
        (f"CareTeam?patient={cast.alice.pk}", f"CareTeam?patient={UNKNOWN}"),
        (f"Device/{cast.watch.row.pk}", f"Device/{UNKNOWN}"),
    ):
        forget()
        assert get(reader, there) == get(reader, absent)
    status, bundle = get(reader, f"Patient?_id={cast.alice.pk},{cast.charlie.pk}")
    seen = [cast.charlie.pk] if who == "bob" else []
    assert (status, [one["id"] for one in resources(bundle)]) == (200, [str(key) for key in seen])
    assert get(cast.bob, "Observation?date=2026-11-21")[0] == 200


def test_a_wrapping_key_that_is_missing_is_a_fault_and_no_refusal(
    cast: Cast, get: Get, settings: Any, tmp_path: Path
) -> None:
    """Without the keys folder nobody is told that nothing is there for them."""
    paths = (f"Observation?patient={cast.alice.pk}", "Observation?date=2026-11-21")
    assert [get(cast.bob, path)[0] for path in paths] == [200, 200]
    settings.OPTIONS = dataclasses.replace(settings.OPTIONS, keys=tmp_path)
    for path in paths:
        status, outcome = get(cast.bob, path)
        assert (status, outcome["issue"][0]["details"]["coding"][0]["code"]) == (500, "key-missing")


def test_hidden_and_absent_are_one_answer(cast: Cast, get: Get) -> None:
    """Who may read a record cannot tell, by the number of an entry, that something of it is kept from them."""
    entry = Envelope.objects.values_list("entry", flat=True)[0]
    paths = (f"Observation/{entry}-0-0", f"Provenance/{entry}")
    assert [get(cast.bob, path)[0] for path in paths] == [200, 403]
    restrict(cast.alice, families=None, who=cast.bob, now_ms=NOW)
    for there, absent in zip(paths, ("Observation/1-0-0", "Provenance/1"), strict=True):
        assert get(cast.bob, there) == get(cast.bob, absent)
    assert [get(cast.alice, path)[0] for path in paths] == [200, 200]


def test_a_professional_says_which_patient(cast: Cast, get: Get) -> None:
    """Without it the question has no sense; a patient means themselves."""
    assert get(cast.bob, "Observation")[0] == 400
    status, bundle = get(cast.alice, "Observation?_count=1")
    assert (status, len(resources(bundle))) == (200, 1)


def test_a_patient_who_has_nothing_gets_an_empty_bundle(cast: Cast, get: Get) -> None:
    """Without an empty list, which FHIR does not know."""
    status, bundle = get(cast.charlie, "Observation")
    assert (status, bundle["total"], "entry" in bundle) == (200, 0, False)
    assert judge(bundle) == []


@pytest.mark.parametrize("path", ["Patient/1", "Observation/x/_history", "Specimen", "Device/x", "Provenance/x"])
def test_what_is_not_there_says_so(cast: Cast, get: Get, path: str) -> None:
    """404 as an OperationOutcome, for a resource type we do not have too."""
    status, outcome = get(cast.alice, path)
    assert status == 404
    assert judge(outcome) == []


def test_only_reading_and_only_json(cast: Cast) -> None:
    """An edit is 405, XML is 406; both as OperationOutcome."""
    client = Client()
    client.force_login(cast.alice)
    for answer, status in (
        (client.put("/fhir/Observation/1-0-0", b"{}", content_type="application/fhir+json"), 405),
        (client.get("/fhir/Observation", headers={"accept": "application/fhir+xml"}), 406),
        (client.get("/fhir/Observation?_format=xml"), 406),
    ):
        assert answer.status_code == status
        assert judge(json.loads(answer.content)) == []


def test_nothing_between_us_and_the_reader_keeps_an_answer(cast: Cast) -> None:
    """Every answer says no-store."""
    client = Client()
    client.force_login(cast.alice)
    assert client.get("/fhir/Observation").headers["Cache-Control"] == "no-store"


def test_the_capability_statement_is_open_and_says_what_is_done(db: None, get: Get) -> None:
    """Valid by its definition; each search parameter it names is taken."""
    status, statement = get(None, "metadata")
    assert status == 200
    assert judge(statement) == []
    assert statement["fhirVersion"] == "4.0.1"
    named = {p["name"] for r in statement["rest"][0]["resource"] for p in r.get("searchParam", [])}
    assert {"patient", "subject", "code", "combo-code", "component-code", "date", "value-quantity"} <= named


def test_an_object_opens_for_whom_is_followed_now(cast: Cast, get: Get) -> None:
    """Of two patients whom one object measured, the one whose follow-up ended is not asked for in the other's place."""
    Pairing.objects.create(object=cast.watch.row, patient=cast.charlie, since_ms=0)  # Alice's is the last
    end_follow_up(cast.bob, cast.alice, now_ms=NOW)
    start_follow_up(cast.bob, cast.charlie, now_ms=NOW)
    assert get(cast.bob, f"Device/{cast.watch.row.pk}")[0] == 200
    assert journal_of(cast.charlie)[0].decision == "yes"
    assert journal_of(cast.alice) == []


@pytest.mark.parametrize("key", ["\u00b2-0-0", "\u0663-0-0", "9" * 19 + "-0-0", "9" * 20 + "-0-0"])
def test_a_number_that_is_not_ascii_or_too_large_is_no_entry(cast: Cast, get: Get, key: str) -> None:
    """A refusal with its outcome, never a failure."""
    assert get(cast.alice, f"Observation/{key}")[0] in {403, 404}


def test_links_say_https_when_people_reach_us_so(cast: Cast, get: Get, settings: Any) -> None:
    """The platform itself is spoken to in HTTP: its addresses are those that people use."""
    settings.OPTIONS = dataclasses.replace(settings.OPTIONS, people_https=True)
    _, bundle = get(cast.alice, "Observation?_count=1")
    addresses = [item["url"] for item in bundle["link"]] + [entry["fullUrl"] for entry in bundle["entry"]]
    assert len(addresses) >= 3
    assert all(address.startswith("https://") for address in addresses)


def test_another_method_is_refused_in_fhir_s_words_to_software_without_a_form_s_token(db: None) -> None:
    """As other software sends it: no page came before, so there is no token; nothing was changed."""
    client = Client(enforce_csrf_checks=True)
    for send, status in ((client.post, 401), (client.put, 405), (client.delete, 405), (client.patch, 405)):
        answer = send("/fhir/Observation", b"{}", content_type="application/fhir+json")
        assert answer.status_code == status
        assert json.loads(answer.content)["resourceType"] == "OperationOutcome"
