"""What goes back for what was written: where it is, its version, the receipt; or an OperationOutcome: why not."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Final

from django.http import HttpRequest, HttpResponse

from egide.cloud.fhir.base import base_of
from egide.cloud.fhir.outcome import CONTENT_TYPE, respond
from egide.cloud.fhir.systems import OUTCOMES, coding, instant
from egide.cloud.fhir.writing.attesting import Kept
from egide.cloud.fhir.writing.problems import ElementError, IdentifierUsedError, UnsupportedError
from egide.errors import (
    AccessDeniedError,
    EgideError,
    MalformedError,
    NotFoundError,
    RefusedError,
    SignInError,
    TooLargeError,
    TooManyTriesError,
    UnavailableError,
)

__all__ = ["RECEIPT", "failed", "issue_of", "kept_resource", "kept_response", "outcome_of", "problem", "wants"]

#: An extension of ours: the receipt (RFC 9942), as COSE, that says that the envelope is in the register.
RECEIPT: Final = "urn:oid:2.25.55239362427946223429864890240300965075"
_PREFERENCES: Final = ("representation", "minimal", "OperationOutcome")
#: error, HTTP status, issue type
_KINDS: Final[tuple[tuple[type[EgideError], int, str], ...]] = (
    (SignInError, 401, "login"),
    (AccessDeniedError, 403, "forbidden"),
    (NotFoundError, 404, "not-found"),
    (IdentifierUsedError, 409, "conflict"),
    (TooManyTriesError, 429, "throttled"),
    (TooLargeError, 413, "too-long"),
    (MalformedError, 400, "structure"),
    (UnavailableError, 503, "transient"),
    (RefusedError, 422, "processing"),
    (EgideError, 500, "exception"),
)
Resource = dict[str, Any]


def wants(request: HttpRequest) -> str:
    """What is to come back in the body (RFC 7240, `Prefer: return=`): the representation, unless said otherwise."""
    for preference in request.headers.get("Prefer", "").replace(",", ";").split(";"):
        name, _, value = preference.strip().partition("=")
        if name == "return" and value in _PREFERENCES:
            return value
    return _PREFERENCES[0]


def status_of(error: EgideError) -> tuple[int, str]:
    """(HTTP status, issue type) of a refusal."""
    if isinstance(error, UnsupportedError) and error.expression.startswith("Content-"):
        return 415, error.kind
    if error.code == "too-large":
        return 413, "too-long"
    if isinstance(error, ElementError):
        return 422, error.kind
    return next((status, kind) for cls, status, kind in _KINDS if isinstance(error, cls))


def issue_of(error: EgideError) -> Resource:
    """One issue: the stable code, the words, and where."""
    found: Resource = {
        "severity": "error",
        "code": status_of(error)[1],
        "details": {"coding": [coding(OUTCOMES, error.code)], "text": str(error) or error.code},
    }
    if error.hint:
        found["diagnostics"] = error.hint
    if expression := getattr(error, "expression", ""):
        found["expression"] = [expression]
    return found


def problem(*issues: Resource) -> Resource:
    return {"resourceType": "OperationOutcome", "issue": list(issues)}


def failed(error: EgideError) -> HttpResponse:
    """An error as the answer to a whole request."""
    status, _ = status_of(error)
    response = respond(problem(issue_of(error)), status)
    if status in (429, 503):
        response.headers["Retry-After"] = str(getattr(error, "retry_s", 5))
    return response


def outcome_of(left: tuple[str, ...]) -> Resource:
    """That it is written, and which elements are not kept."""
    issues = [{"severity": "information", "code": "informational", "details": {"text": "written, and in the register"}}]
    if left:
        issues.append({
            "severity": "information", "code": "not-supported", "expression": list(left),
            "details": {"coding": [coding(OUTCOMES, "element-left-out")], "text": "these elements are not kept"},
        })  # fmt: skip
    return problem(*issues)


def kept_resource(kept: Kept, patient_id: str) -> Resource:
    """The Observation as it will be read, with its receipt; only the receipt for one that was not sent here."""
    if kept.observed is None:
        return {**outcome_of(()), "extension": [receipt_of(kept)]}
    resource = kept.observed.resource(patient_id)
    return {**resource, "extension": [*resource.get("extension", ()), receipt_of(kept)]}


def receipt_of(kept: Kept) -> Resource:
    return {"url": RECEIPT, "valueBase64Binary": base64.b64encode(kept.receipt).decode()}


def location_of(request: HttpRequest, kept: Kept) -> str:
    return f"{base_of(request)}/Observation/{kept.id}"


def kept_response(
    request: HttpRequest, kept: Kept, patient_id: str, left: tuple[str, ...], *, now_ms: int
) -> HttpResponse:
    """201 for what this request wrote, 200 for what was there: Location, ETag, and the receipt in the body."""
    status = 201 if kept.created else 200
    wanted = wants(request)
    if wanted == "minimal":
        response = HttpResponse(status=status, content_type=CONTENT_TYPE)
        response.headers["Cache-Control"] = "no-store"
    elif wanted == "OperationOutcome":
        response = respond({**outcome_of(left), "extension": [receipt_of(kept)]}, status)
    else:
        response = respond(kept_resource(kept, patient_id), status)
    response.headers["Location"] = location_of(request, kept)
    response.headers["ETag"] = 'W/"1"'
    response.headers["Last-Modified"] = format_datetime(datetime.fromtimestamp(now_ms / 1000, tz=UTC), usegmt=True)
    return response


def entry_of(request: HttpRequest, kept: Kept, patient_id: str, left: tuple[str, ...], *, now_ms: int) -> Resource:
    """The entry of a batch's or a transaction's answer."""
    found: Resource = {
        "fullUrl": location_of(request, kept),
        "response": {
            "extension": [receipt_of(kept)],
            "status": "201 Created" if kept.created else "200 OK",
            "location": f"Observation/{kept.id}/_history/1",
            "etag": 'W/"1"',
            "lastModified": instant(now_ms),
        },
    }
    if left:
        found["response"]["outcome"] = outcome_of(left)
    if kept.observed is not None and wants(request) == "representation":
        found["resource"] = kept.observed.resource(patient_id)
    return found
