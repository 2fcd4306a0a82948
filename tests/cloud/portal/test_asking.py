"""A patient asks about a line of the journal, objects, reads the answer, and says when to be told."""

from __future__ import annotations

import html
import re
import uuid

import pytest
from django.test import Client

from egide.cloud.consent import follow_ups, grants, restrictions
from egide.cloud.consent.emergency import break_glass, review_emergency
from egide.cloud.messages.models import Rule
from egide.cloud.people.identity import declare_identity
from egide.cloud.people.models import Account
from egide.cloud.people.search import search
from egide.cloud.people.service import create_account
from egide.cloud.portal import questions
from egide.cloud.portal.happenings import ELSEWHERE, grouped, happenings_of
from egide.cloud.register.models import Statement
from egide.cloud.release import journal, told, withheld
from egide.cloud.release.told import Look, Wish, matches
from egide.cloud.signin import clock
from egide.cloud.signin.models import Notice
from egide.errors import NotFoundError, RefusedError
from tests.cloud.conftest import NOW
from tests.cloud.portal.conftest import Enter, confirmed
from tests.support.caring import caring
from tests.support.cast import Cast
from tests.support.ward import DAY_MS

MONDAY = 1_795_417_200_000  # 23 November 2026, 8:00 in Paris


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now_ms", lambda: NOW)


def look(
    patient: Account, reader: Account, *, at: int = NOW, ground: str | None = "care-team", channel: str = "portal"
) -> int:
    return journal.write(
        patient=patient.pk, reader=reader, purpose="TREAT", codes=(), since_ms=0, until_ms=1, channel=channel,
        ground=ground, now_ms=at,
    )  # fmt: skip


def news(account: Account) -> list[tuple[str, str, int]]:
    """What the account was told, beside its own signing in."""
    rows = Notice.objects.filter(account=account).exclude(kind="sign-in").order_by("at_ms")
    return [(row.kind, row.detail, row.at_ms) for row in rows]


def text(client: Client, path: str) -> str:
    return html.unescape(client.get(path).content.decode())


def test_a_question_stands_beside_its_line_and_so_does_the_answer(cast: Cast, enter: Enter) -> None:
    """Asked on the page, answered by somebody else, read by the patient, who is told that there is an answer."""
    entry = look(cast.alice, cast.bob)
    client = enter(cast.alice)
    page = text(client, "/me/journal")
    assert "Who is this? Why?" in page
    assert "They belong to the care team of a follow-up." in page
    answer = client.post("/me/journal/ask", {"entry": entry, "sort": "question", "text": "I do not know them"})
    page = text(client, answer.headers["Location"].split("#")[0])
    assert "Your question was written down." in page
    assert "“I do not know them”" in page
    assert "It waits for the data protection officer" in page
    (asked,) = questions.questions_of(cast.alice.pk)
    questions.answer(asked, by=cast.diane, verdict="right", text="He is your doctor's locum.", now_ms=NOW + 1)
    page = text(client, "/me/journal")
    assert "“He is your doctor's locum.”" in page
    assert "this access was right" in page
    assert [kind for kind, _detail, _at in news(cast.alice)] == ["answer"]


def test_both_are_signed_and_sealed(cast: Cast) -> None:
    """Neither what was asked nor who answered can be read in a table; each is a statement about the patient."""
    questions.ask(cast.alice, look(cast.alice, cast.bob), "objection", "He is my neighbour", now_ms=NOW)
    (asked,) = questions.questions_of(cast.alice.pk)
    questions.answer(asked, by=cast.diane, verdict="wrong", text="It ends today", now_ms=NOW)
    rows = Statement.objects.filter(subject=cast.alice.pk, kind__in=("journal-question", "journal-answer"))
    assert rows.count() == 2
    told_there = b"".join(bytes(row.body) for row in rows)
    for clear in ("neighbour", "ends today", str(cast.diane.pk), "objection", "wrong"):
        assert clear.encode() not in told_there


def test_an_answer_that_nobody_signed_is_no_answer(cast: Cast) -> None:
    """A row whose bytes were changed says nothing: the question waits."""
    questions.ask(cast.alice, look(cast.alice, cast.bob), "question", "", now_ms=NOW)
    (asked,) = questions.questions_of(cast.alice.pk)
    questions.answer(asked, by=cast.diane, verdict="right", text="Yes", now_ms=NOW)
    row = Statement.objects.get(kind="journal-answer")
    row.body = bytes(row.body)[:-1] + bytes([bytes(row.body)[-1] ^ 1])
    row.save()
    assert questions.questions_of(cast.alice.pk)[0].open


def test_nobody_answers_for_their_own_look_nor_twice(cast: Cast) -> None:
    """Who looked, and the patient, cannot; the first answer stands."""
    questions.ask(cast.alice, look(cast.alice, cast.bob), "question", "", now_ms=NOW)
    (asked,) = questions.questions_of(cast.alice.pk)
    for by in (cast.bob, cast.alice):
        with pytest.raises(RefusedError):
            questions.answer(asked, by=by, verdict="right", text="It is fine", now_ms=NOW)
    for verdict, words in (("maybe", "x"), ("right", " "), ("right", "x" * 501)):
        with pytest.raises(RefusedError):
            questions.answer(asked, by=cast.diane, verdict=verdict, text=words, now_ms=NOW)
    questions.answer(asked, by=cast.diane, verdict="right", text="Yes", now_ms=NOW)
    with pytest.raises(RefusedError):
        questions.answer(asked, by=cast.charlie, verdict="wrong", text="No", now_ms=NOW)


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"entry": "0", "sort": "question"}, 404), ({"entry": "x", "sort": "question"}, 400),
        ({"entry": "9" * 19, "sort": "question"}, 400), ({"entry": "here", "sort": "praise"}, 400),
        ({"entry": "here", "sort": "objection"}, 400), ({"entry": "theirs", "sort": "question"}, 404),
        ({"entry": "here", "sort": "question", "text": "x" * 501}, 400),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused(cast: Cast, enter: Enter, said: dict[str, str], status: int) -> None:
    """No line, another's line, no words with an objection: nothing is written."""
    entries = {"here": look(cast.alice, cast.bob), "theirs": look(cast.charlie, cast.bob)}
    form = said | {"entry": str(entries.get(said["entry"], said["entry"]))}
    assert enter(cast.alice).post("/me/journal/ask", form).status_code == status
    assert questions.questions_of(cast.alice.pk) == []


def test_one_question_a_line_waits_at_a_time(cast: Cast) -> None:
    """A script cannot fill the officer's desk with one line."""
    entry = look(cast.alice, cast.bob)
    questions.ask(cast.alice, entry, "question", "", now_ms=NOW)
    with pytest.raises(RefusedError):
        questions.ask(cast.alice, entry, "objection", "No", now_ms=NOW)


@pytest.mark.parametrize("path", ["/me/journal/ask", "/me/journal/rules"])
def test_it_is_the_patient_s_own(cast: Cast, enter: Enter, path: str) -> None:
    """A professional, a relative: refused."""
    rose = create_account("relative", "Rose Moreau", NOW)
    for who in (cast.bob, rose):
        assert enter(who).post(path, {"entry": "1", "sort": "question"}).status_code == 403


LOOKS = {
    "new": Look(reader="x", ground="grant", channel="portal", new=True),
    "emergency": Look(reader="x", ground="emergency", channel="portal", new=False),
    "export": Look(reader="x", ground="care-team", channel="export", new=False),
    "outside": Look(reader="x", ground="grant", channel="portal", new=False),
    "person": Look(reader="paul", ground="care-team", channel="portal", new=False),
}
TRUE = {
    ("new", "new"), ("new", "outside"), ("emergency", "emergency"), ("emergency", "outside"), ("export", "export"),
    ("outside", "outside"), ("person", "person"),
}  # fmt: skip


@pytest.mark.parametrize("what", told.WHAT)
@pytest.mark.parametrize("name", LOOKS)
def test_a_rule_is_met_by_what_it_says_and_nothing_else(name: str, what: str) -> None:
    """Every rule against every kind of look."""
    wish = Wish(id=uuid.uuid4(), what=what, how="now", who="paul" if what == "person" else "", since_ms=0)
    assert matches(wish, LOOKS[name]) == ((name, what) in TRUE)


def test_who_asked_to_be_told_of_somebody_new_is_told_once_for_each(cast: Cast) -> None:
    """Bob looked before the rule: he is not new. Diane is, once; her second visit tells nothing."""
    look(cast.alice, cast.bob)
    lines = [line.reader for line in journal.journal_of(cast.alice)]
    told.add_wish(cast.alice, "new", "now", now_ms=NOW, known=lines)
    look(cast.alice, cast.bob)
    assert news(cast.alice) == []
    look(cast.alice, cast.diane, ground="grant")
    look(cast.alice, cast.diane, ground="grant", at=NOW + 2 * 3_600_000)
    assert news(cast.alice) == [("journal", "new", NOW)]


def test_a_refusal_and_one_s_own_look_tell_nothing(cast: Cast) -> None:
    """Nobody saw anything."""
    for what in ("new", "outside"):
        told.add_wish(cast.alice, what, "now", now_ms=NOW)
    look(cast.alice, cast.diane, ground=None)
    look(cast.alice, cast.alice, ground="self")
    assert news(cast.alice) == []


def test_many_looks_of_a_visit_are_one_notice_and_the_next_visit_another(cast: Cast) -> None:
    """Half an hour later it is told again."""
    told.add_wish(cast.alice, "person", "now", now_ms=NOW, who=str(cast.bob.pk))
    for minutes in (0, 1, 20, 40):
        look(cast.alice, cast.bob, at=NOW + minutes * 60_000)
    assert [detail for _kind, detail, _at in news(cast.alice)] == ["person", "person"]


def test_once_a_week_is_one_notice_on_monday_and_nobody_sees_it_before(
    cast: Cast, enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither its text nor a count."""
    told.add_wish(cast.alice, "person", "week", now_ms=NOW, who=str(cast.bob.pk))
    for hours in (0, 5, 9):
        look(cast.alice, cast.bob, at=NOW + hours * 3_600_000)
    assert news(cast.alice) == [("journal-week", "", MONDAY)]
    client = enter(cast.alice)
    assert "This week" not in text(client, "/messages")
    Notice.objects.filter(account=cast.alice, kind="sign-in").delete()
    assert not re.search(r"Messages<span>", text(client, "/messages"))
    monkeypatch.setattr(clock, "now_ms", lambda: MONDAY)
    assert "This week" in (page := text(enter(cast.alice), "/messages"))
    assert re.search(r"Messages<span>\s\(\d", page)


def test_rules_are_set_and_ended_on_the_page(cast: Cast, enter: Enter) -> None:
    """In words; the same twice is one; ended at once; what cannot be comes back with words."""
    client = enter(cast.alice)
    look(cast.alice, cast.bob)
    for _ in range(2):
        assert client.post("/me/journal/rules", {"what": "emergency", "how": "now"}).status_code == 302
    client.post("/me/journal/rules", {"what": "person", "how": "week", "who": str(cast.bob.pk)})
    page = text(client, "/me/journal/rules")
    assert "my record is opened in an emergency" in page
    assert "Dr Bob Durand sees my measurements" in page
    assert len(told.wishes_of(cast.alice.pk)) == 2
    for wrong in ({"what": "weather", "how": "now"}, {"what": "new"}, {"what": "person", "how": "now"},
                  {"what": "person", "how": "now", "who": str(cast.charlie.pk)}):  # fmt: skip
        assert client.post("/me/journal/rules", wrong).status_code == 400
    for wish in told.wishes_of(cast.alice.pk):
        client.post(f"/me/journal/rules/{wish.id}/end")
    assert told.wishes_of(cast.alice.pk) == []


def test_nobody_ends_another_s_rule_and_no_table_tells_one(cast: Cast, enter: Enter) -> None:
    """The rule lies sealed; moved to another's account it says nothing."""
    wish = told.add_wish(cast.alice, "person", "now", now_ms=NOW, who=str(cast.bob.pk))
    assert wish is not None
    enter(cast.charlie).post(f"/me/journal/rules/{wish.id}/end")
    row = Rule.objects.get()
    assert str(cast.bob.pk).encode() not in bytes(row.sealed)
    row.account = cast.charlie
    row.save()
    assert told.wishes_of(cast.charlie.pk) == []


def test_what_else_was_written_is_told_in_plain_words(cast: Cast, enter: Enter) -> None:
    """A follow-up, a grant, a restriction, an emergency and its review: by whom, on the day, with the entry."""
    doctor = create_account("professional", "Dr Chloé Renard", NOW)
    follow_ups.begin_follow_up(
        cast.alice, responsible=doctor, prescription="p", operator="Egide", recorded_by=cast.bob, now_ms=NOW
    )
    grants.give_grant(cast.alice, cast.diane, families=None, purpose="TREAT", now_ms=NOW, until_ms=NOW + DAY_MS)
    restrictions.restrict(cast.alice, who=cast.diane, families=("weight",), now_ms=NOW)
    opened = break_glass(
        caring(cast.diane, now_ms=NOW), cast.alice, reason="found on the floor", families=None, now_ms=NOW
    )
    review_emergency(cast.alice, opened, reviewer=cast.bob, verdict="justified", note="it was", now_ms=NOW)
    page = text(enter(cast.alice), "/me/journal")
    for sentence in (
        "A follow-up began; Dr Chloé Renard answers for it.", "Dr Chloé Renard joined your care team.",
        "You hid measurements.", "Diane Roux opened your record in an emergency: “found on the floor”",
        "A second person found the emergency justified: “it was”", "An object began to measure for you.",
    ):  # fmt: skip
        assert sentence in page, sentence
    assert "Another line of the register" not in page


def test_every_statement_about_a_patient_is_on_the_journal_once(cast: Cast) -> None:
    """Nothing is left out but what is told elsewhere; a kind without words is told by its name."""
    look(cast.alice, cast.bob)
    lines = happenings_of(cast.alice, lambda _: {})
    there = Statement.objects.filter(subject=cast.alice.pk).exclude(kind__in=ELSEWHERE)
    assert sorted(line.entry for line in lines) == sorted(there.values_list("entry", flat=True))
    told_by_group = [line.entry for group in grouped(lines) for line in group.lines]
    assert sorted(told_by_group) == sorted(line.entry for line in lines)


def test_a_search_by_staff_is_in_the_journal_of_whom_it_found(cast: Cast, enter: Enter) -> None:
    """By name; a search that found nobody is written down too, and about nobody."""
    from egide.cloud.people.establishments import home
    from egide.cloud.people.offices import seat

    seat(cast.bob, home(NOW), "doctor", by=(cast.bob, cast.bob), now_ms=NOW - 1, how="ceremony")
    declare_identity_of(cast)
    assert [f.patient for f in search(cast.bob, "moreau", "1980-02-03", now_ms=NOW)] == [cast.alice]
    assert search(cast.bob, "nobody", "1980-02-03", now_ms=NOW) == []
    page = text(enter(cast.alice), "/me/journal")
    assert "You were found by a search by name and birth date." in page
    assert Statement.objects.filter(kind="search", subject=cast.alice.pk).count() == 1
    assert Statement.objects.filter(kind="search", subject=None).count() == 1
    assert str(cast.bob.pk).encode() not in bytes(Statement.objects.get(kind="search", subject=cast.alice.pk).body)


def declare_identity_of(cast: Cast) -> None:
    from egide.cloud.people.traits import Traits

    traits = Traits(birth_name="MOREAU", given_names="ALICE", birth_date="1980-02-03", sex="F", birth_place="75056")
    declare_identity(cast.alice, traits, by=cast.bob, now_ms=NOW)


def test_a_name_is_withheld_only_by_a_reason_and_a_second_person(cast: Cast, enter: Enter) -> None:
    """Asked: the name stands. Accepted: the service's, on the page and in the copy. After a year: the name again."""
    from egide.cloud.people.establishments import home
    from egide.cloud.people.offices import seat

    place = home(NOW)
    place.name = "Hôpital Nord"
    place.save()
    seat(cast.bob, place, "doctor", by=(cast.bob, cast.bob), now_ms=NOW - 1, how="ceremony")
    look(cast.alice, cast.bob)
    client = confirmed(enter(cast.alice))
    with pytest.raises(RefusedError):
        withheld.ask_to_withhold(cast.bob, cast.alice, reason=" ", now_ms=NOW)
    key = withheld.ask_to_withhold(cast.bob, cast.alice, reason="threats", now_ms=NOW)
    assert "Dr Bob Durand" in text(client, "/me/journal")
    wish = withheld.one_wish(cast.alice.pk, key)
    with pytest.raises(RefusedError):
        withheld.decide(wish, by=cast.bob, verdict="accepted", note="yes", now_ms=NOW)
    withheld.decide(wish, by=cast.diane, verdict="accepted", note="for their safety", now_ms=NOW)
    for path in ("/me/journal", "/me/journal/copy", "/", "/me/journal/rules"):
        page = text(client, path)
        assert "Bob Durand" not in page or path == "/", path
        assert path == "/me/journal/rules" or "somebody of Hôpital Nord" in page, path
    assert "for their safety" in text(client, "/me/journal")
    assert withheld.in_force(cast.alice.pk, now_ms=NOW + withheld.LASTS_MS) == {}
    with pytest.raises(NotFoundError):
        withheld.one_wish(cast.charlie.pk, key)
