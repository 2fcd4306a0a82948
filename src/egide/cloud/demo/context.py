"""What every page of a demo says: that it is one."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest

__all__ = ["demo"]


def demo(request: HttpRequest) -> dict[str, bool]:  # noqa: ARG001
    return {"demo": settings.OPTIONS.demo}
