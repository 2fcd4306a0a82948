"""The patient's side: what one can ask, asking it, following it, taking it back."""

from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from egide.cloud.governance import requests
from egide.cloud.governance.erasing import plan
from egide.cloud.governance.models import Request
from egide.cloud.governance.shown import line_of, told
from egide.cloud.governance.views.guard import now_ms, patient_of, signed_in
from egide.cloud.governance.words import KINDS, class_words, outcome_words, right_words
from egide.cloud.people.models import Account
from egide.errors import NotFoundError, RefusedError

__all__ = ["ask", "mine", "one", "withdraw"]


@require_safe
@signed_in
def mine(request: HttpRequest) -> HttpResponse:
    """What can be asked, and what was. Raises AccessDeniedError: no record of one's own."""
    patient, now = patient_of(request), now_ms()
    rows = Request.objects.filter(patient=patient).order_by("-asked_ms")
    context = {
        "lines": [line_of(row, now_ms=now) for row in rows],
        "rights": [right_words(kind) for kind in KINDS if kind != "portability"],
        "now_ms": now,
    }
    return render(request, "governance/mine.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def ask(request: HttpRequest, kind: str) -> HttpResponse:
    """One question: what, in your words. Raises NotFoundError: no such right."""
    patient, now = patient_of(request), now_ms()
    if kind not in KINDS:
        raise NotFoundError("no such right")
    context: dict[str, object] = {"right": right_words(kind), "plan": _plan(patient, now) if kind == "erase" else ()}
    if request.method != "POST":
        return render(request, "governance/ask.html", {**context, "about": request.GET.get("about", "")[:80]})
    text, about = request.POST.get("text", ""), request.POST.get("about", "")
    try:
        made = requests.ask(patient, kind, by=patient, now_ms=now, text=text, about=about)
    except RefusedError as err:
        context |= {"text": text, "about": about[:80], "code": err.code, "problem": True}
        return render(request, "governance/ask.html", context, status=400)
    return redirect("rights:one", made.pk)


@require_safe
@signed_in
def one(request: HttpRequest, request_id: uuid.UUID) -> HttpResponse:
    """One request and its story. Raises NotFoundError: not one of the reader's."""
    row = _own(request, request_id)
    now = now_ms()
    context = {
        "line": line_of(row, now_ms=now),
        "steps": told(row),
        "right": right_words(row.kind),
        "now_ms": now,
        "outcome": outcome_words(row.kind, row.state),
        "see": row.kind in ("restrict", "oppose") and row.state != Request.State.OPEN,
        "take": row.kind in ("access", "portability") and row.state in ("granted", "partly"),
    }
    return render(request, "governance/one.html", context)


@require_POST
@signed_in
def withdraw(request: HttpRequest, request_id: uuid.UUID) -> HttpResponse:
    """Take it back: it narrows nothing and widens nothing, so no factor is asked."""
    row = _own(request, request_id)
    requests.withdraw(row, by=row.patient, now_ms=now_ms())
    return redirect("rights:one", row.pk)


def _own(request: HttpRequest, request_id: uuid.UUID) -> Request:
    found = Request.objects.filter(pk=request_id, patient=patient_of(request)).select_related("patient").first()
    if found is None:
        raise NotFoundError("no such request")
    return found


def _plan(patient: Account, now: int) -> list[dict[str, object]]:
    """What an erasure would do, before it is asked for."""
    return [
        {
            "name": class_words(d.klass),
            "erase": d.erase,
            "until": d.term.until if d.term else None,
            "sure": d.term.sure if d.term else True,
            "sources": d.sources,
        }
        for d in plan(patient, now_ms=now)
    ]
