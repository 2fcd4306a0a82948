"""Ask about a line of one's journal, object to it, and say when one wants to be told. None of it opens anything."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_http_methods, require_POST

from egide.cloud.consent.overview import who_may_see
from egide.cloud.people.models import Account
from egide.cloud.portal import live, questions
from egide.cloud.portal.names import names_for
from egide.cloud.portal.officers import tell_officers
from egide.cloud.portal.subject import signed_in, subject_of
from egide.cloud.release.journal import journal_of
from egide.cloud.release.told import WEEKLY, Wish, add_wish, end_wish, wishes_of
from egide.errors import MalformedError, RefusedError

__all__ = ["ask", "end_rule", "rules"]

_LOOK_BACK: Final = 2_000
_WHAT: Final = {
    "new": gettext_noop("somebody sees my measurements for the first time"),
    "emergency": gettext_noop("my record is opened in an emergency"),
    "export": gettext_noop("a copy of my measurements is taken away"),
    "outside": gettext_noop("somebody outside my care team sees my measurements"),
    "person": gettext_noop("one person sees my measurements"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A rule in words."""

    id: uuid.UUID
    text: str
    weekly: bool


@require_POST
@signed_in
def ask(request: HttpRequest) -> HttpResponse:
    """Ask about a line, or object; then back to it.

    Raises AccessDeniedError, MalformedError, NotFoundError, RefusedError.
    """
    patient, now = subject_of(request, None).patient, live.now_ms()
    entry = request.POST.get("entry", "")
    if not (entry.isascii() and entry.isdigit()) or len(entry) > 18:
        raise MalformedError("a line is named by the number of its entry")
    asked = "1"
    try:
        questions.ask(patient, int(entry), request.POST.get("sort", ""), request.POST.get("text", ""), now_ms=now)
    except questions.TooManyQuestionsError:
        asked = "many"
    else:
        tell_officers(patient, now_ms=now)
    return redirect(f"{reverse('portal:journal')}?before={int(entry) + 1}&asked={asked}#l-{entry}")


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def rules(request: HttpRequest) -> HttpResponse:
    """When I want to be told. Raises AccessDeniedError for an account that has no record."""
    patient, now, problem = subject_of(request, None).patient, live.now_ms(), ""
    people = _people(patient, now)
    if request.method == "POST":
        what, how, who = (request.POST.get(key, "") for key in ("what", "how", "who"))
        try:
            if what == "person" and who not in people:
                raise RefusedError("one of the people of the list")
            known = [line.reader for line in journal_of(patient, limit=_LOOK_BACK) if line.decision == "yes"]
            add_wish(patient, what, how, now_ms=now, who=who if what == "person" else "", known=known)
        except RefusedError:
            problem = _("Choose what you want to be told, and how often. For one person, choose who.")
        else:
            return redirect(f"{reverse('portal:journal-rules')}?done=1")
    context = {
        "rules": [_shown(wish, people) for wish in wishes_of(patient.pk)],
        "what": [(key, _(text)) for key, text in _WHAT.items()],
        "people": sorted(people.items(), key=lambda each: each[1].casefold()),
        "done": request.GET.get("done", ""),
        "problem": problem,
    }
    return render(request, "portal/journal_rules.html", context, status=400 if problem else 200)


@require_POST
@signed_in
def end_rule(request: HttpRequest, rule_id: uuid.UUID) -> HttpResponse:
    """Not any more, at once."""
    end_wish(subject_of(request, None).patient, rule_id)
    return redirect(f"{reverse('portal:journal-rules')}?done=1")


def _people(patient: Account, now_ms: int) -> dict[str, str]:
    """Who may see, or has seen: the people that a rule can be about."""
    ids = {line.holder.id for line in who_may_see(patient, now_ms=now_ms) if line.holder.kind == "account"}
    ids |= {line.reader for line in journal_of(patient, limit=200) if line.reader}
    return names_for(patient.pk, ids - {str(patient.pk)}, now_ms=now_ms)


def _shown(wish: Wish, people: dict[str, Any]) -> Shown:
    text = _(_WHAT[wish.what])
    if wish.what == "person":
        text = _("%(who)s sees my measurements") % {"who": people.get(wish.who, _("a closed account"))}
    return Shown(id=wish.id, text=text, weekly=wish.how == WEEKLY)
