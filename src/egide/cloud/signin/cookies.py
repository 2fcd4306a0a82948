"""How our own cookies are called. Behind HTTPS no other host, no other path and no plain page can set them."""

from __future__ import annotations

from django.conf import settings

__all__ = ["cookie_name"]


def cookie_name(name: str) -> str:
    """A cookie as the browser keeps it (draft-ietf-httpbis-rfc6265bis, section 4.1.3)."""
    return f"__Host-{name}" if settings.SESSION_COOKIE_SECURE else name
