"""Who saw my measurements: the patient's own journal, from the register, by visit; and their own copy of it.

Beside each visit stand what the patient asked about it and what was answered; below each day, what else was written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_POST, require_safe

from egide.cloud.consent.words import sentence
from egide.cloud.people.models import Account
from egide.cloud.portal import copy as copies
from egide.cloud.portal import live, words
from egide.cloud.portal.happenings import Happening, Happenings, grouped, happenings_of
from egide.cloud.portal.metrics import describe
from egide.cloud.portal.names import names_for
from egide.cloud.portal.questions import Question, questions_of
from egide.cloud.portal.subject import signed_in, subject_of
from egide.cloud.portal.visits import Visit, visits_of
from egide.cloud.release.journal import JournalLine, journal_page
from egide.cloud.signin.factors import widening
from egide.cloud.signin.pace import take_turn
from egide.cloud.smart.words import answered, app_name, through
from egide.errors import MalformedError

__all__ = ["check", "copy", "journal"]

_LINES: Final = 100
_FEW: Final = 6
_CHANNELS: Final = {
    "portal": gettext_noop("on this site"),
    "ward": gettext_noop("on this site"),
    "fhir": gettext_noop("through other software"),
    "cli": gettext_noop("on the service's own machine"),
    "proof": gettext_noop("downloaded a proof"),
    "export": gettext_noop("downloaded a copy"),
    "list": gettext_noop("in their list of patients"),
    "stream": gettext_noop("on a page that stays open"),
    "portability": gettext_noop("as a file with everything"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One visit in words."""

    entry: int
    entries: tuple[int, ...]
    at_ms: int
    first_ms: int
    asked: int
    name: str
    role: str
    purpose: str
    metrics: str
    since_ms: int
    until_ms: int
    yes: bool
    export: bool
    ground: str
    where: str
    why: str = ""  # the rule that decided, in a sentence
    asked_about: tuple[Question, ...] = ()

    @property
    def waiting(self) -> bool:
        """A question about this visit waits for its answer."""
        return any(question.open for question in self.asked_about)


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What one person did in one visit, beside looking."""

    name: str
    at_ms: int
    first_ms: int
    lines: tuple[Happening, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """A day: what others asked, apart what the patient looked at, and what else was written."""

    title_ms: int
    others: list[Line] = field(default_factory=list)
    own: list[Line] = field(default_factory=list)
    done: list[Done] = field(default_factory=list)


@require_safe
@signed_in
def journal(request: HttpRequest) -> HttpResponse:
    """A page of it, from the latest or from before an entry; `who=others` leaves one's own looks out.

    Raises AccessDeniedError for an account that has no record, MalformedError.
    """
    return _page(request, subject_of(request, None).patient)


@require_safe
@signed_in
def copy(request: HttpRequest) -> HttpResponse:
    """One's own copy, as a file; it asks for a factor, as each copy does. Raises AccessDeniedError, MalformedError."""
    return _copy_of(request, subject_of(request, None).patient)


@widening
def _copy_of(request: HttpRequest, patient: Account) -> HttpResponse:
    now = live.now_ms()
    take_turn(patient, "file", now_ms=now)
    data = copies.make_copy(
        patient, lambda ids: names_for(patient.pk, ids, now_ms=now), before=_before(request), now_ms=now
    )
    response = HttpResponse(data, content_type="application/json")
    stamp = words.local(now).strftime("%Y-%m-%d")
    response.headers["Content-Disposition"] = f'attachment; filename="journal-{stamp}.json"'
    return response


@require_POST
@signed_in
def check(request: HttpRequest) -> HttpResponse:
    """Compare a copy with the register: what was taken away or changed since is said. Nothing of the file is kept."""
    patient = subject_of(request, None).patient
    file = request.FILES.get("copy")
    try:
        compared = copies.compare(file.read(copies.MAX_BYTES + 1) if file else b"", patient)
    except MalformedError as err:
        problem = _("This file is not a copy of your journal, or it was altered. Nothing was compared.")
        return _page(request, patient, status=400, problem=problem, code=err.code)
    return _page(request, patient, compared=compared)


def _page(request: HttpRequest, patient: Account, *, status: int = 200, **more: Any) -> HttpResponse:
    now = live.now_ms()
    before, only_others = _before(request), request.GET.get("who") == "others"
    page = journal_page(patient, before=before, others=only_others, count=_LINES)
    known = {name for line in page.lines for name in (line.reader, line.responsible) if name}
    names = names_for(patient.pk, known, now_ms=now)
    since = 0 if page.older is None else page.older
    written = [] if only_others else _written(patient, now, since, before)
    days = _days(page.lines, names, str(patient.pk), questions_of(patient.pk), written)
    whole = before is None and page.older is None
    context = {
        "days": days,
        "now_ms": now,
        "only_others": only_others,
        "older": page.older,
        "latest": before is None,
        "whole": whole,
        "alone": whole and not any(day.others for day in days),
        "asked": request.GET.get("asked", ""),
        **more,
    }
    return render(request, "portal/journal.html", context, status=status)


def _written(patient: Account, now_ms: int, since: int, before: int | None) -> list[Done]:
    """What else stands between these entries, by who did it."""

    def names_of(ids: set[str]) -> dict[str, str]:
        return names_for(patient.pk, ids, now_ms=now_ms)

    groups = grouped(happenings_of(patient, names_of, since=since, before=before))
    names = names_of({group.by for group in groups if group.by})
    return [_done(group, names, str(patient.pk)) for group in groups]


def _done(group: Happenings, names: dict[str, str], me: str) -> Done:
    name = _("You") if group.by == me else names.get(group.by, _("a closed account")) if group.by else ""
    return Done(name=name, at_ms=group.at_ms, first_ms=group.first_ms, lines=group.lines)


def _before(request: HttpRequest) -> int | None:
    text = request.GET.get("before", "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise MalformedError("before is the number of an entry")
    return int(text)


def _days(
    lines: Sequence[JournalLine], names: dict[str, str], me: str, asked: Sequence[Question], written: Sequence[Done]
) -> list[Day]:
    days: dict[Any, Day] = {}
    for visit in visits_of(lines):
        day = days.setdefault(words.local(visit.last_ms).date(), Day(title_ms=visit.last_ms))
        (day.own if visit.last.reader == me and not visit.last.app else day.others).append(_line(visit, names, asked))
    for done in written:
        days.setdefault(words.local(done.at_ms).date(), Day(title_ms=done.at_ms)).done.append(done)
    return [days[date] for date in sorted(days, reverse=True)]


def _named(line: JournalLine, names: dict[str, str]) -> str:
    """Who looked; with the app through which they did, or that asked for itself."""
    who = names.get(line.reader, _("a closed account") if line.reader else _("somebody not signed in"))
    if not line.app:
        return who
    app = app_name(line.app)
    if line.reader:
        return through(app, who)
    return answered(app, names.get(line.responsible, _("a closed account"))) if line.responsible else app


def _line(visit: Visit, names: dict[str, str], asked: Sequence[Question] = ()) -> Line:
    last = visit.last
    entries = tuple(line.entry for line in visit.lines)
    known = sorted({describe(code).name for code in visit.codes})
    shown = known[:_FEW]
    if len(known) > _FEW:
        shown.append(_("and %(n)s more") % {"n": len(known) - _FEW})
    where = _CHANNELS.get(last.channel)
    return Line(
        entry=last.entry,
        entries=entries,
        at_ms=visit.last_ms,
        first_ms=visit.first_ms,
        asked=len(visit.lines),
        name=_named(last, names),
        role=words.role_words(last.role),
        purpose=words.purpose_words(last.purpose),
        metrics=", ".join(shown) or _("all measurements"),
        since_ms=visit.since_ms,
        until_ms=visit.until_ms,
        yes=visit.yes,
        export=visit.export,
        ground=words.ground_words(last.ground),
        where=_(where) if where else last.channel,
        why=str(sentence(f"allowed.{last.ground}" if visit.yes else f"refused.{last.reason or 'no-ground'}")),
        asked_about=tuple(question for question in asked if question.entry in entries),
    )
