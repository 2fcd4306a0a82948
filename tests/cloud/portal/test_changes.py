"""On the patient's first page: what changed since their last visit, and nothing that should stay quiet."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from egide.cloud.consent import follow_ups, grants, restrictions
from egide.cloud.consent.follow_ups import begin_follow_up
from egide.cloud.consent.service import start_follow_up
from egide.cloud.people.service import create_account
from egide.cloud.portal import live
from tests.cloud.conftest import NOW
from tests.cloud.portal.conftest import Enter
from tests.support.cast import Cast
from tests.support.ward import DAY_MS, HOUR_MS, spot


class Clock:
    """The pages' clock, which a test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ms = NOW
        monkeypatch.setattr(live, "now_ms", lambda: self.ms)

    def later(self, ms: int) -> int:
        self.ms += ms
        return self.ms


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def changed(client: Client) -> str | None:
    """The panel's words; None when it is not there."""
    page = client.get("/").content.decode()
    found = re.search(r'aria-labelledby="changed-title">(.*?)</section>', page, re.DOTALL)
    return found and " ".join(re.sub(r"<[^>]+>", " ", found[1]).split())


def test_a_first_visit_has_nothing_to_compare_with(cast: Cast, enter: Enter, clock: Clock) -> None:
    """Nor has the same visit, half an hour long, anything to tell of itself."""
    client = enter(cast.charlie)
    assert changed(client) is None
    clock.later(10 * 60_000)
    assert changed(client) is None


def test_nothing_changed_is_said(cast: Cast, enter: Enter, clock: Clock) -> None:
    """In words that claim no more than that."""
    changed(enter(cast.charlie))
    clock.later(DAY_MS)
    told = changed(enter(cast.charlie))
    assert told is not None
    assert "Nothing changed: nobody new may see, nobody looked" in told


def test_who_may_see_what_began_and_who_looked_are_told_until_the_next_visit(
    cast: Cast, enter: Enter, clock: Clock
) -> None:
    """A grant, a follow-up that begins, pauses and ends, a reader: each in a sentence; then they are old."""
    changed(enter(cast.charlie))
    paul = create_account("relative", "Paul Moreau", NOW)
    now = clock.later(2 * HOUR_MS)
    grants.give_grant(cast.charlie, paul, families=("weight",), purpose="SUPNWK", now_ms=now, until_ms=now + DAY_MS)
    care = begin_follow_up(
        cast.charlie, responsible=cast.bob, prescription="Weight", operator="Saint-Roch", recorded_by=cast.bob,
        now_ms=now, informed_ms=now, agreed=True, how="oral",
    )  # fmt: skip
    follow_ups.pause_follow_up(cast.charlie, care, now_ms=now)
    assert enter(cast.bob).get(f"/patients/{cast.charlie.pk}").status_code == 200
    follow_ups.close_follow_up(cast.charlie, care, reason="recovered", now_ms=now + 1)
    clock.later(DAY_MS)
    for _again in range(2):  # a visit is as long as it lasts: the page read twice tells the same
        told = changed(enter(cast.charlie)) or ""
        for words in (
            "You let Paul Moreau see measurements of yours.", "A follow-up began; Dr Bob Durand answers for it.",
            "A follow-up was paused", "A follow-up ended", "Dr Bob Durand saw your measurements.",
        ):  # fmt: skip
            assert words in told, words
    clock.later(DAY_MS)
    assert "Nothing changed" in (changed(enter(cast.charlie)) or "")


def test_being_in_a_list_is_not_being_looked_at(cast: Cast, enter: Enter, clock: Clock) -> None:
    """Who opened the list of patients is told as that, unless they opened the record too."""
    start_follow_up(cast.diane, cast.charlie, now_ms=NOW - 1)
    changed(enter(cast.charlie))
    clock.later(HOUR_MS)
    diane = enter(cast.diane)
    diane.get("/patients")
    clock.later(HOUR_MS)
    assert "Diane Roux had you in their list." in (changed(enter(cast.charlie)) or "")
    diane.get(f"/patients/{cast.charlie.pk}")
    diane.get("/patients")
    told = changed(enter(cast.charlie)) or ""
    assert "Diane Roux saw your measurements." in told
    assert "in their list" not in told


def test_what_a_patient_did_to_keep_it_quiet_stays_in_the_journal(cast: Cast, enter: Enter, clock: Clock) -> None:
    """Hiding, objecting and taking back are not on the first page: somebody may look over a shoulder."""
    start_follow_up(cast.bob, cast.charlie, now_ms=NOW - 1)
    paul = create_account("relative", "Paul Moreau", NOW)
    given = grants.give_grant(
        cast.charlie, paul, families=("weight",), purpose="SUPNWK", now_ms=NOW - 1, until_ms=NOW + DAY_MS
    )
    changed(enter(cast.charlie))
    now = clock.later(HOUR_MS)
    restrictions.restrict(cast.charlie, families=("weight",), who=cast.bob, now_ms=now)
    follow_ups.oppose(cast.charlie, professional=cast.bob, now_ms=now)
    grants.withdraw_grant(cast.charlie, str(given), now_ms=now)
    clock.later(HOUR_MS)
    client = enter(cast.charlie)
    assert "Nothing changed" in (changed(client) or "")
    journal = client.get("/me/journal").content.decode()
    for words in ("You hid measurements.", "You objected", "A permission that you had given ended."):
        assert words in journal


def test_an_object_that_falls_silent_and_one_that_comes_back(cast: Cast, enter: Enter, clock: Clock) -> None:
    """By the name that the patient knows it by, once; never what it measured."""
    scale = cast.ward.thing("Balance Neuve", cast.charlie)
    clock.ms = NOW - 10 * DAY_MS  # while its certificate holds
    for hour in range(12, 0, -2):
        scale.send(spot("29463-7", "kg", "81.3"), t0_ms=clock.ms - hour * HOUR_MS)
    changed(enter(cast.charlie))
    clock.later(2 * DAY_MS)
    told = changed(enter(cast.charlie)) or ""
    assert "Balance Neuve fell silent: nothing since" in told
    clock.later(DAY_MS)
    assert "Nothing changed" in (changed(enter(cast.charlie)) or "")
    now = clock.later(DAY_MS)
    scale.send(spot("29463-7", "kg", "81.9"), t0_ms=now - 1_000, received_ms=now)
    told = changed(enter(cast.charlie)) or ""
    assert "Balance Neuve is heard again." in told
    assert "81.9" not in told
