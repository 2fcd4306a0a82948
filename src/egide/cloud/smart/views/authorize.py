"""The page on which a person lets an app in, or does not."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from egide.cloud.consent.families import FAMILIES, OTHER
from egide.cloud.fhir.scopes import Scope
from egide.cloud.people.models import Account
from egide.cloud.signin import clock
from egide.cloud.signin.factors import widening
from egide.cloud.signin.guard import reader_of, signed_in
from egide.cloud.smart import words
from egide.cloud.smart.addresses import origin_of
from egide.cloud.smart.asking import Asked, TurnedBackError, read_request
from egide.cloud.smart.consenting import Choice, agree, chosen_scopes, lines_of
from egide.errors import MalformedError, RefusedError

__all__ = ["authorize"]


@require_http_methods(["GET", "POST"])
@signed_in
@widening
def authorize(request: HttpRequest) -> HttpResponse:
    """Show what an app asks for; posting says yes or no, and leads back to it.

    Raises:
        MalformedError: as `read_request`. AccessDeniedError: nobody is signed in.
    """
    reader, now, problem = reader_of(request), clock.now_ms(), ""
    try:
        asked = read_request(request, reader, now_ms=now)
    except TurnedBackError as err:
        return _away(err.address)
    if request.method == "POST":
        if request.POST.get("say") != "yes":
            return _away(asked.back(error="access_denied"))
        try:
            return _away(agree(request, asked, reader, _choice(request, asked, reader), now_ms=now))
        except RefusedError:
            problem = _("Nothing was allowed: choose for whom, what, and until when.")
    context = _context(request, asked, reader, problem)
    response = render(request, "smart/authorize.html", context, status=400 if problem else 200)
    response.form_action = origin_of(asked.redirect_uri)  # type: ignore[attr-defined]  # (portal.middleware)
    return response


def _away(address: str) -> HttpResponse:
    """To the app: its address was checked letter by letter."""
    response = HttpResponse(status=303)
    response.headers["Location"] = address
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    return response


def _choice(request: HttpRequest, asked: Asked, reader: Account) -> Choice:
    """What the form says, as far as it was asked. Raises RefusedError, MalformedError."""
    patient = _patient(request, asked)
    own = patient is not None and patient.pk == reader.pk
    families = frozenset(request.POST.getlist("family")) if own else None
    if families is not None and (not families or families - FAMILIES.keys()):
        raise RefusedError("choose which measurements")
    everything = families is None or families >= FAMILIES.keys() - {OTHER}
    picked = request.POST.getlist("scope")
    return Choice(
        patient=patient,
        scopes=chosen_scopes(
            asked.scopes, picked, vital_signs="vital" in request.POST, stay="stay" in request.POST
        ),
        families=None if everything else families,
        days=request.POST.get("until", ""),
    )  # fmt: skip


def _patient(request: HttpRequest, asked: Asked) -> Account | None:
    """One of those that the request is about: never another, whatever a form says."""
    if not asked.people:
        return None
    if len(asked.people) == 1:
        return asked.people[0].account
    try:
        named = uuid.UUID(request.POST.get("patient", ""))
    except ValueError as err:
        raise MalformedError("choose for whom") from err
    found = next((one.account for one in asked.people if one.account.pk == named), None)
    if found is None:
        raise RefusedError("choose for whom")
    return found


def _context(request: HttpRequest, asked: Asked, reader: Account, problem: str) -> dict[str, Any]:
    lines = lines_of(asked.scopes)
    posted = set(request.POST.getlist("scope")) if problem else {line.key for line in lines}
    own = any(one.account.pk == reader.pk for one in asked.people)
    return {
        "app": asked.app,
        "place": words.place_name(asked.app.establishment),
        "problem": problem,
        "people": [
            {"value": str(one.account.pk), "label": _("me") if one.own else one.name, "checked": len(asked.people) == 1}
            for one in asked.people
        ],
        "lines": [
            {"value": line.key, "label": words.scope_words(line.scope, asked.app), "checked": line.key in posted}
            for line in lines
        ],
        "narrowable": any(_narrowable(line.scope) for line in lines),
        "stay": [text for one in asked.scopes if (text := words.context_words(one))],
        "own": own,
        "families": words.family_choices() if own else [],
        "until": words.until_choices("30"),
        "back_to": origin_of(asked.redirect_uri),
    }


def _narrowable(scope: Scope) -> bool:
    return scope.type == "Observation" and words.VITAL_SIGNS not in scope.parameters
