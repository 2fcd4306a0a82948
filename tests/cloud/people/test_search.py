"""Finding people by name: within the reader's establishments, with a birth date, homonyms said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egide.cloud.people import identity, offices, search
from egide.cloud.people.ins import Ins
from egide.cloud.people.models import Account, Establishment, Identity
from egide.cloud.people.names import folded, words_of
from egide.cloud.people.scope import Scope, scope_of
from egide.cloud.people.service import create_account
from egide.cloud.people.traits import Traits
from egide.errors import RefusedError
from tests.cloud.people.conftest import NOW, House

pytestmark = pytest.mark.django_db
BORN = "1955-08-03"


def patient(place: Establishment, birth_name: str, given_names: str, born: str = BORN, **more: str) -> Account:
    account = create_account("patient", f"{given_names} {birth_name}", NOW, at=place)
    traits = Traits(
        birth_name=birth_name, given_names=given_names, birth_date=born, **{"sex": "F", "birth_place": "14168", **more}
    )
    identity.declare_identity(account, traits, by=account, now_ms=NOW)
    return account


@pytest.fixture
def scope(house: House, nora: Account) -> Scope:
    offices.appoint(nora, house.hospital, "nurse", by=house.pair, now_ms=NOW)
    return scope_of(nora, now_ms=NOW)


@pytest.mark.parametrize(
    "typed",
    ["Lefèvre Anne-Lise", "anne lise LEFEVRE", "lefevre", "Durand-Bœuf", "BOEUF anne", " Lise\tLefèvre ", "l’ambroise"],
)
def test_a_name_is_found_however_it_is_typed(house: House, scope: Scope, typed: str) -> None:
    """Accents, hyphens, capitals, ligatures and order aside; the name of birth and the one in use."""
    anne = patient(house.hospital, "Lefèvre", "Anne-Lise Marie", used_name="Durand-Bœuf L’Ambroise")
    patient(house.hospital, "Lefort", "Annie")
    found = search.find_patients(scope, typed, BORN)
    assert [f.patient for f in found] == [anne]
    assert (found[0].status, found[0].homonym) == ("provisoire", False)


def test_a_date_is_required_and_must_be_right(house: House, scope: Scope) -> None:
    """No listing by name alone, nor by date alone."""
    patient(house.hospital, "Martin", "Alice")
    assert search.find_patients(scope, "Martin", "1955-08-04") == []
    assert search.find_patients(scope, "Marti", BORN) == []
    for name, born in (("Martin", ""), ("Martin", "03/08/1955"), ("", BORN), (" - ", BORN)):
        with pytest.raises(RefusedError):
            search.find_patients(scope, name, born)


def test_people_of_another_establishment_are_not_found(house: House, scope: Scope) -> None:
    """Not by name, not by number, not as a homonym; and whoever works nowhere finds nobody."""
    alice = patient(house.clinic, "Martin", "Alice")
    number = Ins.read("255081416802538")
    identity.declare_ins(alice, number, by=alice, now_ms=NOW)
    here = patient(house.hospital, "Martin", "Alice")
    (found,) = search.find_patients(scope, "Martin", BORN)
    assert (found.patient, found.homonym) == (here, False)
    assert search.find_by_ins(scope, number) == []
    assert search.homonyms_of(scope, here) == []
    for nobody in (Scope(), scope_of(alice, now_ms=NOW)):
        assert search.find_patients(nobody, "Martin", BORN) == []
        assert search.find_by_ins(nobody, number) == []


def test_homonyms_and_doubles_are_said(house: House, scope: Scope) -> None:
    """Same name and date: a homonym. Same strict traits too: perhaps one person twice."""
    one = patient(house.hospital, "Martin", "Alice Jeanne")
    two = patient(house.hospital, "MARTIN", "Alice", birth_place="75056")
    patient(house.hospital, "Martin", "Berthe")
    found = search.find_patients(scope, "alice martin", BORN)
    assert {(f.patient.pk, f.homonym, f.double) for f in found} == {(one.pk, True, False), (two.pk, True, False)}
    assert search.homonyms_of(scope, one) == [two]
    three = patient(house.hospital, "Martin", "Alice-Jeanne")
    doubles = {f.patient.pk for f in search.find_patients(scope, "alice martin", BORN) if f.double}
    assert doubles == {one.pk, three.pk}


def test_the_best_known_comes_first_and_a_damaged_row_hides_nobody_else(
    house: House, scope: Scope, nora: Account
) -> None:
    """The status is the signed one, not the row's."""
    patient(house.hospital, "Martin", "Alice")
    second = patient(house.hospital, "Martin", "Anna")
    identity.prove_identity(second, "passport", by=nora, now_ms=NOW)
    Identity.objects.update(status="qualifiée")
    found = search.find_patients(scope, "Martin", BORN)
    assert [f.status for f in found] == ["validée", "provisoire"]
    assert found[0].patient == second
    Identity.objects.filter(account=second).update(sealed_traits=b"\x00\x01" + bytes(64))
    assert len(search.find_patients(scope, "Martin", BORN)) == 1


def test_a_number_finds_its_patient(house: House, scope: Scope) -> None:
    """By the blind index; the number itself is in no row."""
    alice = patient(house.hospital, "Martin", "Alice")
    number = Ins.read("255081416802538")
    identity.declare_ins(alice, number, by=alice, now_ms=NOW)
    assert search.find_by_ins(scope, number) == [alice]
    assert search.find_by_ins(scope, Ins.read("269052A58815717")) == []


@given(st.text(max_size=40))
def test_folding_is_stable(name: str) -> None:
    """Folding twice is folding once; order and case never count."""
    assert folded(folded(name)) == folded(name)
    assert words_of(name) == words_of(*reversed(name.split())) if name.split() else not words_of(name)
