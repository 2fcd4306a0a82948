"""Who holds the key-encryption key. Default: the file `kek.json` of the keys folder, mode 0600, never in a backup.

    {"current": 1, "epochs": {"1": "<32 bytes, base64>"}, "lasting": "<32 bytes, base64>"}

Epochs wrap records' keys. A new one is opened to erase: what must stay is wrapped again under it, and the old one is
destroyed. What never wraps a record's key (sealed columns, blind indexes, backups) comes from `lasting`, which stays.
A file made before `lasting` has everything from its epochs: it works as it did, and cannot erase.
"""

from __future__ import annotations

import base64
import functools
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from egide.errors import KeyMissingError, SealError
from egide.trust.seal import open_with_key, seal_with_key

__all__ = ["WRAP", "FileProvider", "KeyProvider", "LiveProvider", "make_kek_file", "provider"]

WRAP: Final = b"wrap"


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
    _lasting: bytes | None = None

    @classmethod
    def read(cls, path: Path) -> FileProvider:
        """Raises KeyMissingError when the file is not the form above."""
        try:
            content = json.loads(path.read_bytes())
            epochs = {int(k): base64.b64decode(v, validate=True) for k, v in content["epochs"].items()}
            current = int(content["current"])
            lasting = base64.b64decode(content["lasting"], validate=True) if "lasting" in content else None
            lengths = {len(key) for key in (*epochs.values(), *([] if lasting is None else [lasting]))}
            if current not in epochs or lengths != {32}:
                raise ValueError("no current key of 32 bytes")
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as err:
            raise KeyMissingError("kek.json cannot be read") from err
        return cls(current, epochs, lasting)

    @property
    def epochs(self) -> tuple[int, ...]:
        """The epochs whose key still exists, oldest first."""
        return tuple(sorted(self._epochs))

    @property
    def can_erase(self) -> bool:
        """Whether an epoch can be destroyed without losing names and backups."""
        return self._lasting is not None

    def derive(self, epoch: int, purpose: bytes) -> bytes:
        lasting = None if purpose == WRAP or not 1 <= epoch <= self.current else self._lasting
        key = lasting or self._epochs.get(epoch)
        if key is None:
            raise SealError("the key-encryption key of this epoch is gone")
        return HKDF(hashes.SHA256(), 32, b"egide kek v1", purpose).derive(key)

    def wrap(self, data: bytes, context: bytes) -> bytes:
        return seal_with_key(self.derive(self.current, WRAP), os.urandom(12), data, context)

    def unwrap(self, epoch: int, wrapped: bytes, context: bytes) -> bytes:
        return open_with_key(self.derive(epoch, WRAP), wrapped, context)


    def with_epoch(self, number: int, key: bytes) -> FileProvider:
        """The same, and a new epoch that wraps from now on."""
        return replace(self, current=number, _epochs={**self._epochs, number: key})

    def without_old_epochs(self) -> FileProvider:
        """Only the epoch that wraps today."""
        return replace(self, _epochs={self.current: self._epochs[self.current]})

    def content(self) -> bytes:
        """The file that holds these keys."""
        content: dict[str, object] = {
            "current": self.current,
            "epochs": {str(n): base64.b64encode(key).decode() for n, key in sorted(self._epochs.items())},
        }
        if self._lasting is not None:
            content["lasting"] = base64.b64encode(self._lasting).decode()
        return json.dumps(content).encode()


class LiveProvider:
    """The keys of a file as they are now: an epoch that another process opened or destroyed counts at the next use."""

    def __init__(self) -> None:
        self._seen: tuple[int, int, int] | None = None
        self._keys: FileProvider | None = None
        self.keys()

    def keys(self) -> FileProvider:
        """What the file holds at this instant. Raises KeyMissingError."""
        path = settings.OPTIONS.key_file("kek.json")
        state = path.stat()
        seen = (state.st_ino, state.st_mtime_ns, state.st_size)
        if self._keys is None or seen != self._seen:
            self._keys, self._seen = FileProvider.read(path), seen
        return self._keys

    @property
    def current(self) -> int:
        return self.keys().current

    def wrap(self, data: bytes, context: bytes) -> bytes:
        return self.keys().wrap(data, context)

    def unwrap(self, epoch: int, wrapped: bytes, context: bytes) -> bytes:
        return self.keys().unwrap(epoch, wrapped, context)

    def derive(self, epoch: int, purpose: bytes) -> bytes:
        return self.keys().derive(epoch, purpose)


def make_kek_file(key: bytes) -> bytes:
    """The content of a new kek.json holding `key` (32 random bytes) as its first epoch, and a lasting key."""
    return FileProvider(1, {1: key}, os.urandom(32)).content()


@functools.cache
def provider() -> LiveProvider:
    """The provider of this platform. Raises KeyMissingError in a process that has no right to it."""
    return LiveProvider()
