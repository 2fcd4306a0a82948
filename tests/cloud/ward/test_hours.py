"""Watching hours: said by the doctor who answers for a follow-up, read by the patient and the team."""

from __future__ import annotations

import pytest
from django.test import Client

from egide.cloud.consent import follow_ups
from egide.cloud.consent.facts import Shift
from egide.cloud.consent.follow_ups import begin_follow_up, follow_ups_of, join_team
from egide.cloud.consent.hours import state_hours
from egide.cloud.people.models import Account
from egide.cloud.register.models import Statement
from egide.cloud.signin.notices import is_unread, mark_read, notices_of
from egide.errors import RefusedError
from tests.cloud.conftest import NOW
from tests.cloud.ward.conftest import Enter, Offices
from tests.support.cast import Cast

WEEK = {"days-1": ["1", "2", "3", "4", "5"], "since-1": "08:30", "until-1": "18:00"}


@pytest.fixture
def care(cast: Cast, offices: Offices) -> str:
    """Dr Bob answers for Charlie's follow-up; Diane is in its team."""
    key = begin_follow_up(
        cast.charlie, responsible=cast.bob, prescription="Weight at home", operator="Saint-Roch",
        recorded_by=cast.bob, now_ms=NOW - 1_000, informed_ms=NOW - 2_000, agreed=True, how="oral",
    )  # fmt: skip
    join_team(cast.charlie, key, cast.diane, part="doctor", now_ms=NOW - 900)
    return key


def say(client: Client, cast: Cast, care: str, **posted: object) -> int:
    return client.post(f"/patients/{cast.charlie.pk}/follow-up/{care}/hours", posted).status_code


def told(enter: Enter, who: Account, path: str) -> str:
    return enter(who).get(path).content.decode()


def test_hours_are_signed_and_shown_to_the_patient_the_team_and_in_the_record(
    cast: Cast, care: str, enter: Enter
) -> None:
    """One statement of the register; the same words on three pages, and what is not covered is said too."""
    assert "Nobody said in which hours" in told(enter, cast.charlie, "/")
    posted = {**WEEK, "days-2": ["6"], "since-2": "09:00", "until-2": "12:00", "note": "Not on public holidays"}
    assert say(enter(cast.bob), cast, care, **posted) == 302
    assert Statement.objects.filter(kind="care-hours", subject=cast.charlie.pk).count() == 1
    for who, path in (
        (cast.charlie, "/"), (cast.diane, f"/patients/{cast.charlie.pk}"),
        (cast.diane, f"/patients/{cast.charlie.pk}/follow-up"),
    ):  # fmt: skip
        page = told(enter, who, path)
        for shown in ("Monday to Friday, 8:30 a.m. to 6 p.m.", "Saturday, 9 a.m. to noon", "Not on public holidays"):
            assert shown in page, (path, shown)
    home = told(enter, cast.charlie, "/")
    assert "Outside these hours nobody looks" in home
    assert "Dr Bob Durand said in which hours a follow-up is watched." in told(enter, cast.charlie, "/me/journal")


def test_the_patient_is_told_that_the_hours_changed_and_only_then(cast: Cast, care: str, enter: Enter) -> None:
    """By a notice that says neither which hours nor whose; the same hours again tell nothing."""
    client = enter(cast.bob)
    for expected, posted in ((1, WEEK), (1, WEEK), (2, {**WEEK, "until-1": "19:00"}), (3, {})):
        assert say(client, cast, care, **posted) == 302
        notices = [one.text for one in notices_of(cast.charlie) if "hours in which" in one.text]
        assert len(notices) == expected
        mark_read(cast.charlie, now_ms=NOW)
    assert say(client, cast, care, **{**WEEK, "until-1": "08:00"}) == 400
    assert not is_unread(cast.charlie, "hours")


def test_the_last_word_counts_and_no_day_is_at_no_set_hour(cast: Cast, care: str, enter: Enter) -> None:
    """Day and night, then nothing."""
    always = {"days-1": list("1234567"), "since-1": "00:00", "until-1": "00:00"}
    assert say(enter(cast.bob), cast, care, **always) == 302
    assert "Every day, day and night" in told(enter, cast.charlie, "/")
    assert say(enter(cast.bob), cast, care) == 302
    home = told(enter, cast.charlie, "/")
    assert "Every day" not in home
    assert "At no set hour" in home


@pytest.mark.parametrize(
    "posted",
    [
        pytest.param({**WEEK, "until-1": "08:00"}, id="ends-before-it-begins"),
        pytest.param({**WEEK, "since-1": ""}, id="no-hour"),
        pytest.param({**WEEK, "since-1": "8h30"}, id="not-an-hour"),
        pytest.param({**WEEK, "since-1": "٠٨:٣٠"}, id="other-digits"),
        pytest.param({**WEEK, "days-1": ["8"]}, id="no-such-day"),
    ],
)
def test_hours_that_are_none_are_not_signed(cast: Cast, care: str, enter: Enter, posted: dict[str, object]) -> None:
    """The page says so, and nothing is written."""
    assert say(enter(cast.bob), cast, care, **posted) == 400
    assert not Statement.objects.filter(kind="care-hours").exists()


def test_only_who_answers_for_the_follow_up_says_them(cast: Cast, care: str, offices: Offices, enter: Enter) -> None:
    """A colleague of the team reads them; neither they, nor the patient, nor people elsewhere set them."""
    assert "Sign these hours" in told(enter, cast.bob, f"/patients/{cast.charlie.pk}/follow-up")
    assert "Sign these hours" not in told(enter, cast.diane, f"/patients/{cast.charlie.pk}/follow-up")
    for who in (cast.diane, cast.charlie, cast.alice, offices.far_doctor, offices.administrator):
        assert say(enter(who), cast, care, **WEEK) in (403, 404)
    assert not Statement.objects.filter(kind="care-hours").exists()
    with pytest.raises(RefusedError):
        state_hours(cast.charlie, care, [], zone="Europe/Paris", by=cast.diane, now_ms=NOW)


def test_an_ended_follow_up_has_no_hours_to_say(cast: Cast, care: str, enter: Enter) -> None:
    """Nor does the patient read that somebody watches."""
    say(enter(cast.bob), cast, care, **WEEK)
    follow_ups.close_follow_up(cast.charlie, care, reason="recovered", now_ms=NOW)
    assert say(enter(cast.bob), cast, care, **WEEK) == 404
    shift = Shift(days=(1,), since=0, until=60)
    with pytest.raises(RefusedError):
        state_hours(cast.charlie, care, [shift], zone="Europe/Paris", by=cast.bob, now_ms=NOW)
    assert "Nobody watches your measurements" in told(enter, cast.charlie, "/")


def test_a_pause_is_said_beside_the_hours(cast: Cast, care: str, enter: Enter) -> None:
    """Nobody watches meanwhile, whatever the hours are."""
    say(enter(cast.bob), cast, care, **WEEK)
    follow_ups.pause_follow_up(cast.charlie, care, now_ms=NOW)
    for who, path in ((cast.charlie, "/"), (cast.bob, f"/patients/{cast.charlie.pk}")):
        assert "Paused: nobody watches now" in told(enter, who, path)


def test_the_list_and_the_record_lead_to_the_follow_up(cast: Cast, care: str, enter: Enter) -> None:
    """Where it was begun with papers; a patient who is followed without them has no such page."""
    address = f"/patients/{cast.charlie.pk}/follow-up"
    client = enter(cast.bob)
    assert follow_ups_of(cast.charlie)[0].hours is None
    for path in ("/patients", f"/patients/{cast.charlie.pk}"):
        assert f'href="{address}"' in client.get(path).content.decode()
    assert f"/patients/{cast.alice.pk}/follow-up" not in client.get("/patients").content.decode()
    assert client.get(address).status_code == 200
