"""The headers that keep a page's content its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; manifest-src 'self'"
)


class ContentSecurityPolicyMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        further = getattr(response, "form_action", "")  # an app's origin, where this page's form may lead
        policy = POLICY.replace("form-action 'self'", f"form-action 'self' {further}") if further else POLICY
        response.headers.setdefault("Content-Security-Policy", policy)
        return response


class CompressedPagesMiddleware(GZipMiddleware):
    """Pages of an address without a query are sent compressed: nothing that somebody else chose lies beside them.

    A page that answers to words of the request is sent as it is: its length tells nothing of what it says (BREACH).
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        html = response.headers.get("Content-Type", "").startswith("text/html")
        if response.streaming or response.status_code != 200 or not html:
            return response
        if request.method != "GET" or request.META.get("QUERY_STRING"):
            return response
        return super().process_response(request, response)


class StaticFilesMiddleware(WhiteNoiseMiddleware):  # type: ignore[misc]  # whitenoise has no types
    """Static files, read whole: the largest has half a megabyte, and ASGI wants no blocking iterator."""

    @staticmethod
    def serve(static_file: StaticFile, request: HttpRequest) -> HttpResponse:
        found = static_file.get_response(request.method, request.META)
        body = b""
        if found.file is not None:
            with found.file:
                body = found.file.read()
        response = HttpResponse(body, status=int(found.status))
        del response.headers["Content-Type"]
        for name, value in found.headers:
            response.headers[name] = value
        return response
