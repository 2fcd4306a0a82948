"""The desk's side: what is due until when, answering it, asking for somebody who is here."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from egide.cloud.governance import requests
from egide.cloud.governance.desk import ANSWER, DESK, request_for, requests_for
from egide.cloud.governance.duties import duties
from egide.cloud.governance.erasing import decide, plan
from egide.cloud.governance.erasure import places_of
from egide.cloud.governance.models import Request
from egide.cloud.governance.shown import line_of, told
from egide.cloud.governance.views.guard import now_ms, reader_of, signed_in
from egide.cloud.governance.words import KINDS, class_words, right_words
from egide.cloud.people.models import Account
from egide.cloud.people.offices import offices_of, require_office
from egide.cloud.people.registrations import REGISTRARS
from egide.cloud.people.scope import scope_of
from egide.cloud.people.search import search
from egide.cloud.people.service import name_of
from egide.cloud.signin.factors import widening
from egide.cloud.signin.pace import take_turn
from egide.errors import AccessDeniedError, NotFoundError, RefusedError

__all__ = ["answer", "desk", "erase", "one", "open_for", "put_off", "sought"]

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
        "answers": any(held.office in ANSWER for held in offices_of(reader, now_ms=now)),
        "invites": any(held.office in REGISTRARS for held in offices_of(reader, now_ms=now)),
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
    asked = row.kind == "erase" and line.open
    decisions = plan(row.patient, now_ms=now, establishments=places_of(row.establishment)) if asked else ()
    context = {
        "line": line,
        "steps": told(row, desk=True),
        "answers": bool(held & ANSWER) and line.open and not line.early and reader.pk != row.patient_id,
        "may_put_off": bool(held & ANSWER) and line.open and _can_put_off(row),
        "plan": [
            {
                "name": class_words(d.klass, desk=True), "erase": d.erase, "term": d.term,
                "sources": d.sources,
            }
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
    except (AccessDeniedError, NotFoundError):
        raise
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
    except (AccessDeniedError, NotFoundError):
        raise
    except RefusedError as err:
        return _page(request, request_id, status=400, code=err.code, problem="put-off")
    return redirect("rights:desk-one", row.pk)


@require_POST
@signed_in
@widening
def erase(request: HttpRequest, request_id: uuid.UUID) -> HttpResponse:
    """Erase what may be erased, and say until when the rest is kept. It cannot be undone: a factor, and a tick."""
    reader, now = reader_of(request), now_ms()
    row = request_for(reader, request_id, now_ms=now)
    if request.POST.get("sure") != "yes":
        return _page(request, request_id, status=400, problem="erase")
    try:
        decide(row, by=reader, now_ms=now, text=request.POST.get("text", ""))
    except (AccessDeniedError, NotFoundError):
        raise
    except RefusedError as err:
        return _page(request, request_id, status=400, code=err.code, problem="erase")
    return redirect("rights:desk-one", row.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def open_for(request: HttpRequest) -> HttpResponse:
    """Ask for somebody who is here: a patient of the same establishment. What is typed travels in the body.

    Raises AccessDeniedError: not of a desk. NotFoundError: nobody of this establishment.
    """
    reader, now = reader_of(request), now_ms()
    office = require_office(reader, *DESK, now_ms=now)
    context: dict[str, object] = {"rights": [right_words(kind) for kind in KINDS]}
    if request.method != "POST":
        return render(request, "governance/open.html", context)
    take_turn(reader, "search", now_ms=now)
    posted = {name: request.POST.get(name, "") for name in ("name", "birth", "kind", "text", "patient")}
    try:
        found = sought(reader, posted, now)
        if len(found) != 1:
            return render(request, "governance/open.html", {**context, **posted, "found": found, "none": not found})
        made = requests.ask(
            found[0].patient, posted["kind"], by=reader, now_ms=now, text=posted["text"], via="desk",
            establishment=office.establishment_id,
        )  # fmt: skip
    except (AccessDeniedError, NotFoundError):
        raise
    except RefusedError as err:
        context |= {**posted, "code": err.code, "problem": True}
        return render(request, "governance/open.html", context, status=400)
    return redirect("rights:desk-one", made.pk)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    patient: Account
    name: str


def sought(reader: Account, posted: dict[str, str], now: int) -> list[Sought]:
    """Whom the desk means: found by name and birth date, then chosen among those. A name alone would list a ward."""
    scope = scope_of(reader, now_ms=now)
    if posted["patient"]:
        try:
            chosen = scope.require_patient(uuid.UUID(posted["patient"]))
        except ValueError as err:
            raise NotFoundError("no such patient here") from err
        return [Sought(patient=chosen, name=name_of(chosen))]
    hits = search(reader, posted["name"][:120], posted["birth"], now_ms=now)
    return [Sought(patient=hit.patient, name=name_of(hit.patient)) for hit in hits]


def _can_put_off(row: Request) -> bool:
    rule = duties().rights[row.kind]
    return bool(rule.extra_months) and not any(step.step == "put-off" for step in requests.story(row))
