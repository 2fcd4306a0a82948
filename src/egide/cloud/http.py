"""What the views for objects share: a body of a known size, and refusals as text with their stable code.

A refusal reads `code: message` and, on a second line, the hint. Its status says who can act on it.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse

from egide.errors import (
    ClaimError,
    EgideError,
    IdentityError,
    MalformedError,
    NotFoundError,
    RefusedError,
    TooLargeError,
    TooManyTriesError,
    UnavailableError,
)

__all__ = ["binary", "now_ms", "objects_view", "plain_error", "read_body", "refusal"]

_LOG = logging.getLogger(__name__)
_RETRY_S: Final = 5
_STATUS: Final[tuple[tuple[type[EgideError], int], ...]] = (
    (ClaimError, 401),
    (TooManyTriesError, 429),
    (TooLargeError, 413),
    (IdentityError, 403),
    (NotFoundError, 404),
    (RefusedError, 400),
    (UnavailableError, 503),
)

View = Callable[..., HttpResponse]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def refusal(error: EgideError) -> HttpResponse:
    """The text of a refusal, with its status."""
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
    hint = f"hint: {error.hint}\n" if error.hint else ""
    response = _text(f"{error.code}: {error}\n{hint}", status)
    if status == 401:
        response["WWW-Authenticate"] = 'Basic realm="egide claim", charset="UTF-8"'
    if status in (429, 503):
        response["Retry-After"] = str(getattr(error, "retry_s", _RETRY_S))
    return response


def objects_view(method: str) -> Callable[[View], View]:
    """A view of one method, whose errors are refusals; nothing of an unforeseen one is shown."""

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def wrapped(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
            if request.method != method:
                response = _text(f"malformed: this address takes {method}\n", 405)
                response["Allow"] = method
                return response
            try:
                response = view(request, *args, **kwargs)
            except EgideError as err:
                response = refusal(err)
            except Exception as err:
                _LOG.error("objects-view-failed %s", type(err).__name__)  # its message may quote what was sent
                response = _text("internal: the request could not be served\n", 500)
            response["Content-Length"] = str(len(response.content))
            response.headers.setdefault("Cache-Control", "no-store")
            response.headers.setdefault("X-Content-Type-Options", "nosniff")
            return response

        return wrapped

    return decorate


def read_body(request: HttpRequest, limit: int, what: str) -> bytes:
    """The whole body, of a length that was announced.

    Raises:
        MalformedError: no Content-Length, or fewer bytes than it says. TooLargeError: over `limit`.
    """
    announced = request.headers.get("Content-Length", "")
    if not announced.isascii() or not announced.isdigit():
        raise MalformedError("a body needs a Content-Length")
    if int(announced[:12]) > limit:
        raise TooLargeError(f"{what} is larger than {limit} bytes")
    try:
        body = request.read(int(announced))
    except OSError as err:
        raise MalformedError(f"{what} was cut short") from err
    if len(body) != int(announced):
        raise MalformedError(f"{what} was cut short")
    return body


def binary(data: bytes, content_type: str, *, status: int = 200) -> HttpResponse:
    return HttpResponse(data, content_type=content_type, status=status)


def plain_error(status: int, text: str) -> View:
    """A handler for the addresses and requests that no view takes."""

    def handler(_: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001 (Django's name)
        return _text(text, status)

    return handler


def _text(text: str, status: int) -> HttpResponse:
    headers = {"X-Content-Type-Options": "nosniff"}
    return HttpResponse(text, content_type="text/plain; charset=utf-8", status=status, headers=headers)
