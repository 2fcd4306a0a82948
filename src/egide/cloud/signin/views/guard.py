"""Who is in front of a page of their own account."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode

from egide.cloud.people.models import Account
from egide.cloud.signin.attested import has_factor
from egide.cloud.signin.factors import may_enrol
from egide.errors import AccessDeniedError

__all__ = ["MAX_TYPED", "account_of", "enrolling", "own_page"]

MAX_TYPED: Final = 300
View = Callable[..., HttpResponse]


def account_of(request: HttpRequest) -> Account:
    """Who is signed in. Raises AccessDeniedError when nobody is."""
    if isinstance(request.user, Account):
        return request.user
    raise AccessDeniedError("nobody is signed in")


def own_page(view: View) -> View:
    """A page of one's own account: the others are shown the way in. Nothing of it is kept by the browser."""

    @functools.wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_authenticated:
            return redirect(f"{reverse('portal:sign-in')}?{urlencode({'next': request.get_full_path()})}")
        response = view(request, *args, **kwargs)
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response

    return guarded


def enrolling(view: View) -> View:
    """Factors come and go only where one was just presented, or on the invitation that there is none yet for."""

    @own_page
    @functools.wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        account = account_of(request)
        if may_enrol(request, account):
            return view(request, *args, **kwargs)
        if not has_factor(account):
            return redirect(f"{reverse('signin:security')}#new-link")
        there = request.get_full_path() if request.method in ("GET", "HEAD") else reverse("signin:security")
        return redirect(f"{reverse('signin:confirm')}?{urlencode({'next': there})}")

    return guarded
