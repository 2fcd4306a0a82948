"""POST /fhir/Observation and POST /fhir; and why nothing is changed or erased here."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from egide.cloud.fhir.outcome import issue, respond
from egide.cloud.fhir.reader import reader_of
from egide.cloud.fhir.registry import WRITES, Write
from egide.cloud.fhir.writing.answers import failed, kept_response
from egide.cloud.fhir.writing.assertions import install
from egide.cloud.fhir.writing.attesting import attest, through_intake
from egide.cloud.fhir.writing.body import read_json
from egide.cloud.fhir.writing.bundles import BundleError, write_bundle
from egide.cloud.fhir.writing.conditional import found_before
from egide.cloud.fhir.writing.observing import read_observation
from egide.cloud.fhir.writing.subjects import patient_of
from egide.cloud.fhir.writing.writers import writer_of
from egide.errors import EgideError

__all__ = ["bundle", "by_method", "create", "refuse_change"]

_log = logging.getLogger("egide.fhir")
View = Callable[..., HttpResponse]


def by_method(**views: View) -> View:
    """One address, a view for each method; another method is refused with the way that there is."""

    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        view: View = views.get("GET" if request.method == "HEAD" else str(request.method), refuse_change)
        return view(request, *args, **kwargs)

    return csrf_exempt(answer)  # a session's cookie writes nothing here: `writer_of`


def writing(view: View) -> View:
    """Errors as an OperationOutcome; no copy is kept on the way."""

    @functools.wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except EgideError as err:
            response = failed(err)
            if response.status_code >= 500:
                _log.error("a write failed: %s %s", err.code, type(err).__name__)
            return response

    return csrf_exempt(answer)


@writing
def create(request: HttpRequest) -> HttpResponse:
    """One Observation, of a registered system, about a patient of its establishment."""
    writer = writer_of(reader_of(request))
    resource, now_ms = read_json(request), _now_ms()
    writer.require_scope(resource)
    measured = read_observation(resource)
    patient = patient_of(request, writer, resource)
    condition = request.headers.get("If-None-Exist", "")
    if condition and (kept := found_before(writer, patient, measured, condition)) is not None:
        return kept_response(request, kept, str(patient.pk), measured.left, now_ms=now_ms)
    kept = attest(writer, patient, [measured], now_ms=now_ms, take_in=through_intake)[0]
    return kept_response(request, kept, str(patient.pk), measured.left, now_ms=now_ms)


@writing
def bundle(request: HttpRequest) -> HttpResponse:
    """A batch or a transaction of Observations."""
    writer = writer_of(reader_of(request))
    try:
        written = write_bundle(request, writer, read_json(request), now_ms=_now_ms(), take_in=through_intake)
    except BundleError as err:
        return respond(err.outcome, err.status)
    return respond(written)


@csrf_exempt
def refuse_change(request: HttpRequest, *_: Any, **__: Any) -> HttpResponse:  # noqa: ARG001
    """PUT, PATCH and DELETE: the reason, and the way."""
    response = issue(
        405, "not-supported", "edit-refused",
        "what was measured is signed and in the register: it is neither changed nor erased here",
        "POST a new Observation with the extension observation-replaces, which names the one that it supersedes",
    )  # fmt: skip
    response.headers["Allow"] = "GET, HEAD, POST"
    return response


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


install()
WRITES.setdefault("Observation", Write(codes=("create",), run=lambda asked: create(asked.request)))
WRITES.setdefault("", Write(codes=("transaction", "batch"), run=lambda asked: bundle(asked.request)))
