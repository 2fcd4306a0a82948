"""Somebody at the desk: who acts for them, a court's decision, a death, what their heirs ask, their forms."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import date
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from egide.cloud.consent import representation
from egide.cloud.governance import requests
from egide.cloud.governance.acting import acting_for, died_on, midnight_ms, record
from egide.cloud.governance.desk import ANSWER, DESK
from egide.cloud.governance.duties import duties
from egide.cloud.governance.erasing import birth_of
from egide.cloud.governance.papers import made, papers_of
from egide.cloud.governance.views.desk import sought
from egide.cloud.governance.views.guard import now_ms, reader_of, signed_in
from egide.cloud.governance.views.papers import download, language
from egide.cloud.people.models import Account
from egide.cloud.people.offices import offices_of, require_office
from egide.cloud.people.registrations import REGISTRARS
from egide.cloud.people.scope import scope_of
from egide.cloud.people.service import name_of
from egide.cloud.signin.factors import widening
from egide.cloud.signin.pace import take_turn
from egide.errors import AccessDeniedError, NotFoundError, RefusedError, UnavailableError

__all__ = ["act", "find", "form", "open_act", "person"]

_NATURES: Final = {
    "mandate": gettext_noop("by the person’s mandate"),
    "parent": gettext_noop("as a parent"),
    "guardian": gettext_noop("as a guardian of the person"),
    "other": gettext_noop("by another measure"),
}
_STATES: Final = {
    "open": gettext_noop("in force"),
    "future": gettext_noop("not yet in force"),
    "suspended": gettext_noop("suspended"),
    "of-age": gettext_noop("over: the person is of age"),
    "over": gettext_noop("over"),
    "died": gettext_noop("closed by the death"),
}
_REASONS: Final = {
    "causes": gettext_noop("To know the causes of the death"),
    "memory": gettext_noop("To defend the memory of the dead person"),
    "rights": gettext_noop("To exercise rights of their own"),
}
_DONE: Final = {
    "suspend": gettext_noop("Suspended. They see nothing from now on."),
    "end": gettext_noop("Ended. They see nothing from now on."),
    "resume": gettext_noop("Resumed: they see again what they saw before."),
    "represent": gettext_noop("Written down. They see from now on what the person does not keep from them."),
    "death": gettext_noop("Written down. The record is closed to the account, to those who acted and to grants."),
}


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def find(request: HttpRequest) -> HttpResponse:
    """By name and birth date, which travel in the body. Raises AccessDeniedError: not of a desk."""
    reader, now = reader_of(request), now_ms()
    require_office(reader, *DESK, now_ms=now)
    if request.method != "POST":
        return render(request, "governance/person_find.html")
    take_turn(reader, "search", now_ms=now)
    posted = {name: request.POST.get(name, "") for name in ("name", "birth", "patient")}
    try:
        found = sought(reader, posted, now)
    except (AccessDeniedError, NotFoundError):
        raise
    except RefusedError as err:
        return render(request, "governance/person_find.html", {**posted, "problem": True, "code": err.code}, status=400)
    if len(found) == 1:
        return redirect("rights:person", found[0].patient.pk)
    return render(request, "governance/person_find.html", {**posted, "found": found, "none": not found})


@require_safe
@signed_in
def person(request: HttpRequest, patient_id: uuid.UUID) -> HttpResponse:
    """Raises AccessDeniedError: not of a desk. NotFoundError: nobody of this establishment."""
    return _page(request, patient_id)


@require_POST
@signed_in
def act(request: HttpRequest, patient_id: uuid.UUID, name: str) -> HttpResponse:
    """What narrows, or only asks: suspend, end, an heir's request. At once, without a factor.

    Raises:
        AccessDeniedError, NotFoundError: not this person's to do.
    """
    if name not in ("suspend", "end", "heir"):
        raise NotFoundError("there is no such act")
    return _do(request, patient_id, name)


@require_POST
@signed_in
@widening
def open_act(request: HttpRequest, patient_id: uuid.UUID, name: str) -> HttpResponse:
    """What opens, or cannot be undone: represent, resume, a death. By who answers, with a factor. Raises as `act`."""
    if name not in ("represent", "resume", "death"):
        raise NotFoundError("there is no such act")
    require_office(reader_of(request), *ANSWER, now_ms=now_ms())
    return _do(request, patient_id, name)


@require_POST
@signed_in
def form(request: HttpRequest, patient_id: uuid.UUID) -> HttpResponse:
    """A form for somebody who is here; what they signed themselves is theirs to attach. Raises as `person`."""
    reader, now = reader_of(request), now_ms()
    patient = _patient(reader, patient_id, now)
    take_turn(reader, "form", now_ms=now)
    kind, _dot, key = request.POST.get("form", "").partition(":")
    try:
        return download(made(patient, kind, key, by=reader, lang=language(), now_ms=now))
    except UnavailableError as err:
        return _page(request, patient_id, status=503, problem="form", code=err.code)


def _do(request: HttpRequest, patient_id: uuid.UUID, name: str) -> HttpResponse:
    reader, now = reader_of(request), now_ms()
    patient = _patient(reader, patient_id, now)
    try:
        to = _ACTS[name](patient, reader, request.POST, now)
    except (AccessDeniedError, NotFoundError):
        raise
    except (RefusedError, ValueError) as err:
        code = getattr(err, "code", RefusedError.code)
        return _page(request, patient_id, status=400, problem=name, code=code)
    return redirect(to or f"{reverse('rights:person', args=[patient.pk])}?done={name}")


def _suspend(patient: Account, by: Account, said: Any, now: int) -> str:
    representation.suspend_representation(
        patient, said.get("id", ""), decision=said.get("decision", ""), recorded_by=by, now_ms=now
    )
    return ""


def _resume(patient: Account, by: Account, said: Any, now: int) -> str:
    representation.resume_representation(
        patient, said.get("id", ""), decision=said.get("decision", ""), recorded_by=by, now_ms=now
    )
    return ""


def _end(patient: Account, by: Account, said: Any, now: int) -> str:
    representation.end_representation(patient, said.get("id", ""), now_ms=now, by=by)
    return ""


def _represent(patient: Account, by: Account, said: Any, now: int) -> str:
    code = said.get("who", "").replace(" ", "").lower()
    who = Account.objects.filter(username=code, is_active=True).first() if code else None
    if who is None:
        raise RefusedError("nobody answers to that code")
    until, birth = (date.fromisoformat(said[name]) if said.get(name) else None for name in ("until", "birth"))
    record(
        patient, who, nature=said.get("nature", ""), deed=said.get("deed", ""), by=by, now_ms=now, until=until,
        birth=birth,
    )  # fmt: skip
    return ""


def _death(patient: Account, by: Account, said: Any, now: int) -> str:
    if said.get("sure") != "yes":
        raise RefusedError("tick the box: a death closes the record to the person's own account")
    day = midnight_ms(date.fromisoformat(said.get("day", "")))
    representation.record_death(patient, at_ms=day, recorded_by=by, now_ms=now)
    return ""


def _heir(patient: Account, by: Account, said: Any, now: int) -> str:
    """Heirs ask through the desk; a doctor or the data protection officer answers, within the time of an access."""
    who, reason = " ".join(said.get("who", "").split())[:200], said.get("reason", "")
    if died_on(patient) is None or reason not in _REASONS or not who:
        raise RefusedError("an heir says who they are, and why; the death is written down first")
    text = _("An heir asks: %(who)s. %(reason)s.") % {"who": who, "reason": _(_REASONS[reason])}
    place = require_office(by, *DESK, now_ms=now).establishment_id
    asked = requests.ask(patient, "access", by=by, now_ms=now, text=text, via="desk", establishment=place)
    return reverse("rights:desk-one", args=[asked.pk])


_ACTS: Final[dict[str, Callable[[Account, Account, Any, int], str]]] = {
    "suspend": _suspend, "resume": _resume, "end": _end, "represent": _represent, "death": _death, "heir": _heir,
}  # fmt: skip


def _patient(reader: Account, patient_id: uuid.UUID, now: int) -> Account:
    require_office(reader, *DESK, now_ms=now)
    return scope_of(reader, now_ms=now).require_patient(patient_id)


def _page(request: HttpRequest, patient_id: uuid.UUID, *, status: int = 200, **more: object) -> HttpResponse:
    reader, now = reader_of(request), now_ms()
    patient = _patient(reader, patient_id, now)
    done = _DONE.get(request.GET.get("done", ""))
    context = {
        "patient": patient,
        "name": name_of(patient),
        "acting": [
            {"one": one, "nature": _(_NATURES[one.nature]), "state": _(_STATES[one.state])}
            for one in acting_for(patient, now_ms=now)
        ],
        "answers": any(held.office in ANSWER for held in offices_of(reader, now_ms=now)),
        "receives": any(held.office in REGISTRARS for held in offices_of(reader, now_ms=now)),
        "born": birth_of(patient) is not None,
        "died": died_on(patient),
        "papers": papers_of(patient, now_ms=now),
        "natures": [{"value": key, "label": _(words)} for key, words in _NATURES.items()],
        "reasons": [{"value": key, "label": _(words)} for key, words in _REASONS.items()],
        "adult": (*duties().rules["adult"].sources, *duties().rules["secret"].sources),
        "heirs": duties().rules["heirs"].sources,
        "done": _(done) if done else "",
        **more,
    }
    return render(request, "governance/person.html", context, status=status)
