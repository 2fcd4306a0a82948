"""Offices: two people give them, one ends them, and only a signed statement says who holds one."""

from __future__ import annotations

import pytest

from egide.cloud.people import offices
from egide.cloud.people.establishments import join_group
from egide.cloud.people.models import Account, Establishment, Membership, Proposal
from egide.cloud.people.scope import scope_of
from egide.cloud.people.service import create_account
from egide.cloud.register.journal import open_statement
from egide.cloud.register.models import Statement
from egide.errors import AccessDeniedError, RefusedError
from tests.cloud.people.conftest import NOW, House

pytestmark = pytest.mark.django_db
LATER = NOW + 60_000


def names(account: Account, now_ms: int = LATER) -> list[tuple[str, str]]:
    return [(m.establishment.name, m.office) for m in offices.offices_of(account, now_ms=now_ms)]


def test_one_proposes_another_approves_and_the_register_says_so(house: House, nora: Account) -> None:
    """Nothing is held before the second person; then it is, from that instant, and signed with both ids."""
    proposal = offices.propose(nora, house.hospital, "nurse", by=house.admin, now_ms=NOW)
    assert names(nora) == []
    held = offices.approve(proposal, by=house.security, now_ms=LATER)
    assert names(nora) == [("Hôpital Nord", "nurse")]
    assert offices.offices_of(nora, now_ms=LATER - 1) == ()
    said = open_statement(Statement.objects.get(subject=nora.pk, kind="appointment"))
    assert said.facts["membership"] == str(held.pk)
    assert said.facts["by"] == [str(house.admin.pk), str(house.security.pk)]
    assert b"Petit" not in bytes(Statement.objects.get(entry=said.entry).body)


def test_a_person_works_in_several_places(house: House, nora: Account) -> None:
    """An office here says nothing of there."""
    for place, office in ((house.hospital, "nurse"), (house.practice, "professional")):
        offices.appoint(nora, place, office, by=house.pair, now_ms=NOW)
    assert len(names(nora)) == 2
    assert offices.require_office(nora, "nurse", now_ms=NOW, establishment=house.hospital).office == "nurse"
    with pytest.raises(AccessDeniedError):
        offices.require_office(nora, "nurse", now_ms=NOW, establishment=house.practice.pk)
    with pytest.raises(AccessDeniedError):
        offices.require_office(nora, "doctor", now_ms=NOW)


def test_nobody_acts_on_two_sides(house: House, nora: Account) -> None:
    """The proposer does not approve, nobody proposes or approves for themselves, nor under a second account."""
    mine = offices.propose(nora, house.hospital, "nurse", by=house.admin, now_ms=NOW)
    with pytest.raises(RefusedError):
        offices.approve(mine, by=house.admin, now_ms=NOW)
    with pytest.raises(RefusedError):
        offices.propose(house.admin, house.hospital, "dpo", by=house.admin, now_ms=NOW)
    for_security = offices.propose(house.security, house.hospital, "engineer", by=house.admin, now_ms=NOW)
    with pytest.raises(RefusedError):
        offices.approve(for_security, by=house.security, now_ms=NOW)
    twin = create_account("operator", "adèle  ROUX", NOW)  # the administrator again
    with pytest.raises(RefusedError):
        offices.appoint(twin, house.home, "dpo", by=house.pair, now_ms=NOW)
    assert not Membership.objects.filter(account__in=[nora, twin]).exists()


def test_a_refusal_of_approval_leaves_the_proposal_open(house: House, nora: Account) -> None:
    """Whoever may not approve decides nothing: the next officer still can."""
    proposal = offices.propose(nora, house.hospital, "nurse", by=house.admin, now_ms=NOW)
    with pytest.raises(AccessDeniedError):
        offices.approve(proposal, by=create_account("operator", "Oscar", NOW), now_ms=NOW)
    assert Proposal.objects.get().decided_ms is None
    offices.approve(proposal, by=house.security, now_ms=NOW)
    with pytest.raises(RefusedError):
        offices.approve(proposal, by=house.security, now_ms=NOW)
    assert Membership.objects.filter(account=nora).count() == 1


def test_a_proposal_lapses_and_may_be_taken_back(house: House, nora: Account) -> None:
    """At the exact end it is over; what its proposer takes back too."""
    late = offices.propose(nora, house.hospital, "nurse", by=house.admin, now_ms=NOW)
    with pytest.raises(RefusedError):
        offices.approve(late, by=house.security, now_ms=NOW + offices.PROPOSAL_LIFE_MS)
    back = offices.propose(nora, house.hospital, "nurse", by=house.admin, now_ms=NOW)
    offices.refuse(back, by=house.admin, now_ms=NOW)
    with pytest.raises(RefusedError):
        offices.approve(back, by=house.security, now_ms=NOW)


def test_a_proposer_dismissed_since_gives_nothing(house: House, nora: Account) -> None:
    """Both must hold their office when the second decides."""
    waiting = offices.propose(nora, house.hospital, "nurse", by=house.admin, now_ms=NOW)
    (held,) = offices.offices_of(house.admin, now_ms=NOW)
    offices.dismiss(held, by=house.security, now_ms=NOW)
    with pytest.raises(AccessDeniedError):
        offices.approve(waiting, by=house.security, now_ms=LATER)


def test_one_person_ends_an_office_at_once(house: House, nora: Account) -> None:
    """An officer or the person concerned; nobody else; and not twice."""
    for by, now_ms in ((house.security, NOW), (nora, LATER)):
        held = offices.appoint(nora, house.hospital, "nurse", by=house.pair, now_ms=now_ms)
        with pytest.raises(AccessDeniedError):
            offices.dismiss(held, by=create_account("professional", "Charlie", NOW), now_ms=now_ms + 1)
        offices.dismiss(held, by=by, now_ms=now_ms + 1)
        assert offices.offices_of(nora, now_ms=now_ms + 1) == ()
        with pytest.raises(RefusedError):
            offices.dismiss(held, by=by, now_ms=now_ms + 2)


def test_an_office_ends_by_its_own_date(house: House, nora: Account) -> None:
    """A replacement of a week ends without anybody's act, and may be ended sooner."""
    held = offices.appoint(nora, house.hospital, "nurse", by=house.pair, now_ms=NOW, until_ms=LATER)
    assert offices.offices_of(nora, now_ms=LATER - 1)
    assert offices.offices_of(nora, now_ms=LATER) == ()
    offices.dismiss(held, by=nora, now_ms=NOW + 5)
    assert offices.offices_of(nora, now_ms=NOW + 5) == ()
    with pytest.raises(RefusedError):
        offices.appoint(nora, house.hospital, "nurse", by=house.pair, now_ms=NOW, until_ms=NOW)


def test_a_row_that_nobody_signed_for_opens_nothing(house: House, nora: Account) -> None:
    """Written, moved, prolonged or raised by whoever holds the database: none of it counts."""
    oscar = create_account("operator", "Oscar", NOW)
    Membership.objects.create(account=oscar, establishment=house.home, office="administrator", since_ms=NOW)
    assert offices.offices_of(oscar, now_ms=LATER) == ()
    held = offices.appoint(nora, house.hospital, "nurse", by=house.pair, now_ms=NOW, until_ms=NOW + 10)
    row = Membership.objects.filter(pk=held.pk)
    for change in ({"office": "doctor"}, {"establishment": house.clinic}, {"until_ms": None}, {"account": oscar}):
        with_it = Membership.objects.get(pk=held.pk)
        row.update(**change)
        assert offices.offices_of(nora, now_ms=NOW + 5) == ()
        assert offices.offices_of(oscar, now_ms=NOW + 5) == ()
        with_it.save()
    assert offices.offices_of(nora, now_ms=NOW + 5)
    Statement.objects.filter(subject=nora.pk).update(subject=oscar.pk)
    row.update(account=oscar)
    assert offices.offices_of(oscar, now_ms=NOW + 5) == ()


def test_a_dismissal_undone_in_the_table_stays_a_dismissal(house: House, nora: Account) -> None:
    """The row says that it goes on; the signed statement says that it ended."""
    held = offices.appoint(nora, house.hospital, "nurse", by=house.pair, now_ms=NOW)
    offices.dismiss(held, by=house.admin, now_ms=LATER)
    Membership.objects.filter(pk=held.pk).update(until_ms=None)
    assert offices.offices_of(nora, now_ms=LATER + 1) == ()


def test_a_closed_account_holds_nothing(house: House, nora: Account) -> None:
    """Whatever was signed."""
    offices.appoint(nora, house.hospital, "nurse", by=house.pair, now_ms=NOW)
    nora.is_active = False
    nora.save()
    assert offices.offices_of(nora, now_ms=LATER) == ()
    with pytest.raises(RefusedError):
        offices.appoint(nora, house.hospital, "doctor", by=house.pair, now_ms=NOW)


@pytest.mark.parametrize(
    ("role", "office"),
    [
        ("operator", "nurse"), ("operator", "doctor"), ("operator", "professional"), ("professional", "administrator"),
        ("professional", "auditor"), ("patient", "dpo"), ("relative", "nurse"), ("professional", "king"),
    ],
)  # fmt: skip
def test_an_office_needs_an_account_of_its_role(house: House, role: str, office: str) -> None:
    """Care needs a professional; who administers or audits is not one; patients and relatives hold none."""
    with pytest.raises(RefusedError):
        offices.appoint(create_account(role, "Max", NOW), house.hospital, office, by=house.pair, now_ms=NOW)


def test_officers_of_one_group_steer_their_group_only(house: House, nora: Account) -> None:
    """The reference steers its group; a member steers itself; another establishment nothing; home steers all."""
    chief, deputy = (create_account("operator", name, NOW) for name in ("Chloé", "Denis"))
    offices.appoint(chief, house.hospital, "administrator", by=house.pair, now_ms=NOW)
    offices.appoint(deputy, house.hospital, "security-officer", by=house.pair, now_ms=NOW)
    offices.appoint(nora, house.clinic, "nurse", by=(chief, deputy), now_ms=NOW)
    for place in (house.practice, house.home):
        with pytest.raises(AccessDeniedError):
            offices.appoint(nora, place, "nurse", by=(chief, deputy), now_ms=NOW)
    # A group written into the table, by whoever holds the database, steers nobody.
    Establishment.objects.filter(pk=house.practice.pk).update(group=house.clinic.group)
    with pytest.raises(AccessDeniedError):
        offices.appoint(nora, Establishment.objects.get(pk=house.practice.pk), "nurse", by=(chief, deputy), now_ms=NOW)
    assert house.practice.pk not in scope_of(chief, now_ms=NOW).steers
    join_group(house.practice, house.clinic.group, now_ms=NOW)
    assert house.practice.pk in scope_of(chief, now_ms=NOW).steers
    join_group(house.practice, None, now_ms=NOW)
    assert scope_of(chief, now_ms=NOW).steers == {house.hospital.pk, house.clinic.pk}
    local = create_account("operator", "Lucie", NOW)
    offices.appoint(local, house.clinic, "administrator", by=(chief, deputy), now_ms=NOW)
    with pytest.raises(AccessDeniedError):
        offices.propose(nora, house.hospital, "nurse", by=local, now_ms=NOW)
    dpo = create_account("operator", "Diane", NOW)
    offices.appoint(dpo, house.clinic, "dpo", by=(chief, deputy), now_ms=NOW)
    with pytest.raises(AccessDeniedError):  # a data protection officer approves and does not propose
        offices.propose(nora, house.clinic, "doctor", by=dpo, now_ms=NOW)
