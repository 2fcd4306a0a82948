"""This server's addresses, as those who reach it know them."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

__all__ = ["address_of", "base_of"]


def address_of(request: HttpRequest, path: str) -> str:
    """The absolute address of a path here: https where people reach us so, though a front may speak HTTP to us."""
    address = request.build_absolute_uri(path)
    return address.replace("http://", "https://", 1) if settings.OPTIONS.people_https else address


def base_of(request: HttpRequest) -> str:
    """The FHIR base, without a last slash."""
    return address_of(request, reverse("fhir:metadata")).removesuffix("/metadata")
