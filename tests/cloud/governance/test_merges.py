"""Two files of one person, on the desk's pages: compared, proposed by one, confirmed by another, and undone so."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from egide.cloud.fleet.models import Attribution
from egide.cloud.intake.pipeline import Pipeline
from egide.cloud.people import identity, merging
from egide.cloud.people.establishments import create_establishment, home
from egide.cloud.people.models import Account, Merge
from egide.cloud.people.offices import seat
from egide.cloud.people.registrations import register_patient
from egide.cloud.people.service import create_account
from egide.cloud.people.traits import Traits
from egide.cloud.portal import live
from egide.cloud.signin import clock
from egide.cloud.signin.notices import is_unread, notices_of
from tests.cloud.governance.conftest import enter, officer
from tests.cloud.governance.test_identities import text
from tests.support.thing import NOW, Thing, glucose, incoming

ALICE = Traits(birth_name="Martin", given_names="Alice", birth_date="1955-08-03", sex="F")
LIST = "/rights/desk/merges"
WHY = "Même passeport, vu ce matin."
FORM = re.compile(rf'href="({LIST}/proposals/[0-9a-f-]+)"')


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now_ms", lambda: NOW)


@pytest.fixture
def nurse(opened_platform: object) -> Account:
    return officer("Nina Petit", "nurse")


@pytest.fixture
def pair(alice: Account, nurse: Account) -> tuple[Account, Account]:
    """Two files of Alice Martin."""
    register_patient(alice, home(NOW), by=nurse, now_ms=NOW)
    other = create_account("patient", "Alice Martin", NOW)
    for one in (alice, other):
        identity.declare_identity(one, ALICE, by=nurse, now_ms=NOW)
    return alice, other


def between(pair: tuple[Account, Account]) -> str:
    return f"/rights/desk/identities/{pair[0].pk}/merge/{pair[1].pk}"


def proposed(pair: tuple[Account, Account], by: Account) -> str:
    """The address of the proposal that `by` makes."""
    sent = enter(by).post(between(pair), {"keep": str(pair[0].pk), "reason": WHY})
    assert sent["Location"] == f"{LIST}?done=proposed"
    (path,) = FORM.findall(text(enter(by), LIST))
    return str(path)


def test_what_changes_is_said_before_anything_is_proposed(pair: tuple[Account, Account], nurse: Account) -> None:
    """Both files side by side, what differs marked, what follows; without a choice or a reason, nothing is proposed."""
    client = enter(nurse)
    assert "differs" not in text(client, between(pair))
    identity.declare_identity(
        pair[1], Traits(birth_name="Martin", given_names="Alice", birth_date="1955-08-03", sex="F", used_name="Roy"),
        by=nurse, now_ms=NOW,
    )  # fmt: skip
    page = text(client, between(pair))
    assert page.count("differs</span>") == 2
    for words in ("account is closed", "No reading moves", "Nothing is deleted", "Two people can tell the files apart"):
        assert words in page
    for form, code in (({"reason": WHY}, "refused"), ({"keep": str(pair[0].pk), "reason": " "}, "reason-needed")):
        sent = client.post(between(pair), form)
        assert (sent.status_code, code in sent.content.decode()) == (400, True)
    assert "Nothing waits for a second person." in text(client, LIST)
    assert "No file was merged." in text(client, LIST)


def test_another_person_confirms_with_a_factor_and_a_tick(
    pair: tuple[Account, Account], nurse: Account, doctor: Account
) -> None:
    """Not who proposed, not without a factor, not unticked; then one file leads to the other, and both names stand."""
    path = proposed(pair, nurse)
    own = enter(nurse, confirmed=True)
    assert "Confirm the merge" not in text(own, path)
    refused = own.post(f"{path}/confirm", {"sure": "yes"})
    assert (refused.status_code, "second-person-needed" in refused.content.decode()) == (400, True)
    assert WHY in text(enter(doctor), path)
    assert "/security/confirm" in enter(doctor).post(f"{path}/confirm", {"sure": "yes"})["Location"]
    client = enter(doctor, confirmed=True)
    assert client.post(f"{path}/confirm").status_code == 400
    assert not Merge.objects.exists()
    assert client.post(f"{path}/confirm", {"sure": "yes"})["Location"] == f"{LIST}?done=merged"
    assert merging.merged_into(pair[0]) == [pair[1]]
    assert client.get(path).status_code == 404
    page = text(client, LIST)
    assert "Nina Petit, Dr Émile Faure" in page
    assert client.get(f"/rights/desk/identities/{pair[1].pk}").status_code == 404
    assert "1 file leads to this one." in text(client, f"/rights/desk/identities/{pair[0].pk}")


def test_who_may_be_the_second_person_is_told_that_it_waits(
    pair: tuple[Account, Account], nurse: Account, doctor: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who receives both people, by a notice that names nobody and a line on their home; not who proposed it."""
    monkeypatch.setattr(live, "now_ms", lambda: NOW)
    namesake = officer("Nina Petit", "nurse")
    engineer = officer("Inès Atelier", "engineer")
    proposed(pair, nurse)
    (told,) = notices_of(doctor)
    assert "waits for a second person" in told.text
    assert "Alice" not in told.text
    assert not any(is_unread(one, "merge-waits") for one in (nurse, namesake, engineer, *pair))
    line = f'<a href="{LIST}">1 proposal about two files of one person waits for you.</a>'
    assert line in text(enter(doctor), "/")
    assert line not in text(enter(nurse), "/")


def test_the_data_protection_officer_looks_and_decides_nothing(
    pair: tuple[Account, Account], nurse: Account, doctor: Account
) -> None:
    """What waits and what was merged, with who and why; no form, no link that ends in a refusal; of here alone."""
    path = proposed(pair, nurse)
    dpo = officer("Denis Port", "dpo")
    client = enter(dpo, confirmed=True)
    far = create_account("operator", "Dora Loin", NOW)
    clinic = create_establishment("hospital", "Clinique", now_ms=NOW)
    seat(far, clinic, "dpo", by=(far, far), now_ms=NOW - 1, how="test")
    assert "Nothing waits for a second person." in text(enter(far), LIST)
    page = text(client, LIST)
    assert WHY in page
    assert "You look at them; who receives these people at a desk decides." in page
    main = page.split("<main")[1].split("</main>")[0]
    assert "<form" not in main
    assert "/rights/desk/identities" not in main
    for denied in (client.get(path), client.post(f"{path}/confirm", {"sure": "yes"}), client.post(f"{path}/refuse")):
        assert denied.status_code == 403
    enter(doctor, confirmed=True).post(f"{path}/confirm", {"sure": "yes"})
    row = Merge.objects.get()
    main = text(client, LIST).split("<main")[1].split("</main>")[0]
    assert "Nina Petit, Dr Émile Faure" in main
    assert "<form" not in main
    assert f"{LIST}/{row.pk}" not in main
    assert client.post(f"{LIST}/{row.pk}/undo", {"reason": WHY}).status_code == 403
    assert client.post(f"{LIST}/{row.pk}/readings", {"reason": WHY}).status_code == 403


def test_two_people_tell_them_apart_again(pair: tuple[Account, Account], nurse: Account, doctor: Account) -> None:
    """What that changes is said first; the one who confirmed the merge may propose, and another confirms."""
    enter(doctor, confirmed=True).post(f"{proposed(pair, nurse)}/confirm", {"sure": "yes"})
    row = Merge.objects.get()
    client = enter(doctor, confirmed=True)
    assert "stand in the lists again" in text(client, f"{LIST}/{row.pk}/undo")
    assert client.post(f"{LIST}/{row.pk}/undo", {"reason": ""}).status_code == 400
    assert client.post(f"{LIST}/{row.pk}/undo", {"reason": "Deux sœurs."}).status_code == 302
    again = client.post(f"{LIST}/{row.pk}/undo", {"reason": "Deux sœurs."})
    assert (again.status_code, "merge-waiting" in again.content.decode()) == (400, True)
    (path,) = FORM.findall(text(client, LIST))
    assert client.post(f"{path}/confirm", {"sure": "yes"}).status_code == 400
    assert enter(nurse, confirmed=True).post(f"{path}/confirm", {"sure": "yes"}).status_code == 302
    assert merging.merged_into(pair[0]) == []
    assert Account.objects.get(pk=pair[1].pk).is_active
    assert "Told apart again" in text(client, LIST)
    assert client.get(f"{LIST}/{row.pk}/undo").status_code == 404


def test_a_proposal_is_refused_or_taken_back_without_a_factor(
    pair: tuple[Account, Account], nurse: Account, doctor: Account
) -> None:
    """By either; nothing changes, and it cannot be confirmed any more."""
    for who in (doctor, nurse):
        path = proposed(pair, nurse)
        assert enter(who).post(f"{path}/refuse")["Location"] == f"{LIST}?done=refused"
        assert enter(doctor, confirmed=True).post(f"{path}/confirm", {"sure": "yes"}).status_code == 404
    assert not Merge.objects.exists()


def test_the_other_file_is_named_by_its_code(pair: tuple[Account, Account], nurse: Account, bob: Account) -> None:
    """Of this desk's people only, and never by a name; a wrong code leads back and says so."""
    client, path = enter(nurse), f"/rights/desk/identities/{pair[0].pk}/other"
    assert client.post(path, {"code": f" {pair[1].username.upper()} "})["Location"] == between(pair)
    for code in ("", "nobody", pair[0].username, nurse.username, "Alice Martin"):
        sent = client.post(path, {"code": code})
        assert "nobody=1" in sent["Location"], code
    assert "No other file here has that code." in text(client, f"/rights/desk/identities/{pair[0].pk}?nobody=1")
    assert client.get(f"/rights/desk/identities/{pair[0].pk}/merge/{pair[0].pk}").status_code == 404


def test_readings_follow_by_two_people_s_word_and_come_back(
    pair: tuple[Account, Account], nurse: Account, doctor: Account, meter: Thing, pipeline: Pipeline
) -> None:
    """The meter is Alice's: her file is the one that leads to the other. Nothing moves by the proposal."""
    (answered,) = pipeline.process([incoming(meter.envelope(glucose(count=2)))])
    assert not answered.code
    pair = (pair[1], pair[0])
    path = proposed(pair, nurse)
    assert "1 object still measures under the other file" in text(enter(doctor), path)
    enter(doctor, confirmed=True).post(f"{path}/confirm", {"sure": "yes"})
    row = Merge.objects.get()
    client = enter(nurse, confirmed=True)
    assert "/confirm" in enter(nurse).post(f"{LIST}/{row.pk}/readings", {"reason": WHY})["Location"]
    assert client.post(f"{LIST}/{row.pk}/readings", {"reason": ""}).status_code == 400
    assert client.post(f"{LIST}/{row.pk}/readings", {"reason": WHY})["Location"] == f"{LIST}?done=readings"
    waiting = Attribution.objects.get()
    assert (waiting.to, waiting.at_ms, waiting.proposed_by) == (pair[0], None, nurse.pk)
    assert client.post(f"{LIST}/{row.pk}/readings", {"reason": WHY})["Location"] == f"{LIST}?done=none"


def test_nobody_of_elsewhere_sees_or_decides_a_merge(
    pair: tuple[Account, Account], nurse: Account, doctor: Account, dpo: Account, bob: Account
) -> None:
    """Patients, an officer without a desk (who sees the list), nobody; a file of elsewhere is compared to none."""
    path = proposed(pair, nurse)
    paths = [LIST, between(pair), path]
    for who in (pair[0], bob, dpo):
        client = enter(who, confirmed=True)
        shut = [one for one in paths if who != dpo or one != LIST]
        assert {client.get(one).status_code for one in shut} <= {403, 404}
        assert client.post(f"{path}/confirm", {"sure": "yes"}).status_code in (403, 404)
        assert client.post(f"{path}/refuse").status_code in (403, 404)
    assert "/sign-in" in Client().get(LIST)["Location"]
    assert not Merge.objects.exists()
