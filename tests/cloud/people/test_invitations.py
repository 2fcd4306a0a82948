"""Invitations: one new person, one token, one use, seven days."""

from __future__ import annotations

import pytest

from egide.cloud.keys.records import care_key
from egide.cloud.people import invitations, offices
from egide.cloud.people.models import Account, Invitation
from egide.cloud.people.service import create_account, name_of
from egide.cloud.register.journal import open_statement
from egide.cloud.register.models import Statement
from egide.errors import AccessDeniedError, RefusedError, SignInError
from tests.cloud.people.conftest import NOW, House

pytestmark = pytest.mark.django_db
END = NOW + invitations.INVITATION_LIFE_MS


@pytest.fixture
def nurse(house: House, nora: Account) -> Account:
    offices.appoint(nora, house.hospital, "nurse", by=house.pair, now_ms=NOW)
    return nora


def works(token: str, now_ms: int = NOW) -> bool:
    try:
        invitations.find_invitation(token, now_ms)
    except SignInError:
        return False
    return True


def test_a_nurse_welcomes_a_patient_who_enters_once(house: House, nurse: Account) -> None:
    """The table holds no token; the address hides it from every log; the second use is refused."""
    alice, token = invitations.welcome_patient("Alice Martin", house.hospital, by=nurse, now_ms=NOW)
    assert name_of(alice) == "Alice Martin"
    assert token.encode() not in bytes(Invitation.objects.get().token_hash)
    assert invitations.invitation_address("https://x.example/", token) == f"https://x.example/welcome#{token}"
    assert invitations.redeem_invitation(f" {token.upper()}\n", END - 1) == alice
    with pytest.raises(SignInError):
        invitations.redeem_invitation(token, NOW + 1)
    row = Statement.objects.get(kind="invitation", subject=alice.pk)
    assert open_statement(row).facts == {}
    assert str(nurse.pk).encode() not in bytes(row.body)


def test_a_withdrawal_is_signed_once_with_who_did_it(house: House, nurse: Account) -> None:
    """Of a patient it is sealed for them; of somebody who works here it names them; a refused one signs nothing."""
    alice, _token = invitations.welcome_patient("Alice Martin", house.hospital, by=nurse, now_ms=NOW)
    made = Invitation.objects.get()
    invitations.withdraw(made, by=house.security, now_ms=NOW)
    row = Statement.objects.get(kind="invitation-end", subject=alice.pk)
    said = open_statement(row, care_key(alice.pk))
    assert said.facts == {}
    assert said.personal == {"invitation": str(made.pk), "by": str(house.security.pk), "until": NOW}
    with pytest.raises(RefusedError):
        invitations.withdraw(made, by=house.security, now_ms=NOW)
    invitations.invite_staff(nurse, house.hospital, by=house.security, now_ms=NOW)
    invitations.withdraw(Invitation.objects.get(account=nurse), by=house.security, now_ms=NOW)
    facts = open_statement(Statement.objects.get(kind="invitation-end", subject=nurse.pk)).facts
    assert facts["by"] == str(house.security.pk)
    assert Statement.objects.filter(kind="invitation-end").count() == 2


def test_an_invitation_lapses_is_replaced_and_is_withdrawn(house: House, nurse: Account) -> None:
    """After seven days, by the next one, and by whoever made it or an officer; by nobody else."""
    alice, first = invitations.welcome_patient("Alice", house.hospital, by=nurse, now_ms=NOW)
    assert works(first, END - 1)
    assert not works(first, END)
    second = invitations.invite_patient(alice, house.hospital, by=nurse, now_ms=NOW)
    assert not works(first)
    assert works(second)
    made = Invitation.objects.get(withdrawn_ms=None)
    with pytest.raises(AccessDeniedError):
        invitations.withdraw(made, by=create_account("professional", "Charlie", NOW), now_ms=NOW)
    invitations.withdraw(made, by=house.security, now_ms=NOW)
    assert not works(second)
    with pytest.raises(RefusedError):
        invitations.withdraw(made, by=nurse, now_ms=NOW)


@pytest.mark.parametrize("token", ["", "x", "a" * 32, "é" * 32, "#"])
def test_a_wrong_token_is_refused(house: House, nurse: Account, token: str) -> None:
    """Nothing is said of why."""
    invitations.welcome_patient("Alice", house.hospital, by=nurse, now_ms=NOW)
    assert not works(token)


def test_a_closed_account_s_invitation_is_worth_nothing(house: House, nurse: Account) -> None:
    """Whatever its date."""
    alice, token = invitations.welcome_patient("Alice", house.hospital, by=nurse, now_ms=NOW)
    Account.objects.filter(pk=alice.pk).update(is_active=False)
    assert not works(token)


def test_only_who_works_there_invites_and_only_whom_they_know(house: House, nurse: Account) -> None:
    """A nurse of elsewhere, somebody of no place, and a patient of elsewhere: refused, and nothing is left."""
    before = Account.objects.count()
    for act in (invitations.welcome_patient, invitations.invite_relative):
        with pytest.raises(AccessDeniedError):
            act("Alice", house.clinic, by=nurse, now_ms=NOW)
        with pytest.raises(AccessDeniedError):
            act("Alice", house.hospital, by=house.security, now_ms=NOW)
    assert Account.objects.count() == before
    bob = create_account("patient", "Bob", NOW, at=house.clinic)
    with pytest.raises(RefusedError):
        invitations.invite_patient(bob, house.hospital, by=nurse, now_ms=NOW)
    with pytest.raises(RefusedError):
        invitations.invite_patient(nurse, house.hospital, by=nurse, now_ms=NOW)


def test_a_newcomer_s_account_needs_two_people(house: House) -> None:
    """Proposed by one: no invitation can be made. Approved by another: it can, and not by the newcomer."""
    waiting = invitations.propose_newcomer(
        "professional", "Denis Roy", house.hospital, "doctor", by=house.admin, now_ms=NOW
    )
    for who in house.pair:
        with pytest.raises(RefusedError):
            invitations.invite_staff(waiting.account, house.hospital, by=who, now_ms=NOW)
    with pytest.raises(RefusedError):
        invitations.approve_newcomer(waiting, by=house.admin, now_ms=NOW)
    assert not Invitation.objects.exists()
    token = invitations.approve_newcomer(waiting, by=house.security, now_ms=NOW)
    assert invitations.redeem_invitation(token, NOW) == waiting.account
    with pytest.raises(RefusedError):
        invitations.invite_staff(waiting.account, house.clinic, by=house.admin, now_ms=NOW)


def test_a_proposal_that_is_refused_leaves_no_account(house: House, nora: Account) -> None:
    """By somebody who is not an officer, or of an office that the role cannot hold."""
    before = Account.objects.count()
    with pytest.raises(AccessDeniedError):
        invitations.propose_newcomer("professional", "Eve", house.hospital, "doctor", by=nora, now_ms=NOW)
    with pytest.raises(RefusedError):
        invitations.propose_newcomer("operator", "Eve", house.hospital, "doctor", by=house.admin, now_ms=NOW)
    assert Account.objects.count() == before


def test_a_relative_is_invited_and_sees_nobody(house: House, nurse: Account) -> None:
    """The account comes without any ground."""
    relative, token = invitations.invite_relative("Rémi Martin", house.hospital, by=nurse, now_ms=NOW)
    assert invitations.redeem_invitation(token, NOW) == relative
    assert relative.role == "relative"
    assert offices.offices_of(relative, now_ms=NOW) == ()
