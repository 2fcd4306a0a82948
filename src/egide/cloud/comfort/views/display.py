"""How pages come to this person: easy words, units, time zone. It opens nothing, so it asks for no factor."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_http_methods, require_POST

from egide.cloud.comfort.units import CHOICES
from egide.cloud.comfort.wishes import Wishes, keep, wishes_of, zones
from egide.cloud.signin.factors import our_page
from egide.cloud.signin.guard import reader_of, signed_in

__all__ = ["display", "easy"]

#: Where French law is in force, from west to east: first in the list.
_NEAR: Final = (
    ("Pacific/Tahiti", gettext_noop("Tahiti")),
    ("America/Martinique", gettext_noop("Martinique")),
    ("America/Guadeloupe", gettext_noop("Guadeloupe")),
    ("America/Cayenne", gettext_noop("French Guiana")),
    ("America/Miquelon", gettext_noop("Saint Pierre and Miquelon")),
    ("Europe/Paris", gettext_noop("Paris")),
    ("Indian/Mayotte", gettext_noop("Mayotte")),
    ("Indian/Reunion", gettext_noop("Réunion")),
    ("Pacific/Noumea", gettext_noop("Nouméa")),
    ("Pacific/Wallis", gettext_noop("Wallis and Futuna")),
)
_KINDS: Final = {
    "glucose": gettext_noop("Glucose"),
    "weight": gettext_noop("Weight"),
    "temperature": gettext_noop("Temperature"),
}
_UNITS: Final = {
    "mg/dL": "mg/dL",
    "mmol/L": "mmol/L",
    "kg": gettext_noop("kilograms (kg)"),
    "[lb_av]": gettext_noop("pounds (lb)"),
    "Cel": gettext_noop("degrees Celsius (°C)"),
    "[degF]": gettext_noop("degrees Fahrenheit (°F)"),
}


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def display(request: HttpRequest) -> HttpResponse:
    """The choices, with those in force; then they hold from the next page on."""
    account = reader_of(request)
    if request.method == "POST":
        said: dict[str, Any] = {key: request.POST.get(key, "") for key in ("zone", *CHOICES)}
        keep(account, Wishes.read(said | {"easy": bool(request.POST.get("easy"))}))
        return redirect(f"{reverse('comfort:display')}?done=1")
    mine = wishes_of(account)
    return render(
        request,
        "comfort/display.html",
        {
            "mine": mine,
            "done": request.GET.get("done", ""),
            "kinds": [_kind(kind, getattr(mine, kind)) for kind in CHOICES],
            "near": [(name, _(words)) for name, words in _NEAR],
            "far": sorted(zones() - {name for name, _words in _NEAR}),
        },
    )


@require_POST
@signed_in
def easy(request: HttpRequest) -> HttpResponse:
    """The switch that stands on pages which have easy words: on or off, and back to the page."""
    account = reader_of(request)
    keep(account, replace(wishes_of(account), easy=request.POST.get("easy") == "on"))
    return redirect(our_page(request.POST.get("next", ""), request) or reverse("comfort:display"))


def _kind(kind: str, chosen: str) -> dict[str, Any]:
    units = [{"value": unit, "label": _(_UNITS[unit]), "checked": unit == chosen} for unit in CHOICES[kind]]
    return {"name": kind, "title": _(_KINDS[kind]), "units": units, "none": not chosen}
