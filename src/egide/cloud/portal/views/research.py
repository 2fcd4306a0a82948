"""Research, as a patient meets it: what is asked and by whom, first; then yes, or no, or later, and leaving at once."""

from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from egide.cloud.consent import projects as declared
from egide.cloud.consent.facts import runs
from egide.cloud.consent.grants import research_of
from egide.cloud.consent.projects import Project
from egide.cloud.people.models import Account
from egide.cloud.portal import live, research, sharing, signing
from egide.cloud.portal.subject import signed_in, subject_of
from egide.cloud.signin.factors import widening
from egide.cloud.signin.notices import tell
from egide.errors import NotFoundError, RefusedError

__all__ = ["join", "project", "projects"]


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
    context = {
        "now_ms": now,
        "p": research.told(found),
        "taken": declared.taking_part(patient, found, now_ms=now),
        "open": _is_open(found, now),
        "consequences": research.refusing(),
        "done": request.GET.get("done") == "joined",
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
    if not _is_open(found, now):
        raise NotFoundError("nobody joins this project any more")
    act = research.joining(found, now)
    if request.method == "POST":
        try:
            signing.require_text(act, request.POST.get("text", ""))
        except signing.TextChangedError as err:
            problem = signing.problem_words(err)
        else:
            declared.join_project(patient, found, shown=act.text, now_ms=now)
            tell(declared.require_open(found, now_ms=now), "shared", now_ms=now)
            return redirect(f"{reverse('portal:research-project', args=[found.id])}?done=joined")
    context = {"p": research.told(found), "act": act, "sentences": act.sentences, "problem": problem}
    return render(request, "portal/research_join.html", context, status=400 if problem else 200)


def _patient(request: HttpRequest) -> Account:
    return subject_of(request, None).patient


def _is_open(found: Project, now_ms: int) -> bool:
    try:
        declared.require_open(found, now_ms=now_ms)
    except RefusedError:
        return False
    return True
