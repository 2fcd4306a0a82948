"""What is said at a desk, contacts, and two files of one person."""

from __future__ import annotations

import pytest

from egide.cloud.people import contacts, desk, invitations, merging, offices
from egide.cloud.people.models import Account, Agreement, Contact
from egide.cloud.people.proofing import signed_facts
from egide.cloud.people.scans import MAX_SCAN
from egide.cloud.people.scope import scope_of
from egide.cloud.people.service import create_account, make_link, redeem_link
from egide.cloud.register.models import Statement
from egide.errors import (
    AccessDeniedError,
    NotFoundError,
    RefusedError,
    SealError,
    SignInError,
    TooLargeError,
    TooManyTriesError,
)
from tests.cloud.people.conftest import NOW, House
from tests.support.papers import pdf

pytestmark = pytest.mark.django_db
SCAN, ANOTHER = pdf("/Lang (fr)"), pdf("/Lang (en)")


@pytest.fixture
def nurse(house: House, nora: Account) -> Account:
    offices.appoint(nora, house.hospital, "nurse", by=house.pair, now_ms=NOW)
    return nora


@pytest.fixture
def alice(house: House) -> Account:
    return create_account("patient", "Alice Martin", NOW, at=house.hospital)


def test_an_oral_agreement_is_recorded_by_name_and_confirmed_later(alice: Account, nurse: Account) -> None:
    """Marked as oral, with what shows it; sealed; confirmed by the patient alone, once."""
    row = desk.record_agreement(
        alice, "telemonitoring", agreed=True, way="oral", evidence="care-note", by=nurse, now_ms=NOW
    )
    (said,) = desk.agreements_of(alice)
    assert (said.about, said.agreed, said.way, said.evidence) == ("telemonitoring", True, "oral", "care-note")
    assert (said.by, said.at_ms, said.confirmed_ms, said.scan_sha256) == (str(nurse.pk), NOW, None, None)
    with pytest.raises(AccessDeniedError):
        desk.confirm_agreement(row, by=nurse, now_ms=NOW + 1)
    desk.confirm_agreement(row, by=alice, now_ms=NOW + 1)
    with pytest.raises(RefusedError):
        desk.confirm_agreement(row, by=alice, now_ms=NOW + 2)
    assert desk.agreements_of(alice)[0].confirmed_ms == NOW + 1
    body = bytes(Statement.objects.get(kind="agreement").body)
    assert b"telemonitoring" not in body
    assert str(nurse.pk).encode() not in body


def test_a_paper_comes_with_its_scan_and_no_other(alice: Account, nurse: Account) -> None:
    """Sealed to the patient's record; one put in its place is refused."""
    one, two = (
        desk.record_agreement(
            alice, "follow-up", agreed=agreed, way="paper", evidence="signed-form", by=nurse, now_ms=NOW, scan=scan
        )
        for agreed, scan in ((True, SCAN), (False, ANOTHER))
    )
    assert SCAN not in bytes(Agreement.objects.get(pk=one.pk).sealed_scan or b"")
    assert desk.open_scan(one) == SCAN
    assert [said.agreed for said in desk.agreements_of(alice)] == [True, False]
    one.sealed_scan = two.sealed_scan
    with pytest.raises(SealError):
        desk.open_scan(one)
    one.sealed_scan = None
    with pytest.raises(NotFoundError):
        desk.open_scan(one)


def test_a_withdrawal_is_at_once_alone_or_at_the_desk(alice: Account, nurse: Account, house: House) -> None:
    """By the patient or whoever cares for them; by nobody else; an agreement that is over is not confirmed."""
    for by in (alice, nurse):
        row = desk.record_agreement(alice, "sharing", agreed=True, way="oral", evidence="witness", by=nurse, now_ms=NOW)
        with pytest.raises(AccessDeniedError):
            desk.withdraw_agreement(row, by=house.admin, now_ms=NOW + 1)
        desk.withdraw_agreement(row, by=by, now_ms=NOW + 1)
        with pytest.raises(RefusedError):
            desk.confirm_agreement(row, by=alice, now_ms=NOW + 2)
    assert [said.withdrawn_ms for said in desk.agreements_of(alice)] == [NOW + 1] * 2


def test_an_agreement_undone_or_made_in_the_table_says_nothing(alice: Account, nurse: Account) -> None:
    """Only the signed statements speak."""
    Agreement.objects.create(patient=alice, at_ms=NOW, confirmed_ms=NOW)
    assert desk.agreements_of(alice) == []
    row = desk.record_agreement(alice, "sharing", agreed=True, way="oral", evidence="witness", by=nurse, now_ms=NOW)
    desk.withdraw_agreement(row, by=alice, now_ms=NOW + 1)
    Agreement.objects.filter(pk=row.pk).update(withdrawn_ms=None)
    assert desk.agreements_of(alice)[0].withdrawn_ms == NOW + 1


@pytest.mark.parametrize(
    ("about", "way", "evidence"),
    [("everything", "oral", "witness"), ("account", "e-mail", "witness"), ("account", "oral", "a-feeling"),
     ("account", "paper", "witness")],
)  # fmt: skip
def test_what_is_not_of_the_lists_is_refused(
    alice: Account, nurse: Account, about: str, way: str, evidence: str
) -> None:
    """Nothing is recorded then."""
    with pytest.raises(RefusedError):
        desk.record_agreement(alice, about, agreed=True, way=way, evidence=evidence, by=nurse, now_ms=NOW)
    with pytest.raises(TooLargeError):
        desk.record_agreement(
            alice, "account", agreed=True, way="oral", evidence="witness", by=nurse, now_ms=NOW,
            scan=bytes(MAX_SCAN + 1),
        )  # fmt: skip
    assert not Agreement.objects.exists()


def test_a_scan_is_looked_into_for_who_may_hand_it_in_alone(alice: Account, house: House) -> None:
    """Somebody else is refused whatever it is, before it costs anything."""
    with pytest.raises(AccessDeniedError):
        desk.record_agreement(
            alice, "account", agreed=True, way="paper", evidence="signed-form", by=house.admin, now_ms=NOW,
            scan=b"no scan at all",
        )  # fmt: skip


def test_only_who_cares_there_records(alice: Account, nurse: Account, house: House) -> None:
    """Not an administrator of the place, not a nurse of another one, not the patient."""
    local = create_account("operator", "Lucie", NOW)
    offices.appoint(local, house.hospital, "administrator", by=house.pair, now_ms=NOW)
    bob = create_account("patient", "Bob", NOW, at=house.clinic)
    for patient, by in ((alice, local), (alice, house.admin), (alice, alice), (bob, nurse)):
        with pytest.raises(AccessDeniedError):
            desk.record_agreement(patient, "account", agreed=True, way="oral", evidence="witness", by=by, now_ms=NOW)


def test_a_contact_is_sealed_and_found_by_its_exact_value(alice: Account, nurse: Account) -> None:
    """However it is typed; by nobody who has not got it; a household may share one."""
    contacts.add_contact(alice, "email", " Alice.Martin@Example.org ", by=alice, now_ms=NOW)
    for typed in ("06 12 34 56 78", "+33 6 12-34-56-78", "06.12.34.56.78"):
        contacts.add_contact(alice, "phone", typed, by=nurse, now_ms=NOW + 1)
    assert [(c.kind, c.value) for c in contacts.contacts_of(alice)] == [
        ("email", "alice.martin@example.org"), ("phone", "+33612345678"),
    ]  # fmt: skip
    contacts.add_contact(nurse, "phone", "+33612345678", by=nurse, now_ms=NOW)
    assert set(contacts.who_has("phone", "0612345678")) == {alice, nurse}
    assert contacts.who_has("email", "alice.martin@example.com") == []
    contacts.forget_contact(alice, contacts.contacts_of(alice)[0].id, by=alice, now_ms=NOW + 2)
    with pytest.raises(RefusedError):
        contacts.forget_contact(nurse, contacts.contacts_of(alice)[0].id, by=nurse, now_ms=NOW)
    assert [c.kind for c in contacts.contacts_of(alice)] == ["phone"]


def test_who_changed_a_contact_is_said_and_strangers_change_none(alice: Account, nurse: Account, house: House) -> None:
    """To the patient, sealed; the statement holds no value. Neither a relative nor an officer of elsewhere may."""
    kept = contacts.add_contact(alice, "email", "alice@example.org", by=nurse, now_ms=NOW)
    contacts.forget_contact(alice, kept.pk, by=alice, now_ms=NOW)
    said = [facts for _, facts in signed_facts(alice, "contact")]
    assert [(s["act"], s["by"]) for s in said] == [("added", str(nurse.pk)), ("forgotten", str(alice.pk))]
    assert "alice@example.org" not in str(said)
    for by in (house.admin, create_account("relative", "Rémi", NOW)):
        with pytest.raises(AccessDeniedError):
            contacts.add_contact(alice, "email", "mine@example.org", by=by, now_ms=NOW)
        with pytest.raises(AccessDeniedError):
            contacts.forget_contact(alice, kept.pk, by=by, now_ms=NOW)


def test_one_s_own_contacts_change_six_times_a_day(alice: Account, nurse: Account) -> None:
    """Nobody points our messages at many strangers, not by forgetting each; the desk may, and so may they tomorrow."""
    for at in range(contacts.MAX_CHANGES // 2):
        kept = contacts.add_contact(alice, "email", f"a{at}@exämple.org", by=alice, now_ms=NOW)
        contacts.forget_contact(alice, kept.pk, by=alice, now_ms=NOW)
    with pytest.raises(TooManyTriesError):
        contacts.add_contact(alice, "email", "b@example.org", by=alice, now_ms=NOW + 1)
    mine = contacts.add_contact(alice, "email", "mine@example.org", by=nurse, now_ms=NOW + 1)
    contacts.forget_contact(alice, mine.pk, by=alice, now_ms=NOW + 1)
    contacts.add_contact(alice, "email", "b@example.org", by=alice, now_ms=NOW + 86_400_001)


def test_a_contact_moved_to_another_account_does_not_open(alice: Account, nurse: Account) -> None:
    """Whoever holds the table cannot have Alice's messages sent to themselves."""
    contacts.add_contact(nurse, "email", "nora@example.org", by=nurse, now_ms=NOW)
    Contact.objects.update(account=alice)
    with pytest.raises(SealError):
        contacts.contacts_of(alice)


@pytest.mark.parametrize(
    ("kind", "value"),
    [("email", "a"), ("email", "a@b"), ("email", "a b@c.fr"), ("email", "a@b.fr\nBcc: c@d.fr"), ("email", "<a@b.fr>"),
     ("phone", "12"), ("phone", "06 12 34 56"), ("phone", "call me"), ("pigeon", "roof"), ("email", "a@b.fr, c@d.fr"),
     ("email", "a@b..c.fr"), ("email", "a@x[y.fr"), ("email", f"a@{'x' * 64}.fr"), ("email", f"a@{'é' * 60}.fr"),
     ("email", "a@-b.fr"), ("email", "a@b_c.fr"), ("email", "a@b.fr."), ("email", "a[b@c.fr")],
)  # fmt: skip
def test_what_cannot_reach_anybody_is_refused(alice: Account, kind: str, value: str) -> None:
    """And what would reach two people."""
    with pytest.raises(RefusedError):
        contacts.add_contact(alice, kind, value, by=alice, now_ms=NOW)


def test_two_files_of_one_person_become_one_and_two_again(alice: Account, nurse: Account, house: House) -> None:
    """Lists show the kept one; the other's account is closed with its links; un-merging gives both back."""
    twin = create_account("patient", "Alice Martin", NOW, at=house.hospital)
    link, token = make_link(twin, NOW), invitations.invite_patient(twin, house.hospital, by=nurse, now_ms=NOW)
    scope = scope_of(nurse, now_ms=NOW)
    row = merging.merge(alice, twin, by=nurse, now_ms=NOW)
    assert list(scope.patients()) == [alice]
    assert merging.kept_file(twin) == alice
    assert merging.merged_into(alice) == [twin]
    for use, secret in ((redeem_link, link), (invitations.redeem_invitation, token)):
        with pytest.raises(SignInError):
            use(secret, NOW)
    assert Statement.objects.filter(kind="merge", subject__in=[alice.pk, twin.pk]).count() == 2
    merging.unmerge(row, by=nurse, now_ms=NOW + 1)
    assert set(scope.patients()) == {alice, twin}
    assert merging.kept_file(twin) == twin
    with pytest.raises(RefusedError):
        merging.unmerge(row, by=nurse, now_ms=NOW + 2)
    with pytest.raises(SignInError):
        redeem_link(link, NOW)
    merging.merge(Account.objects.get(pk=twin.pk), alice, by=nurse, now_ms=NOW + 3)
    assert merging.kept_file(alice) == twin


def test_a_merge_needs_two_open_files_and_somebody_who_knows_both(alice: Account, nurse: Account, house: House) -> None:
    """Not with itself, not in a ring or a chain, not across establishments, not by an outsider."""
    two, three = (create_account("patient", name, NOW, at=house.hospital) for name in ("Alice M.", "A. Martin"))
    elsewhere = create_account("patient", "Alice Martin", NOW, at=house.clinic)
    with pytest.raises(AccessDeniedError):
        merging.merge(alice, elsewhere, by=nurse, now_ms=NOW)
    with pytest.raises(AccessDeniedError):
        merging.merge(alice, two, by=house.security, now_ms=NOW)
    merging.merge(alice, two, by=nurse, now_ms=NOW)
    two.refresh_from_db()
    for pair in ((alice, alice), (two, three), (three, two), (two, alice), (three, alice), (alice, nurse)):
        with pytest.raises(RefusedError):
            merging.merge(*pair, by=nurse, now_ms=NOW)
    merging.merge(alice, three, by=nurse, now_ms=NOW)
    assert merging.merged_into(alice) == [two, three]
