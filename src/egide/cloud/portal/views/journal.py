"""Who saw my measurements: the patient's own journal, from the register."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from egide.cloud.portal import live, words
from egide.cloud.portal.glance import reader_names
from egide.cloud.portal.metrics import describe
from egide.cloud.portal.subject import signed_in, subject_of
from egide.cloud.release.journal import JournalLine, journal_of

__all__ = ["journal"]

_LINES = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the journal in words."""

    entry: int
    at_ms: int
    name: str
    role: str
    purpose: str
    metrics: str
    since_ms: int
    until_ms: int
    yes: bool
    ground: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """A day: what others asked, and apart what the patient looked at."""

    title_ms: int
    others: list[Line] = field(default_factory=list)
    own: list[Line] = field(default_factory=list)


@require_safe
@signed_in
def journal(request: HttpRequest) -> HttpResponse:
    """Raises AccessDeniedError for an account that has no record."""
    now = live.now_ms()
    subject = subject_of(request, None)
    lines = journal_of(subject.patient, limit=_LINES)
    names = reader_names({line.reader for line in lines if line.reader})
    days = _days(lines, names, str(subject.patient.pk))
    context = {
        "days": days,
        "now_ms": now,
        "others": sum(len(day.others) for day in days),
        "full": len(lines) == _LINES,
    }
    return render(request, "portal/journal.html", context)


def _days(lines: Sequence[JournalLine], names: dict[str, str], me: str) -> list[Day]:
    days = []
    for _date, group in groupby(lines, key=lambda line: words.local(line.at_ms).date()):
        rows = list(group)
        days.append(
            Day(
                title_ms=rows[0].at_ms,
                others=[_line(row, names) for row in rows if row.reader != me],
                own=[_line(row, names) for row in rows if row.reader == me],
            )
        )
    return days


def _line(line: JournalLine, names: dict[str, str]) -> Line:
    return Line(
        entry=line.entry,
        at_ms=line.at_ms,
        name=names.get(line.reader, _("a closed account") if line.reader else _("somebody not signed in")),
        role=words.role_words(line.role),
        purpose=words.purpose_words(line.purpose),
        metrics=", ".join(describe(code).name for code in line.codes) or _("all measurements"),
        since_ms=line.since_ms,
        until_ms=line.until_ms,
        yes=line.decision == "yes",
        ground=words.ground_words(line.ground),
    )
