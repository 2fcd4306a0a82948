"""What a patient opened and what ends by itself: on their home before and after, and one notice of each."""

from __future__ import annotations

import pytest
from django.conf import settings

from egide.cloud.consent import grants
from egide.cloud.consent.attested import forget
from egide.cloud.consent.representation import record_death
from egide.cloud.people.models import Account
from egide.cloud.people.service import create_account
from egide.cloud.portal import live
from egide.cloud.portal.ending import SOON_MS, ended_since, ending_soon, tell_endings
from egide.cloud.signin import clock
from egide.cloud.signin.models import Notice
from egide.cloud.signin.notices import notices_of
from egide.errors import KeyMissingError
from tests.cloud.conftest import NOW
from tests.cloud.portal.conftest import Enter
from tests.support.cast import Cast
from tests.support.ward import DAY_MS

SINCE = NOW - 60 * DAY_MS


@pytest.fixture
def paul(cast: Cast) -> Account:
    return create_account("relative", "Paul Moreau", SINCE)


def give(cast: Cast, who: Account, until_ms: int, *, since_ms: int = SINCE, family: str = "glucose") -> str:
    return grants.give_grant(
        cast.alice, who, families=[family], purpose="SUPNWK", now_ms=since_ms, until_ms=until_ms
    )


def kinds(account: Account) -> list[str]:
    return list(Notice.objects.filter(account=account).order_by("pk").values_list("kind", flat=True))


def test_an_end_is_told_before_and_after_once_each(cast: Cast, paul: Account) -> None:
    """Three days before, and when it is over; by notices that name nobody, and one of each however often we look."""
    give(cast, paul, NOW + SOON_MS + 1)
    assert tell_endings(now_ms=NOW) == 0
    assert tell_endings(now_ms=NOW + 1) == 1
    assert tell_endings(now_ms=NOW + DAY_MS) == 0
    assert tell_endings(now_ms=NOW + SOON_MS + 1) == 1
    assert tell_endings(now_ms=NOW + SOON_MS + DAY_MS) == 0
    assert kinds(cast.alice) == ["grant-ending", "grant-over"]
    assert not any("Paul" in told.text for told in notices_of(cast.alice))


def test_what_was_taken_back_was_short_or_goes_on_is_not_told_as_ending(cast: Cast, paul: Account) -> None:
    """Nobody is told of their own act, of what they gave for a few days, nor of what another grant continues."""
    withdrawn = give(cast, paul, NOW + DAY_MS)
    grants.withdraw_grant(cast.alice, withdrawn, now_ms=NOW - 1)
    give(cast, paul, NOW + DAY_MS, since_ms=NOW - 1, family="weight")
    give(cast, paul, NOW + DAY_MS, family="sleep")
    give(cast, paul, NOW + 90 * DAY_MS, since_ms=NOW - 1, family="sleep")
    assert tell_endings(now_ms=NOW) == 0
    assert [one.at_ms for one in ending_soon(cast.alice, now_ms=NOW)] == [NOW + DAY_MS]  # the short one, on their home
    assert ended_since(cast.alice, NOW - DAY_MS, now_ms=NOW) == []
    assert tell_endings(now_ms=NOW + DAY_MS) == 1
    assert kinds(cast.alice) == ["grant-over"]


def test_a_narrower_grant_continues_nothing(cast: Cast, paul: Account) -> None:
    """Another family, another person: the end is told."""
    give(cast, paul, NOW + DAY_MS, family="sleep")
    give(cast, paul, NOW + 90 * DAY_MS, family="weight")
    give(cast, cast.diane, NOW + 90 * DAY_MS, family="sleep")
    assert tell_endings(now_ms=NOW) == 1


def test_nobody_is_told_for_the_dead_nor_long_after(cast: Cast, paul: Account) -> None:
    """A row that no statement speaks for tells nothing either."""
    give(cast, paul, NOW - 8 * DAY_MS)
    assert tell_endings(now_ms=NOW) == 0
    give(cast, paul, NOW + DAY_MS)
    record_death(cast.alice, at_ms=NOW - 1, recorded_by=cast.bob, now_ms=NOW)
    assert tell_endings(now_ms=NOW) == 0


def test_without_the_key_that_opens_nobody_is_told_and_the_worker_hears_why(
    cast: Cast, paul: Account
) -> None:
    """A worker that has no right to it does not take every record for one where nothing ends; with it, all goes on."""
    give(cast, paul, NOW + DAY_MS)
    kek = settings.OPTIONS.keys / "kek.json"
    away = kek.rename(kek.with_name("away.json"))
    forget()
    try:
        with pytest.raises(KeyMissingError):
            tell_endings(now_ms=NOW)
    finally:
        away.rename(kek)
    assert tell_endings(now_ms=NOW) == 1


def test_the_home_says_what_ends_soon_and_what_ended_since_the_last_visit(
    cast: Cast, paul: Account, enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With whom and until which day; a part in research too; then among what changed, and no more as what ends."""
    give(cast, paul, NOW + DAY_MS)
    grants.join_research(
        cast.alice, cast.diane, project="Sommeil", families=["sleep"], now_ms=SINCE, until_ms=NOW + 2 * DAY_MS
    )
    page = enter(cast.alice).get("/").content.decode()
    soon = page.split('id="ending-title"')[1].split("</section>")[0]
    assert "What you share with Paul Moreau ends by itself after" in soon
    assert "Your part in “Sommeil” ends by itself after" in soon
    assert soon.index("Paul Moreau") < soon.index("Sommeil")
    monkeypatch.setattr(live, "now_ms", lambda: NOW + 3 * DAY_MS)
    monkeypatch.setattr(clock, "now_ms", lambda: NOW + 3 * DAY_MS)
    page = enter(cast.alice).get("/").content.decode()
    assert 'id="ending-title"' not in page
    changed = page.split('id="changed-title"')[1].split("</section>")[0]
    assert "What you shared with Paul Moreau ended by itself." in changed
    assert "Your part in “Sommeil” ended by itself, with the project." in changed
