"""Research, as a patient meets it: what is asked and by whom, first; then yes, or no, or later, and leaving at once."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from egide.cloud.consent import projects as declared
from egide.cloud.consent.facts import Participation, runs
from egide.cloud.consent.grants import research_of
from egide.cloud.consent.projects import Project
from egide.cloud.consent.proof import signed_consents
from egide.cloud.people.models import Account
from egide.cloud.portal import at_desk, live, research, sharing, signing
from egide.cloud.portal.signing_keys import able
from egide.cloud.portal.subject import signed_in, subject_of
from egide.cloud.signin.factors import widening
from egide.cloud.signin.notices import tell
from egide.errors import NotFoundError, RefusedError
from egide.trust.grant import RESEARCH

__all__ = ["ask", "join", "project", "projects"]


@require_safe
@signed_in
def projects(request: HttpRequest) -> HttpResponse:
    """Those that one takes part in, and those that ask. Raises AccessDeniedError for an account without a record."""
    patient, now = _patient(request), live.now_ms()
    mine = [part for part in research_of(patient) if runs(part, now)]
    taken = {part.declared for part in mine}
    offered = [p for p in declared.offered_to(patient, now_ms=now) if p.id not in taken]
    context = {
        "now_ms": now,
        "mine": [{"part": part, "who": sharing.holder_name(part.holder)} for part in mine],
        "offered": [research.told(each) for each in offered],
    }
    return render(request, "portal/research.html", context)


@require_safe
@signed_in
def project(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """One project: who, what, what for, until when, on whose opinion, and what a no changes. Raises NotFoundError."""
    patient, now = _patient(request), live.now_ms()
    found = declared.project_of(str(project_id))
    taken = declared.taking_part(patient, found, now_ms=now)
    context = {
        "now_ms": now,
        "p": research.told(found),
        "taken": taken,
        "kind": _kind(patient, taken) if taken else {},
        "open": _is_open(found, now),
        "consequences": research.refusing(),
        "done": request.GET.get("done") in ("joined", "signed"),
    }
    return render(request, "portal/research_one.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@widening
def join(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """The sentences, read aloud before they are agreed to; then it holds. It widens, so a factor is asked for.

    Raises:
        NotFoundError: no such project, or nobody joins it any more.
    """
    patient, now = _patient(request), live.now_ms()
    found, problem = declared.project_of(str(project_id)), ""
    if declared.taking_part(patient, found, now_ms=now):
        return redirect("portal:research-project", project_id=found.id)
    act = _joining(found, now)
    if request.method == "POST":
        try:
            done = _take_part(request, patient, found, act, now)
        except signing.REFUSED as err:
            problem = signing.problem_words(err)
        else:
            tell(declared.require_open(found, now_ms=now), "shared", now_ms=now)
            return redirect(f"{reverse('portal:research-project', args=[found.id])}?done={done}")
    context = {
        "p": research.told(found), "act": act, "sentences": act.sentences, "problem": problem, "able": able(patient),
    }  # fmt: skip
    return render(request, "portal/research_join.html", context, status=400 if problem else 200)


@require_POST
@signed_in
@widening
def ask(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """What the browser asks its passkey, for what the page shows. Raises as `join`, RefusedError, TextChangedError."""
    patient, now = _patient(request), live.now_ms()
    act = _joining(declared.project_of(str(project_id)), now)
    return JsonResponse(signing.begin(request, patient, act, now_ms=now))


def _patient(request: HttpRequest) -> Account:
    return subject_of(request, None).patient


def _joining(found: Project, now_ms: int) -> signing.Act:
    if not _is_open(found, now_ms):
        raise NotFoundError("nobody joins this project any more")
    return research.joining(found, now_ms)


def _take_part(request: HttpRequest, patient: Account, found: Project, act: signing.Act, now_ms: int) -> str:
    """Enter it as signed, or as a simple yes to the text that was read; which of them."""
    if not request.POST.get("credential"):
        signing.require_text(act, request.POST.get("text", ""))
        declared.join_project(patient, found, shown=act.text, now_ms=now_ms)
        return "joined"
    signed = signing.finish(request, patient, now_ms=now_ms)
    if signed.consent.shown.text != act.text:
        raise signing.TextChangedError("another text was signed than the one that would hold")
    declared.join_project(patient, found, shown=act.text, now_ms=now_ms, signed=signed)
    return "signed"


def _kind(patient: Account, part: Participation) -> dict[str, Any]:
    """What kind of proof stands behind it: the `entry` of what was signed, else words."""
    for entry, said in signed_consents(patient.pk):
        if said.grant == f"urn:uuid:{part.id}" and said.kind == RESEARCH:
            return {"entry": entry}
    return {"simple": at_desk.written_words(part) or _("Simple agreement, confirmed in your account")}


def _is_open(found: Project, now_ms: int) -> bool:
    try:
        declared.require_open(found, now_ms=now_ms)
    except RefusedError:
        return False
    return True
