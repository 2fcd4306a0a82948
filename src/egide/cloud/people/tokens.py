"""One-time tokens that a person is handed: 160 random bits, kept as their SHA-256, sent after `#` in an address.

Browsers never send what follows `#`, so no log between can hold it.
"""

from __future__ import annotations

import base64
import hashlib
import os
from typing import Final

__all__ = ["address", "digest", "new_token", "typed"]

_BYTES: Final = 20


def new_token() -> str:
    """32 characters, letters and digits."""
    return base64.b32encode(os.urandom(_BYTES)).decode().lower()


def digest(token: str) -> bytes:
    """What is kept of it."""
    return hashlib.sha256(token.encode()).digest()


def typed(text: str) -> str:
    """What a person pasted: spaces, hyphens, capitals, or the whole address instead of the code."""
    return "".join(text.rsplit("#", 1)[-1].split()).replace("-", "").lower()


def address(base: str, path: str, token: str) -> str:
    """`base/path#token`"""
    return f"{base.rstrip('/')}/{path}#{token}"
