"""Who saw my measurements."""

from __future__ import annotations

import re

import pytest

from egide.cloud.keys.records import care_key
from egide.cloud.people.models import Account
from egide.cloud.register.journal import append_statement, open_statement
from egide.cloud.register.models import Statement
from egide.cloud.release import journal
from egide.cloud.release.journal import journal_page
from tests.cloud.conftest import NOW
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


def look(patient: Account, reader: Account, times: int = 1) -> None:
    for n in range(times):
        journal.write(
            patient=patient.pk, reader=reader, purpose="TREAT", codes=(), since_ms=0, until_ms=1, channel="portal",
            ground="follow-up", now_ms=NOW + n,
        )  # fmt: skip


def test_the_one_other_look_is_found_behind_any_number_of_one_s_own(
    cast: Cast, enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page never says that nobody else asked unless it read the journal whole; "older" leads to who did."""
    monkeypatch.setattr(journal, "_BATCH", 20)
    monkeypatch.setattr(journal, "_FAR", 60)
    look(cast.alice, cast.bob)
    look(cast.alice, cast.alice, 150)
    client = enter(cast.alice)
    for start in ("/me/journal", "/me/journal?who=others"):
        address, pages = start, 0
        while "Dr Bob Durand" not in (text := client.get(address).content.decode()):
            assert "Nobody but you" not in text
            older = re.search(r'href="([^"]*before=[^"]*)"', text)
            assert older is not None
            address, pages = older[1].replace("&amp;", "&"), pages + 1
        assert 1 <= pages <= 3
        assert "The journal begins here." in text


def test_pages_hold_each_line_once(cast: Cast) -> None:
    """Walking from page to page tells every line, latest first."""
    look(cast.alice, cast.bob, 3)
    look(cast.alice, cast.alice, 4)
    look(cast.alice, cast.diane, 3)
    for others, wanted in ((False, 10), (True, 6)):
        entries: list[int] = []
        before: int | None = None
        while True:
            page = journal_page(cast.alice, before=before, others=others, count=2)
            assert len(page.lines) <= 2
            entries += [line.entry for line in page.lines]
            if (before := page.older) is None:
                break
        assert entries == sorted(set(entries), reverse=True)
        assert len(entries) == wanted


def test_nobody_else_is_said_when_the_whole_journal_says_so(cast: Cast, enter: Enter) -> None:
    """With own looks only, in both views."""
    look(cast.alice, cast.alice, 3)
    for address in ("/me/journal", "/me/journal?who=others"):
        assert "Nobody but you has asked" in enter(cast.alice).get(address).content.decode()


def test_what_anybody_can_read_of_an_access_is_yes_or_no_and_by_self_or_other(cast: Cast) -> None:
    """No name, no account, no purpose; a line written before the word was there is told apart all the same."""
    look(cast.alice, cast.alice)
    look(cast.alice, cast.bob)
    rows = Statement.objects.filter(kind="access", subject=cast.alice.pk).order_by("entry")
    assert [open_statement(row).facts for row in rows] == [
        {"decision": "yes", "by": "self"}, {"decision": "yes", "by": "other"},
    ]  # fmt: skip
    sealed = open_statement(rows[0], care_key(cast.alice.pk)).personal
    append_statement(
        "access", cast.alice.pk, {"decision": "yes"}, now_ms=NOW, personal=sealed, sealed_for=care_key(cast.alice.pk)
    )
    page = journal_page(cast.alice, others=True)
    assert [line.reader for line in page.lines] == [str(cast.bob.pk)]


@pytest.mark.parametrize("before", ["x", "\u00b2", "-1", "9" * 19])
def test_a_page_is_named_by_a_number(cast: Cast, enter: Enter, before: str) -> None:
    """Anything else is refused, kindly."""
    assert enter(cast.alice).get("/me/journal", {"before": before}).status_code == 400
