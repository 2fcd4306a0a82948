"""A patient asks about a line of their journal, or objects to it; the data protection officer answers.

Both are signed statements, sealed to the patient's record: neither can be taken away unseen, and a stolen table says
only that a question was asked. The line itself stays as it was.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from django.db.models import QuerySet

from egide.cloud.consent.acts import new_id, require_patient, say, text_of
from egide.cloud.consent.attested import read_statement
from egide.cloud.keys.models import RecordKey
from egide.cloud.people.models import Account
from egide.cloud.register.models import Statement, Topic
from egide.cloud.register.topics import begin_topic, end_topic
from egide.cloud.signin.notices import tell
from egide.errors import NotFoundError, RefusedError

__all__ = [
    "ANSWERS", "MAX_OPEN", "SORTS", "Question", "TooManyQuestionsError", "answer", "ask", "count_waiting",
    "one_question", "questions_of", "waiting", "where_is",
]  # fmt: skip

QUESTION: Final = "journal-question"
ANSWER: Final = "journal-answer"
SORTS: Final = ("question", "objection")
#: How the officer settles it: it was right; it was not, and something follows; it is only explained.
ANSWERS: Final = ("explained", "right", "wrong")
MAX_OPEN: Final = 10  # questions of one patient that wait


class TooManyQuestionsError(RefusedError):
    """As many questions of this patient wait as may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a patient asked about one line, and the answer once there is one."""

    id: str
    patient: uuid.UUID
    entry: int  # of the line
    sort: str
    text: str
    asked_entry: int
    asked_ms: int
    verdict: str = ""
    answer: str = ""
    answered_by: str = ""
    answered_entry: int = 0
    answered_ms: int | None = None

    @property
    def open(self) -> bool:
        return not self.verdict


def ask(patient: Account, entry: int, sort: str, text: str, *, now_ms: int) -> str:
    """Ask about the line at `entry`, or object to it; return the question's id. Any session may: it opens nothing.

    Raises:
        NotFoundError: no such line in this journal.
        RefusedError: another sort, no words with an objection, over 500 characters, or one waits already.
        TooManyQuestionsError: ten wait already.
    """
    require_patient(patient)
    if sort not in SORTS:
        raise RefusedError("a line is asked about, or objected to")
    words = text_of(text, needed=sort == "objection")
    line = Statement.objects.filter(entry=entry, subject=patient.pk, kind="access").first()
    if line is None or read_statement(line) is None:
        raise NotFoundError("there is no such line in this journal")
    if any(q.entry == entry and q.open for q in questions_of(patient.pk)):
        raise RefusedError("a question about this line waits already")
    if Topic.objects.filter(kind=QUESTION, subject=patient.pk, settled=None).count() >= MAX_OPEN:
        raise TooManyQuestionsError("ten questions wait already")
    key = new_id()
    said = {"id": key, "entry": entry, "sort": sort, "text": words}
    say(
        QUESTION, patient, said, now_ms=now_ms, facts={"id": key},
        also=lambda: begin_topic(QUESTION, key, patient.pk),
    )  # fmt: skip
    return key


def answer(question: Question, *, by: Account, verdict: str, text: str, now_ms: int) -> None:
    """Answer once, in words; the patient is told that there is something to read. The caller checks the office.

    Raises:
        RefusedError: answered already, another verdict, no words; the patient, or who looked, cannot answer.
    """
    patient = Account.objects.get(pk=question.patient)
    now = one_question(question.patient, question.id)
    if not now.open:
        raise RefusedError("this was answered already")
    if verdict not in ANSWERS:
        raise RefusedError("there is no such answer")
    if by.pk == patient.pk or str(by.pk) == reader_of_line(question):
        raise RefusedError("somebody else answers for a look")
    said = {"id": question.id, "by": str(by.pk), "verdict": verdict, "text": text_of(text)}

    def rows() -> None:
        end_topic(QUESTION, question.id, patient.pk, by=ANSWER)
        tell(patient, "answer", now_ms=now_ms)

    say(ANSWER, patient, said, now_ms=now_ms, facts={"id": question.id}, also=rows)


def questions_of(patient: uuid.UUID) -> list[Question]:
    """Every question of a patient with its answer, oldest first, as signed."""
    rows = Statement.objects.filter(subject=patient, kind__in=(QUESTION, ANSWER)).order_by("entry")
    return _read(rows)


def one_question(patient: uuid.UUID, key: str) -> Question:
    """Raises NotFoundError."""
    for question in questions_of(patient):
        if question.id == key:
            return question
    raise NotFoundError("there is no such question")


def waiting(patients: Iterable[uuid.UUID] | None, *, limit: int) -> list[Question]:
    """Questions of these patients (None: of everybody): what waits first, the oldest above; then the latest answers."""
    rows = _topics(patients)
    found = [*rows.filter(settled=None).order_by("entry")[:limit]]
    found += rows.exclude(settled=None).order_by("-settled")[: limit - len(found)]
    entries = [entry for topic in found for entry in (topic.entry, topic.settled) if entry is not None]
    said = _read(Statement.objects.filter(entry__in=entries, kind__in=(QUESTION, ANSWER)).order_by("entry"))
    return sorted(said, key=lambda q: (not q.open, q.asked_ms if q.open else -(q.answered_ms or 0)))


def count_waiting(patients: Iterable[uuid.UUID] | None) -> int:
    """How many wait. Nothing sealed is opened."""
    return _topics(patients).filter(settled=None).count()


def where_is(patients: Iterable[uuid.UUID] | None, key: str) -> Question:
    """The question of one of these patients (None: of anybody). Raises NotFoundError."""
    topic = _topics(patients).filter(name=key).first()
    if topic is None or topic.subject is None:
        raise NotFoundError("there is no such question")
    return one_question(topic.subject, key)


def _topics(patients: Iterable[uuid.UUID] | None) -> QuerySet[Topic]:
    """A question whose patient's key was erased is nobody's to read any more."""
    gone = RecordKey.objects.filter(klass=RecordKey.Class.CARE, wrapped=None).values("subject")
    rows = Topic.objects.filter(kind=QUESTION).exclude(subject__in=gone)
    return rows if patients is None else rows.filter(subject__in=list(patients))


def reader_of_line(question: Question) -> str:
    """The account that the line is about; "" when it cannot be read."""
    row = Statement.objects.filter(entry=question.entry, subject=question.patient, kind="access").first()
    said = read_statement(row) if row else None
    return str((said.personal or {}).get("reader", "")) if said else ""


def _read(rows: Iterable[Statement]) -> list[Question]:
    found: dict[str, Question] = {}
    for row in rows:
        said = read_statement(row)
        if said is None or row.subject is None:
            continue
        facts = said.personal or {}
        before = found.get(facts.get("id", ""))
        if said.kind == QUESTION and before is None:
            found[facts["id"]] = Question(
                id=facts["id"], patient=row.subject, entry=facts["entry"], sort=facts["sort"], text=facts["text"],
                asked_entry=said.entry, asked_ms=said.at_ms,
            )  # fmt: skip
        elif said.kind == ANSWER and before is not None and before.open and before.patient == row.subject:
            found[before.id] = replace(
                before, verdict=facts["verdict"], answer=facts["text"], answered_by=facts["by"],
                answered_entry=said.entry, answered_ms=said.at_ms,
            )  # fmt: skip
    return list(found.values())
