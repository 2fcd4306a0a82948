"""Every refusal as an OperationOutcome that carries the stable code."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from egide.cloud.fhir.exact import dumps
from egide.cloud.fhir.systems import OUTCOMES, coding
from egide.errors import (
    AccessDeniedError,
    EgideError,
    MalformedError,
    NotFoundError,
    RefusedError,
    SealError,
    SignInError,
    TooManyTriesError,
    UnavailableError,
)

__all__ = ["CONTENT_TYPE", "answering", "outcome", "respond"]

CONTENT_TYPE: Final = "application/fhir+json; charset=utf-8"
_log = logging.getLogger("egide.fhir")
#: error, HTTP status, issue type (http://hl7.org/fhir/issue-type)
_KINDS: Final[tuple[tuple[type[EgideError], int, str], ...]] = (
    (SignInError, 401, "login"),
    (AccessDeniedError, 403, "forbidden"),
    (NotFoundError, 404, "not-found"),
    (TooManyTriesError, 429, "throttled"),
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
    return issue(status, kind, error.code, str(error), error.hint)


def issue(status: int, kind: str, code: str, text: str, hint: str = "") -> HttpResponse:
    found: dict[str, Any] = {
        "severity": "error",
        "code": kind,
        "details": {"coding": [coding(OUTCOMES, code)], "text": text or code},
    }
    if hint:
        found["diagnostics"] = hint
    return respond({"resourceType": "OperationOutcome", "issue": [found]}, status)


def answering(view: View) -> View:
    """GET and HEAD only; errors as OperationOutcome; XML is not spoken."""

    @functools.wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method not in {"GET", "HEAD"}:
            response = issue(405, "not-supported", "method-not-allowed", "this server is read-only")
            response.headers["Allow"] = "GET, HEAD"
            return response
        if not _speaks_json(request):
            return issue(406, "not-supported", "not-acceptable", "this server speaks application/fhir+json")
        try:
            return view(request, *args, **kwargs)
        except EgideError as err:
            response = outcome(err)
            if response.status_code >= 500:
                _log.error("a request failed: %s %s", err.code, type(err).__name__)
            return response

    return csrf_exempt(answer)  # what changes nothing needs no token: any other method is refused in FHIR's own words


def _speaks_json(request: HttpRequest) -> bool:
    wanted = request.GET.get("_format", "")
    if wanted:
        return wanted in {"json", "application/json", "application/fhir+json", "application/fhir json"}
    return request.accepts("application/fhir+json") or request.accepts("application/json")
