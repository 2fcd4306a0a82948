"""Who saw my measurements."""

from __future__ import annotations

import pytest

from egide.cloud.people.models import Account
from tests.cloud.portal.conftest import Enter
from tests.support.cast import Cast


def test_the_journal_tells_every_yes_and_no_of_others(cast: Cast, enter: Enter) -> None:
    """Dr Bob's look and Diane's refused one, with purpose, ground and entry; one's own apart."""
    enter(cast.bob).get(f"/patients/{cast.alice.pk}")
    enter(cast.diane).get(f"/patients/{cast.alice.pk}")
    client = enter(cast.alice)
    client.get("/me")
    page = client.get("/me/journal").content.decode()
    assert page.index("Diane Roux") < page.index("Dr Bob Durand")
    for part in ("No, refused", "Yes, shown", "member of the follow-up", "You, once", "register, entry"):
        assert part in page


def test_the_home_page_says_who_saw_them_last(cast: Cast, enter: Enter) -> None:
    """The first glance names the last other reader."""
    assert "Nobody but you has seen them." in enter(cast.alice).get("/").content.decode()
    enter(cast.bob).get(f"/patients/{cast.alice.pk}")
    assert "Last seen by Dr Bob Durand" in enter(cast.alice).get("/").content.decode()


@pytest.mark.parametrize("who", ["charlie", "bob"])
def test_nobody_reads_the_journal_of_another(cast: Cast, enter: Enter, who: str) -> None:
    """There is no address for it: one's own, or none."""
    enter(cast.bob).get(f"/patients/{cast.alice.pk}")
    reader: Account = getattr(cast, who)
    assert "Dr Bob Durand" not in enter(reader).get("/me/journal").content.decode()


def test_an_account_that_is_gone_does_not_break_the_journal(cast: Cast, enter: Enter) -> None:
    """The line stays, without a name."""
    enter(cast.diane).get(f"/patients/{cast.alice.pk}")
    cast.diane.delete()
    assert "a closed account" in enter(cast.alice).get("/me/journal").content.decode()
