"""A record has a key for each establishment and class: what one holds, another's people do not open, nor erase."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from egide.cloud.consent.emergency import break_glass
from egide.cloud.consent.follow_ups import begin_follow_up, join_team
from egide.cloud.consent.grants import give_grant, join_research
from egide.cloud.consent.leaving import LATER as LATER_ON
from egide.cloud.consent.leaving import part, readers
from egide.cloud.consent.service import start_follow_up
from egide.cloud.fleet.models import Pairing
from egide.cloud.fleet.pairings import pair, unpair
from egide.cloud.governance import requests
from egide.cloud.governance.erasing import decide
from egide.cloud.governance.erasure import erase_classes
from egide.cloud.governance.studies import end_over_pairings, leave_study, pair_for_study
from egide.cloud.intake.pipeline import Pipeline
from egide.cloud.keys.models import RecordKey
from egide.cloud.keys.records import ESTABLISHMENT
from egide.cloud.people.establishments import create_establishment, home
from egide.cloud.people.models import Account, Establishment, Registration
from egide.cloud.release.attribution import confirm, propose
from egide.cloud.release.door import release
from egide.cloud.vault.models import Envelope
from egide.errors import AccessDeniedError, RefusedError
from tests.support.attributing import HOUR, LATER, ask, damage, professional, send, values
from tests.support.thing import DAY, NOW, Thing


@dataclass(frozen=True, slots=True, kw_only=True)
class Two:
    """Alice is followed at home and in a clinic: one envelope in each, and a doctor of each."""

    clinic: Establishment
    hospital: Establishment
    here: int
    there: int
    insider: Account  # works in the clinic
    outsider: Account  # works in the hospital


@pytest.fixture
def two(alice: Account, meter: Thing, pipeline: Pipeline) -> Two:
    clinic = create_establishment("clinic", "Clinique des Pins", now_ms=NOW)
    hospital = create_establishment("hospital", "Hôpital Nord", now_ms=NOW)
    other = Thing.enrol(alice)
    other.pairing = pair(other.row, alice, NOW, since_ms=NOW - 40 * DAY, establishment=clinic.pk)
    here, there = send(pipeline, meter, NOW - HOUR), send(pipeline, other, NOW - HOUR)
    insider, outsider = professional("Dr Inès Roy", "doctor", clinic), professional("Dr Omar Ba", "doctor", hospital)
    for doctor in (insider, outsider):
        start_follow_up(doctor, alice, now_ms=NOW - DAY)
    return Two(clinic=clinic, hospital=hospital, here=here, there=there, insider=insider, outsider=outsider)


def seen(patient: Account, reader: Account, purpose: str = "") -> set[int]:
    asked = ask(patient, reader)
    answer = release(replace(asked, purpose=purpose) if purpose else asked, now_ms=LATER)
    return {column.entry for column in answer.columns}


def place_of(entry: int) -> tuple[object, str]:
    key = Envelope.objects.select_related("data_key__record_key").get(entry=entry).data_key.record_key
    return key.establishment, key.klass


def test_each_pairing_is_sealed_to_the_key_of_its_establishment(two: Two, alice: Account) -> None:
    """Two key pairs of one patient's; the patient opens both, and the store is whole."""
    assert place_of(two.here) == (ESTABLISHMENT, "care")
    assert place_of(two.there) == (two.clinic.pk, "care")
    assert seen(alice, alice) == {two.here, two.there}
    assert damage() == set()


def test_people_of_elsewhere_open_only_what_was_paired_without_a_place(two: Two, alice: Account) -> None:
    """Both follow Alice without papers: the clinic's readings open in the clinic alone, by record and by number."""
    assert seen(alice, two.insider) == {two.here, two.there}
    assert seen(alice, two.outsider) == {two.here}
    assert release(ask(alice, two.outsider, entry=two.there), now_ms=LATER).columns == []


def test_a_team_of_two_places_opens_both(two: Two, alice: Account) -> None:
    """The patient agreed to a team with a doctor of the clinic in it: what the clinic holds is the team's."""
    care = begin_follow_up(
        alice, responsible=two.outsider, prescription="p", operator="o", recorded_by=two.outsider, now_ms=NOW,
        informed_ms=NOW, agreed=True, how="oral",
    )  # fmt: skip
    assert seen(alice, two.outsider) == {two.here}
    join_team(alice, care, two.insider, part="doctor", now_ms=NOW)
    assert seen(alice, two.outsider) == {two.here, two.there}


def test_a_grant_and_an_emergency_open_every_place(two: Two, alice: Account, charlie: Account) -> None:
    """What the patient gives, or an emergency opens, is the record and not one house's part of it."""
    give_grant(alice, charlie, families=["glucose"], purpose="CAREMGT", now_ms=NOW, until_ms=NOW + DAY)
    assert seen(alice, charlie, "CAREMGT") == {two.here, two.there}
    break_glass(two.outsider, alice, reason="Inconsciente", families=None, now_ms=NOW)
    assert seen(alice, two.outsider, "ETREAT") == {two.here, two.there}


def test_erasing_what_one_establishment_holds_leaves_the_other(two: Two, alice: Account) -> None:
    """The clinic's care class goes with what was measured there; what was measured at home opens."""
    erase_classes(alice.pk, ["care"], now_ms=LATER, establishments=[two.clinic.pk])
    assert seen(alice, alice) == {two.here}
    assert RecordKey.objects.get(subject=alice.pk, establishment=ESTABLISHMENT).wrapped is not None
    assert damage() == set()
    with pytest.raises(RefusedError):
        erase_classes(alice.pk, ["care"], now_ms=LATER, establishments=[two.hospital.pk])


def test_what_is_given_to_another_patient_keeps_its_place(two: Two, alice: Account, bob: Account) -> None:
    """Readings of the clinic's go to the other patient's record in the clinic; two of its people do it where both are
    known, and move nothing into the file of somebody whom the clinic does not know."""
    there = Envelope.objects.select_related("pairing").get(entry=two.there).pairing
    row = propose(there, bob, since_ms=0, until_ms=None, reason="r", by=two.insider, now_ms=NOW)
    second = professional("Ève Marin", "engineer", two.clinic)
    with pytest.raises(AccessDeniedError):
        confirm(row, by=second, now_ms=NOW + 1)
    Registration.objects.create(patient=bob, establishment=two.clinic, since_ms=NOW)
    confirm(row, by=second, now_ms=NOW + 1)
    assert place_of(two.there) == (two.clinic.pk, "care")
    assert {entry for entry, _, _ in values(bob)} == {two.there}
    assert damage() == set()


def test_a_place_that_does_not_exist_is_refused(alice: Account, meter: Thing, bob: Account) -> None:
    """No key is made for a name that nobody declared, nor for a class that there is none of."""
    before = RecordKey.objects.count()
    for wrong in ({"establishment": bob.pk}, {"klass": "secret"}, {"klass": "research"}, {"study": "x"}):
        with pytest.raises(RefusedError):
            pair(meter.row, alice, NOW, **wrong)
    assert RecordKey.objects.count() == before


def test_a_row_that_names_another_part_of_the_record_is_found(two: Two) -> None:
    """Class and establishment are what the pairing's statement says."""
    pairing = Envelope.objects.select_related("pairing").get(entry=two.there).pairing
    Pairing.objects.filter(pk=pairing.pk).update(klass="personal")
    assert ("pairing", "not-attested") in damage()
    Pairing.objects.filter(pk=pairing.pk).update(klass="care", establishment=ESTABLISHMENT)
    assert {("pairing", "not-attested"), ("envelope", "another-record")} <= damage()


# ------------------------------------------------------------------------------------------------------------- studies


@pytest.fixture
def study(alice: Account, charlie: Account) -> str:
    """Alice takes part in a project of Charlie's for a month."""
    return join_research(
        alice, charlie, project="Sommeil et glycémie", families=["glucose"], now_ms=NOW, until_ms=NOW + 30 * DAY
    )


def test_what_is_measured_for_a_study_is_sealed_to_the_research_class(
    study: str, alice: Account, meter: Thing, pipeline: Pipeline
) -> None:
    """Erasing the research class takes it and leaves the care; the store says so and is whole."""
    cared = send(pipeline, meter, NOW - HOUR)
    meter.pairing = pair_for_study(meter.row, alice, study, now_ms=NOW)
    measured = send(pipeline, meter, NOW + 1_000, count=1, received_ms=NOW + 2_000)
    assert (place_of(cared)[1], place_of(measured)[1]) == ("care", "research")
    assert seen(alice, alice) == {cared, measured}
    assert damage() == set()
    diane = professional("Diane Roux", "dpo", home(NOW))
    decide(requests.ask(alice, "erase", by=alice, now_ms=NOW + 3_000), by=diane, now_ms=LATER)
    assert seen(alice, alice) == {cared}
    assert damage() == set()


def test_no_object_measures_for_a_study_that_the_patient_is_not_in(
    study: str, alice: Account, bob: Account, meter: Thing
) -> None:
    """Not another's, not one that is over, not by habit after it ended."""
    for patient, name, at in ((bob, study, NOW), (alice, "no-such", NOW), (alice, study, NOW + 31 * DAY)):
        with pytest.raises(RefusedError):
            pair_for_study(meter.row, patient, name, now_ms=at)
    pairing = pair_for_study(meter.row, alice, study, now_ms=NOW)
    assert pairing.klass == "research"
    leave_study(alice, study, now_ms=NOW + 1)
    pairing.refresh_from_db()
    assert pairing.until_ms == NOW + 1
    assert pair(meter.row, alice, NOW + 2).klass == "care"
    assert damage() == set()


@pytest.mark.parametrize("left", [False, True], ids=["over", "left-later"])
def test_what_measures_for_a_project_ends_with_it(study: str, alice: Account, meter: Thing, left: bool) -> None:
    """Nobody presses anything on that day: the worker ends the pairing, and not before."""
    pairing = pair_for_study(meter.row, alice, study, now_ms=NOW)
    day = NOW + 30 * DAY
    if left:
        day = NOW + 5 * DAY
        chosen = [one for one in readers(alice, now_ms=NOW) if "research" in {line.ground for line in one.lines}]
        part(alice, chosen, LATER_ON, now_ms=NOW, at_ms=day)
    assert end_over_pairings(now_ms=day - 1) == 0
    assert end_over_pairings(now_ms=day + 1) == 1
    pairing.refresh_from_db()
    assert pairing.until_ms == day + 1
    assert end_over_pairings(now_ms=day + 2) == 0
    assert damage() == set()


def test_what_a_study_measured_of_another_patient_is_care(
    study: str, alice: Account, bob: Account, meter: Thing, pipeline: Pipeline
) -> None:
    """Bob takes part in nothing: what is his goes to his care record, not to a study."""
    unpair(meter.pairing, NOW)
    meter.pairing = pair_for_study(meter.row, alice, study, now_ms=NOW)
    measured = send(pipeline, meter, NOW + 1_000, count=1, received_ms=NOW + 2_000)
    people = professional("Ève Marin", "engineer"), professional("Dr Émile Faure", "doctor")
    row = propose(meter.pairing, bob, since_ms=NOW, until_ms=None, reason="r", by=people[0], now_ms=NOW + 3_000)
    confirm(row, by=people[1], now_ms=NOW + 3_001)
    assert place_of(measured) == (ESTABLISHMENT, "care")
    assert damage() == set()
