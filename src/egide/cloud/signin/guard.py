"""Who may be before a page at all: somebody who signed in."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from egide.cloud.people.models import Account
from egide.errors import AccessDeniedError

__all__ = ["reader_of", "signed_in"]

View = Callable[..., HttpResponse]


def signed_in(view: View) -> View:
    """Let nobody in but a person who signed in; the others are shown the way. No copy of the page is kept."""

    @functools.wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path(), login_url=reverse("portal:sign-in"))
        response = view(request, *args, **kwargs)
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response

    return guarded


def reader_of(request: HttpRequest) -> Account:
    """Who is signed in. Raises AccessDeniedError when nobody is."""
    if isinstance(request.user, Account):
        return request.user
    raise AccessDeniedError("nobody is signed in")
