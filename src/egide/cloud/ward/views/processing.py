"""The register of processing, for the data protection officer: to read, to print, to show to an authority."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from egide.cloud.governance.words import right_words
from egide.cloud.people.models import Establishment
from egide.cloud.portal import live
from egide.cloud.portal.subject import signed_in
from egide.cloud.ward import processing
from egide.cloud.ward.desks import Seat
from egide.cloud.ward.processing_words import activity_words, kept_words
from egide.cloud.ward.views.places import seat_at

__all__ = ["due_context", "register"]


@require_safe
@signed_in
def register(request: HttpRequest) -> HttpResponse:
    """Each activity with its ground, who and what it is about, how long it is kept. Raises AccessDeniedError."""
    now = live.now_ms()
    seat = seat_at(request, "dpo", now_ms=now)
    places = Establishment.objects.filter(pk__in=seat.steers).order_by("created_ms")
    context = {
        "now_ms": now,
        "places": [place.name for place in places if place.name],
        "entries": [
            {
                "words": activity_words(entry.activity.key),
                "sources": entry.activity.sources,
                "kept": kept_words(entry.activity.kept),
                "count": entry.count,
            }
            for entry in processing.entries(seat, now_ms=now)
        ],
    }
    return render(request, "ward/processing.html", context)


def due_context(seat: Seat, now_ms: int) -> list[dict[str, object]]:
    """Open requests for the desk's first page: what is asked and until when, never by whom."""
    return [{"is": one, "title": right_words(one.request.kind).desk} for one in processing.due(seat, now_ms=now_ms)]
