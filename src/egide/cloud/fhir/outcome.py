"""Every answer's form: JSON, an ETag of what was released, each refusal an OperationOutcome with its stable code."""

from __future__ import annotations

import functools
import gzip
import hashlib
import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from egide.cloud.fhir.exact import dumps
from egide.cloud.fhir.systems import OUTCOMES, coding
from egide.cloud.fhir.wrong import ParameterError, TooCostlyError
from egide.errors import (
    AccessDeniedError,
    EgideError,
    MalformedError,
    NotFoundError,
    RefusedError,
    SealError,
    SignInError,
    TooLargeError,
    TooManyTriesError,
    UnavailableError,
)

__all__ = ["CONTENT_TYPE", "NotAllowedError", "WrongTypeError", "answering", "issue", "outcome", "respond"]

CONTENT_TYPE: Final = "application/fhir+json; charset=utf-8"
_log = logging.getLogger("egide.fhir")
_SMALL: Final = 1_400  # bytes: what fits a packet is not worth compressing


class NotAllowedError(RefusedError):
    """Another method is wanted here."""

    code = "method-not-allowed"

    def __init__(self, methods: Sequence[str]) -> None:
        self.methods = methods
        super().__init__("this address does not take that method")


class WrongTypeError(RefusedError):
    """The body is of another type than this address takes."""

    code = "unsupported-media-type"


class NotAcceptableError(RefusedError):
    """Only JSON is spoken."""

    code = "not-acceptable"


#: error, HTTP status, issue type (http://hl7.org/fhir/issue-type)
_KINDS: Final[tuple[tuple[type[EgideError], int, str], ...]] = (
    (SignInError, 401, "login"),
    (AccessDeniedError, 403, "forbidden"),
    (NotFoundError, 404, "not-found"),
    (NotAllowedError, 405, "not-supported"),
    (NotAcceptableError, 406, "not-supported"),
    (WrongTypeError, 415, "not-supported"),
    (TooManyTriesError, 429, "throttled"),
    (TooLargeError, 413, "too-long"),
    (TooCostlyError, 400, "too-costly"),
    (MalformedError, 400, "invalid"),
    (SealError, 500, "exception"),
    (UnavailableError, 503, "transient"),
    (RefusedError, 400, "processing"),
    (EgideError, 500, "exception"),
)
View = Callable[..., HttpResponse]


def respond(resource: dict[str, Any], status: int = 200) -> HttpResponse:
    """A resource, never stored by anything between us and its reader."""
    response = HttpResponse(dumps(resource), status=status, content_type=CONTENT_TYPE)
    response.headers["Cache-Control"] = "no-store"
    return response


def outcome(error: EgideError) -> HttpResponse:
    """What an error says."""
    status, kind = next((status, kind) for cls, status, kind in _KINDS if isinstance(error, cls))
    element = error.element if isinstance(error, ParameterError) else ""
    response = issue(status, kind, error.code, str(error), error.hint, element=element)
    if isinstance(error, NotAllowedError):
        response.headers["Allow"] = ", ".join(error.methods)
    return response


def issue(status: int, kind: str, code: str, text: str, hint: str = "", *, element: str = "") -> HttpResponse:
    """An OperationOutcome of one error; `element` is what it is about, a parameter's name or a path."""
    found: dict[str, Any] = {
        "severity": "error",
        "code": kind,
        "details": {"coding": [coding(OUTCOMES, code)], "text": text or code},
    }
    if hint:
        found["diagnostics"] = hint
    if element:
        found["expression"] = [element if "." in element else f"http.{element}"]
    return respond({"resourceType": "OperationOutcome", "issue": [found]}, status)


def answering(view: View) -> View:
    """Errors as OperationOutcome; XML is not spoken; an ETag of what is answered, so that it is not sent twice."""

    @functools.wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            if not _speaks_json(request):
                raise NotAcceptableError("this server speaks application/fhir+json")
            return _finished(request, view(request, *args, **kwargs))
        except (RequestDataTooBig, TooManyFieldsSent):
            return outcome(TooLargeError("the request is larger than this server takes"))
        except EgideError as err:
            response = outcome(err)
            if response.status_code >= 500:
                _log.error("a request failed: %s %s", err.code, type(err).__name__)
            return response

    return csrf_exempt(answer)  # reading changes nothing; whoever writes makes sure that a cookie alone does not


def _finished(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """With its ETag, or 304 where the reader has it already; compressed where that tells nothing.

    The tag is of the bytes that the door released to this reader, so what is hidden from them never moves it.
    """
    if response.status_code != 200 or response.streaming or request.method not in {"GET", "HEAD"}:
        return response
    tag = f'W/"{hashlib.sha256(response.content).hexdigest()[:24]}"'
    known = {one.strip() for one in request.headers.get("If-None-Match", "").split(",")}
    if "*" in known or {tag, tag.removeprefix("W/")} & known:
        response = HttpResponse(status=304, headers={"Cache-Control": "no-store"})
        del response.headers["Content-Type"]
    response.headers.setdefault("ETag", tag)
    return _compressed(request, response)


def _compressed(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """For programs that carry a token, and for what is public.

    An answer to a cookie is never compressed: a page elsewhere can make a browser ask with words of its choice, which
    the links of a Bundle repeat beside what is secret, and the length would tell (BREACH). Nobody elsewhere can make a
    browser send a token.
    """
    response.headers["Vary"] = "Accept, Accept-Encoding, Authorization, Cookie"
    by_token = "Authorization" in request.headers or not request.COOKIES
    wanted = "gzip" in request.headers.get("Accept-Encoding", "").lower()
    if wanted and by_token and len(response.content) > _SMALL:
        response.content = gzip.compress(response.content, compresslevel=5, mtime=0)
        response.headers["Content-Encoding"] = "gzip"
    return response


def _speaks_json(request: HttpRequest) -> bool:
    wanted = request.GET.get("_format", "")
    if wanted:
        return wanted in {"json", "application/json", "application/fhir+json", "application/fhir json"}
    return request.accepts("application/fhir+json") or request.accepts("application/json")
