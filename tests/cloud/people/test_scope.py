"""Lists of people hold those of the reader's establishments, and nobody else."""

from __future__ import annotations

import uuid

import pytest

from egide.cloud.people import offices
from egide.cloud.people.identity import declare_identity
from egide.cloud.people.invitations import invite_patient
from egide.cloud.people.models import Account, Establishment
from egide.cloud.people.proofing import signed_facts
from egide.cloud.people.registrations import end_registration, register_patient, registered_at
from egide.cloud.people.scope import Scope, scope_of
from egide.cloud.people.service import create_account
from egide.cloud.people.traits import Traits
from egide.cloud.register.journal import open_statement
from egide.cloud.register.models import Statement
from egide.errors import AccessDeniedError, NotFoundError, RefusedError
from tests.cloud.people.conftest import NOW, House

pytestmark = pytest.mark.django_db


def staff(house: House, place: Establishment, office: str, name: str) -> Account:
    role = "professional" if office in {"nurse", "doctor", "professional"} else "operator"
    account = create_account(role, name, NOW)
    offices.appoint(account, place, office, by=house.pair, now_ms=NOW)
    return account


def lists(reader: Account) -> dict[str, set[uuid.UUID]]:
    scope = scope_of(reader, now_ms=NOW)
    queries = {
        "patients": scope.patients(), "colleagues": scope.colleagues(), "establishments": scope.establishments(),
        "memberships": scope.memberships(), "proposals": scope.proposals(), "invitations": scope.invitations(),
    }  # fmt: skip
    return {name: {row.pk for row in query} for name, query in queries.items()}


def test_a_reader_lists_the_patients_of_where_they_work(house: House) -> None:
    """Each establishment its own, in a group too; somebody who works in two sees both."""
    patients = {
        place.pk: create_account("patient", f"Alice {n}", NOW, at=place)
        for n, place in enumerate((house.home, house.hospital, house.clinic, house.practice))
    }
    nurse = staff(house, house.hospital, "nurse", "Nora")
    assert lists(nurse)["patients"] == {patients[house.hospital.pk].pk}
    offices.appoint(nurse, house.practice, "nurse", by=house.pair, now_ms=NOW)
    assert lists(nurse)["patients"] == {patients[house.hospital.pk].pk, patients[house.practice.pk].pk}
    chief = staff(house, house.hospital, "administrator", "Chloé")
    assert lists(chief)["patients"] == {patients[house.hospital.pk].pk}
    assert lists(chief)["establishments"] == {house.hospital.pk, house.clinic.pk}


def test_whoever_has_no_office_lists_nobody(house: House) -> None:
    """A professional of none, a patient, a relative, an operator: six empty lists each."""
    alice = create_account("patient", "Alice", NOW, at=house.hospital)
    readers = [alice, *(create_account(role, "Max", NOW) for role in ("professional", "relative", "operator"))]
    nurse = staff(house, house.hospital, "nurse", "Nora")
    offices.propose(readers[1], house.hospital, "nurse", by=house.admin, now_ms=NOW)
    invite_patient(alice, house.hospital, by=nurse, now_ms=NOW)
    for reader in readers:
        assert not any(lists(reader).values())
    assert scope_of(readers[1], now_ms=NOW) == Scope()


def test_people_of_another_establishment_list_nothing_of_here(house: House) -> None:
    """Every office, held elsewhere: no patient, colleague, proposal or invitation of the hospital."""
    alice = create_account("patient", "Alice", NOW, at=house.hospital)
    nurse = staff(house, house.hospital, "nurse", "Nora")
    invite_patient(alice, house.hospital, by=nurse, now_ms=NOW)
    candidate = create_account("professional", "Charlie", NOW)
    waiting = offices.propose(candidate, house.hospital, "nurse", by=house.admin, now_ms=NOW)
    for office in ("nurse", "doctor", "professional", "engineer", "security-officer", "dpo", "researcher", "maker",
                   "auditor", "administrator"):  # fmt: skip
        shown = lists(staff(house, house.practice, office, f"Max {office}"))
        assert not shown["patients"]
        assert nurse.pk not in shown["colleagues"]
        assert shown["establishments"] == {house.practice.pk}
        assert not shown["invitations"]
        assert waiting.pk not in shown["proposals"]


@pytest.mark.parametrize("office", ["engineer", "security-officer", "researcher", "maker", "auditor"])
def test_an_office_without_need_of_names_finds_no_patient(house: House, office: str) -> None:
    """Even where they work."""
    create_account("patient", "Alice", NOW, at=house.hospital)
    assert not lists(staff(house, house.hospital, office, "Max"))["patients"]


def test_a_patient_elsewhere_and_one_who_is_not_are_told_apart_by_nobody(house: House) -> None:
    """The same refusal, word for word."""
    alice = create_account("patient", "Alice", NOW, at=house.hospital)
    said = []
    scope = scope_of(staff(house, house.practice, "doctor", "Denis"), now_ms=NOW)
    for who in (alice.pk, uuid.uuid4(), house.admin.pk):
        with pytest.raises(NotFoundError) as refused:
            scope.require_patient(who)
        said.append(str(refused.value))
    assert len(set(said)) == 1


def test_registration_opens_and_closes_the_list(house: House) -> None:
    """By whoever works there; sealed for the patient; ended by the patient alone too."""
    alice = create_account("patient", "Alice", NOW, at=house.hospital)
    doctor = staff(house, house.practice, "doctor", "Denis")
    stranger = staff(house, house.clinic, "doctor", "Sonia")
    with pytest.raises(AccessDeniedError):
        register_patient(alice, house.practice, by=stranger, now_ms=NOW)
    for _ in range(2):
        register_patient(alice, house.practice, by=doctor, now_ms=NOW)
    assert lists(doctor)["patients"] == {alice.pk}
    assert registered_at(alice) == {house.hospital.pk, house.practice.pk}
    row = Statement.objects.get(kind="registration")
    assert str(house.practice.pk).encode() not in bytes(row.body)
    assert open_statement(row).facts == {}
    with pytest.raises(AccessDeniedError):
        end_registration(alice, house.practice, by=stranger, now_ms=NOW)
    end_registration(alice, house.practice, by=alice, now_ms=NOW)
    assert not lists(doctor)["patients"]
    with pytest.raises(RefusedError):
        end_registration(alice, house.practice, by=doctor, now_ms=NOW)
    with pytest.raises(RefusedError):
        register_patient(doctor, house.practice, by=doctor, now_ms=NOW)


def test_whoever_registers_a_known_patient_states_their_birth_date(house: House) -> None:
    """A user name is not enough: it opens the desk's powers. A wrong date is refused, and the patient reads of it."""
    alice = create_account("patient", "Alice", NOW, at=house.hospital)
    traits = Traits(birth_name="Martin", given_names="Alice", birth_date="1955-08-03", sex="F")
    declare_identity(alice, traits, by=alice, now_ms=NOW)
    doctor = staff(house, house.practice, "doctor", "Denis")
    for born in ("", "1955-08-04"):
        with pytest.raises(RefusedError):
            register_patient(alice, house.practice, by=doctor, now_ms=NOW, born=born)
    assert [facts["by"] for _, facts in signed_facts(alice, "registration-refused")] == [str(doctor.pk)] * 2
    assert not lists(doctor)["patients"]
    register_patient(alice, house.practice, by=doctor, now_ms=NOW, born="1955-08-03")
    assert lists(doctor)["patients"] == {alice.pk}


def test_a_closed_patient_is_listed_no_more(house: House) -> None:
    """Nor one whose reader was dismissed."""
    alice = create_account("patient", "Alice", NOW, at=house.hospital)
    nurse = staff(house, house.hospital, "nurse", "Nora")
    assert lists(nurse)["patients"] == {alice.pk}
    Account.objects.filter(pk=alice.pk).update(is_active=False)
    assert not lists(nurse)["patients"]
    Account.objects.filter(pk=alice.pk).update(is_active=True)
    (held,) = offices.offices_of(nurse, now_ms=NOW)
    offices.dismiss(held, by=nurse, now_ms=NOW)
    assert not any(lists(nurse).values())
