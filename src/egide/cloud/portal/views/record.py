"""A patient's record: one's own under /me, another's under /patients/<id>. Each look is journaled."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.core.paginator import Paginator
from django.db.models import Count, Max, Q
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from egide.cloud.consent.rules import CARE_TEAM
from egide.cloud.people.authority import CARE_OFFICES
from egide.cloud.people.models import Account
from egide.cloud.people.offices import offices_of
from egide.cloud.people.scope import scope_of
from egide.cloud.portal import live
from egide.cloud.portal.beside import MOST, Beside, beside_of, rank
from egide.cloud.portal.errata import struck_in
from egide.cloud.portal.glance import glance_at, own_journal, received_words
from egide.cloud.portal.many import Many, many_of
from egide.cloud.portal.metrics import PRESSURE, describe
from egide.cloud.portal.periods import PERIODS, Period, period_named, smallest_reaching
from egide.cloud.portal.picture import (
    Picture,
    picture_of,
    picture_of_many,
    profile_of,
    profile_of_many,
    strip_picture,
)
from egide.cloud.portal.record import Group, Reading, Row, codes_of, groups_of, readings_of, rows_of
from egide.cloud.portal.subject import Subject, asked, open_record, require_open, signed_in, subject_of
from egide.cloud.portal.watching import watching_of
from egide.cloud.release.door import Answer, Ask
from egide.cloud.release.reach import sees_everything, shows
from egide.cloud.vault import owning
from egide.cloud.vault.models import Envelope
from egide.errors import MalformedError

__all__ = ["latest", "record", "record_context", "series"]

_ROWS: Final = 15
_CARRIED: Final = 2_000  # points that a page carries itself; beyond, its script asks for them
_AHEAD_MS: Final = 366 * 86_400_000  # a reading dated after now is doubtful, and shown all the same
_DAY_MS: Final = 86_400_000
_MAX_SPAN_MS: Final = 366 * _DAY_MS
_MANY: Final = 3_000  # envelopes of a day, which lie in no sealed page yet: a page opens no more unless it is asked to
_PAUSE_S: Final = 10  # seconds between two questions for news


@require_safe
@signed_in
def record(request: HttpRequest, patient_id: uuid.UUID | None = None) -> HttpResponse:
    """The record over a period, one metric drawn and listed."""
    now = live.now_ms()
    subject = subject_of(request, patient_id)
    return render(request, "portal/record.html", record_context(subject, request, now))


@require_safe
@signed_in
def latest(request: HttpRequest, patient_id: uuid.UUID | None = None) -> HttpResponse:
    """Each metric's last reading, when something that the reader may see came after the entry `after`; else no change.

    Whether anything came is itself told only to whom the record is open.
    """
    now = live.now_ms()
    subject = subject_of(request, patient_id)
    require_open(subject, now_ms=now)
    after, newest = _whole(request, "after", 0), _newest()
    if Envelope.objects.filter(entry__gt=after, entry__lte=newest, pairing__in=_pairings(subject)).exists():
        look = _Look.at(subject, request, now)
        if any(column.entry > after for column in look.answer.columns):
            return render(request, "portal/_latest_part.html", look.shared())
    response = render(request, "portal/_no_news.html", {"newest": newest})
    response.headers["HX-Reswap"] = "none"
    return response


@require_safe
@signed_in
def series(request: HttpRequest, patient_id: uuid.UUID | None = None) -> HttpResponse:
    """One metric as JSON for a chart: exact decimals as text. Raises MalformedError."""
    now = live.now_ms()
    code = request.GET.get("code", "")  # before the patient: a wrong ask is answered alike, whoever exists
    since, until = _whole(request, "since", now - _DAY_MS), _whole(request, "until", now)
    if not code or not 0 <= since < until or until - since > _MAX_SPAN_MS:
        raise MalformedError("a series needs a code and a period of a year at most")
    subject = subject_of(request, patient_id)
    readings = readings_of(open_record(subject, since, until, now_ms=now, codes=(code,)).columns)
    return JsonResponse(_series(code, readings, since, until))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """One ask at a record: a period, and one metric chosen in it; or, for a professional who chose none, several."""

    subject: Subject
    now_ms: int
    newest: int
    period: Period
    answer: Answer
    groups: list[Group]
    chosen: Group | None
    readings: list[Reading]  # of the chosen metric
    many: Many | None  # instead of them
    beside: Beside | None = None

    @classmethod
    def at(cls, subject: Subject, request: HttpRequest, now_ms: int) -> _Look:
        """Raises AccessDeniedError: the door said no."""
        newest = _newest()
        period = period_named(request.GET.get("period", "")) or _usual_period(subject, now_ms)
        answer = open_record(subject, now_ms - period.span_ms, now_ms + _AHEAD_MS, now_ms=now_ms)
        groups = groups_of(answer.columns)
        wanted = request.GET.get("metric", "")
        beside = None
        if groups and not wanted and not subject.own and subject.reader.role == Account.Role.PROFESSIONAL:
            beside = beside_of(
                answer.columns, groups, request.GET.getlist("m")[: 2 * MOST], period,
                now_ms=now_ms, tables=request.GET.get("as") == "tables",
            )  # fmt: skip
        chosen = None if beside else _choose(groups, wanted)
        codes = codes_of(chosen.key) if chosen else ()
        mine = [c for c in answer.columns if c.code in codes]
        many = many_of(mine)
        return cls(
            subject=subject,
            now_ms=now_ms,
            newest=newest,
            period=period,
            answer=answer,
            groups=groups,
            chosen=chosen,
            readings=[] if many else readings_of(mine),
            many=many,
            beside=beside,
        )

    def shared(self) -> dict[str, Any]:
        """What the whole page and its part that renews itself both show."""
        since_ms = self.now_ms - self.period.span_ms
        return {
            "subject": self.subject,
            "now_ms": self.now_ms,
            "newest": self.newest,
            "period": self.period,
            "groups": self.groups,
            "listed": self.beside.rest if self.beside else self.groups,
            "chosen": self.chosen,
            "beside": self.beside,
            "series": _carried(self.chosen, self.readings, since_ms, self.now_ms),
            "received": received_words(self.answer.columns, now_ms=self.now_ms),
        }


def record_context(subject: Subject, request: HttpRequest, now_ms: int) -> dict[str, Any]:
    """Everything that a record's page shows. One ask.

    Raises:
        AccessDeniedError: the door said no.
    """
    look = _Look.at(subject, request, now_ms)
    chosen, columns = look.chosen, look.answer.columns
    journal = own_journal(subject)
    rows: Sequence[Row] = look.many.lines if look.many else rows_of(look.readings)[::-1]
    page = Paginator(rows, _ROWS).get_page(request.GET.get("page", "1"))
    return look.shared() | {
        "patient_name": "" if subject.own else subject.patient_name(),
        "periods": PERIODS,
        **_drawn(look),
        "paper": strip_picture(chosen.strip) if chosen and chosen.strip else None,
        "page": page,
        "glance": glance_at(subject, columns, look.period, now_ms=now_ms, journal=journal),
        "journal": journal,
        "struck": struck_in(look.answer),
        "journal_entry": look.answer.journal_entry,
        **({} if subject.own else _relation(subject, look.answer, now_ms)),
        "pause_s": _PAUSE_S if len(columns) < _MANY else 3 * _PAUSE_S,
    }


def _drawn(look: _Look) -> dict[str, Picture | None]:
    """The chosen metric's drawings."""
    if look.many is not None:
        picture = picture_of_many(look.many, look.period, now_ms=look.now_ms)
        return {"picture": picture, "profile": profile_of_many(look.many, look.period)}
    picture = picture_of(look.readings, look.period, now_ms=look.now_ms)
    return {"picture": picture, "profile": profile_of(look.readings, look.period)}


def _relation(subject: Subject, answer: Answer, now_ms: int) -> dict[str, Any]:
    """What a reader may do about the follow-up: look after the one they are in, or begin one where they work."""
    if answer.decision.ground == CARE_TEAM:
        mine = [name for name in answer.decision.grounds if name]
        return {"in_team": bool(mine), "watching": watching_of(subject.patient, now_ms=now_ms, only=mine)}
    reader = subject.reader
    if reader.role != Account.Role.PROFESSIONAL:
        return {}
    caring = any(held.office in CARE_OFFICES for held in offices_of(reader, now_ms=now_ms))
    return {"includable": caring and _registered(reader, subject.patient, now_ms)}


def _registered(reader: Account, patient: Account, now_ms: int) -> bool:
    """Whether the reader may find this patient where they work: only there do they include anybody."""
    return scope_of(reader, now_ms=now_ms).patients().filter(pk=patient.pk).exists()


def _series(code: str, readings: Sequence[Reading], since_ms: int, until_ms: int) -> dict[str, Any]:
    """What a chart needs, in the last reading's unit: points are [ms, exact decimal, 0 when doubtful]."""
    unit = readings[-1].unit if readings else ""
    metric = describe(code)
    band = metric.band(unit)
    return {
        "code": code,
        "name": metric.name,
        "unit": unit,
        "since": since_ms,
        "until": until_ms,
        "cadence_ms": metric.cadence_ms,
        "band": [str(band.low), str(band.high)] if band else None,
        "points": [
            [r.at_ms, format(value, "f"), int(r.fine)] for r in readings if (value := r.in_unit(unit)) is not None
        ],
    }


def _carried(chosen: Group | None, readings: Sequence[Reading], since_ms: int, until_ms: int) -> str:
    """The chart's points as JSON, when they are few: a page that carries them asks the door once."""
    if chosen is None or chosen.key in PRESSURE or not 0 < len(readings) <= _CARRIED:
        return ""
    return json.dumps(_series(chosen.key, readings, since_ms, until_ms), separators=(",", ":"))


def _choose(groups: list[Group], wanted: str) -> Group | None:
    """The metric asked for; else what people look for first; else what was measured most often, pulse to pulse last."""
    by_key = {group.key: group for group in groups}
    if wanted in by_key:
        return by_key[wanted]
    people = [g for g in groups if not (g.last and g.last.first.metric.states)] or groups
    return min(people, key=rank, default=None)


def _newest() -> int:
    """The number of the last envelope of all: from there on, something is new."""
    return Envelope.objects.aggregate(m=Max("entry"))["m"] or 0


def _pairings(subject: Subject) -> set[int]:
    return owning.pairings_of(subject.patient.pk)


def _usual_period(subject: Subject, now_ms: int) -> Period:
    """A day, or what it takes to show the last measurement; less when the objects send very much."""
    ask = asked(subject, 0, now_ms + _AHEAD_MS)
    if not subject.own and not sees_everything(ask, now_ms=now_ms):
        return _period_of_what_shows(ask, now_ms)
    mine = owning.rows_of(subject.patient.pk)
    last: int | None = mine.aggregate(m=Max("last_ms"))["m"]
    period = smallest_reaching(last, now_ms)
    if period.hours > 24:
        return period
    shorter = [p for p in PERIODS if p.hours <= period.hours]
    in_each = {p.key: Count("pk", filter=Q(last_ms__gte=now_ms - p.span_ms)) for p in shorter}
    counted = mine.filter(last_ms__gte=now_ms - shorter[-1].span_ms).aggregate(**in_each)
    fitting = [p for p in shorter if counted[p.key] <= _MANY]
    return fitting[-1] if fitting else shorter[0]


def _period_of_what_shows(ask: Ask, now_ms: int) -> Period:
    """The same, by what this reader may see alone: what is hidden from them chooses no period."""
    usual = [period for period in PERIODS if period.hours >= _DAY_MS // 3_600_000]
    for period in usual:
        if shows(ask, now_ms - period.span_ms, now_ms=now_ms):
            break
    else:
        return usual[-1] if shows(ask, 0, now_ms=now_ms) else usual[0]
    if period.hours > usual[0].hours:
        return period
    shorter = [p for p in PERIODS if p.hours <= period.hours]
    fitting = [p for p in shorter if shows(ask, now_ms - p.span_ms, now_ms=now_ms) <= _MANY]
    return fitting[-1] if fitting else shorter[0]


def _whole(request: HttpRequest, name: str, default: int) -> int:
    text = request.GET.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 16:
        raise MalformedError("a parameter is not a whole number")
    return int(text)
