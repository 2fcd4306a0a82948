"""What a patient said at a desk, aloud or on paper: written down there, and theirs to confirm or to take back."""

from __future__ import annotations

import uuid
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from egide.cloud.governance.acting import died_on
from egide.cloud.governance.desk import DESK
from egide.cloud.people import desk
from egide.cloud.people.authority import CARE_OFFICES
from egide.cloud.people.models import Account, Agreement
from egide.cloud.people.offices import offices_of, require_office
from egide.cloud.people.scans import MAX_SCAN, kind_of
from egide.cloud.people.scope import scope_of
from egide.cloud.people.service import name_of
from egide.cloud.portal import agreements, live
from egide.cloud.portal.subject import signed_in, subject_of
from egide.cloud.signin.guard import reader_of
from egide.cloud.signin.pace import take_turn
from egide.errors import AccessDeniedError, MalformedError, NotFoundError, RefusedError

__all__ = ["at_desk", "change", "desk_scan", "desk_withdraw", "mine", "scan"]

_DONE: Final = {
    "recorded": gettext_noop("Written down. They are told, and may confirm it once they have signed in."),
    "confirm": gettext_noop("Confirmed. It is signed, with its date."),
    "withdraw": gettext_noop("Withdrawn. It is signed, with its date."),
}
_ENDINGS: Final = {"application/pdf": "pdf", "image/png": "png", "image/jpeg": "jpg"}


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def at_desk(request: HttpRequest, patient_id: uuid.UUID) -> HttpResponse:
    """The list, and writing one down; a scan comes with it or not.

    Raises:
        AccessDeniedError: not of a desk, or not of care. NotFoundError: nobody of this establishment.
    """
    reader, now = reader_of(request), live.now_ms()
    patient = _patient(reader, patient_id, now)
    if request.method != "POST":
        return _desk_page(request, patient, now)
    file = request.FILES.get("scan")
    if file:
        take_turn(reader, "scan", now_ms=now)
    try:
        scanned = file.read(MAX_SCAN + 1) if file else None
        agreements.record(patient, reader, request.POST, scanned, now)
    except (AccessDeniedError, NotFoundError):
        raise
    except MalformedError as err:
        problem = _(
            "Nothing was written down: a scan is a whole PNG or JPEG picture, or a PDF that only shows pages, of 8 MB "
            "at most. A PDF with a password, a form that computes or a file inside is refused: photograph the paper."
        )
        return _desk_page(request, patient, now, status=400, problem=problem, code=err.code)
    except RefusedError as err:
        problem = _("Nothing was written down: an answer is missing.")
        return _desk_page(request, patient, now, status=400, problem=problem, code=err.code)
    return redirect(f"{reverse('portal:at-desk-agreements', args=[patient.pk])}?done=recorded")


@require_POST
@signed_in
def desk_withdraw(request: HttpRequest, patient_id: uuid.UUID, agreement_id: uuid.UUID) -> HttpResponse:
    """They take it back at the desk: at once, without a factor. Raises as `at_desk`; RefusedError: it was withdrawn."""
    reader, now = reader_of(request), live.now_ms()
    patient = _patient(reader, patient_id, now)
    desk.withdraw_agreement(agreements.agreement_of(patient, agreement_id), by=reader, now_ms=now)
    return redirect(f"{reverse('portal:at-desk-agreements', args=[patient.pk])}?done=withdraw")


@require_POST
@signed_in
def desk_scan(request: HttpRequest, patient_id: uuid.UUID, agreement_id: uuid.UUID) -> HttpResponse:
    """The scan, as a file; the patient's journal says who opened it. Raises as `at_desk`."""
    reader, now = reader_of(request), live.now_ms()
    patient = _patient(reader, patient_id, now)
    return _download(agreements.agreement_of(patient, agreement_id), reader, now)


@require_safe
@signed_in
def mine(request: HttpRequest) -> HttpResponse:
    """What was written down for oneself. Raises AccessDeniedError for an account that has no record."""
    said = agreements.said_by(subject_of(request, None).patient)
    done = _DONE.get(request.GET.get("done", ""))
    context = {"said": said, "waiting": agreements.waiting(said), "done": _(done) if done else ""}
    return render(request, "portal/agreements.html", context)


@require_POST
@signed_in
def change(request: HttpRequest, agreement_id: uuid.UUID, act: str) -> HttpResponse:
    """Confirm what one said, or take it back. Raises NotFoundError; RefusedError: it is over, or done already."""
    patient, now = subject_of(request, None).patient, live.now_ms()
    row = agreements.agreement_of(patient, agreement_id)
    if act == "confirm":
        desk.confirm_agreement(row, by=patient, now_ms=now)
    elif act == "withdraw":
        desk.withdraw_agreement(row, by=patient, now_ms=now)
    else:
        raise NotFoundError("there is no such act")
    return redirect(f"{reverse('portal:agreements')}?done={act}")


@require_POST
@signed_in
def scan(request: HttpRequest, agreement_id: uuid.UUID) -> HttpResponse:
    """The scan of what one signed, as a file. Raises NotFoundError, SealError."""
    patient = subject_of(request, None).patient
    return _download(agreements.agreement_of(patient, agreement_id), patient, live.now_ms())


@sensitive_variables("content")
def _download(row: Agreement, reader: Account, now_ms: int) -> HttpResponse:
    """A file to keep, never a page: a browser neither shows it nor guesses what it is."""
    content = desk.read_scan(row, by=reader, now_ms=now_ms)
    kind = kind_of(content)
    response = HttpResponse(content, content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="scan.{_ENDINGS[kind]}"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cache-Control"] = "private, no-store"
    return response


def _patient(reader: Account, patient_id: uuid.UUID, now_ms: int) -> Account:
    require_office(reader, *DESK, now_ms=now_ms)
    return scope_of(reader, now_ms=now_ms).require_patient(patient_id)


def _desk_page(request: HttpRequest, patient: Account, now: int, *, status: int = 200, **more: Any) -> HttpResponse:
    done = _DONE.get(request.GET.get("done", ""))
    context = {
        "patient": patient,
        "name": name_of(patient),
        "said": agreements.said_by(patient),
        "writes": any(held.office in CARE_OFFICES for held in offices_of(reader_of(request), now_ms=now)),
        "died": died_on(patient),
        "abouts": agreements.about_choices(),
        "hows": agreements.how_choices(),
        "posted": request.POST,
        "now_ms": now,
        "done": _(done) if done else "",
        **more,
    }
    return render(request, "portal/agreements_desk.html", context, status=status)
