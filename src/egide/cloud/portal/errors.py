"""What a person sees when something fails: what happened, what is safe, what to do, the code in small."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from egide.errors import (
    AccessDeniedError,
    EgideError,
    NotFoundError,
    RefusedError,
    SealError,
    TooManyTriesError,
    UnavailableError,
)

__all__ = [
    "ErrorPagesMiddleware",
    "bad_request",
    "csrf_failure",
    "error_page",
    "page_not_found",
    "permission_denied",
    "server_error",
    "status_of",
    "words_of",
]

_log = logging.getLogger("egide.portal")
_DJANGO_S_OWN: Final = (Http404, PermissionDenied, BadRequest, SuspiciousOperation)  # become a 4xx page, no failure
_STATUS: Final[tuple[tuple[type[EgideError], int], ...]] = (
    (AccessDeniedError, 403),
    (NotFoundError, 404),
    (TooManyTriesError, 429),
    (SealError, 500),
    (UnavailableError, 503),
    (RefusedError, 400),
    (EgideError, 500),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Words:
    """Message ids."""

    title: str
    happened: str
    safe: str
    now: str


_WORDS: Final = {
    400: _Words(
        title=gettext_noop("This request cannot be understood"),
        happened=gettext_noop("Something in the address or the form is not as expected."),
        safe=gettext_noop("Nothing was changed."),
        now=gettext_noop("Go back and try again."),
    ),
    403: _Words(
        title=gettext_noop("You may not see this"),
        happened=gettext_noop(
            "Nothing allows this account to see this page. If it is somebody's record, the refusal is "
            "written in their journal."
        ),
        safe=gettext_noop("Nothing was shown to you, and nothing was changed."),
        now=gettext_noop("Check that you are signed in with the right account, or ask the patient."),
    ),
    404: _Words(
        title=gettext_noop("This page does not exist"),
        happened=gettext_noop("The address is wrong, or what it named is no longer there."),
        safe=gettext_noop("Nothing was changed."),
        now=gettext_noop("Go back to the home page."),
    ),
    429: _Words(
        title=gettext_noop("Too many tries"),
        happened=gettext_noop("There were too many tries in a short time."),
        safe=gettext_noop("Nothing was changed."),
        now=gettext_noop("Wait a few minutes, then try again."),
    ),
    500: _Words(
        title=gettext_noop("Something broke on our side"),
        happened=gettext_noop("The page could not be made. It is not your doing."),
        safe=gettext_noop("What was received and receipted is kept."),
        now=gettext_noop("Try again in a minute. If it happens again, give the code below to the help desk."),
    ),
    503: _Words(
        title=gettext_noop("The service is not ready"),
        happened=gettext_noop("A part of the service does not answer for now."),
        safe=gettext_noop("Nothing is lost: the objects keep their measurements until they hold a receipt."),
        now=gettext_noop("Try again in a minute."),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What an error's page says, in the language in force."""

    title: str
    happened: str
    safe: str


def words_of(status: int) -> Told:
    """The words of an error's page, for whoever has to tell beforehand what somebody will read."""
    words = _WORDS[status]
    return Told(title=_(words.title), happened=_(words.happened), safe=_(words.safe))


def status_of(error: EgideError) -> int:
    """The HTTP status that says what an error says."""
    return next(status for kind, status in _STATUS if isinstance(error, kind))


def error_page(request: HttpRequest, status: int, code: str) -> HttpResponse:
    """The page of an error; JSON for a script that asks for it."""
    words = _WORDS.get(status, _WORDS[500])
    if "application/json" in request.headers.get("Accept", ""):
        return JsonResponse({"code": code, "title": _(words.title), "now": _(words.now)}, status=status)
    context = {
        "status": status,
        "code": code,
        "title": _(words.title),
        "happened": _(words.happened),
        "safe": _(words.safe),
        "now_do": _(words.now),
    }
    if status >= 500:  # without what the menus read: that may be what failed
        context |= {"request": request, "csrf_token": get_token(request)}
        return HttpResponse(render_to_string("portal/error.html", context), status=status)
    return render(request, "portal/error.html", context, status=status)


class ErrorPagesMiddleware:
    """Turns our own errors into pages. Other exceptions go on to Django, and end in `server_error`."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, EgideError):
            if not isinstance(error, _DJANGO_S_OWN):
                _log.error("a page failed: %s %s", EgideError.code, type(error).__name__)
            return None
        status = status_of(error)
        if status >= 500:
            _log.error("a page failed: %s %s", error.code, type(error).__name__)
        return error_page(request, status, error.code)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001
    return error_page(request, 400, RefusedError.code)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001
    return error_page(request, 403, AccessDeniedError.code)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001
    return error_page(request, 404, NotFoundError.code)


def server_error(request: HttpRequest) -> HttpResponse:
    return error_page(request, 500, EgideError.code)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001
    """A form that did not come from one of our pages, or from one that was open for too long."""
    return error_page(request, 400, "form-expired")
