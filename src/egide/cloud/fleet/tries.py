"""Wrong claims are counted by source, never by claim: whoever guesses slows itself and locks nobody else out.

A source is a keyed hash of an address (IPv6: of its /64), so the table tells nobody's address.
A try is written before it is judged, so that many at once cannot slip through; a right one is taken back. Those
of one source are judged one after the other, so that a ward that enrols all at once is not taken for a guesser.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import ipaddress
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.conf import settings

from egide.cloud.fleet.models import ClaimAttempt
from egide.errors import ClaimError, TooManyTriesError

__all__ = ["MAX_TRIES", "WINDOW_MS", "counted_try", "source_of"]

MAX_TRIES: Final = 10
WINDOW_MS: Final = 15 * 60 * 1000
_LOCKS: Final = tuple(threading.Lock() for _ in range(64))


@functools.cache
def _key() -> bytes:
    secret: bytes = settings.OPTIONS.read_key("web.key")
    return hmac.digest(secret, b"egide claim source v1", "sha256")


def source_of(address: str) -> bytes:
    """32 bytes that stand for an address; what is not an address is one source of its own."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return hmac.digest(_key(), b"unknown", hashlib.sha256)
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return hmac.digest(_key(), parsed.ipv4_mapped.packed, hashlib.sha256)
        return hmac.digest(_key(), parsed.packed[:8], hashlib.sha256)
    return hmac.digest(_key(), parsed.packed, hashlib.sha256)


@contextmanager
def counted_try(address: str, *, now_ms: int) -> Iterator[None]:
    """Judge one try in the block: only one that ends in ClaimError counts.

    Raises:
        TooManyTriesError: this source has made MAX_TRIES wrong ones within WINDOW_MS.
    """
    source = source_of(address)
    with _LOCKS[source[0] % len(_LOCKS)], _counted(source, now_ms):
        yield


@contextmanager
def _counted(source: bytes, now_ms: int) -> Iterator[None]:
    since = now_ms - WINDOW_MS
    ClaimAttempt.objects.filter(at_ms__lte=since).delete()
    this = ClaimAttempt.objects.create(source=source, at_ms=now_ms)
    try:
        if ClaimAttempt.objects.filter(source=source, pk__lte=this.pk).count() > MAX_TRIES:
            raise TooManyTriesError("too many wrong claims from this source")
        yield
    except ClaimError:
        raise
    except BaseException:
        this.delete()
        raise
    else:
        this.delete()
