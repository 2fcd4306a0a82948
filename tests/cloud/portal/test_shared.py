"""What a relative, or a grant's holder, opens: by name, on its own ground, for its own purpose."""

from __future__ import annotations

import pytest

from egide.cloud.consent.grants import give_grant, withdraw_grant
from egide.cloud.consent.representation import represent
from egide.cloud.people.service import create_account
from tests.cloud.conftest import NOW
from tests.cloud.portal.conftest import Enter
from tests.support.cast import Cast

YEAR_MS = 365 * 86_400_000


def test_a_father_opens_his_daughter_s_record_and_the_journal_says_so(cast: Cast, enter: Enter) -> None:
    """As her representative, for a family's request: never as care."""
    father = create_account("relative", "Paul Garcia", NOW - 1000)
    page = enter(father)
    assert "Nobody shares measurements with you now." in page.get("/").content.decode()
    represent(
        cast.alice, father, nature="parent", deed="Family record", recorded_by=cast.bob, adult_ms=NOW + YEAR_MS,
        now_ms=NOW - 900,
    )  # fmt: skip
    home = page.get("/").content.decode()
    assert "You act for them." in home
    assert f"/patients/{cast.alice.pk}" in home
    assert page.get(f"/patients/{cast.alice.pk}").status_code == 200
    journal = enter(cast.alice).get("/me/journal").content.decode()
    assert "Paul Garcia" in journal


def test_a_grant_opens_until_it_is_withdrawn(cast: Cast, enter: Enter) -> None:
    """Whoever holds it finds it in a list; without it there is no list and no record."""
    friend = create_account("relative", "Rose Blanc", NOW - 1000)
    page = enter(friend)
    grant = give_grant(
        cast.alice, friend, families=("glucose",), purpose="SUPNWK", now_ms=NOW - 900, until_ms=NOW + YEAR_MS
    )
    assert "They share some measurements with you." in page.get("/shared").content.decode()
    assert page.get(f"/patients/{cast.alice.pk}").status_code == 200
    withdraw_grant(cast.alice, grant, now_ms=NOW - 500)
    assert "Nobody shares measurements with you now." in page.get("/shared").content.decode()
    assert page.get(f"/patients/{cast.alice.pk}").status_code == 403


@pytest.mark.parametrize("path", ["/shared", "/"])
def test_nobody_reads_whom_another_may_see(cast: Cast, enter: Enter, path: str) -> None:
    """A list is one's own."""
    father = create_account("relative", "Paul Garcia", NOW - 1000)
    represent(cast.alice, father, nature="mandate", deed="Mandate", recorded_by=cast.bob, now_ms=NOW - 900)
    other = create_account("relative", "Rose Blanc", NOW - 1000)
    assert "You act for them." not in enter(other).get(path).content.decode()


def test_a_parent_who_holds_a_narrow_grant_too_still_acts_as_parent(cast: Cast, enter: Enter) -> None:
    """The grant takes nothing from what the representation opens, in whatever order they were given."""
    father = create_account("relative", "Paul Garcia", NOW - 1000)
    give_grant(
        cast.alice, father, families=("heart",), purpose="FAMRQT", now_ms=NOW - 900, until_ms=NOW + YEAR_MS
    )
    assert "mmHg" not in enter(father).get(f"/patients/{cast.alice.pk}").content.decode()
    represent(
        cast.alice, father, nature="parent", deed="Family record", recorded_by=cast.bob, adult_ms=NOW + YEAR_MS,
        now_ms=NOW - 800,
    )  # fmt: skip
    assert "mmHg" in enter(father).get(f"/patients/{cast.alice.pk}").content.decode()


def test_of_two_grants_the_one_that_opens_more_is_asked_by(cast: Cast, enter: Enter) -> None:
    """Not the one that happened to be given first."""
    friend = create_account("relative", "Rose Blanc", NOW - 1000)
    for families, purpose in ((("heart",), "FAMRQT"), (("pressure", "temperature"), "SUPNWK")):
        give_grant(
            cast.alice, friend, families=families, purpose=purpose, now_ms=NOW - 900, until_ms=NOW + YEAR_MS
        )
    assert "mmHg" in enter(friend).get(f"/patients/{cast.alice.pk}").content.decode()
