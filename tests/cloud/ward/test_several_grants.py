"""Several grants that cover one reader: all of them are shown, each with its own purpose and end."""

from __future__ import annotations

import pytest
from django.test import Client

from egide.cloud.consent import grants
from egide.cloud.people.models import Account
from egide.cloud.people.service import create_account
from tests.cloud.conftest import NOW
from tests.cloud.ward.conftest import Enter
from tests.support.cast import Cast
from tests.support.ward import DAY_MS


@pytest.fixture
def paul(cast: Cast) -> Account:
    """Alice lets Paul see three families to help her for a month, and her weight, as family, for a week."""
    paul = create_account("relative", "Paul Moreau", NOW)
    many = ("glucose", "heart", "pressure")
    grants.give_grant(cast.alice, paul, families=many, purpose="SUPNWK", now_ms=NOW - 2, until_ms=NOW + 30 * DAY_MS)
    grants.give_grant(
        cast.alice, paul, families=("weight",), purpose="FAMRQT", now_ms=NOW - 1, until_ms=NOW + 7 * DAY_MS
    )
    return paul


@pytest.fixture
def reading(paul: Account, enter: Enter) -> Client:
    return enter(paul)


def test_why_shows_each_grant_with_its_own_purpose_and_end(cast: Cast, reading: Client) -> None:
    """The one that this page asks by, and the other, not the widest alone."""
    page = reading.get(f"/patients/{cast.alice.pk}/why").content.decode()
    first, _, other = page.partition("What else lets you see something")
    assert "glucose" in first
    assert "weight" not in first
    assert "weight" in other
    assert "glucose" not in other
    assert first.count("<dt>Until</dt>") == other.count("<dt>Until</dt>") == 1


def test_a_reader_chooses_for_which_purpose_they_look(cast: Cast, reading: Client) -> None:
    """The pages then show what that grant opens, and no more; the journal says which."""
    record, why = f"/patients/{cast.alice.pk}", f"/patients/{cast.alice.pk}/why"
    before = reading.get(record, {"period": "7d"}).content.decode()
    assert "Blood pressure" in before
    assert "Body weight" not in before
    assert reading.post(why, {"purpose": "FAMRQT"}).status_code == 302
    after = reading.get(record, {"period": "7d"}).content.decode()
    assert "Body weight" in after
    assert "Blood pressure" not in after
    assert "SUPNWK" in reading.get(why).content.decode()


def test_nobody_looks_for_a_purpose_that_nothing_was_given_for(cast: Cast, reading: Client, enter: Enter) -> None:
    """Neither one that no grant names, nor another reader's; an ended choice falls back on what is open."""
    why = f"/patients/{cast.alice.pk}/why"
    for purpose in ("TREAT", "HMARKT", "", "PATRQT"):
        assert reading.post(why, {"purpose": purpose}).status_code == 400
    assert enter(cast.diane).post(why, {"purpose": "FAMRQT"}).status_code in (400, 403)
    reading.post(why, {"purpose": "FAMRQT"})
    from egide.cloud.consent.attested import facts_of

    family = next(g for g in facts_of(cast.alice.pk).grants if g.purpose == "FAMRQT")
    grants.withdraw_grant(cast.alice, family.id, now_ms=NOW)
    page = reading.get(f"/patients/{cast.alice.pk}", {"period": "7d"}).content.decode()
    assert "Blood pressure" in page
    assert "What else lets you see something" not in reading.get(why).content.decode()


def test_the_patient_reads_each_of_them(cast: Cast, paul: Account, enter: Enter) -> None:
    """One card each: what, what for, until when; and one reader, not two."""
    page = enter(cast.alice).get("/me/sharing").content.decode()
    chosen = page.partition("Whom you chose")[2].partition("</section>")[0]
    cards = chosen.split("<li>")[1:]
    assert len(cards) == 2
    assert all("Paul Moreau" in card for card in cards)
    assert {"weight" in card for card in cards} == {True, False}
    assert len({card.partition("until")[2].partition("<")[0] for card in cards}) == 2
    assert "2 readers besides you" in page


def test_a_professional_of_the_team_reads_of_their_grants_too(cast: Cast, enter: Enter) -> None:
    """The team opens everything; what was given beside it is told, with its end, and needs no choosing."""
    grants.give_grant(
        cast.alice, cast.bob, families=("weight",), purpose="CAREMGT", now_ms=NOW - 1, until_ms=NOW + DAY_MS
    )
    page = enter(cast.bob).get(f"/patients/{cast.alice.pk}/why").content.decode()
    other = page.partition("What else lets you see something")[2]
    assert "weight" in other
    assert "Look for this purpose instead" not in other
