"""A person's wishes, while their request is answered."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from egide.cloud.comfort import wishes
from egide.cloud.people.models import Account

__all__ = ["WishesMiddleware"]


class WishesMiddleware:
    """After authentication: who asks is known, and nothing is read before a page needs it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = request.user if request.user.is_authenticated else None
        token = wishes.enter(user if isinstance(user, Account) else None)
        try:
            return self.get_response(request)
        finally:
            wishes.leave(token)
