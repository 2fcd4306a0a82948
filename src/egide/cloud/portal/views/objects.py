"""My objects: what measures me, when each was last heard, and what I decide about it."""

from __future__ import annotations

import io
import uuid
from typing import Any, Final

import segno
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from egide.cloud.people.models import Account
from egide.cloud.portal import live, objects, parts, words
from egide.cloud.portal.objects import MAX_NAME, Mine, my_object, my_objects, operators_of
from egide.cloud.portal.subject import signed_in, subject_of
from egide.errors import NotFoundError, RefusedError

__all__ = ["add", "change", "code", "one", "overview", "rename", "resume"]

_STATES: Final = {
    "waiting": (gettext_noop("Waiting to join"), "q-held", "wait"),
    "measuring": (gettext_noop("In use"), "q-fine", "good"),
    "paused": (gettext_noop("Paused"), "q-late", "wait"),
    "removed": (gettext_noop("Removed"), "q-late", "plain"),
    "ended": (gettext_noop("No longer yours"), "q-late", "plain"),
    "stopped": (gettext_noop("Stopped for good"), "q-contested", "plain"),
}
#: What happens, sentence by sentence: before it is asked, never after.
_ACTS: Final = {
    "pause": (
        gettext_noop("Pause this object?"),
        (
            gettext_noop("From now on, what it measures joins nobody's record: your care team does not see it."),
            gettext_noop("What it sends meanwhile is received and kept sealed, shown to no one."),
            gettext_noop("If your team counts on this object, an alert may come late or not at all. Tell them first."),
            gettext_noop("What it measured before stays in your record."),
        ),
        gettext_noop("Pause"),
        gettext_noop("You can start it again whenever you like, from this page."),
    ),
    "remove": (
        gettext_noop("Remove this object from your list?"),
        (
            gettext_noop("From now on, what it measures joins nobody's record: your care team does not see it."),
            gettext_noop("What it measured before stays in your record."),
            gettext_noop("If it was lent to you, give it back to the service that lent it."),
        ),
        gettext_noop("Remove"),
        gettext_noop("You can put it back from your list of objects, as long as nobody else uses it."),
    ),
    "lost": (
        gettext_noop("Is this object lost or stolen?"),
        (
            gettext_noop("It is cut off within seconds, and nothing that it sends from now on is accepted."),
            gettext_noop("What it measured and had not sent yet is lost."),
            gettext_noop("What it measured before stays in your record."),
        ),
        gettext_noop("Stop it for good"),
        gettext_noop("This cannot be undone. If you find it again, it must be added as a new object."),
    ),
}


@require_safe
@signed_in
def overview(request: HttpRequest) -> HttpResponse:
    """The list, those in use first. Raises AccessDeniedError for an account that has no record."""
    now = live.now_ms()
    mine = my_objects(_patient(request), now_ms=now)
    shown = [each for each in mine if each.mine_to_change]
    context = {
        "now_ms": now,
        "objects": [_told(each) for each in shown],
        "past": [_told(each) for each in mine if not each.mine_to_change],
        "silent": sum(1 for each in shown if each.silent),
    }
    return render(request, "portal/objects.html", context)


@require_safe
@signed_in
def one(request: HttpRequest, object_id: uuid.UUID) -> HttpResponse:
    """One object: what is known of it, and the acts. Raises NotFoundError."""
    return _page(request, _mine(request, object_id))


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def add(request: HttpRequest) -> HttpResponse:
    """Declare an object of one's own; its page then gives the code by which it joins."""
    patient, problem = _patient(request), ""
    if request.method == "POST":
        try:
            made = objects.add(patient, _text(request, "model"), _text(request, "name"), now_ms=live.now_ms())
        except RefusedError:
            problem = _("Not added: a name has 60 characters at most, and a record 40 objects at most.")
        else:
            return redirect("portal:object", object_id=made.id)
    context = {"problem": problem, "max": MAX_NAME, "model": _text(request, "model"), "name": _text(request, "name")}
    return render(request, "portal/objects_add.html", context, status=400 if problem else 200)


@require_POST
@signed_in
@sensitive_variables("text")
def code(request: HttpRequest, object_id: uuid.UUID) -> HttpResponse:
    """Show a fresh code, once: it is a secret, so it is in no address and no table. Raises RefusedError."""
    mine = _mine(request, object_id)
    text = objects.new_code(mine, now_ms=live.now_ms())
    return _page(request, mine, claim=text, picture=_qr(text))


@require_POST
@signed_in
def rename(request: HttpRequest, object_id: uuid.UUID) -> HttpResponse:
    """A name of one's own; an empty one gives the maker's back."""
    mine = _mine(request, object_id)
    try:
        objects.rename(_patient(request), mine, _text(request, "name"), now_ms=live.now_ms())
    except RefusedError:
        return _page(request, mine, status=400, problem=_("A name has 60 characters at most."))
    return redirect("portal:object", object_id=mine.id)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def change(request: HttpRequest, object_id: uuid.UUID, act: str) -> HttpResponse:
    """Pause, remove, or stop for good: the consequences are read before, the undo is named."""
    mine = _mine(request, object_id)
    if act not in _ACTS or not _allowed(mine, act):
        raise NotFoundError("no such act")
    if request.method == "POST":
        patient, now = _patient(request), live.now_ms()
        if act == "lost":
            objects.stop_for_good(mine, now_ms=now)
        else:
            (objects.remove if act == "remove" else objects.pause)(patient, mine, now_ms=now)
        return redirect("portal:objects" if act == "remove" else reverse("portal:object", args=[mine.id]))
    question, consequences, button, undo = _ACTS[act]
    context = {
        "object": _told(mine),
        "question": _(question),
        "consequences": [_(each) for each in consequences],
        "button": _(button),
        "undo": _(undo),
        "danger": act == "lost",
    }
    return render(request, "portal/objects_change.html", context)


@require_POST
@signed_in
def resume(request: HttpRequest, object_id: uuid.UUID) -> HttpResponse:
    """Undo a pause or a removal. Raises RefusedError."""
    mine = _mine(request, object_id)
    objects.resume(_patient(request), mine, now_ms=live.now_ms())
    return redirect("portal:object", object_id=mine.id)


def _patient(request: HttpRequest) -> Account:
    return subject_of(request, None).patient


def _mine(request: HttpRequest, object_id: uuid.UUID) -> Mine:
    return my_object(_patient(request), object_id, now_ms=live.now_ms())


def _allowed(mine: Mine, act: str) -> bool:
    if act == "lost":
        return mine.mine_to_change or mine.state == "removed"
    return mine.state in ("measuring", "waiting") or (act == "remove" and mine.state == "paused")


def _page(request: HttpRequest, mine: Mine, *, status: int = 200, **more: Any) -> HttpResponse:
    context = {"object": _told(mine), "now_ms": live.now_ms(), "max": MAX_NAME, **more}
    context["part"] = parts.part_words(parts.part_of(mine.pairing))
    return render(request, "portal/objects_one.html", context, status=status)


def _told(mine: Mine) -> dict[str, Any]:
    """An object in words."""
    word, shape, tone = _STATES[mine.state]
    return {
        "mine": mine,
        "state": words.Mark(shape=shape, word=_(word), meaning=_(word), tone=tone),
        "trust": words.trust_mark(mine.trust),
        "operator": _operator(mine),
        "acts": [act for act in _ACTS if _allowed(mine, act)],
    }


def _operator(mine: Mine) -> str:
    """Who runs it: the patient, or whoever operates their follow-up, by name."""
    if mine.added:
        return _("You")
    return ", ".join(operators_of(mine, now_ms=live.now_ms())) or _("The service that gave it to you")


def _text(request: HttpRequest, name: str) -> str:
    return request.POST.get(name, "")[:300]


def _qr(text: str) -> str:
    """A drawing of the code: dark on white whatever the theme, for a camera."""
    out = io.BytesIO()
    drawing = segno.make(text, error="m", micro=False)
    drawing.save(
        out, kind="svg", xmldecl=False, svgns=False, omitsize=True, light="#fff", svgclass="qr", lineclass=None
    )
    return mark_safe(out.getvalue().decode())  # noqa: S308 (drawn from base32 and digits, by segno)
