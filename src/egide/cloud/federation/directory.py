"""What this process remembers of providers: configuration and keys, for an hour.

A key that does not fit is looked up again at once, so a provider may change its keys at any time; but no more than once
in half a minute, so that invented tokens make us ask nobody. After a failure nobody waits for the same one at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from egide.cloud.federation.fetch import fetch, require_address
from egide.cloud.federation.jose import Jwk, read_keys
from egide.cloud.federation.metadata import Metadata, read_metadata
from egide.cloud.federation.providers import Provider
from egide.errors import EgideError, ProviderError, ProviderUnreachableError

__all__ = ["forget", "metadata_of", "with_keys"]

KEPT_MS: Final = 3_600_000
AGAIN_MS: Final = 30_000
FAILED_MS: Final = 5_000
_RENEWED: Final = ("key", "signature")
_T = TypeVar("_T")


@dataclass(slots=True)
class _Known:
    metadata: Metadata | None = None
    metadata_ms: int = 0
    keys: tuple[Jwk, ...] = ()
    keys_ms: int = 0
    failed_ms: int = -FAILED_MS
    lock: threading.Lock = field(default_factory=threading.Lock)


_known: dict[tuple[str, str], _Known] = {}
_lock = threading.Lock()


def forget() -> None:
    """Know nothing of anybody (settings changed, a test ends)."""
    _known.clear()


def metadata_of(provider: Provider, now_ms: int) -> Metadata:
    """Raises ProviderUnreachableError, ProviderError."""
    known = _of(provider)
    with known.lock:
        if known.metadata is None or not known.metadata_ms <= now_ms < known.metadata_ms + KEPT_MS:
            require_address(provider.issuer, plain_loopback=provider.plain_loopback)
            where = require_address(provider.discovery, plain_loopback=provider.plain_loopback)
            known.metadata = read_metadata(provider, _get(known, where, now_ms))
            known.metadata_ms = now_ms
        return known.metadata


def with_keys(provider: Provider, now_ms: int, use: Callable[[tuple[Jwk, ...]], _T]) -> _T:
    """What `use` makes of the provider's keys; tried once more with fresh ones when it knows none that fits.

    Raises:
        ProviderUnreachableError, ProviderError; what `use` raises.
    """
    keys, read_ms = _keys(provider, now_ms, oldest_ms=now_ms - KEPT_MS)
    try:
        return use(keys)
    except ProviderError as err:
        if err.step not in _RENEWED or read_ms > now_ms - AGAIN_MS:
            raise
    keys, _ = _keys(provider, now_ms, oldest_ms=now_ms - AGAIN_MS)
    return use(keys)


def _keys(provider: Provider, now_ms: int, *, oldest_ms: int) -> tuple[tuple[Jwk, ...], int]:
    """The keys, and when they were read: not before `oldest_ms`."""
    address = metadata_of(provider, now_ms).jwks
    known = _of(provider)
    with known.lock:
        if not known.keys or not oldest_ms < known.keys_ms <= now_ms:
            known.keys = read_keys(_get(known, address, now_ms))
            known.keys_ms = now_ms
        return known.keys, known.keys_ms


def _get(known: _Known, address: str, now_ms: int) -> bytes:
    if known.failed_ms <= now_ms < known.failed_ms + FAILED_MS:
        raise ProviderUnreachableError("the provider did not answer a moment ago")
    try:
        answer = fetch("GET", address, headers={"Accept": "application/json"})
        if answer.status != 200:
            raise ProviderUnreachableError("the provider does not say how it works")
    except EgideError:
        known.failed_ms = now_ms
        raise
    return answer.body


def _of(provider: Provider) -> _Known:
    with _lock:
        return _known.setdefault((provider.issuer, provider.discovery), _Known())
