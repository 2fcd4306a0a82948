"""For a professional: the patients they follow now, who needs attention first."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from egide.cloud.people.models import Account
from egide.cloud.people.names import folded
from egide.cloud.portal import live
from egide.cloud.portal.subject import reader_of, signed_in
from egide.cloud.ward import words
from egide.cloud.ward.emergencies import to_review
from egide.cloud.ward.held import place_of_work
from egide.cloud.ward.roster import Line, roster
from egide.errors import AccessDeniedError

__all__ = ["lines", "patients"]

_WATCHED: Final = 60  # those who need attention first


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def patients(request: HttpRequest) -> HttpResponse:
    """The list; a name that is looked for travels in a form's body, never in an address.

    Raises AccessDeniedError: not a professional.
    """
    return render(request, "ward/patients.html", _context(request))


@require_safe
@signed_in
def lines(request: HttpRequest) -> HttpResponse:
    """The part that renews itself."""
    return render(request, "ward/_lines.html", _context(request))


def _context(request: HttpRequest) -> dict[str, Any]:
    now = live.now_ms()
    reader = reader_of(request)
    if reader.role != Account.Role.PROFESSIONAL:
        raise AccessDeniedError("only professionals follow patients")
    sought = request.POST.get("name", "")[:120]
    whole = [_shown(line, now) for line in roster(reader, now_ms=now)]
    shown = [row for row in whole if folded(sought) in row["folded"]]
    return {
        "waiting": [row for row in shown if row["line"].needs],
        "others": [row for row in shown if not row["line"].needs],
        "total": len(whole),
        "watched": " ".join(row["line"].patient_id for row in whole[:_WATCHED]),
        "sought": sought,
        "reviews": _reviews(reader, now),
        "attributes": _attributes(reader, now),
        "now_ms": now,
    }


def _shown(line: Line, now_ms: int) -> dict[str, Any]:
    return {
        "line": line,
        "folded": folded(line.name),
        "reasons": [
            {"mark": words.reason_mark(reason), "words": words.reason_words(reason, now_ms=now_ms)}
            for reason in line.reasons
        ],
    }


def _reviews(reader: Account, now_ms: int) -> int:
    """How many emergencies wait for this person's review."""
    try:
        return sum(not one.review.verdict for one in to_review(reader, now_ms=now_ms))
    except AccessDeniedError:
        return 0


def _attributes(reader: Account, now_ms: int) -> bool:
    """Whether this person may say whose readings are."""
    try:
        place_of_work(reader, None, now_ms=now_ms)
    except AccessDeniedError:
        return False
    return True
