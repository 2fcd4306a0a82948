"""What fsck asks of the tables of people; and two acts at the same instant."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from egide.cloud.keys.models import RecordKey
from egide.cloud.people import identity, merging, offices
from egide.cloud.people.checks import check_people
from egide.cloud.people.models import Account, Establishment, Identity, Membership, Merge, Proposal
from egide.cloud.people.service import create_account
from egide.cloud.people.traits import Traits
from egide.cloud.register.models import Statement
from egide.errors import RefusedError
from tests.cloud.people.conftest import NOW, House

TRAITS = Traits(birth_name="Martin", given_names="Alice", birth_date="1955-08-03", sex="F")


@pytest.fixture
def nurse(house: House, nora: Account) -> Account:
    offices.appoint(nora, house.hospital, "nurse", by=house.pair, now_ms=NOW)
    return nora


@pytest.mark.django_db
def test_tables_that_say_what_was_signed_are_whole(house: House, nurse: Account) -> None:
    """Offices given and ended, an identity proved, a merge done and undone."""
    alice, twin = (create_account("patient", "Alice", NOW, at=house.hospital) for _ in range(2))
    identity.declare_identity(alice, TRAITS, by=nurse, now_ms=NOW)
    identity.prove_identity(alice, "passport", by=nurse, now_ms=NOW)
    row = merging.merge(alice, twin, by=nurse, now_ms=NOW)
    assert list(check_people()) == []
    merging.unmerge(row, by=nurse, now_ms=NOW + 1)
    offices.dismiss(Membership.objects.get(account=nurse), by=nurse, now_ms=NOW + 2)
    assert list(check_people()) == []


@pytest.mark.django_db
def test_each_row_that_was_changed_is_named(house: House, nurse: Account) -> None:
    """An office raised or lost, an identity made better, a merge that nobody did."""
    alice, twin = (create_account("patient", "Alice", NOW, at=house.hospital) for _ in range(2))
    identity.declare_identity(alice, TRAITS, by=nurse, now_ms=NOW)
    raised, lost = Membership.objects.get(account=nurse), Membership.objects.get(account=house.admin)
    Membership.objects.filter(pk=raised.pk).update(office="doctor")
    lost.delete()
    invented = Merge.objects.create(kept=alice, merged=twin, at_ms=NOW)
    Identity.objects.update(status="qualifiée")
    Establishment.objects.filter(pk=house.practice.pk).update(group=house.clinic.group)
    found = set(check_people())
    assert {(kind, what) for kind, _, what in found} == {
        ("office", "not-attested"), ("office", "row-missing"), ("identity", "not-attested"), ("merge", "not-attested"),
        ("establishment", "not-attested"),
    }  # fmt: skip
    assert {where for _, where, _ in found} >= {str(raised.pk), str(alice.pk), str(invented.pk)}


@pytest.mark.django_db
def test_a_statement_made_into_something_else_gives_no_office(house: House, nurse: Account) -> None:
    """Text where bytes were, bytes that are no statement: nothing is held, and the check goes on."""
    for body in (b"", b"\xd2\x84", b"x" * 400):
        Statement.objects.filter(subject=nurse.pk).update(body=body)
        assert offices.offices_of(nurse, now_ms=NOW) == ()
        assert ("office", "not-attested") in {(kind, what) for kind, _, what in check_people()}
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("UPDATE register_statement SET body = 'text'")
        assert offices.offices_of(nurse, now_ms=NOW) == ()
        assert {what for _, _, what in check_people()} == {"not-attested"}


@pytest.mark.django_db
def test_an_erased_record_is_not_held_against_its_row(house: House, nurse: Account) -> None:
    """Its statements can be opened by nobody any more."""
    alice = create_account("patient", "Alice", NOW, at=house.hospital)
    identity.declare_identity(alice, TRAITS, by=nurse, now_ms=NOW)
    RecordKey.objects.filter(subject=alice.pk).update(erased_ms=NOW, wrapped=None)
    assert list(check_people()) == []


@pytest.mark.django_db(transaction=True)
def test_two_approvals_at_the_same_instant_give_one_office(house: House, nora: Account) -> None:
    """Of two proposals of one office, whichever is decided first."""
    waiting = [offices.propose(nora, house.hospital, "nurse", by=house.admin, now_ms=NOW) for _ in range(2)]

    def decide(proposal: Proposal) -> bool:
        try:
            offices.approve(proposal, by=house.security, now_ms=NOW)
        except RefusedError:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(2) as both:
        assert sorted(both.map(decide, waiting)) == [False, True]
    assert Membership.objects.filter(account=nora).count() == 1
