"""Inclusion, pause, end, replacement: the everyday acts of a follow-up. Each is a signed statement."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, time
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from egide.cloud.consent import follow_ups
from egide.cloud.consent.facts import Hours, Shift
from egide.cloud.consent.hours import MOST, state_hours
from egide.cloud.people.models import Account
from egide.cloud.people.names import words_of
from egide.cloud.people.offices import require_office
from egide.cloud.people.scope import scope_of
from egide.cloud.people.search import search
from egide.cloud.people.service import name_of
from egide.cloud.portal import live, words
from egide.cloud.portal.subject import reader_of, signed_in
from egide.cloud.portal.watching import watched_of
from egide.cloud.signin.factors import widening
from egide.cloud.signin.notices import is_unread, tell
from egide.cloud.signin.pace import take_turn
from egide.cloud.ward.follow import Carer, Relation, carers_with, doctors_among, relation_of, relations_of
from egide.cloud.ward.hours import hour_rows, shifts_in
from egide.errors import NotFoundError, RefusedError

__all__ = ["act", "find", "follow_up", "hours", "include", "replace"]

_CARING: Final = ("nurse", "doctor", "professional")
_ANSWERS: Final = {
    "oral": (True, "oral", gettext_noop("Yes, orally")),
    "paper": (True, "paper", gettext_noop("Yes, on paper")),
    "signed": (True, "signed", gettext_noop("Yes, with a digital signature")),
    "later": (None, "", gettext_noop("Not asked yet")),
    "refused": (False, "oral", gettext_noop("The patient refuses")),
}


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def find(request: HttpRequest) -> HttpResponse:
    """Find a patient by name and birth date, to include them or in an emergency. Raises AccessDeniedError."""
    now = live.now_ms()
    reader = reader_of(request)
    require_office(reader, *_CARING, now_ms=now)
    name, born = request.POST.get("name", "")[:120], request.POST.get("born", "")[:10]
    context: dict[str, Any] = {"name": name, "born": born, "asked": request.method == "POST"}
    if request.method == "POST":
        take_turn(reader, "search", now_ms=now)
        try:
            context["found"] = search(reader, name, born, now_ms=now) if words_of(name) else []
        except RefusedError:
            context["problem"] = _("Give a name and a birth date.")
    return render(request, "ward/find.html", context, status=400 if "problem" in context else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@widening
def include(request: HttpRequest, patient_id: uuid.UUID) -> HttpResponse:
    """Begin a follow-up: prescription, responsible doctor, team, what the patient was told and answered.

    Raises:
        AccessDeniedError: nobody who cares. NotFoundError: no such patient where the reader works.
    """
    now = live.now_ms()
    reader = reader_of(request)
    held = require_office(reader, *_CARING, now_ms=now)
    patient = scope_of(reader, now_ms=now).require_patient(patient_id)
    carers = carers_with(reader, now_ms=now)
    problem = ""
    if request.method == "POST":
        try:
            refused = _begin(request, reader, patient, carers, held.establishment.name, now)
        except follow_ups.OpposedError:
            problem = _(
                "Nothing was begun: the patient said no to this. They take it back, on their page “Who may see”."
            )
        except RefusedError:
            problem = _(
                "Nothing was begun: give the prescription, the doctor who answers for it, and, for a yes, the day on "
                "which the patient was told."
            )
        else:
            return redirect("ward:patients") if refused else redirect("ward:follow-up", patient.pk)
    posted = request.POST
    context = {
        "patient": patient,
        "patient_name": name_of(patient),
        "doctors": [
            {"value": str(d.account.pk), "label": d.name, "checked": posted.get("responsible") == str(d.account.pk)}
            for d in doctors_among(carers)
        ],
        "team": [{"value": str(c.account.pk), "label": c.name, "checked": _picked(posted, c, reader)} for c in carers],
        "answers": [
            {"value": key, "label": _(label), "checked": key == posted.get("answer", "later")}
            for key, (_agreed, _how, label) in _ANSWERS.items()
        ],
        "prescription": posted.get("prescription", ""),
        "informed": posted.get("informed", words.local(now).date().isoformat()),
        "today": words.local(now).date().isoformat(),
        "problem": problem,
    }
    return render(request, "ward/include.html", context, status=400 if problem else 200)


@require_safe
@signed_in
def follow_up(request: HttpRequest, patient_id: uuid.UUID) -> HttpResponse:
    """The follow-ups of a patient to whose team the reader belongs. Raises NotFoundError: none."""
    now = live.now_ms()
    reader = reader_of(request)
    patient = _patient(patient_id)
    return _follow_up_page(request, reader, patient, now)


@require_POST
@signed_in
def hours(request: HttpRequest, patient_id: uuid.UUID, follow_up: uuid.UUID) -> HttpResponse:
    """Say in which hours the measurements are watched: the doctor who answers for the follow-up, nobody else.

    Raises NotFoundError: no such follow-up of the reader's, or another doctor answers for it.
    """
    now = live.now_ms()
    reader = reader_of(request)
    patient = _patient(patient_id)
    care = relation_of(reader, patient, follow_up, now_ms=now).care
    if care.responsible != str(reader.pk):
        raise _no_such()
    note = request.POST.get("note", "")[:200]
    try:
        shifts = shifts_in(request.POST, MOST)
        state_hours(patient, care.id, shifts, zone=settings.TIME_ZONE, by=reader, now_ms=now, note=note)
        if _other_hours(care.hours, shifts, note) and not is_unread(patient, "hours"):
            tell(patient, "hours", now_ms=now)
    except RefusedError:
        problem = _("Nothing was signed: tick days, and give hours that end after they begin.")
        return _follow_up_page(request, reader, patient, now, problem)
    return redirect("ward:follow-up", patient.pk)


def _other_hours(hours: Hours | None, shifts: Sequence[Shift], note: str) -> bool:
    """Whether a patient can count on something else than before."""
    return hours is None or (tuple(hours.shifts), hours.note) != (tuple(shifts), note.strip())


def _follow_up_page(
    request: HttpRequest, reader: Account, patient: Account, now: int, problem: str = ""
) -> HttpResponse:
    relations = relations_of(reader, patient, now_ms=now)
    if not relations:
        raise _no_such()
    context = {
        "patient": patient,
        "patient_name": name_of(patient),
        "relations": [_shown(relation, reader, now) for relation in relations],
        "problem": problem,
        "carers": carers_with(reader, now_ms=now),
        "now_ms": now,
        "today": words.local(now).date().isoformat(),
    }
    return render(request, "ward/follow_up.html", context, status=400 if problem else 200)


def _shown(relation: Relation, reader: Account, now_ms: int) -> dict[str, Any]:
    """A relation and what its page says of its hours; the form is for who answers for it."""
    care = relation.care
    return {
        "care": care, "responsible": relation.responsible, "team": relation.team, "pause": relation.pause,
        "watched": watched_of(care, relation.responsible, now_ms=now_ms),
        "mine_to_answer": care.responsible == str(reader.pk),
        "rows": hour_rows(care.hours),
        "note": care.hours.note if care.hours else "",
    }  # fmt: skip


@require_POST
@signed_in
def act(request: HttpRequest, patient_id: uuid.UUID, follow_up: uuid.UUID, act: str) -> HttpResponse:
    """Pause, resume, end, leave the team, or write down a refusal: all of them narrow, none asks for a factor.

    Raises:
        NotFoundError: no such follow-up of the reader's. RefusedError: it cannot be, or was not confirmed.
    """
    now = live.now_ms()
    reader = reader_of(request)
    patient = _patient(patient_id)
    relation = relation_of(reader, patient, follow_up, now_ms=now)
    key, posted = relation.care.id, request.POST
    match act:
        case "pause":
            until = _day_end(posted.get("until", "")) if posted.get("until") else None
            follow_ups.pause_follow_up(patient, key, now_ms=now, until_ms=until, reason=posted.get("reason", ""))
        case "resume":
            follow_ups.resume_follow_up(patient, key, now_ms=now)
        case "refused":
            follow_ups.record_agreement(
                patient, key, agreed=False, how="oral", recorded_by=reader,
                informed_ms=relation.care.informed_ms or now, now_ms=now,
            )  # fmt: skip
            return redirect("ward:patients")
        case "leave":
            member = next((m for m in relation.team if m.account == posted.get("who", str(reader.pk))), None)
            if member is None:
                raise RefusedError("this person is not in the team")
            follow_ups.leave_team(patient, key, Account.objects.get(pk=member.account), now_ms=now)
            if member.account == str(reader.pk):
                return redirect("ward:patients")
        case _:
            if posted.get("sure") != "yes":
                raise RefusedError("a follow-up ends only when it was confirmed")
            follow_ups.close_follow_up(patient, key, reason=posted.get("reason", ""), now_ms=now)
            return redirect("ward:patients")
    return redirect("ward:follow-up", patient.pk)


@require_POST
@signed_in
@widening
def replace(request: HttpRequest, patient_id: uuid.UUID, follow_up: uuid.UUID) -> HttpResponse:
    """Let a colleague into the team, in somebody's place or beside them. It widens: a factor is asked for.

    Raises:
        NotFoundError: no such follow-up of the reader's. RefusedError: not a colleague, dates, in the team already.
    """
    now = live.now_ms()
    reader = reader_of(request)
    patient = _patient(patient_id)
    relation = relation_of(reader, patient, follow_up, now_ms=now)
    posted = request.POST
    colleague = next((c for c in carers_with(reader, now_ms=now) if str(c.account.pk) == posted.get("who")), None)
    if colleague is None:
        raise RefusedError("only a colleague who cares joins a team")
    replaced = next((m for m in relation.team if m.account == posted.get("replaces")), None)
    follow_ups.join_team(
        patient, relation.care.id, colleague.account, part="replacement" if replaced else _part(colleague), now_ms=now,
        since_ms=_day_start(posted.get("since", ""), now) if posted.get("since") else None,
        until_ms=_day_end(posted.get("until", "")) if posted.get("until") else None,
        replaces=Account.objects.get(pk=replaced.account) if replaced else None,
    )  # fmt: skip
    tell(patient, "team", now_ms=now)
    return redirect("ward:follow-up", patient.pk)


def _begin(
    request: HttpRequest, reader: Account, patient: Account, carers: list[Carer], operator: str, now_ms: int
) -> bool:
    """Begin it; True when the patient refused, which is written down all the same. Raises RefusedError."""
    posted = request.POST
    if posted.get("answer") not in _ANSWERS:
        raise RefusedError("there is no such answer")
    agreed, how, _label = _ANSWERS[posted["answer"]]
    doctor = next((d for d in doctors_among(carers) if str(d.account.pk) == posted.get("responsible")), None)
    if doctor is None:
        raise RefusedError("a doctor answers for a follow-up")
    informed = posted.get("informed", "")
    key = follow_ups.begin_follow_up(
        patient, responsible=doctor.account, prescription=posted.get("prescription", ""),
        operator=operator or "Egide", recorded_by=reader, now_ms=now_ms,
        informed_ms=_day_start(informed, now_ms, past=True) if informed else None, agreed=agreed, how=how,
    )  # fmt: skip
    if agreed is False:
        return True
    for carer in carers:
        if str(carer.account.pk) in posted.getlist("team") and carer.account.pk != doctor.account.pk:
            follow_ups.join_team(patient, key, carer.account, part=_part(carer), now_ms=now_ms)
    tell(patient, "team", now_ms=now_ms)
    return False


def _part(carer: Carer) -> str:
    return "doctor" if carer.doctor else "nurse"


def _picked(posted: Any, carer: Carer, reader: Account) -> bool:
    return str(carer.account.pk) in posted.getlist("team") if posted else carer.account.pk == reader.pk


def _patient(patient_id: uuid.UUID) -> Account:
    patient = Account.objects.filter(pk=patient_id, role=Account.Role.PATIENT).first()
    if patient is None:
        raise _no_such()
    return patient


def _no_such() -> NotFoundError:
    return NotFoundError("no such follow-up of yours")


def _day_start(text: str, now_ms: int, *, past: bool = False) -> int:
    """The instant at which a day begins; today begins now. Raises RefusedError: no day, or one to come."""
    start = _midnight(text)
    if past and start > now_ms:
        raise RefusedError("this day is still to come")
    return min(start, now_ms) if past else max(start, now_ms)


def _day_end(text: str) -> int:
    """The end of that day. Raises RefusedError."""
    return _midnight(text) + 86_400_000


def _midnight(text: str) -> int:
    try:
        day = datetime.fromisoformat(text).date()
    except ValueError as err:
        raise RefusedError("this is not a day") from err
    return int(datetime.combine(day, time(), tzinfo=words.zone()).timestamp() * 1000)
