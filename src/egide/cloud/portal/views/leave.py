"""Leave safely, under a neutral title and address: who, how, what each will notice word for word, then at once.

Nothing here asks for a factor but the undo: leaving narrows.
"""

from __future__ import annotations

import uuid
from datetime import datetime, time
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import formats
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from egide.cloud.comfort import easy
from egide.cloud.consent.leaving import HIDDEN, HOW, LATER, NOW, Reader, part, readers
from egide.cloud.federation.links import linked
from egide.cloud.federation.words import line
from egide.cloud.governance.studies import end_study_pairings
from egide.cloud.messages.ways import silence
from egide.cloud.people.models import Account
from egide.cloud.portal import drafts, leaving, live, sharing, words
from egide.cloud.portal.sharing import Choice
from egide.cloud.portal.subject import signed_in, subject_of
from egide.cloud.signin.factors import widening
from egide.cloud.signin.sessions import end_others, sessions_of
from egide.errors import RefusedError

__all__ = ["EXIT", "check", "how", "options", "undo"]

#: Where the quick exit leads: a page that anybody may have open.
EXIT: Final = "https://meteofrance.com/"
_DRAFT: Final = "options"
_LONGEST_MS: Final = 366 * 86_400_000


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def options(request: HttpRequest) -> HttpResponse:
    """Who sees something today; those one chose are ticked, the care team is not. Raises AccessDeniedError."""
    patient, now = _patient(request), live.now_ms()
    found, problem = readers(patient, now_ms=now), ""
    if request.method == "POST":
        chosen = [reader.key for reader in found if reader.key in request.POST.getlist("who") and not reader.by_law]
        sessions, quiet = bool(request.POST.get("sessions")), bool(request.POST.get("quiet"))
        if chosen or sessions or quiet:
            drafts.save(request, patient, _DRAFT, {"who": chosen, "sessions": sessions, "quiet": quiet})
            return redirect("portal:options-how" if chosen else "portal:options-check")
        problem = _("Choose at least one line.")
    sessions_open = [line for line in sessions_of(patient, request.session.session_key) if not line.current]
    context = {
        "choices": [_choice(reader) for reader in found if not reader.team and not reader.by_law],
        "team": [_choice(reader) for reader in found if reader.team and not reader.by_law],
        "by_law": [sharing.holder_name(reader.holder) for reader in found if reader.by_law],
        "sessions": sessions_open,
        "linked": [line(key, row).name for key, row in linked(patient).items()],
        "reached": leaving.outside(patient),
        "lines": easy.leave_lines(),
        "parted": [_told(one) for one in leaving.parted(patient, now_ms=now)],
        "done": request.GET.get("done", ""),
        "problem": problem,
        "now_ms": now,
    }
    return _render(request, "options", context, status=400 if problem else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def how(request: HttpRequest) -> HttpResponse:
    """Now, from a day on, or only hidden."""
    patient, now = _patient(request), live.now_ms()
    draft, problem = drafts.load(request, patient, _DRAFT), ""
    if not draft.get("who"):
        return redirect("portal:options")
    if request.method == "POST":
        try:
            answer = {"how": _how(request), "at": _day(request, now)}
        except RefusedError:
            problem = _("Choose one of the three. A day is after today, and within a year.")
        else:
            drafts.save(request, patient, _DRAFT, draft | answer)
            return redirect("portal:options-check")
    context = {"problem": problem, "ways": easy.way_lines()}
    return _render(request, "options_how", context, status=400 if problem else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def check(request: HttpRequest) -> HttpResponse:
    """Each consequence, and word for word what each person will notice; then it is done, at once."""
    patient, now = _patient(request), live.now_ms()
    draft = drafts.load(request, patient, _DRAFT)
    wanted = draft.get("who", [])
    chosen = [r for r in readers(patient, now_ms=now) if r.key in wanted and not r.by_law]
    way, at = draft.get("how", ""), draft.get("at", 0)
    if not draft or (chosen and way not in HOW) or not (chosen or draft.get("sessions") or draft.get("quiet")):
        return redirect("portal:options")
    if request.method == "POST":
        if draft.get("quiet"):  # first: whatever follows tells nobody outside
            silence(patient)
        if chosen:
            done = part(patient, chosen, way, now_ms=now, at_ms=at or None)
            leaving.remember(patient, done, way, now_ms=now)
            end_study_pairings(patient, now_ms=now)  # a project that was left measures nothing more
        if draft.get("sessions"):
            end_others(patient, request.session.session_key)
        drafts.clear(request, _DRAFT)
        return redirect(f"{reverse('portal:options')}?done=1")
    people = [
        {
            "name": sharing.holder_name(reader.holder),
            "consequences": leaving.consequences(reader, way),
            "noticed": leaving.noticed(reader, way, at or now),
            "easy": _easy(reader, way),
        }
        for reader in chosen
    ]
    context = {
        "people": people, "when": _when(way, at), "sessions": bool(draft.get("sessions")),
        "reached": leaving.outside(patient) if draft.get("quiet") else [],
    }  # fmt: skip
    return _render(request, "options_check", context)


@require_POST
@signed_in
@widening
def undo(request: HttpRequest, parted_id: uuid.UUID) -> HttpResponse:
    """Open again what was closed: it widens, so a factor is asked for. Raises NotFoundError, RefusedError."""
    leaving.take_back(_patient(request), str(parted_id), now_ms=live.now_ms())
    return redirect(f"{reverse('portal:options')}?done=undone")


def _patient(request: HttpRequest) -> Account:
    return subject_of(request, None).patient


def _render(request: HttpRequest, name: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    return render(request, f"portal/{name}.html", {"exit": EXIT, **context}, status=status)


def _choice(reader: Reader) -> Choice:
    grounds = sharing.list_words(list(dict.fromkeys(_why(line.ground) for line in reader.lines)))
    return Choice(value=reader.key, label=sharing.holder_name(reader.holder), hint=grounds, checked=reader.preselected)


def _why(ground: str) -> str:
    """Why somebody sees, said to the patient."""
    own = {"grant": _("an agreement of yours"), "representative": _("acts for you")}
    return own.get(ground) or words.ground_words(ground)


def _how(request: HttpRequest) -> str:
    answer = request.POST.get("how", "")
    if answer not in HOW:
        raise RefusedError("there is no such answer")
    return answer


def _day(request: HttpRequest, now_ms: int) -> int:
    """The beginning of the day chosen, when one is needed; 0 otherwise. Raises RefusedError."""
    if request.POST.get("how") != LATER:
        return 0
    try:
        day = datetime.fromisoformat(request.POST.get("day", "")[:10]).date()
        at = int(datetime.combine(day, time(), tzinfo=words.zone()).timestamp() * 1000)
    except (ValueError, OverflowError) as err:
        raise RefusedError("this is not a day") from err
    if not now_ms < at <= now_ms + _LONGEST_MS:
        raise RefusedError("a day after today, within a year")
    return at


def _when(way: str, at_ms: int) -> str:
    if way == LATER and at_ms:
        return _("From %(day)s") % {"day": formats.date_format(words.local(at_ms), "j F Y")}
    return {NOW: _("Now"), HIDDEN: _("Only hidden, from now on")}.get(way, "")


def _told(one: leaving.Parted) -> dict[str, Any]:
    return {"one": one, "when": _when(one.how, one.at_ms)}


def _easy(reader: Reader, way: str) -> list[easy.Line]:
    grounds = [line.ground for line in reader.lines]
    return easy.leaving_lines(
        sharing.holder_name(reader.holder), hidden=way == HIDDEN, team=reader.team, grounds=grounds
    )
