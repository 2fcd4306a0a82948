"""One's own apps: which hold something now, and the way to stop each; and apps that open from a patient's record."""

from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from egide.cloud.consent.facts import APP, runs
from egide.cloud.consent.grants import grants_of
from egide.cloud.people.models import Account
from egide.cloud.signin import clock
from egide.cloud.signin.guard import reader_of, signed_in
from egide.cloud.smart import words
from egide.cloud.smart.addresses import base_at, origin_of
from egide.cloud.smart.attested import stands
from egide.cloud.smart.consenting import stop
from egide.cloud.smart.contexts import people_of, start_launch
from egide.cloud.smart.models import App
from egide.cloud.smart.registry import standing
from egide.cloud.smart.scoping import data_scopes
from egide.cloud.smart.tokens import authorized_by
from egide.errors import NotFoundError

__all__ = ["mine", "opening", "stopping"]


@require_safe
@signed_in
def mine(request: HttpRequest) -> HttpResponse:
    """The apps that one let in. Raises AccessDeniedError: nobody is signed in."""
    reader, now = reader_of(request), clock.now_ms()
    found = {app.pk: app for app in authorized_by(reader, now_ms=now)}
    if reader.role == Account.Role.PATIENT:
        ids = [g.holder.id for g in grants_of(reader) if g.holder.kind == APP and runs(g, now)]
        found |= {app.pk: app for app in App.objects.filter(client_id__in=ids)}
    shown = [_shown(app) for app in sorted(found.values(), key=lambda one: one.name.casefold())]
    return render(request, "smart/mine.html", {"apps": shown, "stopped": "stopped" in request.GET})


@require_POST
@signed_in
def stopping(request: HttpRequest, app_id: uuid.UUID) -> HttpResponse:
    """At once, in any session. Raises NotFoundError."""
    app = App.objects.filter(client_id=str(app_id)).first()
    if app is None:
        raise NotFoundError("no such app")
    stop(reader_of(request), app, now_ms=clock.now_ms())
    return redirect(f"{request.path.rsplit('/', 2)[0]}?stopped")


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def opening(request: HttpRequest, patient_id: uuid.UUID) -> HttpResponse:
    """The apps that open from this record; posting opens one, with a launch of its own.

    Raises:
        NotFoundError: nothing opens this record to the reader, or there is no such app.
    """
    reader, now = reader_of(request), clock.now_ms()
    person = next((one for one in people_of(reader, now_ms=now) if one.account.pk == patient_id), None)
    if person is None:
        raise NotFoundError("no such patient here")
    if request.method == "POST":
        app = standing(request.POST.get("app", ""))
        token = start_launch(app, reader, person.account, now_ms=now)
        response = HttpResponse(status=303)
        joint = "&" if "?" in app.launch_uri else "?"
        response.headers["Location"] = app.launch_uri + joint + urlencode({"iss": base_at(request), "launch": token})
        return response
    rows = App.objects.filter(approved=True, ended_ms=None).exclude(launch_uri="").order_by("name")
    apps = [app for app in rows if "launch" in app.scopes.split() and stands(app)]
    shown = [_shown(app) for app in apps]
    response = render(request, "smart/open.html", {"apps": shown, "person": person})
    if apps:
        response.form_action = " ".join(sorted({origin_of(app.launch_uri) for app in apps}))  # type: ignore[attr-defined]
    return response


def _shown(app: App) -> dict[str, object]:
    return {
        "app": app,
        "place": words.place_name(app.establishment),
        "may": [words.scope_words(scope, app) for scope in data_scopes(app.scopes.split())],
    }
