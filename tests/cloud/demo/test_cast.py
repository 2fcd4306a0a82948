"""The demo's people: each may see what the product lets them see, and no more."""

from __future__ import annotations

import pytest

from egide.cloud.consent.overview import who_may_see
from egide.cloud.demo.cast import ALICE, DOCTOR, PATIENTS, stage
from egide.cloud.people.identity import known_identity
from egide.cloud.people.models import Account
from egide.cloud.people.search import search
from egide.cloud.people.service import find, find_by_name
from egide.cloud.release.door import Ask, release
from egide.errors import AccessDeniedError, RefusedError
from tests.cloud.conftest import NOW
from tests.support.ward import Ward

HEART, WEIGHT, GLUCOSE = "8867-4", "29463-7", "99504-3"


@pytest.fixture
def staged(ward: Ward) -> list[str]:
    return stage(now_ms=NOW).patients


def opens(reader: str, patient: str, code: str, purpose: str = "TREAT") -> bool:
    ask = Ask(
        reader=find_by_name(reader), patient=find_by_name(patient), since_ms=0, until_ms=NOW + 1, purpose=purpose,
        channel="portal", codes=(code,),
    )  # fmt: skip
    try:
        return release(ask, now_ms=NOW + 1_000).decision.allowed
    except AccessDeniedError:
        return False


def test_the_cast_is_found_again_in_its_order(staged: list[str]) -> None:
    """By the user names that the demo remembers."""
    assert [find(user).pk for user in staged] == [find_by_name(name).pk for name in PATIENTS]
    assert Account.objects.count() == len(PATIENTS) + 8 + 2 + 1


@pytest.mark.parametrize(
    ("reader", "patient", "code", "purpose", "allowed"),
    [
        (DOCTOR, ALICE, GLUCOSE, "TREAT", True),
        ("Nadia Haddad, infirmière", ALICE, GLUCOSE, "TREAT", True),
        ("Nadia Haddad, infirmière", "Gabrielle Roux", WEIGHT, "TREAT", False),  # not in that team
        ("Dr Olivier Faure", "Claire Petit", HEART, "TREAT", True),  # by Claire's grant
        ("Dr Olivier Faure", "Claire Petit", WEIGHT, "TREAT", False),  # which says heart
        ("Dr Olivier Faure", ALICE, HEART, "TREAT", False),
        ("Paul Garcia", "Emma Garcia", GLUCOSE, "FAMRQT", True),  # her father
        ("Paul Garcia", ALICE, GLUCOSE, "FAMRQT", False),
        (DOCTOR, "Hugo Bernard", HEART, "TREAT", False),  # nobody follows Hugo
        ("Karine Lopez", ALICE, GLUCOSE, "TREAT", False),  # who administers sees no measurement
        ("Jules Carpentier", ALICE, GLUCOSE, "HOPERAT", False),
        (ALICE, ALICE, GLUCOSE, "PATRQT", True),
    ],
)
def test_each_of_the_cast_sees_what_they_may(
    staged: list[str], reader: str, patient: str, code: str, purpose: str, allowed: bool
) -> None:
    """Follow-up, grant, parent, office: the demo shows each ground at work, and where it stops."""
    assert opens(reader, patient, code, purpose) is allowed


def test_alice_hid_her_weight_from_the_nurse_alone(staged: list[str]) -> None:
    """What the README promises to whoever looks: the doctor has it, the nurse never knew it."""
    hidden = {
        line.holder.id: [sorted(window.families or ()) for window in line.hidden]
        for line in who_may_see(find_by_name(ALICE), now_ms=NOW + 1_000)
    }
    assert hidden[str(find_by_name("Nadia Haddad, infirmière").pk)] == [["weight"]]
    assert hidden[str(find_by_name(DOCTOR).pk)] == []


def test_a_cast_is_made_once(staged: list[str]) -> None:
    """A store that has its people gets no second ones."""
    with pytest.raises(RefusedError):
        stage(now_ms=NOW)


def test_a_nurse_of_the_demo_finds_a_patient_by_name_and_birth_date(staged: list[str]) -> None:
    """What a desk asks for is known of everybody of the cast."""
    nurse = find_by_name("Nadia Haddad, infirmière")
    for name in PATIENTS:
        born = known_identity(find_by_name(name)).traits.birth_date
        assert [one.patient.pk for one in search(nurse, name, born, now_ms=NOW + 1)] == [find_by_name(name).pk]
