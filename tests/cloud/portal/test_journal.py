"""Who saw my measurements."""

from __future__ import annotations

import base64
import json
import random
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from egide.cloud.keys.records import care_key
from egide.cloud.people.models import Account
from egide.cloud.portal import copy as copies
from egide.cloud.portal.visits import PAUSE_MS, visits_of
from egide.cloud.register.journal import append_statement, open_statement
from egide.cloud.register.models import Statement, Tile
from egide.cloud.release import journal
from egide.cloud.release.journal import JournalLine, journal_page
from tests.cloud.conftest import NOW
from tests.cloud.portal.conftest import Enter, confirmed
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


def line(at_ms: int, reader: str = "bob", channel: str = "portal", codes: tuple[str, ...] = ("8867-4",)) -> JournalLine:
    return JournalLine(
        entry=at_ms, at_ms=at_ms, reader=reader, role="professional", purpose="TREAT", codes=codes, since_ms=at_ms - 10,
        until_ms=at_ms + 10, channel=channel, decision="yes", ground="care-team",
    )  # fmt: skip


def test_a_visit_is_one_person_one_purpose_without_a_long_pause() -> None:
    """Half an hour without a question ends it; another person's questions between do not."""
    lines = [line(10 * PAUSE_MS), line(9 * PAUSE_MS, "diane"), line(9 * PAUSE_MS), line(8 * PAUSE_MS - 1)]
    visits = visits_of(lines)
    assert [(v.last.reader, len(v.lines)) for v in visits] == [("bob", 2), ("diane", 1), ("bob", 1)]


def test_every_line_is_in_exactly_one_visit(seed: int) -> None:
    """Whatever the order of people and channels."""
    chance = random.Random(seed)
    at, lines = 10**9, []
    for _ in range(300):
        at -= chance.randrange(2 * PAUSE_MS)
        lines.append(line(at, chance.choice("ab"), chance.choice(["portal", "fhir", "proof"])))
    told = [each.entry for visit in visits_of(lines) for each in visit.lines]
    assert sorted(told) == sorted(each.entry for each in lines)
    assert all(len(visit.lines) == 1 for visit in visits_of(lines) if visit.export)


def test_what_was_taken_away_has_a_line_of_its_own() -> None:
    """A proof downloaded in the middle of a visit is not hidden in it."""
    visits = visits_of([line(30, codes=()), line(20, channel="proof"), line(10)])
    assert [(v.export, len(v.lines)) for v in visits] == [(False, 2), (True, 1)]
    assert visits[0].codes == ()


def test_the_page_shows_one_line_a_visit(cast: Cast, enter: Enter) -> None:
    """Three looks of a quarter of an hour are one line that says so."""
    look(cast.alice, cast.bob, 3)
    page = enter(cast.alice).get("/me/journal").content.decode()
    assert page.count("<b>Dr Bob Durand</b>") == 1
    assert "asked 3 times" in page


def test_a_copy_holds_every_line_and_still_agrees(cast: Cast, enter: Enter) -> None:
    """Downloaded, then given back: all lines are there; it names who looked, and a stranger's record is not in it."""
    look(cast.alice, cast.bob, 2)
    client = confirmed(enter(cast.alice))
    answer = client.get("/me/journal/copy")
    assert "no-store" in answer.headers["Cache-Control"]
    told = json.loads(answer.content)
    assert len(told["lines"]) == Statement.objects.filter(subject=cast.alice.pk).count()
    assert "Dr Bob Durand" in {each.get("name") for each in told["lines"]}
    assert str(cast.charlie.pk) not in answer.content.decode()
    assert f"All {len(told['lines'])} lines" in given(client, answer.content)


def given(client: Client, data: bytes, status: int = 200) -> str:
    answer = client.post("/me/journal/check", {"copy": SimpleUploadedFile("journal.json", data)})
    assert answer.status_code == status
    return answer.content.decode()


def test_a_line_that_the_operator_takes_out_is_noticed_by_the_copy(cast: Cast, enter: Enter) -> None:
    """The row is gone from the table: the register still proves that it was there."""
    look(cast.alice, cast.bob)
    client = confirmed(enter(cast.alice))
    data = client.get("/me/journal/copy").content
    Statement.objects.filter(kind="access", subject=cast.alice.pk).latest("entry").delete()
    assert "1 line was taken out of the journal" in given(client, data)


def test_a_register_made_anew_is_noticed_by_the_copy(cast: Cast, enter: Enter) -> None:
    """Another leaf stands where the line was."""
    look(cast.alice, cast.bob)
    client = confirmed(enter(cast.alice))
    data = client.get("/me/journal/copy").content
    tile = Tile.objects.filter(level=0).latest("n")
    tile.data = bytes(tile.data)[:-32] + bytes(32)
    tile.save()
    assert "1 line was changed in the register" in given(client, data)


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b"\xff", b'{"format": "egide-journal-copy-1", "lines": 3}'])
def test_what_is_no_copy_is_refused_kindly(cast: Cast, enter: Enter, data: bytes) -> None:
    """The page comes back and says that nothing was compared."""
    assert "Nothing was compared." in given(enter(cast.alice), data, 400)


def test_a_copy_with_an_invented_line_or_of_another_record_proves_nothing(cast: Cast, enter: Enter) -> None:
    """A line that the platform never signed is no evidence against it; another's copy is not compared."""
    look(cast.alice, cast.bob)
    client = confirmed(enter(cast.alice))
    told = json.loads(client.get("/me/journal/copy").content)
    body = bytearray(base64.b64decode(told["lines"][0]["statement"]))
    body[-1] ^= 1
    told["lines"][0]["statement"] = base64.b64encode(body).decode()
    assert "Nothing was compared." in given(client, json.dumps(told).encode(), 400)
    assert "Nothing was compared." in given(enter(cast.charlie), client.get("/me/journal/copy").content, 400)


def test_a_copy_kept_goes_on_from_where_it_ended(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long journal is kept in several files; none repeats or loses a line."""
    look(cast.alice, cast.bob, 7)
    monkeypatch.setattr(copies, "MAX_LINES", 3)
    entries: list[int] = []
    before: int | None = None
    while True:
        told = json.loads(copies.make_copy(cast.alice, lambda _: {}, before=before, now_ms=NOW))
        entries += [each["entry"] for each in told["lines"]]
        if (before := told["older"]) is None:
            break
    assert entries == sorted(set(entries), reverse=True)
    assert len(entries) == Statement.objects.filter(subject=cast.alice.pk).count()


@pytest.mark.parametrize("path", ["/me/journal/copy", "/me/proof/1"])
def test_a_copy_asks_for_a_factor_first(cast: Cast, enter: Enter, path: str) -> None:
    """A session found open takes nothing away: it is led to where a factor is shown, and comes back."""
    answer = enter(cast.alice).get(path)
    assert (answer.status_code, answer["Location"]) == (302, f"/security/confirm?next={path.replace('/', '%2F')}")


@pytest.mark.parametrize("path", ["/me/journal/copy", "/me/journal/check"])
def test_a_copy_is_the_patient_s_own(cast: Cast, enter: Enter, path: str) -> None:
    """A professional has none."""
    client = enter(cast.bob)
    assert (client.post(path) if path.endswith("check") else client.get(path)).status_code == 403
