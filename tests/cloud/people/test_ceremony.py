"""The ceremony that makes the first two officers."""

from __future__ import annotations

import pytest

from egide.cloud.people import ceremony, offices
from egide.cloud.people.models import Account, Ceremony, Membership
from egide.cloud.register.models import Statement
from egide.errors import RefusedError
from tests.cloud.people.conftest import NOW, House
from tests.support.ward import Ward

pytestmark = pytest.mark.django_db


def test_two_halves_make_two_officers(ward: Ward) -> None:
    """Each half was shown once, the table holds neither; typed with capitals and spaces they still work."""
    halves = ceremony.begin(NOW)
    row = Ceremony.objects.get()
    assert halves.first != halves.second
    assert halves.first.encode() not in bytes(row.first_hash)
    first, second = ceremony.finish(
        halves.first.upper(), "Adèle Roux", halves.second.replace("-", " "), "Simon Blanc", now_ms=NOW
    )
    assert [m.office for m in offices.offices_of(first, now_ms=NOW)] == ["administrator"]
    assert [m.office for m in offices.offices_of(second, now_ms=NOW)] == ["security-officer"]
    assert {a.role for a in (first, second)} == {"operator"}
    assert Statement.objects.filter(kind="ceremony").count() == 1
    with pytest.raises(RefusedError):
        ceremony.finish(halves.first, "Eve", halves.second, "Mallory", now_ms=NOW)


@pytest.mark.parametrize("which", ["first-twice", "second-twice", "swapped", "empty", "late"])
def test_one_half_alone_makes_nobody(ward: Ward, which: str) -> None:
    """Whatever is given for the other one; both, but after their hour, neither."""
    halves = ceremony.begin(NOW)
    pair = {
        "first-twice": (halves.first, halves.first), "second-twice": (halves.second, halves.second),
        "swapped": (halves.second, halves.first), "empty": (halves.first, ""), "late": (halves.first, halves.second),
    }[which]  # fmt: skip
    at = NOW + ceremony.CEREMONY_LIFE_MS if which == "late" else NOW
    with pytest.raises(RefusedError):
        ceremony.finish(pair[0], "Adèle", pair[1], "Simon", now_ms=at)
    assert not Account.objects.exists()
    assert not Membership.objects.exists()


def test_five_wrong_tries_end_it(ward: Ward) -> None:
    """Then even the right halves do nothing; a new ceremony does, and ends the earlier one's halves."""
    halves = ceremony.begin(NOW)
    for _ in range(5):
        with pytest.raises(RefusedError):
            ceremony.finish(halves.first, "Adèle", "wrong", "Simon", now_ms=NOW)
    with pytest.raises(RefusedError):
        ceremony.finish(halves.first, "Adèle", halves.second, "Simon", now_ms=NOW)
    again = ceremony.begin(NOW)
    with pytest.raises(RefusedError):
        ceremony.finish(halves.first, "Adèle", halves.second, "Simon", now_ms=NOW)
    ceremony.finish(again.first, "Adèle", again.second, "Simon", now_ms=NOW)


def test_one_name_twice_is_one_person(ward: Ward) -> None:
    """Nobody is left half made: the same halves still work, with two names."""
    halves = ceremony.begin(NOW)
    with pytest.raises(RefusedError):
        ceremony.finish(halves.first, "Adèle Roux", halves.second, "adèle roux", now_ms=NOW)
    assert not Account.objects.exists()
    ceremony.finish(halves.first, "Adèle Roux", halves.second, "Simon Blanc", now_ms=NOW)


def test_it_is_held_again_only_when_fewer_than_two_can_act(house: House) -> None:
    """Two officers appoint the others; a platform that lost one comes back by a ceremony."""
    with pytest.raises(RefusedError):
        ceremony.begin(NOW)
    (held,) = offices.offices_of(house.admin, now_ms=NOW)
    offices.dismiss(held, by=house.admin, now_ms=NOW)
    halves = ceremony.begin(NOW)
    ceremony.finish(halves.first, "Chloé", halves.second, "Denis", now_ms=NOW)
    with pytest.raises(RefusedError):
        ceremony.begin(NOW)


def test_officers_written_into_the_table_hold_back_no_ceremony(ward: Ward) -> None:
    """Rows without a statement count for nothing, here too."""
    halves = ceremony.begin(NOW)
    first, second = ceremony.finish(halves.first, "Adèle", halves.second, "Simon", now_ms=NOW)
    Statement.objects.filter(subject=first.pk).delete()
    assert ceremony.begin(NOW)
    assert offices.offices_of(second, now_ms=NOW)
