"""Where a token may go: the server that it is for, over TLS, or this very machine."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from egide.errors import ConfigError, MalformedError

__all__ = ["require_base", "require_safe"]

_HERE: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def require_base(base: str) -> str:
    """The server's FHIR address, without its last slash. Raises ConfigError for one that would show the token."""
    parts = urlsplit(base)
    plain = parts.scheme == "http" and parts.hostname in _HERE
    if not (parts.hostname and (parts.scheme == "https" or plain)) or parts.username or parts.query or parts.fragment:
        raise ConfigError("the FHIR address is https://server/fhir (http only on this machine)")
    return base.rstrip("/")


def require_safe(address: str, base: str) -> None:
    """Raises MalformedError when the server sends us elsewhere."""
    if _origin(address) != _origin(base):
        raise MalformedError("the server names an address at another origin: nothing is sent there")


def _origin(address: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(address)
        return parts.scheme, parts.hostname or "", parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError as err:
        raise MalformedError("the server names an address of another form") from err
