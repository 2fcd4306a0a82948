"""Forms to take home: the patient's page. The file is made when it is asked for, and says nothing by its name."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from egide.cloud.governance.forms import Form
from egide.cloud.governance.papers import made, papers_of, signed_by
from egide.cloud.governance.timestamping import the_authority
from egide.cloud.governance.views.guard import now_ms, patient_of, signed_in
from egide.cloud.signin.pace import take_turn
from egide.errors import NotFoundError, UnavailableError

__all__ = ["download", "forms"]


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def forms(request: HttpRequest) -> HttpResponse:
    """What can be made, and what may go with it; a POST makes it. Raises AccessDeniedError, NotFoundError."""
    patient, now, problem = patient_of(request), now_ms(), ""
    signed = signed_by(patient)
    if request.method == "POST":
        take_turn(patient, "form", now_ms=now)
        kind, _dot, key = request.POST.get("form", "").partition(":")
        wanted = request.POST.get("consent", "")
        consent = next((one.entry for one in signed if str(one.entry) == wanted), None)
        if wanted and consent is None:
            raise NotFoundError("no such consent of yours")
        try:
            return download(
                made(patient, kind, key, by=patient, lang=language(), now_ms=now, consent=consent)
            )
        except UnavailableError:
            problem = _("The form could not be made just now. Nothing was kept: try again in a minute.")
    context = {
        "papers": papers_of(patient, now_ms=now), "signed": signed, "problem": problem,
        "stamped": getattr(the_authority(), "name", ""),
    }  # fmt: skip
    return render(request, "governance/forms.html", context, status=503 if problem else 200)


def language() -> str:
    return "fr" if (get_language() or "fr").startswith("fr") else "en"


def download(form: Form) -> HttpResponse:
    """The sealed PDF, as a file that nobody keeps on the way."""
    response = HttpResponse(form.content, content_type="application/pdf")
    response["Content-Disposition"] = 'attachment; filename="egide-form.pdf"'
    response["Cache-Control"] = "private, no-store"
    return response
