"""What one signed with a passkey: the end of a grant, the list, and a proof of each that anyone can check."""

from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from egide.cloud.consent.facts import Grant
from egide.cloud.consent.grants import grants_of
from egide.cloud.consent.proof import consent_proof, signed_consents
from egide.cloud.consent.signing import withdraw
from egide.cloud.people.models import Account
from egide.cloud.portal import live, signing
from egide.cloud.portal.signing_keys import able
from egide.cloud.portal.subject import signed_in, subject_of
from egide.cloud.register.store import split_entry
from egide.errors import NotFoundError, RefusedError
from egide.trust.grant import CONSENT_TYPE, WITHDRAWAL

__all__ = ["ask_stop", "proof", "signed", "stop"]


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def stop(request: HttpRequest, grant_id: uuid.UUID) -> HttpResponse:
    """The end of a grant as a sentence, to be signed; one press ends it unsigned. It narrows: no factor is asked for.

    Raises:
        NotFoundError, RefusedError: there is no such grant, or it is over.
    """
    patient, now = _patient(request), live.now_ms()
    act, problem = signing.withdrawing(_running(patient, grant_id, now)), ""
    if request.method == "POST":
        try:
            withdraw(signing.finish(request, patient, now_ms=now), patient=patient, signer=patient, now_ms=now)
        except signing.REFUSED as err:
            problem = signing.problem_words(err)
        else:
            return redirect(f"{reverse('portal:sharing')}?done=stopped")
    context = {"act": act, "sentences": act.sentences, "able": able(patient), "problem": problem, "grant": grant_id}
    return render(request, "portal/sharing_stop.html", context, status=400 if problem else 200)


@require_POST
@signed_in
def ask_stop(request: HttpRequest, grant_id: uuid.UUID) -> HttpResponse:
    """What the browser asks its passkey, to end a grant. Raises as `stop` does, TextChangedError."""
    patient, now = _patient(request), live.now_ms()
    act = signing.withdrawing(_running(patient, grant_id, now))
    return JsonResponse(signing.begin(request, patient, act, now_ms=now))


@require_safe
@signed_in
def signed(request: HttpRequest) -> HttpResponse:
    """Everything that was signed, the latest first, ended grants included."""
    patient = _patient(request)
    rows = [
        {"entry": entry, "given": said.kind != WITHDRAWAL, "who": said.reader.name, "at_ms": said.at_ms,
         "text": said.shown.text.split("\n"), "lang": said.shown.language}
        for entry, said in reversed(signed_consents(patient.pk))
    ]  # fmt: skip
    return render(request, "portal/sharing_signed.html", {"rows": rows, "able": able(patient)})


@require_safe
@signed_in
def proof(request: HttpRequest, entry: int) -> HttpResponse:
    """The proof file of one signed consent of one's own. Raises NotFoundError; UnavailableError for a second or so."""
    if entry >= 2**63:
        raise NotFoundError("no signed consent lies there")
    data = consent_proof(_patient(request).pk, entry, now_ms=live.now_ms())
    response = HttpResponse(data, content_type=CONSENT_TYPE)
    response.headers["Content-Disposition"] = f'attachment; filename="egide-consent-{split_entry(entry)[1]}.cbor"'
    return response


def _patient(request: HttpRequest) -> Account:
    return subject_of(request, None).patient


def _running(patient: Account, grant_id: uuid.UUID, now_ms: int) -> Grant:
    grant = next((g for g in grants_of(patient) if g.id == str(grant_id)), None)
    if grant is None:
        raise NotFoundError("there is no such grant")
    if grant.until_ms is not None and grant.until_ms <= now_ms:
        raise RefusedError("this is over already")
    return grant
