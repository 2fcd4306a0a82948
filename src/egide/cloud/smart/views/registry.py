"""The register of apps: who registers, who lets in, who ends. Two people, of one establishment."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from egide.cloud.people.models import Account, Establishment
from egide.cloud.people.offices import offices_of
from egide.cloud.people.scope import scope_of
from egide.cloud.people.service import find_by_name, name_of
from egide.cloud.signin import clock
from egide.cloud.signin.factors import widening
from egide.cloud.signin.guard import reader_of, signed_in
from egide.cloud.smart import words
from egide.cloud.smart.attested import stands
from egide.cloud.smart.models import App
from egide.cloud.smart.registry import (
    DECIDERS,
    PROPOSERS,
    Description,
    approve_app,
    end,
    refuse_app,
    register_app,
)
from egide.cloud.smart.scoping import data_scopes
from egide.errors import AccessDeniedError, NotFoundError, RefusedError

__all__ = ["approval", "desk", "ending", "one", "refusal", "registering"]


@require_safe
@signed_in
def desk(request: HttpRequest) -> HttpResponse:
    """The apps of the establishments where one registers or decides. Raises AccessDeniedError: one does neither."""
    reader, now = reader_of(request), clock.now_ms()
    places, registers = _places(reader, now)
    rows = App.objects.filter(establishment__in=places).select_related("establishment").order_by("-registered_ms")
    apps = [{"app": app, "place": words.place_name(app.establishment), "state": _state(app)} for app in rows]
    return render(request, "smart/registry.html", {"apps": apps, "registers": bool(registers)})


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@widening
def registering(request: HttpRequest) -> HttpResponse:
    """Register an app. A form that cannot be says so and writes nothing. Raises AccessDeniedError: not one's office."""
    reader, now, problem = reader_of(request), clock.now_ms(), ""
    registers = _places(reader, now)[1]
    if not registers:
        raise AccessDeniedError("this account registers no apps")
    places = list(Establishment.objects.filter(pk__in=registers).order_by("created_ms"))
    if request.method == "POST":
        try:
            place = next(p for p in places if str(p.pk) == request.POST.get("place", ""))
            app = register_app(_described(request), place, by=reader, now_ms=now)
            return redirect("smart:app", app.client_id)
        except (RefusedError, StopIteration) as err:
            problem = words.problem_words(err)
    context = {"problem": problem, "posted": request.POST, "places": [(p.pk, words.place_name(p)) for p in places]}
    return render(request, "smart/register.html", context, status=400 if problem else 200)


@require_safe
@signed_in
def one(request: HttpRequest, app_id: uuid.UUID) -> HttpResponse:
    """One app, as it will be shown to patients, with all that is to be decided. Raises NotFoundError."""
    app, reader, now = _app(request, app_id), reader_of(request), clock.now_ms()
    decides = any(m.office in DECIDERS for m in offices_of(reader, now_ms=now))
    return render(request, "smart/app.html", _context(app) | {
        "waiting": app.approved is None,
        "decides": decides and reader.pk != app.registered_by_id,
        "mine": reader.pk == app.registered_by_id,
        "let_in": bool(app.approved) and app.ended_ms is None,
    })  # fmt: skip


@require_POST
@signed_in
@widening
def approval(request: HttpRequest, app_id: uuid.UUID) -> HttpResponse:
    """Let it in. Raises AccessDeniedError, RefusedError, NotFoundError."""
    approve_app(_app(request, app_id), by=reader_of(request), now_ms=clock.now_ms())
    return redirect("smart:app", app_id)


@require_POST
@signed_in
def refusal(request: HttpRequest, app_id: uuid.UUID) -> HttpResponse:
    """Refuse it, or take it back. Raises as `approval`."""
    refuse_app(_app(request, app_id), by=reader_of(request), now_ms=clock.now_ms())
    return redirect("smart:app", app_id)


@require_POST
@signed_in
def ending(request: HttpRequest, app_id: uuid.UUID) -> HttpResponse:
    """End it, for everybody, at once: it narrows. Raises as `approval`."""
    end(_app(request, app_id), by=reader_of(request), now_ms=clock.now_ms())
    return redirect("smart:app", app_id)


def _places(reader: Account, now_ms: int) -> tuple[frozenset[uuid.UUID], frozenset[uuid.UUID]]:
    """Where this person sees apps, and where they register some. Raises AccessDeniedError: nowhere."""
    held = offices_of(reader, now_ms=now_ms)
    registers = frozenset(m.establishment_id for m in held if m.office in PROPOSERS)
    decides = scope_of(reader, now_ms=now_ms).steers if any(m.office in DECIDERS for m in held) else frozenset()
    if not registers | decides:
        raise AccessDeniedError("this account neither registers apps nor decides on them")
    return registers | decides, registers


def _app(request: HttpRequest, app_id: uuid.UUID) -> App:
    places = _places(reader_of(request), clock.now_ms())[0]
    found = App.objects.select_related("establishment", "registered_by", "responsible")
    app: App | None = found.filter(client_id=str(app_id), establishment__in=places).first()
    if app is None:
        raise NotFoundError("no such app here")
    return app


def _described(request: HttpRequest) -> Description:
    said = {name: request.POST.get(name, "") for name in (
        "name", "about", "scopes", "redirect_uris", "origins", "launch_uri", "jwks", "purpose", "group",
    )}  # fmt: skip
    named = request.POST.get("responsible", "").strip()
    return Description(
        **said, service=request.POST.get("kind") == "service", responsible=find_by_name(named) if named else None
    )


def _state(app: App) -> str:
    if app.approved is None:
        return _("waits for a second person")
    if not app.approved:
        return _("refused")
    if app.ended_ms is not None:
        return _("ended")
    return _("let in") if stands(app) else _("changed since it was approved: closed")


def _context(app: App) -> dict[str, Any]:
    return {
        "app": app,
        "place": words.place_name(app.establishment),
        "state": _state(app),
        "registered_by": name_of(app.registered_by),
        "responsible": name_of(app.responsible) if app.responsible else "",
        "may": [words.scope_words(scope, app) for scope in data_scopes(app.scopes.split())],
    }
