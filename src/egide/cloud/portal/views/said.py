"""The desk's page on which somebody named writes down what a patient decides, without a phone or a passkey."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from egide.cloud.consent.facts import EVERYONE
from egide.cloud.governance.acting import died_on
from egide.cloud.governance.desk import ANSWER, DESK
from egide.cloud.people.models import Account
from egide.cloud.people.offices import offices_of, require_office
from egide.cloud.people.scope import scope_of
from egide.cloud.people.service import name_of
from egide.cloud.portal import at_desk, live, research, sharing, signing
from egide.cloud.portal.sharing import DATA, UNTIL, Choice
from egide.cloud.portal.subject import signed_in
from egide.cloud.signin.factors import widening
from egide.cloud.signin.guard import reader_of
from egide.errors import NotFoundError, RefusedError

__all__ = ["narrow", "said", "share", "study"]

_WAYS: Final = {"oral": gettext_noop("They said it, here"), "paper": gettext_noop("They signed a paper")}
_ACTS: Final = (*at_desk.NARROWING, "share", "join")


@require_safe
@signed_in
def said(request: HttpRequest, patient_id: uuid.UUID) -> HttpResponse:
    """Raises AccessDeniedError: not of a desk. NotFoundError: nobody of this establishment."""
    return _page(request, patient_id)


@require_POST
@signed_in
def narrow(request: HttpRequest, patient_id: uuid.UUID, name: str) -> HttpResponse:
    """What closes, at once and without a factor. Raises as `said`."""
    if name not in at_desk.NARROWING:
        raise NotFoundError("there is no such act")

    def act(patient: Account, by: Account, form: QueryDict, now: int) -> None:
        at_desk.write(name, patient, by, form, now)

    return _do(request, patient_id, name, act)


@require_POST
@signed_in
@widening
def share(request: HttpRequest, patient_id: uuid.UUID) -> HttpResponse:
    """What opens: by a doctor or the data protection officer, with their factor. Raises as `said`."""
    require_office(reader_of(request), *ANSWER, now_ms=live.now_ms())
    return _do(request, patient_id, "share", at_desk.share)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@widening
def study(request: HttpRequest, patient_id: uuid.UUID, project_id: uuid.UUID) -> HttpResponse:
    """A project, read to somebody who takes part in it, and written down. Raises as `said`."""
    reader, now = reader_of(request), live.now_ms()
    require_office(reader, *ANSWER, now_ms=now)
    patient, problem = _patient(reader, patient_id, now), ""
    offered = at_desk.projects_offered(patient, scope_of(reader, now_ms=now).works, now_ms=now)
    project = next((each for each in offered if each.id == str(project_id)), None)
    if project is None or died_on(patient) is not None:
        raise NotFoundError("this patient is asked no such thing here")
    act = research.joining(project, now)
    if request.method == "POST":
        try:
            signing.require_text(act, request.POST.get("text", ""))
            at_desk.join(patient, reader, project, act.text, request.POST, now)
        except signing.TextChangedError as err:
            problem = signing.problem_words(err)
        except RefusedError:
            problem = _("Nothing was written down: say on what word, and not for a project of your own.")
        else:
            return redirect(f"{reverse('portal:at-desk', args=[patient.pk])}?done=join")
    context = {
        "patient": patient, "name": name_of(patient), "p": research.told(project), "act": act, "problem": problem,
        "sentences": act.sentences, "consequences": research.refusing(), "ways": _ways(),
    }  # fmt: skip
    return render(request, "portal/at_desk_study.html", context, status=400 if problem else 200)


def _ways() -> list[Choice]:
    return [Choice(value=key, label=_(label)) for key, label in _WAYS.items()]


def _do(
    request: HttpRequest, patient_id: uuid.UUID, name: str, act: Callable[[Account, Account, QueryDict, int], None]
) -> HttpResponse:
    reader, now = reader_of(request), live.now_ms()
    patient = _patient(reader, patient_id, now)
    try:
        act(patient, reader, request.POST, now)
    except RefusedError as err:
        return _page(request, patient_id, status=400, problem=name, code=err.code)
    return redirect(f"{reverse('portal:at-desk', args=[patient.pk])}?done={name}")


def _patient(reader: Account, patient_id: uuid.UUID, now: int) -> Account:
    require_office(reader, *DESK, now_ms=now)
    return scope_of(reader, now_ms=now).require_patient(patient_id)


def _page(request: HttpRequest, patient_id: uuid.UUID, *, status: int = 200, **more: object) -> HttpResponse:
    reader, now = reader_of(request), live.now_ms()
    patient = _patient(reader, patient_id, now)
    named = [(h.id or EVERYONE, sharing.holder_name(h)) for h in at_desk.readers(patient, now_ms=now)]
    team = {line.holder.id: sharing.holder_name(line.holder) for line in at_desk.team(patient, now_ms=now)}
    running = at_desk.grants_running(patient, now_ms=now)
    parts = at_desk.projects_running(patient, now_ms=now)
    context = {
        "patient": patient,
        "name": name_of(patient),
        "died": died_on(patient),
        "answers": any(held.office in ANSWER for held in offices_of(reader, now_ms=now)),
        "ways": _ways(),
        "grants": [
            Choice(
                value=g.id,
                label=sharing.holder_name(g.holder),
                hint=sharing.window_words(g.data),
                checked=len(running) == 1,
            )
            for g in running
        ],
        "studies": [
            {"id": p.id, "title": p.terms.title}
            for p in at_desk.projects_offered(patient, scope_of(reader, now_ms=now).works, now_ms=now)
        ],
        "parts": [
            Choice(value=p.id, label=p.project, hint=sharing.holder_name(p.holder), checked=len(parts) == 1)
            for p in parts
        ],
        "team": [
            *(Choice(value=key, label=label) for key, label in team.items()),
            *([Choice(value="all", label=_("The whole care team"))] if team else []),
        ],
        "readers": [Choice(value=k, label=_("Everybody but them") if k == EVERYONE else label) for k, label in named],
        "families": sharing.family_choices(()),
        "data": [Choice(value=key, label=_(label)) for key, label in DATA.items()],
        "until": [Choice(value=key, label=_(label)) for key, label in UNTIL.items()],
        "purposes": sharing.purpose_choices(""),
        "done": request.GET.get("done", "") in _ACTS,
        **more,
    }
    return render(request, "portal/at_desk.html", context, status=status)
