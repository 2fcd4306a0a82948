"""Who a page of the rights desk is for."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from egide.cloud.people.models import Account
from egide.cloud.signin import clock
from egide.errors import AccessDeniedError

__all__ = ["now_ms", "patient_of", "reader_of", "signed_in"]

View = Callable[..., HttpResponse]


def now_ms() -> int:
    return clock.now_ms()  # one clock with the factors, which tests can move


def signed_in(view: View) -> View:
    """Let nobody in but a person who signed in; no copy of the page is kept on the way."""

    @functools.wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path(), login_url=reverse("portal:sign-in"))
        response = view(request, *args, **kwargs)
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response

    return guarded


def reader_of(request: HttpRequest) -> Account:
    """Who is signed in. Raises AccessDeniedError."""
    if isinstance(request.user, Account):
        return request.user
    raise AccessDeniedError("nobody is signed in")


def patient_of(request: HttpRequest) -> Account:
    """The patient who is signed in. Raises AccessDeniedError: somebody else."""
    reader = reader_of(request)
    if reader.role != Account.Role.PATIENT:
        raise AccessDeniedError("this account has no record of its own")
    return reader
