"""What was entered in error: the same id, another status, no value; and nothing of the patient whose it is."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from django.test import Client

from egide.cloud.consent.service import start_follow_up
from egide.cloud.keys.models import RecordKey
from egide.cloud.people.establishments import home
from egide.cloud.people.models import Account
from egide.cloud.people.offices import seat
from egide.cloud.people.service import create_account
from egide.cloud.portal import live
from egide.cloud.release.attribution import confirm, propose
from egide.cloud.vault.models import Envelope
from tests.cloud.conftest import NOW
from tests.cloud.fhir.conftest import Get, resources, walk
from tests.support.cast import Cast
from tests.support.fhir_profile import judge

BASE = "http://hl7.org/fhir/StructureDefinition/"


@pytest.fixture
def moved(cast: Cast) -> int:
    """One blood pressure of Alice's was Charlie's; its entry."""
    entry = Envelope.objects.filter(pairing=cast.cuff.pairing).order_by("entry").values_list("entry", flat=True)[0]
    row = Envelope.objects.get(entry=entry)
    people = []
    for name, office in (("Ève Marin", "engineer"), ("Dr Émile Faure", "doctor")):
        account = create_account("professional", name, NOW - 2_000)
        seat(account, home(NOW - 2_000), office, by=(account, account), now_ms=NOW - 2_000, how="test")
        people.append(account)
    said = propose(
        cast.cuff.pairing, cast.charlie, since_ms=row.first_ms, until_ms=row.last_ms + 1, reason="r", by=people[0],
        now_ms=NOW - 1_000,
    )  # fmt: skip
    assert confirm(said, by=people[1], now_ms=NOW - 900) == 1
    return entry


def found(get: Get, reader: Account, entry: int) -> list[dict[str, object]]:
    status, bundle = get(reader, "Observation?_count=1000")
    assert status == 200
    return [r for r in resources(bundle) if str(r["id"]).startswith(f"{entry}-") and "component" in r]


def test_it_keeps_its_id_and_loses_its_value(moved: int, cast: Cast, get: Get) -> None:
    """Read by its id and in a search: entered-in-error, masked, still a blood pressure by its profile."""
    (listed,) = found(get, cast.alice, moved)
    status, alone = get(cast.alice, f"Observation/{listed['id']}")
    assert (status, alone) == (200, listed)
    assert alone["status"] == "entered-in-error"
    assert {part["dataAbsentReason"]["coding"][0]["code"] for part in alone["component"]} == {"masked"}
    assert "valueQuantity" not in json.dumps(listed, default=str)
    assert judge(alone) == []
    assert judge(alone, BASE + "bp") == []


def test_where_it_belongs_it_is_final(moved: int, cast: Cast, get: Get) -> None:
    """The same id, in Charlie's record, with its values and its signature."""
    (listed,) = found(get, cast.charlie, moved)
    assert listed["status"] == "final"
    assert listed["subject"] == {"reference": f"Patient/{cast.charlie.pk}"}
    assert get(cast.charlie, f"Provenance/{moved}")[0] == 200
    assert get(cast.charlie, f"Device/{cast.cuff.row.pk}")[0] == 200
    assert get(cast.alice, f"Provenance/{moved}")[0] == 403


def test_a_reader_of_the_first_gets_the_status_and_nothing_of_the_second(moved: int, cast: Cast, get: Get) -> None:
    """Dr Bob follows Alice: his software learns that it was an error, about Alice, and never about whom else."""
    status, listed = get(cast.bob, f"Observation?patient={cast.alice.pk}&_count=1000")
    assert status == 200
    key = next(r["id"] for r in resources(listed) if str(r["id"]).startswith(f"{moved}-"))
    status, alone = get(cast.bob, f"Observation/{key}")
    assert (status, alone["status"]) == (200, "entered-in-error")
    assert alone["subject"] == {"reference": f"Patient/{cast.alice.pk}"}
    assert str(cast.charlie.pk) not in json.dumps(alone, default=str)
    assert get(cast.diane, f"Observation/{key}")[0] == 403


@pytest.mark.parametrize("order", ["date", "-date"])
@pytest.mark.parametrize("count", [1, 1000])
def test_of_two_who_are_followed_each_has_their_own(moved: int, cast: Cast, get: Get, order: str, count: int) -> None:
    """Dr Bob follows both and names neither: the error is Alice's, the values Charlie's, on one page and on two."""
    start_follow_up(cast.bob, cast.charlie, now_ms=NOW - 500)
    at = datetime.fromtimestamp(Envelope.objects.get(entry=moved).first_ms / 1000, tz=UTC)
    day = quote(f"eq{at.isoformat(timespec='minutes').removesuffix('+00:00')}Z")
    pages = walk(get, cast.bob, f"Observation?date={day}&code=85354-9&_sort={order}&_count={count}")
    listed = [one for page in pages for one in resources(page)]
    assert {one["id"] for one in listed} == {listed[0]["id"]}
    assert sorted((one["subject"]["reference"], one["status"]) for one in listed) == sorted([
        (f"Patient/{cast.alice.pk}", "entered-in-error"), (f"Patient/{cast.charlie.pk}", "final"),
    ])  # fmt: skip
    assert all(("valueQuantity" in json.dumps(one, default=str)) is (one["status"] == "final") for one in listed)


def test_an_erratum_whose_envelope_is_gone_is_answered_as_none(moved: int, cast: Cast, get: Get) -> None:
    """A row that somebody took away is fsck's to name: the rest of the record is read as before."""
    (listed,) = found(get, cast.alice, moved)
    Envelope.objects.filter(entry=moved).delete()
    assert found(get, cast.alice, moved) == []
    assert get(cast.alice, f"Observation/{listed['id']}")[0] == 403


def test_an_entry_of_a_record_that_is_nobody_s_is_answered_as_none(moved: int, cast: Cast, get: Get) -> None:
    """No account has the record's id: the same as an entry that never was."""
    (listed,) = found(get, cast.charlie, moved)
    RecordKey.objects.filter(subject__in=[cast.alice.pk, cast.charlie.pk]).update(subject=uuid.uuid4())
    assert get(cast.charlie, f"Observation/{listed['id']}")[0] == 403


def test_the_record_s_page_strikes_it_through(moved: int, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """Alice reads what was taken out, by metric and time; Charlie has no such thing to read."""
    monkeypatch.setattr(live, "now_ms", lambda: NOW)
    for patient, there in ((cast.alice, True), (cast.charlie, False)):
        client = Client()
        client.force_login(patient)
        page = client.get("/me?period=7d", headers={"accept-language": "en"}, follow=True).content.decode()
        assert ("Entered in error" in page) is there


def test_its_history_has_both_versions(moved: int, cast: Cast, get: Get) -> None:
    """The second says that it was an error, and since when; the first what it was held to be, without its value."""
    (listed,) = found(get, cast.alice, moved)
    status, bundle = get(cast.alice, f"Observation/{listed['id']}/_history")
    assert status == 200
    assert judge(bundle) == []
    last, first = resources(bundle)
    assert last == listed
    assert (last["meta"]["versionId"], first["meta"]["versionId"]) == ("2", "1")
    assert last["meta"]["lastUpdated"] > first["meta"]["lastUpdated"]
    assert (last["status"], first["status"]) == ("entered-in-error", "final")
    assert "valueQuantity" not in json.dumps(first, default=str)
    assert get(cast.diane, f"Observation/{listed['id']}/_history")[0] == 403
