"""Accounts and one-time links."""

from __future__ import annotations

import pytest
from django.contrib.sessions.models import Session

from egide.cloud.keys.models import RecordKey
from egide.cloud.people import service
from egide.cloud.people.models import Account, SignInLink
from egide.cloud.people.sessions import SessionStore
from egide.errors import AmbiguousNameError, NotFoundError, RefusedError, SealError, SignInError

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kek")]
NOW = 1_790_000_000_000


def test_a_name_is_sealed_and_still_found() -> None:
    """The row says nothing; the exact name, in any case and spacing, finds it."""
    alice = service.create_account("patient", "Alice  Moreau", NOW)
    row = Account.objects.get(pk=alice.pk)
    assert b"Alice" not in bytes(row.sealed_name)
    assert "alice" not in row.username
    assert service.name_of(row) == "Alice Moreau"
    assert service.find_by_name("alice moreau") == alice
    assert service.find(alice.username) == alice


def test_a_name_moved_to_another_row_does_not_open() -> None:
    """A sealed name belongs to its row: swapping two of them is seen."""
    alice, bob = (service.create_account("patient", name, NOW) for name in ("Alice", "Bob"))
    alice.sealed_name = bob.sealed_name
    with pytest.raises(SealError):
        service.name_of(alice)


def test_two_people_of_one_name_are_not_guessed_between() -> None:
    """An ambiguous name is said to be so; an unknown one too."""
    for role in ("patient", "professional"):
        service.create_account(role, "Alice", NOW)
    with pytest.raises(AmbiguousNameError):
        service.find_by_name("Alice")
    with pytest.raises(NotFoundError):
        service.find_by_name("Charlie")


@pytest.mark.parametrize("name", ["", "   ", "a" * 121, "a\x00b", "a\u202eb"])
def test_a_name_that_cannot_be_shown_is_refused(name: str) -> None:
    """Empty, endless and control characters never enter."""
    with pytest.raises(RefusedError):
        service.create_account("patient", name, NOW)


def test_a_role_that_does_not_exist_is_refused() -> None:
    """There are four roles."""
    with pytest.raises(RefusedError):
        service.create_account("king", "Alice", NOW)


def test_a_patient_comes_with_a_record_key_and_nobody_has_a_password() -> None:
    """Intake can seal to a patient from the first day; nothing could be typed to sign in."""
    alice = service.create_account("patient", "Alice", NOW)
    bob = service.create_account("professional", "Bob", NOW)
    assert RecordKey.objects.filter(subject=alice.id).count() == 1
    assert not RecordKey.objects.filter(subject=bob.id).exists()
    assert not alice.has_usable_password()


def test_a_link_works_once() -> None:
    """The second use is refused, and the table never held the token."""
    alice = service.create_account("patient", "Alice", NOW)
    token = service.make_link(alice, NOW)
    assert token.encode() not in bytes(SignInLink.objects.get().token_hash)
    assert service.redeem_link(token, NOW + 1) == alice
    with pytest.raises(SignInError):
        service.redeem_link(token, NOW + 2)


def test_a_pasted_code_may_be_spaced_capital_or_a_whole_address() -> None:
    """What people paste from a terminal works."""
    alice = service.create_account("patient", "Alice", NOW)
    for shape in ("{0}", " {0}\n", "http://localhost/sign-in#{0}"):
        typed = shape.format(service.make_link(alice, NOW)).upper()
        assert service.redeem_link(typed[:-5] + "-" + typed[-5:], NOW) == alice


@pytest.mark.parametrize("wrong", ["", "x", "a" * 32, "é" * 32])
def test_a_wrong_code_is_refused(wrong: str) -> None:
    """Nothing is said of why."""
    service.make_link(service.create_account("patient", "Alice", NOW), NOW)
    with pytest.raises(SignInError):
        service.redeem_link(wrong, NOW)


def test_a_link_lapses_after_ten_minutes_and_is_forgotten() -> None:
    """At the exact end it is refused; the next link made sweeps it away."""
    alice = service.create_account("patient", "Alice", NOW)
    token = service.make_link(alice, NOW)
    with pytest.raises(SignInError):
        service.redeem_link(token, NOW + service.LINK_LIFE_MS)
    service.make_link(alice, NOW + service.LINK_LIFE_MS)
    assert SignInLink.objects.count() == 1


def test_a_closed_account_does_not_sign_in() -> None:
    """Neither with a link made before, nor with a new one."""
    alice = service.create_account("patient", "Alice", NOW)
    token = service.make_link(alice, NOW)
    Account.objects.update(is_active=False)
    with pytest.raises(SignInError):
        service.redeem_link(token, NOW)
    alice.refresh_from_db()
    with pytest.raises(SignInError):
        service.make_link(alice, NOW)


def test_a_stolen_session_table_opens_no_session() -> None:
    """The table holds a hash: the cookie's value is not in it, and what is in it is no cookie."""
    session = SessionStore()
    session["who"] = "alice"
    session.save()
    key = session.session_key
    assert key
    row = Session.objects.get()
    assert row.session_key != key
    assert SessionStore(key).get("who") == "alice"
    assert SessionStore(row.session_key).get("who") is None
    session.delete()
    assert not Session.objects.exists()
