"""The data protection officer answers patients about their journal: unnamed, and of one's own establishments only."""

from __future__ import annotations

import html
from importlib import import_module

import pytest
from django.apps import apps
from django.test import Client

from egide.cloud.keys.models import RecordKey
from egide.cloud.people.models import Registration
from egide.cloud.portal import questions
from egide.cloud.portal.officers import tell_officers
from egide.cloud.register.models import Statement, Topic
from egide.cloud.release import withheld
from egide.cloud.signin.models import Notice
from tests.cloud.conftest import NOW
from tests.cloud.portal.test_asking import look
from tests.cloud.ward.conftest import Enter, Offices
from tests.support.cast import Cast

PAGE = "/office/privacy/questions"


def text(client: Client, path: str = PAGE) -> str:
    return html.unescape(client.get(path).content.decode())


@pytest.fixture
def asked(cast: Cast, offices: Offices, enter: Enter) -> str:
    """Alice asked about Bob's look."""
    entry = look(cast.alice, cast.bob)
    enter(cast.alice).post("/me/journal/ask", {"entry": entry, "sort": "objection", "text": "Who is that?"})
    return questions.questions_of(cast.alice.pk)[0].id


def test_a_question_waits_at_the_desk_and_its_officer_is_told(
    cast: Cast, offices: Offices, enter: Enter, asked: str
) -> None:
    """The reader is named, the patient is not; that the officer looked is a statement; the far officer was not told."""
    kinds = Notice.objects.filter(kind="question").values_list("account", flat=True)
    assert set(kinds) == {offices.dpo.pk}
    client = enter(offices.dpo)
    assert "1 question about the journal waits." in text(client, "/office/privacy")
    page = text(client)
    for shown in ("Objection", "“Who is that?”", "Dr Bob Durand", "member of the follow-up"):
        assert shown in page
    assert "Alice" not in page
    assert str(cast.alice.pk) not in page
    assert Statement.objects.order_by("-entry")[0].kind == "officer-look"


def test_the_answer_is_signed_and_reaches_the_patient(cast: Cast, offices: Offices, enter: Enter, asked: str) -> None:
    """From the desk's form to the journal's page; then nothing waits."""
    client = enter(offices.dpo)
    form = {"verdict": "wrong", "text": "It should not have been; it was stopped."}
    assert client.post(f"{PAGE}/{asked}", form).status_code == 302
    page = text(enter(cast.alice), "/me/journal")
    assert "this access should not have been" in page
    assert "“It should not have been; it was stopped.”" in page
    assert Notice.objects.filter(account=cast.alice, kind="answer").exists()
    assert "1 question" not in text(client, "/office/privacy")
    assert client.post(f"{PAGE}/{asked}", form).status_code == 400


@pytest.mark.parametrize("form", [{}, {"verdict": "right"}, {"verdict": "maybe", "text": "x"}])
def test_an_answer_without_words_comes_back(
    cast: Cast, offices: Offices, enter: Enter, asked: str, form: dict[str, str]
) -> None:
    """Nothing is signed."""
    answer = enter(offices.dpo).post(f"{PAGE}/{asked}", form)
    assert answer.status_code == 400
    assert questions.questions_of(cast.alice.pk)[0].open


@pytest.mark.parametrize("who", ["security", "administrator", "far_security", "far_doctor"])
def test_no_other_office_reads_or_answers(cast: Cast, offices: Offices, enter: Enter, asked: str, who: str) -> None:
    """403, and nothing of it."""
    client = enter(getattr(offices, who))
    for answer in (client.get(PAGE), client.post(f"{PAGE}/{asked}", {"verdict": "right", "text": "x"})):
        assert answer.status_code == 403
        assert b"Who is that?" not in answer.content


def test_an_officer_of_another_establishment_sees_its_own_patients_questions_only(
    cast: Cast, offices: Offices, enter: Enter, asked: str
) -> None:
    """Not there, and not found; once the patient is registered there, it is."""
    client = enter(offices.far_dpo)
    assert "Who is that?" not in text(client)
    assert client.post(f"{PAGE}/{asked}", {"verdict": "right", "text": "x"}).status_code == 404
    Registration.objects.create(patient=cast.alice, establishment=offices.elsewhere, since_ms=NOW)
    assert "Who is that?" in text(client)


def test_a_name_is_withheld_from_page_to_page(cast: Cast, offices: Offices, enter: Enter) -> None:
    """The doctor asks from the record, the officer decides at the desk, the patient reads the service's name."""
    doctor, client = enter(cast.bob), enter(offices.dpo)
    path = f"/patients/{cast.alice.pk}/my-name"
    assert path in text(doctor, f"/patients/{cast.alice.pk}/why")
    assert doctor.post(path, {"reason": ""}).status_code == 400
    assert doctor.post(path, {"reason": "threats at home"}).status_code == 302
    assert "threats at home" in text(client)
    (wish,) = withheld.wishes(cast.alice.pk)
    assert doctor.post(f"/office/privacy/names/{wish.id}", {"verdict": "accepted", "text": "x"}).status_code == 403
    assert "Dr Bob Durand" in text(enter(cast.alice), "/me/journal")
    client.post(f"/office/privacy/names/{wish.id}", {"verdict": "accepted", "text": "for safety"})
    assert "Dr Bob Durand" not in text(enter(cast.alice), "/me/journal")
    assert "somebody of" in text(enter(cast.alice), "/me/journal")


def test_who_may_not_see_the_record_asks_nothing_about_its_journal(cast: Cast, offices: Offices, enter: Enter) -> None:
    """An address is no proof that there is a patient."""
    for who in (cast.diane, offices.far_doctor, offices.dpo, cast.charlie):
        client = enter(who)
        assert client.get(f"/patients/{cast.alice.pk}/my-name").status_code == 403
        assert client.post(f"/patients/{cast.alice.pk}/my-name", {"reason": "x"}).status_code == 403
    assert withheld.wishes(cast.alice.pk) == []


def test_a_patient_s_questions_are_ten_at_most_and_push_nobody_else_s_off_the_desk(
    cast: Cast, offices: Offices, enter: Enter
) -> None:
    """The eleventh is told to wait, in words; the officer is told once; the oldest of all stands first."""
    first = look(cast.charlie, cast.bob)
    enter(cast.charlie).post("/me/journal/ask", {"entry": first, "sort": "question", "text": "Oldest"})
    client = enter(cast.alice)
    for _ in range(questions.MAX_OPEN):
        assert (
            client.post("/me/journal/ask", {"entry": look(cast.alice, cast.bob), "sort": "question"}).status_code == 302
        )
    answer = client.post("/me/journal/ask", {"entry": look(cast.alice, cast.bob), "sort": "question"}, follow=True)
    assert "Ten of your questions wait for their answer already." in html.unescape(answer.content.decode())
    assert len(questions.questions_of(cast.alice.pk)) == questions.MAX_OPEN
    assert Notice.objects.filter(account=offices.dpo, kind="question").count() == 1
    Notice.objects.update(read_ms=NOW)
    question = questions.waiting(None, limit=1)[0]
    assert question.text == "Oldest"
    questions.answer(question, by=offices.dpo, verdict="explained", text="x", now_ms=NOW)
    assert questions.count_waiting(None) == questions.MAX_OPEN
    assert questions.waiting(None, limit=50)[-1].id == question.id
    tell_officers(cast.alice, now_ms=NOW)
    assert Notice.objects.filter(account=offices.dpo, kind="question").count() == 2


def test_how_many_wait_is_counted_without_opening_anything(
    cast: Cast, offices: Offices, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A desk that only counts reads nothing of what patients wrote; an erased record's question is nobody's."""

    def refuse(_row: Statement) -> None:
        raise AssertionError("a statement was opened")

    monkeypatch.setattr(questions, "read_statement", refuse)
    assert questions.count_waiting(None) == questions.count_waiting([cast.alice.pk]) == 1
    assert questions.count_waiting([cast.charlie.pk]) == 0
    RecordKey.objects.filter(subject=cast.alice.pk).update(wrapped=None)
    assert questions.count_waiting(None) == 0


def test_what_was_asked_before_there_were_rows_is_found(cast: Cast, offices: Offices, asked: str) -> None:
    """The rows are made again from the statements alone: what waits, what was answered, what was noted."""
    (question,) = questions.questions_of(cast.alice.pk)
    questions.answer(question, by=offices.dpo, verdict="explained", text="x", now_ms=NOW)
    questions.ask(cast.alice, look(cast.alice, cast.bob), "question", "", now_ms=NOW)
    columns = ("kind", "name", "subject", "entry", "settled")
    before = list(Topic.objects.order_by("entry").values_list(*columns))
    assert len(before) == 2
    Topic.objects.all().delete()
    import_module("egide.cloud.register.migrations.0004_topic").fill(apps, None)
    assert list(Topic.objects.order_by("entry").values_list(*columns)) == before
