"""Taking one's own file away: a page that says what it holds, and the file."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from egide.cloud.fhir.portability import portable_file
from egide.cloud.governance import requests
from egide.cloud.governance.models import Request
from egide.cloud.governance.views.guard import now_ms, patient_of, signed_in
from egide.cloud.signin.factors import widening
from egide.cloud.signin.pace import take_turn

__all__ = ["take"]


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@widening
def take(request: HttpRequest) -> HttpResponse:
    """The file, for the patient who is signed in and has just shown a factor: data leave. Journaled, and a request.

    Raises AccessDeniedError: no record of one's own.
    """
    patient, now = patient_of(request), now_ms()
    if request.method != "POST":
        return render(request, "governance/take.html")
    take_turn(patient, "file", now_ms=now)
    asked = requests.ask(patient, Request.Kind.PORTABILITY, by=patient, now_ms=now)
    made = portable_file(patient, now_ms=now)
    requests.delivered(asked, by=patient, now_ms=now)
    response = HttpResponse(made.content, content_type="application/zip")
    response["Content-Disposition"] = 'attachment; filename="egide.zip"'  # says nothing on a shared computer
    response["X-Content-Type-Options"] = "nosniff"
    return response
