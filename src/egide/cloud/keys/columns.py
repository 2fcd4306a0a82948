"""Sealed columns and blind indexes: names and contacts are not readable in a stolen table, yet found by exact value."""

from __future__ import annotations

import hmac
import os
import unicodedata

from egide.cloud.keys.provider import provider
from egide.errors import SealError
from egide.trust.seal import open_with_key, seal_with_key

__all__ = ["blind_index", "open_text", "seal_text"]


def seal_text(text: str, context: bytes) -> bytes:
    """Seal `text`; `context` names the table, column and row it belongs to. Padded, so lengths say little."""
    keys = provider()
    raw = text.encode()
    padded = len(raw).to_bytes(2, "big") + raw
    padded += bytes(-len(padded) % 32)
    sealed = seal_with_key(keys.derive(keys.current, b"column"), os.urandom(12), padded, context)
    return keys.current.to_bytes(2, "big") + sealed


def open_text(sealed: bytes, context: bytes) -> str:
    """Raises SealError: another key, another place, or altered."""
    data = bytes(sealed)
    if len(data) < 2:
        raise SealError("a sealed column is too short")
    padded = open_with_key(provider().derive(int.from_bytes(data[:2], "big"), b"column"), data[2:], context)
    length = int.from_bytes(padded[:2], "big")
    return padded[2 : 2 + length].decode()


def blind_index(text: str, context: str) -> bytes:
    """32 bytes that are the same for the same text (case and accents' form folded), and say nothing without the key."""
    folded = unicodedata.normalize("NFKC", text).casefold().strip()
    return hmac.digest(provider().derive(1, b"index " + context.encode()), folded.encode(), "sha256")
