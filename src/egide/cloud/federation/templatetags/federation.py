"""What other pages show of providers: nothing, until the settings name one."""

from __future__ import annotations

from typing import Any

from django import template
from django.conf import settings

from egide.cloud.federation.providers import KINDS, providers

register = template.Library()


@register.inclusion_tag("federation/_sign_in.html")
def federated_sign_in(where: str = "") -> dict[str, Any]:
    """A button for each provider, which leads back to the page `where`."""
    return {"providers": _named(), "next": where}


@register.inclusion_tag("federation/_mine.html")
def federated_identities() -> dict[str, Any]:
    """The way to one's identities, where there can be one."""
    return {"providers": _named()}


def _named() -> list[dict[str, str]]:
    return [{"key": key, "name": KINDS[key].name} for key in providers(settings.OPTIONS)]
