"""Decisions that a patient takes for a day to come, or against those who act for them. Nobody else sees these pages.

What narrows works at once in any session; what opens again asks for a factor.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_http_methods, require_POST

from egide.cloud.consent import emergency, representation
from egide.cloud.consent.attested import facts_of
from egide.cloud.consent.facts import Representation, runs
from egide.cloud.consent.families import FAMILIES
from egide.cloud.people.models import Account
from egide.cloud.portal import at_desk, live, sharing
from egide.cloud.portal.subject import signed_in, subject_of
from egide.cloud.signin.factors import widening
from egide.errors import NotFoundError, RefusedError

__all__ = ["allow_emergencies", "emergencies", "secrets", "tell"]

_DONE: Final = {
    "refused": gettext_noop("Done. From now on, what you hide stays hidden in an emergency too."),
    "allowed": gettext_noop("Done. In an emergency, a professional can again open what you hide."),
    "kept": gettext_noop("Done. To those who act for you, it is as if it had never been measured."),
    "told": gettext_noop("Done. Those who act for you see it again."),
}


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def emergencies(request: HttpRequest) -> HttpResponse:
    """Refuse, beforehand, that emergencies open what is hidden. It narrows: no factor. Raises AccessDeniedError."""
    patient, now = _patient(request), live.now_ms()
    if request.method == "POST":
        emergency.refuse_opening(patient, now_ms=now)
        return _back("emergencies", "refused")
    hides = [sharing.window_words(r.data) for r in facts_of(patient.pk).restrictions if runs(r, now)]
    context = {
        "refused": emergency.opening_refused(patient, now_ms=now),
        "hides": sharing.list_words(sorted(set(hides))),
        "stops": _what_stops(),
        "stays": _what_stays(),
        "done": _done(request),
    }
    return render(request, "portal/decision_emergencies.html", context)


@require_POST
@signed_in
@widening
def allow_emergencies(request: HttpRequest) -> HttpResponse:
    """Take that refusal back: it widens, so a factor is asked for. Raises RefusedError."""
    emergency.accept_opening(_patient(request), now_ms=live.now_ms())
    return _back("emergencies", "allowed")


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def secrets(request: HttpRequest) -> HttpResponse:
    """Keep kinds of measurement from those who act for oneself: a parent, a guardian. Raises AccessDeniedError."""
    patient, now = _patient(request), live.now_ms()
    kept, problem = representation.secrets_of(patient, now_ms=now), ""
    if request.method == "POST":
        try:
            representation.keep_secret(patient, request.POST.getlist("family"), now_ms=now)
        except RefusedError:
            problem = _("Choose at least one kind of measurement.")
        else:
            return _back("secrets", "kept")
    acting = [_acting(held, now) for held in representation.representations_of(patient) if _acts(held, now)]
    context = {
        "acting": acting,
        "kept": [
            {"family": f, "words": sharing.family_words(f), "written": _written(patient, f, now)}
            for f in sorted(kept, key=sharing.family_words)
        ],
        "choices": [choice for choice in sharing.family_choices(()) if choice.value not in kept],
        "problem": problem,
        "done": _done(request),
    }
    return render(request, "portal/decision_secrets.html", context, status=400 if problem else 200)


@require_POST
@signed_in
@widening
def tell(request: HttpRequest, family: str) -> HttpResponse:
    """Let those who act for oneself see one kind again: a factor is asked for. Raises NotFoundError, RefusedError."""
    if family not in FAMILIES:
        raise NotFoundError("there is no such kind of measurement")
    representation.tell_secret(_patient(request), [family], now_ms=live.now_ms())
    return _back("secrets", "told")


def _written(patient: Account, family: str, now_ms: int) -> str:
    """By whom this secret was written down, if not by the patient."""
    facts = facts_of(patient.pk)
    kept = (s for s in facts.secrets if runs(s, now_ms) and family in s.families)
    return next((at_desk.written_words(s, facts.patient) for s in kept), "")


def _what_stops() -> Sequence[str]:
    return (
        _("In an emergency, a professional who opens your record no longer sees what you hide, even to save you."),
        _("Nothing on their screen says that something is missing: it is as if it had never been measured."),
        _("They may decide without it. If it could change how you must be treated, speak with your doctor first."),
    )


def _what_stays() -> Sequence[str]:
    return (
        _("What you do not hide opens in an emergency, as before, and you are told each time."),
        _("Nobody is told that you refused: it is written in the register, sealed, for you alone."),
    )


def _acting(held: Representation, now_ms: int) -> dict[str, Any]:
    return {
        "name": sharing.holder_name(sharing.account_holder(held.representative)),
        "adult_ms": held.adult_ms if held.nature == "parent" else None,
        "suspended": any(runs(stop, now_ms) for stop in held.suspended),
    }


def _acts(held: Representation, now_ms: int) -> bool:
    return runs(held, now_ms) and (held.adult_ms is None or now_ms < held.adult_ms)


def _patient(request: HttpRequest) -> Account:
    return subject_of(request, None).patient


def _done(request: HttpRequest) -> str:
    word = _DONE.get(request.GET.get("done", ""))
    return _(word) if word else ""


def _back(page: str, done: str) -> HttpResponse:
    return redirect(f"{reverse(f'portal:{page}')}?done={done}")
