"""Two files become one, and two again, by two people: nothing changes before the second."""

from __future__ import annotations

import pytest

from egide.cloud.people import merge_proposals as proposals
from egide.cloud.people import merging, offices
from egide.cloud.people.checks import check_people
from egide.cloud.people.merging import MergeTakenError
from egide.cloud.people.models import Account, Membership, Merge
from egide.cloud.people.scope import scope_of
from egide.cloud.people.second import SecondPersonError
from egide.cloud.people.service import create_account
from egide.cloud.register.models import Statement, Topic
from egide.errors import AccessDeniedError, NotFoundError, RefusedError
from tests.cloud.people.conftest import NOW, House

pytestmark = pytest.mark.django_db
WHY = "Même passeport"


def staff(house: House, name: str, *, office: str = "nurse") -> Account:
    account = create_account("professional", name, NOW)
    offices.appoint(account, house.hospital, office, by=house.pair, now_ms=NOW)
    return account


@pytest.fixture
def nurse(house: House) -> Account:
    return staff(house, "Nora Petit")


@pytest.fixture
def second(house: House) -> Account:
    return staff(house, "Nina Blanc", office="doctor")


@pytest.fixture
def files(house: House) -> tuple[Account, Account]:
    one, two = (create_account("patient", "Alice Martin", NOW, at=house.hospital) for _ in range(2))
    return one, two


def waiting(reader: Account, now_ms: int = NOW) -> list[proposals.MergeProposal]:
    return proposals.waiting_for(reader, scope_of(reader, now_ms=now_ms), now_ms=now_ms)


def test_one_proposes_another_confirms_and_the_same_road_leads_back(
    files: tuple[Account, Account], nurse: Account, second: Account
) -> None:
    """Merged, then two files again; each proposal is over once it was decided, and fsck finds no damage."""
    kept, merged = files
    proposals.propose_merge(kept, merged, reason=f"  {WHY} ", by=nurse, now_ms=NOW)
    (one,) = waiting(second)
    assert (one.kept, one.merged, one.merge, one.by, one.reason) == (kept, merged, None, nurse, WHY)
    assert merging.merged_into(kept) == []
    row = proposals.confirm(one, by=second, now_ms=NOW + 1)
    assert merging.merged_into(kept) == [merged]
    assert waiting(second) == []
    for again in (lambda: proposals.confirm(one, by=second, now_ms=NOW + 2),
                  lambda: proposals.refuse(one, by=second, now_ms=NOW + 2)):  # fmt: skip
        with pytest.raises(RefusedError):
            again()
    proposals.propose_unmerge(row, reason="Deux sœurs", by=second, now_ms=NOW + 3)
    (undo,) = waiting(nurse, NOW + 3)
    assert undo.merge == row
    proposals.confirm(undo, by=nurse, now_ms=NOW + 4)
    assert merging.merged_into(kept) == []
    assert Account.objects.get(pk=merged.pk).is_active
    with pytest.raises(RefusedError):
        proposals.propose_unmerge(row, reason=WHY, by=nurse, now_ms=NOW + 5)
    assert list(check_people()) == []


def test_who_proposed_does_not_confirm_even_with_another_account(
    files: tuple[Account, Account], nurse: Account, house: House
) -> None:
    """Two accounts of one name are one person, for a merge and for its undoing."""
    proposals.propose_merge(*files, reason=WHY, by=nurse, now_ms=NOW)
    (one,) = waiting(nurse)
    for who in (nurse, staff(house, "Nora Petit", office="doctor")):
        with pytest.raises(SecondPersonError):
            proposals.confirm(one, by=who, now_ms=NOW)
    assert not Merge.objects.exists()


def test_nobody_of_elsewhere_sees_proposes_or_decides(
    files: tuple[Account, Account], nurse: Account, second: Account, house: House
) -> None:
    """Another establishment, no desk, and a first person who was dismissed since."""
    far = create_account("professional", "Sonia Loin", NOW)
    offices.appoint(far, house.practice, "doctor", by=house.pair, now_ms=NOW)
    name = proposals.propose_merge(*files, reason=WHY, by=nurse, now_ms=NOW)
    (one,) = waiting(second)
    for who in (far, house.security, files[0]):
        assert waiting(who) == []
        with pytest.raises(NotFoundError):
            proposals.proposal_of(who, scope_of(who, now_ms=NOW), name, now_ms=NOW)
        for act in (proposals.confirm, proposals.refuse):
            with pytest.raises(AccessDeniedError):
                act(one, by=who, now_ms=NOW)
        with pytest.raises(AccessDeniedError):
            proposals.propose_merge(*files, reason=WHY, by=who, now_ms=NOW)
    offices.dismiss(Membership.objects.get(account=nurse), by=nurse, now_ms=NOW + 1)
    with pytest.raises(AccessDeniedError):
        proposals.confirm(one, by=second, now_ms=NOW + 2)
    assert not Merge.objects.exists()


def test_a_proposal_is_refused_taken_back_or_lapses(
    files: tuple[Account, Account], nurse: Account, second: Account
) -> None:
    """Refusing changes nothing, and the same can be proposed again; after seven days nobody confirms it."""
    for who in (second, nurse):
        proposals.propose_merge(*files, reason=WHY, by=nurse, now_ms=NOW)
        with pytest.raises(proposals.MergeWaitingError):
            proposals.propose_merge(*reversed(files), reason=WHY, by=second, now_ms=NOW)
        (one,) = waiting(second)
        proposals.refuse(one, by=who, now_ms=NOW)
        assert waiting(second) == []
        with pytest.raises(RefusedError):
            proposals.confirm(one, by=second, now_ms=NOW)
    proposals.propose_merge(*files, reason=WHY, by=nurse, now_ms=NOW)
    (last,) = waiting(second)
    late = NOW + proposals.LIFE_MS
    assert waiting(second, late - 1) != []
    assert waiting(second, late) == []
    with pytest.raises(RefusedError):
        proposals.confirm(last, by=second, now_ms=late)
    assert not Merge.objects.exists()


@pytest.mark.parametrize("reason", ["", " \n ", "x" * 501, "a\x00b"], ids=["none", "blank", "long", "control"])
def test_a_proposal_says_why(files: tuple[Account, Account], nurse: Account, reason: str) -> None:
    """And what it says lies sealed, in both files."""
    with pytest.raises(proposals.ReasonError):
        proposals.propose_merge(*files, reason=reason, by=nurse, now_ms=NOW)
    proposals.propose_merge(*files, reason=WHY, by=nurse, now_ms=NOW)
    rows = Statement.objects.filter(kind="merge-proposal")
    assert {row.subject for row in rows} == {one.pk for one in files}
    assert not [row for row in rows if WHY.encode() in bytes(row.body) or str(nurse.pk).encode() in bytes(row.body)]


def test_what_was_merged_since_is_not_merged_again(
    files: tuple[Account, Account], nurse: Account, second: Account, house: House
) -> None:
    """No ring and no chain, however the proposals were made."""
    third = create_account("patient", "Alice M.", NOW, at=house.hospital)
    proposals.propose_merge(*files, reason=WHY, by=nurse, now_ms=NOW)
    proposals.propose_merge(third, files[0], reason=WHY, by=nurse, now_ms=NOW)
    first, other = waiting(second)
    proposals.confirm(first, by=second, now_ms=NOW)
    with pytest.raises(MergeTakenError):
        proposals.confirm(other, by=second, now_ms=NOW)
    with pytest.raises(RefusedError):
        proposals.propose_merge(files[0], files[0], reason=WHY, by=nurse, now_ms=NOW)


def test_a_row_made_up_proposes_nothing(files: tuple[Account, Account], nurse: Account, second: Account) -> None:
    """The signed statement is what proposes; the topic's row only says where it lies, and cannot be opened again."""
    proposals.propose_merge(*files, reason=WHY, by=nurse, now_ms=NOW)
    (one,) = waiting(second)
    proposals.refuse(one, by=second, now_ms=NOW)
    Topic.objects.filter(kind="merge-proposal").update(settled=None)
    Topic.objects.create(kind="merge-proposal", name="made-up", subject=files[0].pk, entry=1)
    assert waiting(second) == []
