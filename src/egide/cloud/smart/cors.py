"""Pages of other sites may call FHIR where an app was let in with their origin; no cookie goes with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

from egide.cloud.smart.attested import stands
from egide.cloud.smart.models import App

__all__ = ["CrossOriginMiddleware"]

_METHODS: Final = "GET, POST, PUT, DELETE, OPTIONS"
_HEADERS: Final = "Authorization, Content-Type, Accept, Prefer, If-None-Match, If-None-Exist"
_SHOWN: Final = "ETag, Location, Content-Location, Last-Modified"
_LONGEST: Final = 500


class CrossOriginMiddleware:
    """For /fhir and what is under it alone; any other page is for our own origin."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path != "/fhir" and not request.path.startswith("/fhir/"):
            return self.get_response(request)
        origin = request.headers.get("Origin", "")
        known = _registered(origin)
        if known and request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            response = HttpResponse(status=204)
            response.headers["Access-Control-Allow-Methods"] = _METHODS
            response.headers["Access-Control-Allow-Headers"] = _HEADERS
            response.headers["Access-Control-Max-Age"] = "600"
        else:
            response = self.get_response(request)
        patch_vary_headers(response, ["Origin"])
        if known:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = _SHOWN
        return response


def _registered(origin: str) -> bool:
    if not origin or len(origin) > _LONGEST or "\0" in origin:
        return False
    rows = App.objects.filter(allowed_origins__contains=origin, approved=True, ended_ms=None)
    return any(app.origin_allowed(origin) and stands(app) for app in rows)
