"""What a test does to bytes, so that they are always others."""

from __future__ import annotations

__all__ = ["flipped"]


def flipped(data: bytes | memoryview) -> bytes:
    """One bit of the last byte changed: never what it was, as a fixed byte may be once in 256 times."""
    kept = bytes(data)
    return kept[:-1] + bytes([kept[-1] ^ 1])
