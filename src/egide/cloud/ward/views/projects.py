"""Research projects as those in charge meet them: a researcher describes one, a second person declares it."""

from __future__ import annotations

import uuid
from datetime import date, datetime, time
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from egide.cloud.consent import projects
from egide.cloud.consent.facts import ACCOUNT
from egide.cloud.consent.models import Ground, ProjectProposal
from egide.cloud.consent.projects import MAX_TITLE, Project, Terms, taking_part
from egide.cloud.governance.deciders import tell_of_project
from egide.cloud.people.models import Account, Establishment
from egide.cloud.people.service import name_of
from egide.cloud.portal import live, research, sharing, words
from egide.cloud.portal.subject import signed_in
from egide.cloud.signin.factors import widening
from egide.cloud.ward.desks import Seat
from egide.cloud.ward.views.places import seat_at
from egide.errors import AccessDeniedError, EgideError, NotFoundError, RefusedError

__all__ = ["approval", "closing", "declaring", "proposing", "refusal", "research_desk", "research_project"]


@require_safe
@signed_in
def research_desk(request: HttpRequest) -> HttpResponse:
    """A researcher's projects, what waits for a second person, and how many take part. Raises AccessDeniedError."""
    now = live.now_ms()
    seat = seat_at(request, projects.OFFICE, now_ms=now)
    mine = [_shown(project, now) for project in _mine(seat)]
    waiting = [w for w in projects.waiting_projects(now_ms=now) if w.researcher_id == seat.account.pk]
    rows = Ground.objects.filter(kind=Ground.Kind.RESEARCH, since_ms__lte=now).exclude(until_ms__lte=now)
    holders = [str(seat.account.pk), *(str(place) for place in seat.steers)]
    context = {
        "now_ms": now,
        "taking_part": rows.filter(holder__in=holders).values("patient").distinct().count(),
        "mine": sorted(mine, key=lambda row: (not row["open"], -row["p"].project.declared_ms)),
        "waiting": [_proposed(row) for row in waiting],
    }
    return render(request, "ward/research.html", context)


@require_safe
@signed_in
def research_project(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """One project of one's own, and who takes part: each record opens by itself, and each opening is journaled.

    Raises:
        NotFoundError: it is not this researcher's, here.
    """
    now = live.now_ms()
    project = _one(seat_at(request, projects.OFFICE, now_ms=now), project_id)
    people = sorted(
        ({"id": patient.pk, "name": name_of(patient), "part": part} for patient, part in _participants(project, now)),
        key=lambda row: str(row["name"]).casefold(),
    )
    address = request.build_absolute_uri(reverse("portal:research-project", args=[project.id]))
    context = {"now_ms": now, **_shown(project, now), "people": people, "address": address}
    return render(request, "ward/research_project.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@widening
def proposing(request: HttpRequest) -> HttpResponse:
    """Describe a project: patients read these very words, once another person declared it. Raises AccessDeniedError."""
    now = live.now_ms()
    seat, problem = seat_at(request, projects.OFFICE, now_ms=now), ""
    places = {str(row.pk): row for row in Establishment.objects.filter(pk__in=seat.steers).order_by("created_ms")}
    if request.method == "POST":
        try:
            place = places.get(request.POST.get("place", "") or next(iter(places)))
            if place is None:
                raise NotFoundError("this office is not held there")
            proposal = projects.propose_project(seat.account, place, _terms(request), now_ms=now)
            tell_of_project(proposal, now_ms=now)
            return redirect("ward:research")
        except (AccessDeniedError, NotFoundError):
            raise
        except RefusedError:
            problem = _(
                "Nothing was proposed: each question needs an answer, at least one kind of measurement, and an end "
                "after today, within five years."
            )
    context = {
        "problem": problem,
        "posted": request.POST,
        "max": MAX_TITLE,
        "families": sharing.family_choices(request.POST.getlist("family")),
        "past": [
            sharing.Choice(value=key, label=_(label), checked=request.POST.get("past", "new") == key)
            for key, label in research.PAST.items()
        ],
        "places": [{"value": key, "name": research.place_name(key)} for key in places] if len(places) > 1 else [],
    }
    return render(request, "ward/project_new.html", context, status=400 if problem else 200)


@require_POST
@signed_in
def closing(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """Nobody joins any more: it narrows, so no factor is asked for. Raises NotFoundError, RefusedError."""
    now = live.now_ms()
    seat = seat_at(request, projects.OFFICE, now_ms=now)
    projects.close_project(_one(seat, project_id), by=seat.account, now_ms=now)
    return redirect("ward:research-project", project_id=project_id)


@require_safe
@signed_in
def declaring(request: HttpRequest) -> HttpResponse:
    """What waits for a data protection officer, word for word as patients would read it. Raises AccessDeniedError."""
    now = live.now_ms()
    seat = seat_at(request, projects.SECOND, now_ms=now)
    waiting = [w for w in projects.waiting_projects(now_ms=now) if w.establishment_id in seat.steers]
    places = {str(place) for place in seat.steers}
    running = [p for p in projects.declared_projects().values() if p.establishment in places and p.open(now)]
    context = {
        "now_ms": now,
        "waiting": [_proposed(row) | {"own": row.researcher_id == seat.account.pk} for row in waiting],
        "running": [research.told(project) for project in running],
    }
    return render(request, "ward/projects.html", context)


@require_POST
@signed_in
@widening
def approval(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """Be the second person: patients may read it and take part. Raises NotFoundError, RefusedError."""
    now = live.now_ms()
    seat = seat_at(request, projects.SECOND, now_ms=now)
    projects.approve_project(_proposal(seat, project_id), by=seat.account, now_ms=now)
    return redirect("ward:projects")


@require_POST
@signed_in
def refusal(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """Refuse it: it narrows, so no factor is asked for. Raises NotFoundError, RefusedError."""
    now = live.now_ms()
    seat = seat_at(request, projects.SECOND, now_ms=now)
    projects.refuse_project(_proposal(seat, project_id), by=seat.account, now_ms=now)
    return redirect("ward:projects")


def _mine(seat: Seat) -> list[Project]:
    me, places = str(seat.account.pk), {str(place) for place in seat.steers}
    return [p for p in projects.declared_projects().values() if p.researcher == me and p.establishment in places]


def _one(seat: Seat, project_id: uuid.UUID) -> Project:
    for project in _mine(seat):
        if project.id == str(project_id):
            return project
    raise NotFoundError("no such project here")


def _proposal(seat: Seat, proposal_id: uuid.UUID) -> ProjectProposal:
    rows = ProjectProposal.objects.filter(pk=proposal_id, establishment__in=seat.steers)
    found = rows.select_related("establishment", "researcher").first()
    if found is None:
        raise NotFoundError("no such proposal here")
    return found


def _participants(project: Project, now_ms: int) -> list[tuple[Account, Any]]:
    """By what was signed; the rows only say in whose record to look. One that cannot be read is passed over."""
    rows = Ground.objects.filter(kind=Ground.Kind.RESEARCH, holder_kind=ACCOUNT, holder=project.researcher)
    found = []
    for patient in Account.objects.filter(pk__in=rows.values("patient"), is_active=True).order_by("pk"):
        try:
            part = taking_part(patient, project, now_ms=now_ms)
        except EgideError:
            continue
        if part is not None:
            found.append((patient, part))
    return found


def _shown(project: Project, now_ms: int) -> dict[str, Any]:
    return {
        "p": research.told(project),
        "open": project.open(now_ms),
        "count": len(_participants(project, now_ms)),
    }


def _proposed(row: ProjectProposal) -> dict[str, Any]:
    """A proposal, as the project that it would be."""
    project = Project(
        id=str(row.pk), establishment=str(row.establishment_id), researcher=str(row.researcher_id),
        terms=projects.terms_of(row), declared_ms=row.proposed_ms,
    )  # fmt: skip
    return {"p": research.told(project), "lapses_ms": row.lapses_ms}


def _terms(request: HttpRequest) -> Terms:
    """What the form said. Raises RefusedError: it leaves something unsaid."""
    said = request.POST
    try:
        past, day = research.past_of(said.get("past", "")), date.fromisoformat(said.get("until", "")[:10])
        until = datetime.combine(day, time(23, 59, 59, 999_000), tzinfo=words.zone())
    except (KeyError, ValueError) as err:
        raise RefusedError("an answer is missing") from err
    return Terms(
        title=said.get("title", "")[:500], purpose=said.get("purpose", "")[:2000], ethics=said.get("ethics", "")[:2000],
        families=frozenset(said.getlist("family")), past_days=past, until_ms=int(until.timestamp() * 1000) + 1,
    )  # fmt: skip
