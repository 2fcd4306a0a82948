"""The keyring: every record's wrapped key and the list of what was erased, in one file beside `kek.json`.

A backup older than an erasure holds keys that were wrapped by an epoch which no longer exists. A restore takes them
from here instead, and erases again what was erased since (docs/operate.md). The file opens nothing without `kek.json`;
both are backed up apart from the data, and a copy of either is kept 30 days at most.

    [version, written_ms, {fingerprint: [epoch, wrapped]}, {fingerprint: [erased_ms, entry]}]
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from egide import cbor
from egide.cloud.keys.files import write_beside
from egide.cloud.keys.models import RecordKey
from egide.errors import MalformedError, StorageError

__all__ = ["KEYRING", "Keyring", "fingerprint", "read_keyring", "write_keyring"]

KEYRING: Final = "keyring.cbor"
_VERSION: Final = 1
_LIMIT: Final = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyring:
    """What the file holds, by the fingerprint of each key pair."""

    written_ms: int
    wrapped: Mapping[str, tuple[int, bytes]]
    erased: Mapping[str, tuple[int, int]]


def fingerprint(key: RecordKey) -> str:
    """SHA-256 of the public half, in hexadecimal: what a statement and the keyring name a key pair by."""
    return hashlib.sha256(bytes(key.public)).hexdigest()


def write_keyring(folder: Path, *, now_ms: int) -> None:
    """Write what the table holds now. What an earlier file says was erased stays said. Raises StorageError."""
    before = read_keyring(folder)
    wrapped: dict[str, list[object]] = {}
    erased: dict[str, list[object]] = {k: list(v) for k, v in before.erased.items()} if before else {}
    for key in RecordKey.objects.order_by("pk").iterator(2_000):
        name = fingerprint(key)
        if key.wrapped is not None:
            wrapped[name] = [key.epoch, bytes(key.wrapped)]
        elif key.erased_ms is not None:
            erased.setdefault(name, [key.erased_ms, key.erased_entry or 0])
    for name in erased:
        wrapped.pop(name, None)
    data = cbor.encode([_VERSION, now_ms, wrapped, erased])
    try:
        write_beside(folder / KEYRING, data).replace(folder / KEYRING)
    except OSError as err:
        raise StorageError("the keyring cannot be written") from err


def read_keyring(folder: Path) -> Keyring | None:
    """The file of a keys folder; None when nothing was ever erased. Raises MalformedError, StorageError."""
    try:
        data = (folder / KEYRING).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as err:
        raise StorageError("the keyring cannot be read") from err
    match cbor.decode(data, limit=_LIMIT, what="keyring"):
        case [int(version), int(written_ms), dict(wrapped), dict(erased)] if version == _VERSION:
            return Keyring(
                written_ms=written_ms,
                wrapped={name: (epoch, sealed) for name, (epoch, sealed) in wrapped.items()},
                erased={name: (at_ms, entry) for name, (at_ms, entry) in erased.items()},
            )
    raise MalformedError("the keyring has another form")
