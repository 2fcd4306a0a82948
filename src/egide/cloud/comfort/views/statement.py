"""What is true of the product's accessibility, and the list of a person's pages."""

from __future__ import annotations

from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_safe

__all__ = ["GAPS", "site_map", "statement"]

#: What does not conform, by the criteria of docs/rgaa.md that it breaks; "" for what no criterion asks.
GAPS: Final = (
    (
        "",
        gettext_noop("The easy words were not reviewed yet by the people for whom they are meant."),
    ),
    (
        "",
        gettext_noop("No person who uses a screen reader, a braille line or a switch has tried these pages yet."),
    ),
)


@require_safe
def statement(request: HttpRequest) -> HttpResponse:
    """Open to anybody: self-assessed, with what does not conform."""
    return render(request, "comfort/statement.html", {"gaps": [_(words) for _criteria, words in GAPS]})


@require_safe
def site_map(request: HttpRequest) -> HttpResponse:
    """The second way to every page, beside the menu (WCAG 2.2, 2.4.5)."""
    return render(request, "comfort/site_map.html")
