"""The desk's side: what is due until when, answering it, asking for somebody who is here."""

from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from egide.cloud.governance import requests
from egide.cloud.governance.desk import ANSWER, DESK, request_for, requests_for
from egide.cloud.governance.duties import duties
from egide.cloud.governance.erasing import decide, plan
from egide.cloud.governance.models import Request
from egide.cloud.governance.shown import line_of, told
from egide.cloud.governance.views.guard import now_ms, reader_of, signed_in
from egide.cloud.governance.words import KINDS, class_words, right_words
from egide.cloud.people.models import Account
from egide.cloud.people.offices import offices_of, require_office
from egide.cloud.people.scope import scope_of
from egide.cloud.people.service import name_of
from egide.cloud.signin.factors import widening
from egide.errors import NotFoundError, RefusedError

__all__ = ["answer", "desk", "erase", "one", "open_for", "put_off"]

_CLOSED_SHOWN = 50


@require_safe
@signed_in
def desk(request: HttpRequest) -> HttpResponse:
    """What waits, the most urgent first, and what was answered lately. Raises AccessDeniedError: not of a desk."""
    reader, now = reader_of(request), now_ms()
    require_office(reader, *DESK, now_ms=now)
    rows = requests_for(reader, now_ms=now)
    waiting = [line_of(row, now_ms=now, named=True) for row in rows.filter(state=Request.State.OPEN)]
    closed = rows.exclude(state=Request.State.OPEN).order_by("-closed_ms")[:_CLOSED_SHOWN]
    context = {
        "late": [line for line in waiting if line.late],
        "waiting": [line for line in waiting if not line.late],
        "closed": [line_of(row, now_ms=now, named=True) for row in closed],
        "now_ms": now,
        "duties": duties().version,
    }
    return render(request, "governance/desk.html", context)


@require_safe
@signed_in
def one(request: HttpRequest, request_id: uuid.UUID) -> HttpResponse:
    """One request, its story, and the answer's form for those who may answer. Raises NotFoundError."""
    return _page(request, request_id)


def _page(request: HttpRequest, request_id: uuid.UUID, *, status: int = 200, **more: object) -> HttpResponse:
    reader, now = reader_of(request), now_ms()
    row = request_for(reader, request_id, now_ms=now)
    line = line_of(row, now_ms=now, named=True)
    held = {m.office for m in offices_of(reader, now_ms=now) if m.establishment_id == row.establishment}
    decisions = plan(row.patient, now_ms=now) if row.kind == "erase" and line.open else ()
    context = {
        "line": line,
        "right": right_words(row.kind),
        "steps": told(row),
        "answers": bool(held & ANSWER) and line.open and not line.early and reader.pk != row.patient_id,
        "may_put_off": bool(held & ANSWER) and line.open and _can_put_off(row),
        "plan": [
            {"name": class_words(d.klass), "erase": d.erase, "term": d.term, "sources": [s.title for s in d.sources]}
            for d in decisions
        ],
        "now_ms": now,
        **more,
    }
    return render(request, "governance/desk_one.html", context, status=status)


@require_POST
@signed_in
def answer(request: HttpRequest, request_id: uuid.UUID) -> HttpResponse:
    """Yes, in part, or no. Raises AccessDeniedError, NotFoundError."""
    reader, now = reader_of(request), now_ms()
    row = request_for(reader, request_id, now_ms=now)
    text = request.POST.get("text", "")
    try:
        requests.answer(row, request.POST.get("outcome", ""), by=reader, text=text, now_ms=now)
    except RefusedError as err:
        return _page(request, request_id, status=400, text=text, code=err.code, problem="answer")
    return redirect("rights:desk-one", row.pk)


@require_POST
@signed_in
def put_off(request: HttpRequest, request_id: uuid.UUID) -> HttpResponse:
    """Take the longer time, once, with a reason."""
    reader, now = reader_of(request), now_ms()
    row = request_for(reader, request_id, now_ms=now)
    try:
        requests.put_off(row, by=reader, text=request.POST.get("text", ""), now_ms=now)
    except RefusedError as err:
        return _page(request, request_id, status=400, code=err.code, problem="put-off")
    return redirect("rights:desk-one", row.pk)


@require_POST
@widening
@signed_in
def erase(request: HttpRequest, request_id: uuid.UUID) -> HttpResponse:
    """Erase what may be erased, and say until when the rest is kept. It cannot be undone: a factor, and a tick."""
    reader, now = reader_of(request), now_ms()
    row = request_for(reader, request_id, now_ms=now)
    if request.POST.get("sure") != "yes":
        return _page(request, request_id, status=400, problem="erase")
    try:
        decide(row, by=reader, now_ms=now, text=request.POST.get("text", ""))
    except RefusedError as err:
        return _page(request, request_id, status=400, code=err.code, problem="erase")
    return redirect("rights:desk-one", row.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def open_for(request: HttpRequest) -> HttpResponse:
    """Ask for somebody who is here: a patient of the same establishment. Raises AccessDeniedError, NotFoundError."""
    reader, now = reader_of(request), now_ms()
    office = require_office(reader, *DESK, now_ms=now)
    if request.method != "POST":
        return render(request, "governance/open.html", _choices(reader, now))
    try:
        patient = scope_of(reader, now_ms=now).require_patient(uuid.UUID(request.POST.get("patient", "")))
    except ValueError as err:
        raise NotFoundError("no such patient here") from err
    try:
        made = requests.ask(
            patient, request.POST.get("kind", ""), by=reader, now_ms=now, text=request.POST.get("text", ""),
            via="desk", establishment=office.establishment_id,
        )  # fmt: skip
    except RefusedError as err:
        context = {**_choices(reader, now), "text": request.POST.get("text", ""), "code": err.code, "problem": True}
        return render(request, "governance/open.html", context, status=400)
    return redirect("rights:desk-one", made.pk)


def _choices(reader: Account, now: int) -> dict[str, object]:
    people = [{"id": str(a.pk), "name": name_of(a)} for a in scope_of(reader, now_ms=now).patients()]
    return {
        "people": sorted(people, key=lambda p: p["name"].casefold()),
        "rights": [right_words(kind) for kind in KINDS],
    }


def _can_put_off(row: Request) -> bool:
    rule = duties().rights[row.kind]
    return bool(rule.extra_months) and not any(step.step == "put-off" for step in requests.story(row))
