"""What the data protection officer reads: why an ask was refused, how much the journal holds, what patients ask of it.

Measurements are never opened here, patients are not named, and what a patient restricts is counted, not told. Each look
at refusals is a statement of the register.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from egide.cloud.consent.models import Ground
from egide.cloud.consent.projects import waiting_projects
from egide.cloud.keys.records import care_key
from egide.cloud.people.models import Registration
from egide.cloud.people.second import may_be_second
from egide.cloud.portal import questions
from egide.cloud.register.journal import Journaled, append_statement, open_statement
from egide.cloud.register.models import Statement
from egide.cloud.release import withheld
from egide.cloud.release.withheld import Withheld
from egide.cloud.ward.desks import Seat
from egide.errors import EgideError, NotFoundError

__all__ = [
    "Asked", "Day", "Refusal", "Tally", "asked", "asked_count", "name_asks", "one_asked", "one_name_ask",
    "projects_to_decide", "refusals", "restricted", "tally",
]  # fmt: skip

_READ: Final = 5_000  # statements looked at for one page
_SHOWN: Final = 50
_DAYS: Final = 14
_DAY_MS: Final = 86_400_000
_LOOK: Final = "officer-look"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One ask: who asked, what for, and the rule that said no (`reason`, a word of consent.rules) or yes (`ground`)."""

    entry: int
    at_ms: int
    reader: str  # account id, or "" for somebody not signed in
    role: str
    purpose: str
    channel: str
    reason: str
    ground: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question, and the line that it is about; None when that cannot be read."""

    question: questions.Question
    line: Refusal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """Asks of one day, by UTC day number."""

    at_ms: int
    yes: int
    no: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What the journal holds over the last two weeks. `whole` False: there is more than was counted."""

    days: tuple[Day, ...]  # latest first
    by_patients: int  # asks about one's own record
    yes: int
    no: int
    whole: bool


def refusals(seat: Seat, *, now_ms: int) -> list[Refusal]:
    """The latest refusals, newest first; that an officer looked is written into the register first."""
    said = [row for row in _accesses(seat) if row[1].facts.get("decision") == "no"][:_SHOWN]
    _looked(seat, "refusals", len(said), now_ms)
    return [found for subject, one in said if (found := _refusal(subject, one)) is not None]


def asked(seat: Seat, *, now_ms: int) -> list[Asked]:
    """What patients ask about lines of their journal, what waits first; that an officer looked is written first."""
    found = questions.waiting(_reach(seat), limit=_SHOWN)
    _looked(seat, "journal-questions", len(found), now_ms)
    return [Asked(question=each, line=_line_of(each)) for each in found]


def asked_count(seat: Seat) -> int:
    """How many wait. Nothing is told of them."""
    return questions.count_waiting(_reach(seat))


def one_asked(seat: Seat, key: str) -> questions.Question:
    """Raises NotFoundError: no such question here, which is also what is said of another establishment's."""
    return questions.where_is(_reach(seat), key)


def name_asks(seat: Seat) -> list[Withheld]:
    """Who asked that the service's name stand instead of theirs, and was not answered."""
    return withheld.waiting(_reach(seat))


def one_name_ask(seat: Seat, key: str) -> Withheld:
    """Raises NotFoundError, as `one_asked` does."""
    for each in name_asks(seat):
        if each.id == key:
            return each
    raise NotFoundError("no such ask here")


def tally(seat: Seat, *, now_ms: int) -> Tally:
    """Counts of yes and no by day. Nothing sealed is opened."""
    yes: Counter[int] = Counter()
    no: Counter[int] = Counter()
    own = read = 0
    first = now_ms // _DAY_MS - _DAYS + 1
    for _, one in _accesses(seat):
        read += 1
        day = one.at_ms // _DAY_MS
        if day < first:
            break
        (yes if one.facts.get("decision") == "yes" else no)[day] += 1
        own += one.facts.get("by") == "self"
    days = tuple(
        Day(at_ms=day * _DAY_MS + _DAY_MS // 2, yes=yes[day], no=no[day])
        for day in range(first + _DAYS - 1, first - 1, -1)
        if yes[day] or no[day]
    )
    return Tally(days=days, by_patients=own, yes=yes.total(), no=no.total(), whole=read < _READ)


def restricted(seat: Seat, *, now_ms: int) -> tuple[int, int]:
    """(restrictions in force, patients who made them): no more than that is anybody's to know."""
    rows = Ground.objects.filter(kind=Ground.Kind.RESTRICTION, since_ms__lte=now_ms)
    live = rows.exclude(until_ms__lte=now_ms)
    if not seat.whole:
        live = live.filter(patient__in=_patients(seat))
    return live.count(), live.values("patient").distinct().count()


def _looked(seat: Seat, what: str, count: int, now_ms: int) -> None:
    said = {"office": seat.office, "by": str(seat.account.pk), "what": what, "count": count}
    append_statement(_LOOK, None, said, now_ms=now_ms)


def _reach(seat: Seat) -> list[uuid.UUID] | None:
    return None if seat.whole else _patients(seat)


def _line_of(question: questions.Question) -> Refusal | None:
    """The line that a question is about: who asked what, on which ground it was answered; nothing of the patient."""
    try:
        row = Statement.objects.get(entry=question.entry, subject=question.patient)
        said = open_statement(row, care_key(question.patient))
    except (EgideError, Statement.DoesNotExist):
        return None
    return _told(said)


def _accesses(seat: Seat) -> Iterator[tuple[uuid.UUID, Journaled]]:
    """(patient, statement) of asks, latest first, nothing opened; of one's own establishments' patients alone."""
    rows = Statement.objects.filter(kind="access").exclude(subject=None).order_by("-entry")
    if not seat.whole:
        rows = rows.filter(subject__in=_patients(seat))
    for row in rows[:_READ]:
        try:
            said = open_statement(row)
        except EgideError:
            continue
        if row.subject is not None:
            yield row.subject, said


def _patients(seat: Seat) -> list[uuid.UUID]:
    here = Registration.objects.filter(establishment__in=seat.steers, until_ms=None)
    return list(here.values_list("patient_id", flat=True))


def _refusal(patient: uuid.UUID, said: Journaled) -> Refusal | None:
    """None when its seal does not hold or its key was erased: then nobody can say more."""
    try:
        row = Statement.objects.get(entry=said.entry)
        return _told(open_statement(row, care_key(patient)))
    except EgideError:
        return None


def _told(said: Journaled) -> Refusal:
    personal = said.personal or {}
    yes = said.facts.get("decision") == "yes"
    return Refusal(
        entry=said.entry,
        at_ms=said.at_ms,
        reader=personal.get("reader", ""),
        role=personal.get("role", ""),
        purpose=personal.get("purpose", ""),
        channel=personal.get("channel", ""),
        reason="" if yes else personal.get("reason") or "no-ground",
        ground=personal.get("ground", ""),
    )


def projects_to_decide(seat: Seat, *, now_ms: int) -> int:
    """How many research projects wait for this officer: proposed where the office reaches, by somebody else."""
    here = [w for w in waiting_projects(now_ms=now_ms) if w.establishment_id in seat.steers]
    return sum(may_be_second(w.researcher, seat.account) for w in here)
