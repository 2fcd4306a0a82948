"""A demo lets anybody in, so it answers this machine alone: no proxy before it, no other name, no other address."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse

__all__ = ["DemoGuardMiddleware"]

#: What a proxy adds: whoever sends one is not a browser of this machine, or does not speak to us alone.
_FORWARDED: Final = (
    "HTTP_FORWARDED", "HTTP_VIA", "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_REAL_IP",
)  # fmt: skip
_REFUSED: Final = "egide: access-denied: a demo answers browsers of its own machine, asked by localhost, and no proxy\n"


class DemoGuardMiddleware:
    """Stands first, and only in a demo."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        if not settings.OPTIONS.demo:
            raise MiddlewareNotUsed
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if any(name in request.META for name in _FORWARDED) or not (
            _is_here(request.META.get("REMOTE_ADDR", "")) and _is_here(_host(request.META.get("HTTP_HOST", "")))
        ):
            return HttpResponse(_REFUSED, status=403, content_type="text/plain; charset=utf-8")
        return self.get_response(request)


def _host(header: str) -> str:
    """The name in a Host header, without its port."""
    name = header.rsplit(":", 1)[0] if header.rpartition(":")[2].isdigit() else header
    return name.strip("[]")


def _is_here(address: str) -> bool:
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
