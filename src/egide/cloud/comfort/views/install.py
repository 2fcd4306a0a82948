"""What a phone may put on its first screen: a neutral name and drawing. Of health it keeps nothing.

The service worker runs only where the pages were installed. It holds one page for when there is no network, and the
style and letters of that page; every other request goes to the network, and no answer of it is kept.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.utils import translation
from django.views.decorators.http import require_safe

__all__ = ["manifest", "offline", "worker"]

_PLAIN: Final = "public, max-age=3600"


@require_safe
def manifest(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """No word of health, and nothing of the person."""
    said = {
        "name": "Egide",
        "short_name": "Egide",
        "id": "/",
        "start_url": reverse("portal:home"),
        "scope": "/",
        "display": "standalone",
        "lang": translation.get_language() or "fr",
        "background_color": "#f7f6f3",
        "theme_color": "#f7f6f3",
        "icons": [
            {"src": static("comfort/icon.svg"), "sizes": "any", "type": "image/svg+xml"},
            {"src": static("comfort/icon-192.png"), "sizes": "192x192", "type": "image/png"},
            {"src": static("comfort/icon-512.png"), "sizes": "512x512", "type": "image/png", "purpose": "any maskable"},
        ],
    }
    answer = HttpResponse(json.dumps(said), content_type="application/manifest+json")
    answer.headers["Cache-Control"] = _PLAIN
    return answer


@require_safe
def worker(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """At the root, so that its scope is every page; never from a cache, so that a new one takes over at once."""
    text = (files("egide.cloud.comfort") / "static" / "comfort" / "worker.js").read_text("utf-8")
    answer = HttpResponse(text, content_type="text/javascript")
    answer.headers["Cache-Control"] = "no-cache"
    return answer


@require_safe
def offline(request: HttpRequest) -> HttpResponse:
    """The same for everybody, in both languages: it knows nobody."""
    answer = render(request, "comfort/offline.html")
    answer.headers["Cache-Control"] = _PLAIN
    return answer
