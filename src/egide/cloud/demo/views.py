"""Be anybody of the cast, with one click."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable
from datetime import date
from typing import Any, Final

from django.conf import settings
from django.contrib.auth import login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from egide.cloud.people.identity import known_identity
from egide.cloud.people.models import Account
from egide.cloud.people.service import name_of
from egide.errors import NotFoundError

__all__ = ["be", "cast"]

_BACKEND: Final = "egide.cloud.people.backend.LinkBackend"
View = Callable[..., HttpResponse]


def _only_here(view: View) -> View:
    """Outside a demo there is no such page."""

    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not settings.OPTIONS.demo:
            raise Http404
        response = view(request, *args, **kwargs)
        response.headers["Cache-Control"] = "private, no-store"
        return response

    return guarded


@_only_here
@require_safe
def cast(request: HttpRequest) -> HttpResponse:
    """Everybody, by what they are here."""
    words = {
        "patient": _("Patients"),
        "relative": _("Relatives"),
        "professional": _("Doctors and nurses"),
        "operator": _("In charge of the platform"),
    }
    people = Account.objects.filter(is_active=True).order_by("created_ms", "pk")
    groups = [
        {"title": title, "people": [_shown(one) for one in people if one.role == role]} for role, title in words.items()
    ]
    return render(request, "demo/cast.html", {"groups": [group for group in groups if group["people"]]})


def _shown(one: Account) -> dict[str, Any]:
    """The birth date too: whoever plays a nurse looks for a patient by name and birth date."""
    born = None
    if one.role == Account.Role.PATIENT:
        with contextlib.suppress(NotFoundError):
            born = date.fromisoformat(known_identity(one).traits.birth_date)
    return {"id": one.pk, "name": name_of(one), "born": born}


@_only_here
@require_POST
def be(request: HttpRequest) -> HttpResponse:
    """Sign in as somebody. Raises NotFoundError for nobody of the cast."""
    try:
        wanted = uuid.UUID(request.POST.get("who", ""))
    except ValueError as err:
        raise NotFoundError("nobody of the cast has that id") from err
    account = Account.objects.filter(pk=wanted, is_active=True).first()
    if account is None:
        raise NotFoundError("nobody of the cast has that id")
    request.session.flush()  # nothing of the one before goes with the next
    login(request, account, backend=_BACKEND)
    return redirect("portal:home")
