"""Leave safely (needs: N13): neutral to look at, honest before it acts, at once, and it can be taken back."""

from __future__ import annotations

import html
import re

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from egide.cloud.consent import grants, leaving, representation, restrictions
from egide.cloud.consent.attested import facts_of
from egide.cloud.consent.leaving import HIDDEN, LATER
from egide.cloud.consent.leaving import NOW as AT_ONCE
from egide.cloud.consent.rules import Question, decide
from egide.cloud.governance.studies import pair_for_study
from egide.cloud.people.models import Account
from egide.cloud.people.service import create_account, make_link
from egide.cloud.register.models import Statement
from egide.cloud.signin import clock
from egide.cloud.signin.factors import mark_confirmed
from egide.cloud.upkeep.grounds import check_grounds
from egide.errors import RefusedError
from tests.cloud.conftest import NOW
from tests.cloud.portal.conftest import Enter
from tests.support.cast import Cast
from tests.support.thing import Thing
from tests.support.ward import DAY_MS

DAY = "2026-11-30"
DAY_START = 1_795_993_200_000  # 30 November 2026, midnight in Paris


@pytest.fixture
def paul(cast: Cast) -> Account:
    """Alice's brother, who may see her glucose."""
    paul = create_account("relative", "Paul Moreau", NOW - DAY_MS)
    grants.give_grant(
        cast.alice, paul, families=("glucose",), purpose="SUPNWK", now_ms=NOW - DAY_MS, until_ms=NOW + 90 * DAY_MS
    )
    return paul


def text(client: Client, path: str) -> str:
    return html.unescape(client.get(path).content.decode())


def sees(patient: Account, who: Account, purpose: str, at_ms: int, *, data_ms: int | None = None) -> bool:
    """What the rules say of this reader at that moment, for something measured then."""
    question = Question(
        reader=str(who.pk), role=who.role, patient=str(patient.pk), purpose=purpose, at_ms=at_ms,
        families=frozenset({"glucose"}),
    )  # fmt: skip
    decision = decide(question, facts_of(patient.pk))
    measured = at_ms if data_ms is None else data_ms
    hidden = [w for w in decision.hides if w.since_ms is None or w.since_ms <= measured]
    return decision.allowed and not hidden


def leave(client: Client, who: Account, how: str) -> str:
    """Go through the pages; what the last one before the act says."""
    client.post("/settings/options", {"who": [f"account:{who.pk}"]})
    client.post("/settings/options/how", {"how": how, "day": DAY})
    read = text(client, "/settings/options/check")
    client.post("/settings/options/check")
    return read


def test_a_project_that_is_left_measures_nothing_more(cast: Cast, enter: Enter) -> None:
    """Its objects' pairings end with it; those of care go on."""
    scientist = create_account("professional", "Zoé Martin", NOW - DAY_MS)
    study = grants.join_research(
        cast.alice, scientist, project="Sommeil", families=["glucose"], now_ms=NOW - DAY_MS, until_ms=NOW + 30 * DAY_MS
    )
    care = Thing.enrol(cast.alice).pairing
    measuring = pair_for_study(Thing.enrol(cast.alice).row, cast.alice, study, now_ms=NOW)
    client = enter(cast.alice)
    client.post("/settings/options", {"who": [f"account:{scientist.pk}"]})
    client.post("/settings/options/how", {"how": AT_ONCE})
    client.post("/settings/options/check")
    measuring.refresh_from_db()
    care.refresh_from_db()
    assert measuring.until_ms is not None
    assert care.until_ms is None


def test_the_address_and_the_title_tell_nothing(cast: Cast, enter: Enter, paul: Account) -> None:
    """In the bar and in the history it is "Options", on every page of it."""
    client = enter(cast.alice)
    client.post("/settings/options", {"who": [f"account:{paul.pk}"]})
    for path in ("/settings/options", "/settings/options/how"):
        title = re.search(r"<title>(.*?)</title>", text(client, path))
        assert title is not None
        assert title[1] == "Options · Egide"


def test_whom_one_chose_is_ticked_and_the_team_is_not(cast: Cast, enter: Enter, paul: Account) -> None:
    """Paul's line is checked, Dr Bob's is not; the numbers for help are there; history is told honestly."""
    page = text(enter(cast.alice), "/settings/options")
    ticked = re.findall(r'value="account:([0-9a-f-]+)"( checked)?', page)
    assert dict(ticked) == {str(paul.pk): " checked", str(cast.bob.pk): ""}
    for part in ("tel:17", "sms:114", "tel:3919", "browser's history", 'rel="noreferrer noopener" data-exit'):
        assert part in page


def test_leaving_now_closes_at_once_without_a_factor(cast: Cast, enter: Enter, paul: Account) -> None:
    """Paul saw; Paul sees nothing; Dr Bob still does. The page quoted what Paul then reads."""
    assert sees(cast.alice, paul, "SUPNWK", NOW)
    read = leave(enter(cast.alice), paul, "now")
    assert not sees(cast.alice, paul, "SUPNWK", NOW)
    assert sees(cast.alice, cast.bob, "TREAT", NOW)
    refused = text(enter(paul), f"/patients/{cast.alice.pk}")
    for words in ("You may not see this", "Nothing was shown to you, and nothing was changed."):
        assert words in read
        assert words in refused
    assert "Paul Moreau sees nothing any more" in read


def test_leaving_from_a_day_on_changes_nothing_until_then(cast: Cast, enter: Enter, paul: Account) -> None:
    """To the millisecond; and the day is told."""
    read = leave(enter(cast.alice), paul, "later")
    assert "Until 30 November 2026, nothing." in read
    assert sees(cast.alice, paul, "SUPNWK", DAY_START - 1)
    assert not sees(cast.alice, paul, "SUPNWK", DAY_START)


def test_hiding_leaves_the_past_and_shows_nothing_new(cast: Cast, enter: Enter, paul: Account) -> None:
    """The record still opens; what is measured from now on is not there."""
    read = leave(enter(cast.alice), paul, "hidden")
    assert "Nothing was received over this period." in read
    assert sees(cast.alice, paul, "SUPNWK", NOW + 1, data_ms=NOW - 1)
    assert not sees(cast.alice, paul, "SUPNWK", NOW + 1, data_ms=NOW)


@pytest.mark.parametrize("how", ["now", "later", "hidden"])
def test_it_can_be_taken_back_with_a_factor(cast: Cast, enter: Enter, paul: Account, how: str) -> None:
    """Undo widens: it asks; then Paul sees as before, under a new grant, and only once."""
    client = enter(cast.alice)
    leave(client, paul, how)
    page = text(client, "/settings/options")
    assert "Paul Moreau" in page
    undo = re.search(r"/settings/options/undo/[0-9a-f-]+", page)
    assert undo is not None
    assert "/security/confirm" in client.post(undo[0])["Location"]
    session = client.session
    mark_confirmed(session, now_ms=clock.now_ms())
    session.save()
    client.post(undo[0])
    assert sees(cast.alice, paul, "SUPNWK", NOW + 89 * DAY_MS)
    assert not sees(cast.alice, paul, "SUPNWK", NOW + 90 * DAY_MS)
    assert client.post(undo[0]).status_code == 404


@pytest.mark.parametrize("how", [AT_ONCE, LATER, HIDDEN])
def test_somebody_of_the_team_can_be_chosen_and_taken_back(cast: Cast, how: str) -> None:
    """In the three ways: closed when it should be, open again after the undo."""
    bob = next(r for r in leaving.readers(cast.alice, now_ms=NOW) if r.team)
    done = leaving.part(cast.alice, [bob], how, now_ms=NOW, at_ms=DAY_START)
    begins = DAY_START if how == LATER else NOW
    assert not sees(cast.alice, cast.bob, "TREAT", begins)
    assert sees(cast.alice, cast.bob, "TREAT", begins, data_ms=NOW - 1) is (how == HIDDEN)
    for act in done[bob.key]:
        leaving.undo(cast.alice, act, now_ms=NOW + 1)
    assert sees(cast.alice, cast.bob, "TREAT", DAY_START + 1)


def test_a_parent_is_referred_to_the_team_and_never_closed_here(cast: Cast, enter: Enter, paul: Account) -> None:
    """No box to tick, and no form that does it: shared authority is not one person's to end."""
    representation.represent(
        cast.alice, paul, nature="parent", deed="livret", recorded_by=cast.bob, now_ms=NOW, adult_ms=NOW + 999 * DAY_MS
    )
    client = enter(cast.alice)
    page = text(client, "/settings/options")
    assert "Parents and guardians" in page
    assert f'value="account:{paul.pk}"' not in page
    leave(client, paul, "now")
    assert sees(cast.alice, paul, "FAMRQT", NOW + 1)
    law = next(r for r in leaving.readers(cast.alice, now_ms=NOW) if r.by_law)
    with pytest.raises(RefusedError):
        leaving.part(cast.alice, [law], AT_ONCE, now_ms=NOW)


def test_nobody_is_said_to_see_nothing_while_the_law_shows_it_to_a_parent(cast: Cast, enter: Enter) -> None:
    """Who shared with nobody, and has a father, is not told that no relative sees anything."""
    father = create_account("relative", "Luc Moreau", NOW - DAY_MS)
    representation.represent(
        cast.alice, father, nature="parent", deed="Livret de famille", recorded_by=cast.bob, now_ms=NOW - DAY_MS,
        adult_ms=NOW + 900 * DAY_MS,
    )  # fmt: skip
    page = text(enter(cast.alice), "/settings/options")
    assert "Luc Moreau sees your measurements, because the law or a court gives them this." in page
    assert "no relative and no app sees" not in page
    assert "no relative and no app sees" in text(enter(cast.charlie), "/settings/options")


def test_a_mandate_ends_and_only_the_desk_begins_it_again(cast: Cast, enter: Enter) -> None:
    """The page says that the paper stays, and offers no undo."""
    rose = create_account("relative", "Rose Moreau", NOW)
    representation.represent(cast.alice, rose, nature="mandate", deed="d", recorded_by=cast.bob, now_ms=NOW)
    client = enter(cast.alice)
    assert "The paper by which Rose Moreau acts for you" in leave(client, rose, "now")
    page = text(client, "/settings/options")
    assert "at the desk" in page
    assert "/settings/options/undo/" not in page
    assert not sees(cast.alice, rose, "FAMRQT", NOW + 1)


def test_every_other_session_ends(cast: Cast, enter: Enter) -> None:
    """A phone left behind shows the sign-in page; this browser stays."""
    here, there = Client(headers={"accept-language": "en"}), Client()
    for client in (here, there):
        client.post("/sign-in", {"code": make_link(cast.alice, NOW)})
        assert client.get("/me").status_code == 200
    here.post("/settings/options", {"sessions": "1"})
    here.post("/settings/options/check")
    assert here.get("/me").status_code == 200
    assert "/sign-in" in there.get("/me")["Location"]
    assert Session.objects.count() == 1


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/settings/options", {}), ("/settings/options", {"who": "account:nobody"}),
        ("/settings/options/how", {}), ("/settings/options/how", {"how": "loudly"}),
        ("/settings/options/how", {"how": "later"}), ("/settings/options/how", {"how": "later", "day": "2026-11-20"}),
        ("/settings/options/how", {"how": "later", "day": "2999-01-01"}),
    ],
)  # fmt: skip
def test_an_answer_that_cannot_be_comes_back_with_words(
    cast: Cast, enter: Enter, paul: Account, path: str, said: dict[str, str]
) -> None:
    """Nothing is done by half."""
    client = enter(cast.alice)
    if path.endswith("how"):
        client.post("/settings/options", {"who": [f"account:{paul.pk}"]})
    answer = client.post(path, said)
    assert answer.status_code == 400
    assert 'role="alert"' in answer.content.decode()
    assert sees(cast.alice, paul, "SUPNWK", NOW + 80 * DAY_MS)


def test_no_step_can_be_jumped_over(cast: Cast, enter: Enter, paul: Account) -> None:
    """What was not read is not done."""
    client = enter(cast.alice)
    for path in ("/settings/options/how", "/settings/options/check"):
        assert client.post(path)["Location"] == "/settings/options"
    client.post("/settings/options", {"who": [f"account:{paul.pk}"]})
    assert client.post("/settings/options/check")["Location"] == "/settings/options"
    assert sees(cast.alice, paul, "SUPNWK", NOW)


def test_nothing_in_a_table_tells_that_somebody_left(cast: Cast, enter: Enter, paul: Account) -> None:
    """The memory of it is a statement with a dull name, sealed; the answers in the session are sealed too."""
    client = enter(cast.alice)
    client.post("/settings/options", {"who": [f"account:{paul.pk}"]})
    assert str(paul.pk) not in str(dict(client.session))
    leave(client, paul, "hidden")
    body = bytes(Statement.objects.get(kind="setting").body)
    assert str(paul.pk).encode() not in body
    assert b"hidden" not in body


def test_who_acts_for_the_patient_sees_none_of_it(cast: Cast, enter: Enter, paul: Account) -> None:
    """A representative's own pages tell nothing of what was closed to another."""
    rose = create_account("relative", "Rose Moreau", NOW)
    representation.represent(cast.alice, rose, nature="mandate", deed="d", recorded_by=cast.bob, now_ms=NOW)
    leave(enter(cast.alice), paul, "now")
    client = enter(rose)
    for path in ("/settings/options", "/me/sharing", "/me/journal", "/me/journal/copy"):
        answer = client.get(path)
        assert answer.status_code == 403
        assert "Paul" not in answer.content.decode()


def test_a_professional_has_no_such_page(cast: Cast, enter: Enter) -> None:
    """It is about one's own record."""
    assert enter(cast.bob).get("/settings/options").status_code == 403


def test_hiding_is_a_restriction_like_any_other(cast: Cast, enter: Enter, paul: Account) -> None:
    """It stands on the page of who may see, and can be lifted there too."""
    client = enter(cast.alice)
    leave(client, paul, "hidden")
    (held,) = restrictions.restrictions_of(cast.alice)
    assert f"/me/sharing/hidden/{held.id}/lift" in text(client, "/me/sharing")


@pytest.mark.parametrize("how", ["now", "later", "hidden"])
def test_the_rows_say_what_was_signed(cast: Cast, enter: Enter, paul: Account, how: str) -> None:
    """After leaving in any way, the check of the store finds every ground's row as its statements say."""
    leave(enter(cast.alice), paul, how)
    assert list(check_grounds()) == []
