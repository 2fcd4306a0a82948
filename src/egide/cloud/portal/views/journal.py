"""Who saw my measurements: the patient's own journal, from the register."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from egide.cloud.portal import live, words
from egide.cloud.portal.glance import reader_names
from egide.cloud.portal.metrics import describe
from egide.cloud.portal.subject import signed_in, subject_of
from egide.cloud.release.journal import JournalLine, journal_page
from egide.errors import MalformedError

__all__ = ["journal"]

_LINES: Final = 100


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
    """A page of it, from the latest or from before an entry; `who=others` leaves one's own looks out.

    Raises AccessDeniedError for an account that has no record, MalformedError.
    """
    now = live.now_ms()
    subject = subject_of(request, None)
    before, only_others = _before(request), request.GET.get("who") == "others"
    page = journal_page(subject.patient, before=before, others=only_others, count=_LINES)
    names = reader_names({line.reader for line in page.lines if line.reader})
    days = _days(page.lines, names, str(subject.patient.pk))
    whole = before is None and page.older is None
    context = {
        "days": days,
        "now_ms": now,
        "only_others": only_others,
        "older": page.older,
        "latest": before is None,
        "whole": whole,
        "alone": whole and not any(day.others for day in days),
    }
    return render(request, "portal/journal.html", context)


def _before(request: HttpRequest) -> int | None:
    text = request.GET.get("before", "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise MalformedError("before is the number of an entry")
    return int(text)


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
