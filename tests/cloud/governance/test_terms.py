"""Destruction at term: listed by the law's dates, proposed by one, decided by another, never by itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

import pytest
from django.test import Client

from egide.cloud.consent.representation import record_death
from egide.cloud.consent.service import start_follow_up
from egide.cloud.governance.acting import midnight_ms
from egide.cloud.governance.erasing import birth_of
from egide.cloud.governance.models import Destruction
from egide.cloud.governance.terms import passed, passed_for
from egide.cloud.keys.models import RecordKey
from egide.cloud.keys.records import ESTABLISHMENT, care_key, create_record_key
from egide.cloud.options import Options
from egide.cloud.people.establishments import create_establishment, home
from egide.cloud.people.identity import declare_identity
from egide.cloud.people.models import Account, Establishment, Registration
from egide.cloud.people.offices import seat
from egide.cloud.people.registrations import register_patient
from egide.cloud.people.service import create_account
from egide.cloud.people.traits import Traits
from egide.cloud.register.journal import open_statement
from egide.cloud.register.models import Statement
from egide.cloud.signin import clock
from egide.errors import KeyMissingError
from tests.cloud.governance.conftest import enter
from tests.support.thing import DAY, NOW

AFTER = NOW + 21 * 366 * DAY
ARCHIVES = {"outcome": "destroy", "sure": "yes", "archives": "AD 69, visa 2048-12"}


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty-one years later."""
    monkeypatch.setattr(clock, "now_ms", lambda: AFTER)


def known(patient: Account, doctor: Account, born: str) -> Account:
    """An identity with a birth date, registered here."""
    name, given = ("Martin", "Alice") if patient.created_ms == NOW else ("Autre", "Personne")
    declare_identity(
        patient, Traits(birth_name=name, given_names=given, birth_date=born, sex="F"), by=patient, now_ms=NOW
    )
    register_patient(patient, home(NOW), by=doctor, now_ms=NOW)
    return patient


def text_of(client: Client) -> str:
    return re.sub(r"\s+", " ", client.get("/rights/desk/terms").content.decode())


def test_the_list_follows_the_dates(alice: Account, bob: Account, doctor: Account) -> None:
    """Twenty years from the last contact, the 28th birthday of who was a child; what is not sure is said so."""
    known(alice, doctor, "1960-01-01")
    register_patient(bob, home(NOW), by=doctor, now_ms=NOW)
    child = known(create_account("patient", "Chloé Petit", NOW + 1), doctor, "2025-01-01")
    assert passed(now_ms=NOW + 19 * 365 * DAY) == []
    found = passed(now_ms=AFTER)
    assert [(p.patient.pk, p.term.sure, p.term.rule) for p in found] == [
        (alice.pk, True, "last-contact"), (bob.pk, False, "last-contact"),
    ]  # fmt: skip
    assert {p.patient.pk for p in passed_for(doctor, now_ms=AFTER)} == {alice.pk, bob.pk}
    later = passed(now_ms=midnight_ms(date(2053, 1, 2)))
    assert child.pk in [p.patient.pk for p in later if p.term.rule == "birthday"]


def test_ten_years_after_a_death_that_the_desk_wrote_down(alice: Account, doctor: Account) -> None:
    """The term counts from it, birth date or none."""
    record_death(alice, at_ms=NOW + DAY, recorded_by=doctor, now_ms=NOW + 2 * DAY)
    assert passed(now_ms=NOW + 9 * 366 * DAY) == []
    (one,) = passed(now_ms=NOW + 11 * 366 * DAY)
    assert (one.term.rule, one.term.sure) == ("death", True)


def test_one_proposes_another_decides_and_the_register_says_so(
    alice: Account, dpo: Account, doctor: Account
) -> None:
    """On the pages: not the same person, not without the archives, a tick and a factor."""
    known(alice, doctor, "1960-01-01")
    first, second = enter(dpo, confirmed=True), enter(doctor, confirmed=True)
    assert "Alice Martin" in text_of(first)
    sent = enter(dpo).post(f"/rights/desk/terms/propose/{alice.pk}")
    assert sent["Location"] == "/rights/desk/terms?done=proposed"
    row = Destruction.objects.get()
    where = f"/rights/desk/terms/{row.pk}"
    assert "/confirm" in enter(doctor).post(where, ARCHIVES)["Location"]
    assert first.post(where, ARCHIVES).status_code == 400
    assert second.post(where, {**ARCHIVES, "sure": ""}).status_code == 400
    assert second.post(where, {**ARCHIVES, "archives": " "}).status_code == 400
    assert care_key(alice.pk).wrapped is not None
    assert second.post(where, ARCHIVES)["Location"] == "/rights/desk/terms?done=destroyed"
    with pytest.raises(KeyMissingError):
        care_key(alice.pk)
    row.refresh_from_db()
    assert row.entry is not None
    facts = open_statement(Statement.objects.get(entry=row.entry)).facts
    assert (facts["by"], facts["archives"]) == ([str(dpo.pk), str(doctor.pk)], "AD 69, visa 2048-12")
    page = text_of(first)
    assert "destroyed," in page
    assert "No record has reached its term." in page
    assert passed(now_ms=AFTER) == []


def test_a_no_keeps_the_record_and_its_line(alice: Account, dpo: Account, doctor: Account) -> None:
    """Whoever proposed may say it too."""
    known(alice, doctor, "1960-01-01")
    client = enter(dpo, confirmed=True)
    client.post(f"/rights/desk/terms/propose/{alice.pk}")
    assert client.post(f"/rights/desk/terms/{Destruction.objects.get().pk}", {"outcome": "keep"}).status_code == 302
    assert care_key(alice.pk).wrapped is not None
    assert "Propose to destroy it" in text_of(client)


def test_what_the_law_still_keeps_cannot_be_proposed(
    alice: Account, bob: Account, dpo: Account, doctor: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor what is not sure."""
    known(alice, doctor, "1960-01-01")
    register_patient(bob, home(NOW), by=doctor, now_ms=NOW)
    assert "Perhaps: the birth date is not known" in text_of(enter(dpo, confirmed=True))
    assert enter(dpo, confirmed=True).post(f"/rights/desk/terms/propose/{bob.pk}").status_code == 400
    monkeypatch.setattr(clock, "now_ms", lambda: NOW + DAY)
    client = Client()
    client.force_login(dpo)
    assert client.post(f"/rights/desk/terms/propose/{alice.pk}").status_code == 404
    assert not Destruction.objects.exists()


def test_the_list_is_for_those_who_answer_here(alice: Account, dpo: Account, doctor: Account) -> None:
    """Neither a patient, nor a nurse, nor an officer elsewhere sees or touches it."""
    known(alice, doctor, "1960-01-01")
    enter(dpo, confirmed=True).post(f"/rights/desk/terms/propose/{alice.pk}")
    row, other = Destruction.objects.get(), create_establishment("clinic", "Parc", now_ms=NOW)
    nurse, far = (create_account("professional", name, NOW) for name in ("Nina", "Loin"))
    seat(nurse, home(NOW), "nurse", by=(nurse, nurse), now_ms=NOW, how="x")
    seat(far, other, "dpo", by=(far, far), now_ms=NOW, how="x")
    for who in (alice, nurse):
        assert enter(who, confirmed=True).get("/rights/desk/terms").status_code == 403
    assert "Alice" not in text_of(enter(far, confirmed=True))
    for who in (alice, nurse, far):
        assert enter(who, confirmed=True).post(f"/rights/desk/terms/{row.pk}", ARCHIVES).status_code in (403, 404)
        assert enter(who, confirmed=True).post(f"/rights/desk/terms/propose/{alice.pk}").status_code in (403, 404)
    assert care_key(alice.pk).wrapped is not None


# ------------------------------------------------------------------------------------------------- two establishments


@dataclass(frozen=True, slots=True, kw_only=True)
class Clinic:
    """Where two people answer for the files."""

    place: Establishment
    dpo: Account
    doctor: Account


def clinic(name: str) -> Clinic:
    place = create_establishment("clinic", name, now_ms=NOW)
    people = []
    for who, office in ((f"Diane {name}", "dpo"), (f"Dr {name}", "doctor")):
        people.append(create_account("professional", who, NOW))
        seat(people[-1], place, office, by=(people[-1], people[-1]), now_ms=NOW, how="x")
    return Clinic(place=place, dpo=people[0], doctor=people[1])


def file_at(here: Clinic, patient: Account) -> None:
    """Their file is known there."""
    if birth_of(patient) is None:
        traits = Traits(birth_name="Martin", given_names="Alice", birth_date="1960-01-01", sex="F")
        declare_identity(patient, traits, by=patient, now_ms=NOW)
    register_patient(patient, here.place, by=here.doctor, now_ms=NOW, born="1960-01-01")


def destroy(here: Clinic, patient: Account) -> str:
    """Propose and decide on the pages; what the page says then, or its status."""
    proposed = enter(here.dpo, confirmed=True).post(f"/rights/desk/terms/propose/{patient.pk}")
    if proposed.status_code != 302:
        return str(proposed.status_code)
    row = Destruction.objects.get(patient=patient, approved=None)
    answer = enter(here.doctor, confirmed=True).post(f"/rights/desk/terms/{row.pk}", ARCHIVES)
    return answer["Location"].partition("done=")[2] if answer.status_code == 302 else str(answer.status_code)


def test_a_file_known_in_one_place_goes_whole(alice: Account, opened_platform: Options) -> None:
    """Its objects were paired at home: what was destroyed opens nowhere, and leaves the list."""
    pins = clinic("Pins")
    file_at(pins, alice)
    Registration.objects.filter(establishment=ESTABLISHMENT).delete()
    create_record_key(alice.pk, now_ms=NOW, establishment=pins.place.pk)
    assert destroy(pins, alice) == "destroyed"
    assert not RecordKey.objects.filter(subject=alice.pk, erased_ms=None).exists()
    assert "No record has reached its term." in text_of(enter(pins.dpo, confirmed=True))


def test_the_home_key_stays_while_another_place_keeps_its_part(alice: Account, opened_platform: Options) -> None:
    """Each destroys what it held; the last takes the home key, under which statements lie."""
    pins, nord = clinic("Pins"), clinic("Nord")
    for one in (pins, nord):
        file_at(one, alice)
        create_record_key(alice.pk, now_ms=NOW, establishment=one.place.pk)
    Registration.objects.filter(establishment=ESTABLISHMENT).delete()
    assert destroy(pins, alice) == "part"
    left = RecordKey.objects.filter(subject=alice.pk, erased_ms=None).values_list("establishment", flat=True)
    assert set(left) == {ESTABLISHMENT, nord.place.pk}
    assert "Alice" not in text_of(enter(pins.dpo, confirmed=True)).partition("Decided")[0]
    assert destroy(pins, alice) == "404"
    assert destroy(nord, alice) == "destroyed"
    assert not RecordKey.objects.filter(subject=alice.pk, erased_ms=None).exists()


def test_who_is_registered_at_home_is_destroyed_at_home(alice: Account, dpo: Account, doctor: Account) -> None:
    """Another place that holds no key of its own destroys nothing."""
    known(alice, doctor, "1960-01-01")
    pins = clinic("Pins")
    file_at(pins, alice)
    assert passed_for(pins.dpo, now_ms=AFTER) == []
    assert destroy(pins, alice) == "404"
    assert destroy(Clinic(place=home(NOW), dpo=dpo, doctor=doctor), alice) == "destroyed"


def test_care_after_the_proposal_keeps_the_record(alice: Account, dpo: Account, doctor: Account) -> None:
    """Somebody follows the person again, anywhere: the term runs anew."""
    known(alice, doctor, "1960-01-01")
    client = enter(dpo, confirmed=True)
    client.post(f"/rights/desk/terms/propose/{alice.pk}")
    start_follow_up(doctor, alice, now_ms=AFTER)
    decided = enter(doctor, confirmed=True).post(f"/rights/desk/terms/{Destruction.objects.get().pk}", ARCHIVES)
    assert decided.status_code == 400
    assert care_key(alice.pk).wrapped is not None


def test_two_accounts_of_one_name_are_one_person(alice: Account, dpo: Account, doctor: Account) -> None:
    """Whoever proposed does not decide under another account."""
    known(alice, doctor, "1960-01-01")
    enter(dpo, confirmed=True).post(f"/rights/desk/terms/propose/{alice.pk}")
    twin = create_account("professional", "Diane Roux", NOW)
    seat(twin, home(NOW), "doctor", by=(twin, twin), now_ms=NOW, how="x")
    decided = enter(twin, confirmed=True).post(f"/rights/desk/terms/{Destruction.objects.get().pk}", ARCHIVES)
    assert decided.status_code == 400
    assert care_key(alice.pk).wrapped is not None
