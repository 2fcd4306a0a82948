"""What pages need to know of their reader's wishes."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from egide.cloud.comfort.wishes import current

__all__ = ["wishes"]


def wishes(request: HttpRequest) -> dict[str, Any]:  # noqa: ARG001
    """Looked up only by a page that asks."""
    return {"wishes": SimpleLazyObject(current)}
