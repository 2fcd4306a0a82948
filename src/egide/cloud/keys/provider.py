"""Who holds the key-encryption key. Default: the file `kek.json` of the keys folder, mode 0600, never in a backup.

    {"current": 1, "epochs": {"1": "<32 bytes, base64>"}}

A new epoch is opened to erase: what must stay is wrapped again under it, and the old one is destroyed.
"""

from __future__ import annotations

import base64
import functools
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from egide.errors import KeyMissingError, SealError
from egide.trust.seal import open_with_key, seal_with_key

__all__ = ["FileProvider", "KeyProvider", "make_kek_file", "provider"]


class KeyProvider(Protocol):
    """Wraps and unwraps with a key it never gives out."""

    @property
    def current(self) -> int:
        """The epoch that wraps today."""

    def wrap(self, data: bytes, context: bytes) -> bytes: ...

    def unwrap(self, epoch: int, wrapped: bytes, context: bytes) -> bytes: ...

    def derive(self, epoch: int, purpose: bytes) -> bytes:
        """A 32-byte key for one purpose."""


@dataclass(frozen=True, slots=True)
class FileProvider:
    """Keys read once from a file."""

    current: int
    _epochs: dict[int, bytes]

    @classmethod
    def read(cls, path: Path) -> FileProvider:
        """Raises KeyMissingError when the file is not the form above."""
        try:
            content = json.loads(path.read_bytes())
            epochs = {int(k): base64.b64decode(v, validate=True) for k, v in content["epochs"].items()}
            current = int(content["current"])
            if current not in epochs or any(len(key) != 32 for key in epochs.values()):
                raise ValueError("no current key of 32 bytes")
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as err:
            raise KeyMissingError("kek.json cannot be read") from err
        return cls(current, epochs)

    def derive(self, epoch: int, purpose: bytes) -> bytes:
        key = self._epochs.get(epoch)
        if key is None:
            raise SealError("the key-encryption key of this epoch is gone")
        return HKDF(hashes.SHA256(), 32, b"egide kek v1", purpose).derive(key)

    def wrap(self, data: bytes, context: bytes) -> bytes:
        return seal_with_key(self.derive(self.current, b"wrap"), os.urandom(12), data, context)

    def unwrap(self, epoch: int, wrapped: bytes, context: bytes) -> bytes:
        return open_with_key(self.derive(epoch, b"wrap"), wrapped, context)


def make_kek_file(key: bytes) -> bytes:
    """The content of a new kek.json holding `key` (32 random bytes) as its first epoch."""
    return json.dumps({"current": 1, "epochs": {"1": base64.b64encode(key).decode()}}).encode()


@functools.cache
def provider() -> KeyProvider:
    """The provider of this platform. Raises KeyMissingError in a process that has no right to it."""
    return FileProvider.read(settings.OPTIONS.key_file("kek.json"))
