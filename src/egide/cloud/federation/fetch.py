"""Ask a provider: https, no redirect, one deadline and one size for the whole answer, no cookie, no proxy.

Nothing of a provider's answer is in an error: it may quote a token.
"""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from egide.errors import ProviderError, ProviderUnreachableError

__all__ = ["DEADLINE_S", "MAX_BYTES", "Answer", "fetch", "require_address"]

DEADLINE_S: Final = 10.0
MAX_BYTES: Final = 256 * 1024
_MAX_ADDRESS: Final = 2_048


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back, whole. `kind` is the media type without its parameters."""

    status: int
    kind: str
    body: bytes


def require_address(address: object, *, plain_loopback: bool) -> str:
    """An absolute https address without user, password or fragment; http only to this machine, where that is let.

    Raises:
        ProviderError: anything else.
    """
    if not isinstance(address, str) or not 0 < len(address) <= _MAX_ADDRESS or not address.isprintable():
        raise ProviderError("an address of the provider is not one", step="address")
    try:
        parts = urlsplit(address)
        host, _port = parts.hostname or "", parts.port
    except ValueError as err:
        raise ProviderError("an address of the provider is not one", step="address") from err
    safe = parts.scheme == "https" or (parts.scheme == "http" and plain_loopback and _loopback(host))
    if not safe or not host or "@" in parts.netloc or parts.fragment or "\\" in address or " " in address:
        raise ProviderError("an address of the provider is not a plain https one", step="address")
    return address


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def fetch(
    method: str,
    address: str,
    *,
    headers: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
    deadline_s: float = DEADLINE_S,
    limit: int = MAX_BYTES,
) -> Answer:
    """The answer at `address`, which the caller has had checked (`require_address`, and the host it may have).

    Raises:
        ProviderUnreachableError: no whole answer before the deadline.
        ProviderError: a redirect, or more than `limit` bytes.
    """
    import httpx  # loaded when somebody is asked: no command needs it to start

    try:
        return asyncio.run(_fetch(method, address, dict(headers or {}), form, deadline_s, limit))
    except (TimeoutError, httpx.HTTPError, httpx.InvalidURL, OSError) as err:
        raise ProviderUnreachableError("the provider does not answer") from err


async def _fetch(
    method: str, address: str, headers: dict[str, str], form: Mapping[str, str] | None, deadline_s: float, limit: int
) -> Answer:
    import httpx

    # One deadline over connection, headers and body: a trickle of bytes keeps no thread for ever.
    async with asyncio.timeout(deadline_s):
        headers["Accept-Encoding"] = "identity"
        client = httpx.AsyncClient(verify=_trust(), follow_redirects=False, trust_env=False, timeout=deadline_s)
        async with client, client.stream(method, address, headers=headers, data=form) as answer:
            if answer.is_redirect:
                raise ProviderError("the provider sends us elsewhere", step="redirect")
            if answer.headers.get("Content-Encoding", "identity") != "identity":
                raise ProviderError("the provider's answer is packed", step="size")
            body = bytearray()
            async for part in answer.aiter_raw():
                body += part
                if len(body) > limit:
                    raise ProviderError("the provider's answer is too large", step="size")
            kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            return Answer(status=answer.status_code, kind=kind, body=bytes(body))


@functools.cache
def _trust() -> ssl.SSLContext:
    """The system's authorities, and TLS 1.2 at least."""
    return ssl.create_default_context()
