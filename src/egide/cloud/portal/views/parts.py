"""For what an object measures: a care record, one's own, a study. The page says what each choice changes."""

from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from egide.cloud.portal import live, parts
from egide.cloud.portal.objects import my_object
from egide.cloud.portal.sharing import Choice
from egide.cloud.portal.subject import signed_in, subject_of
from egide.cloud.signin.factors import widening
from egide.errors import NotFoundError, RefusedError

__all__ = ["part"]


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@widening
def part(request: HttpRequest, object_id: uuid.UUID) -> HttpResponse:
    """What is measured from now on is kept otherwise, and a care record is not erased: so a factor is asked for.

    Raises:
        NotFoundError: no such object of this patient's, or it measures them no more.
    """
    patient, now = subject_of(request, None).patient, live.now_ms()
    mine, problem = my_object(patient, object_id, now_ms=now), ""
    offered = parts.parts_for(patient, mine, now_ms=now)
    if not offered:
        raise NotFoundError("nothing is chosen for this object")
    if request.method == "POST":
        try:
            parts.choose(patient, mine, request.POST.get("part", "")[:80], now_ms=now)
        except RefusedError:
            problem = _("Choose one of the answers.")
        else:
            return redirect("portal:object", object_id=mine.id)
    context = {
        "mine": mine,
        "problem": problem,
        "choices": [
            Choice(
                value=each.value, label=_upper(parts.part_words(each)), hint=parts.effect_words(each),
                checked=each == offered[0],
            )
            for each in offered
        ],
    }  # fmt: skip
    return render(request, "portal/objects_part.html", context, status=400 if problem else 200)


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
