"""Backup of a running platform: one consistent snapshot of every table, encrypted under the key provider.

    "EGIDE-BACKUP-1\\n" || u16 length || header || chunks

The header is CBOR {"epoch", "created", "prefix"}; each chunk is u32 length || AES-256-GCM with the nonce prefix (7) ||
counter (4) || last (1) (the STREAM construction, so chunks can be neither dropped, swapped nor cut off) and the header
as AAD. Inside: CBOR items, ["table", name, columns], then one array a row, then ["end", {table: rows}].

The keys folder is never in it. Broker store and static files are not either: what was not receipted, objects keep.
"""

from __future__ import annotations

import io
import os
import uuid
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import IO, Any, BinaryIO, Final, cast

import cbor2
from cbor2 import CBORError
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.apps import apps
from django.db import models

from egide import cbor
from egide.cloud.keys.provider import provider
from egide.cloud.upkeep.snapshot import snapshot
from egide.errors import MalformedError, NameTakenError, SealError, StorageError

__all__ = ["MAGIC", "read_items", "tables", "write_backup"]

MAGIC: Final = b"EGIDE-BACKUP-1\n"
CHUNK: Final = 1 << 20
_APPS: Final = (
    "keys", "register", "people", "messages", "fleet", "consent", "vault", "intake", "signin", "federation",
    "governance", "comfort", "smart", "mfa",
)  # fmt: skip
#: Not kept: how people are reached outside, since a restore must not turn on again what somebody turned off since; and
#: forms that were not sent with the last pages of shared workstations, which are forgotten after twelve hours; and the
#: vault's pages, which are written again from envelopes; and what apps hold, since a restore must not make a token
#: count again that somebody ended since: they ask again.
_LEFT: Final = frozenset({
    "messages.way", "messages.outgoing", "signin.kept", "vault.page", "vault.pagecursor", "smart.code", "smart.token",
    "smart.refresh", "smart.launch", "smart.spentassertion",
})  # fmt: skip
_ROWS: Final = 2_000


def tables() -> list[type[models.Model]]:
    """Every table that is kept, ours and the factors of allauth, in an order in which rows can be written back."""
    found: list[type[models.Model]] = []
    kept = [m for name in _APPS for m in apps.get_app_config(name).get_models()]
    waiting = [model for model in kept if model._meta.label_lower not in _LEFT]
    while waiting:
        model = waiting.pop(0)
        needs = {f.related_model for f in model._meta.concrete_fields if f.is_relation} - {model}
        if needs & set(waiting):
            waiting.append(model)
        else:
            found.append(model)
    return found


def columns(model: type[models.Model]) -> list[models.Field[Any, Any]]:
    return [f for f in model._meta.concrete_fields if not isinstance(f, models.CompositePrimaryKey)]


def _plain(value: object) -> object:
    """A value that CBOR carries: UUIDs as 16 bytes, dates as ISO text."""
    if isinstance(value, memoryview):
        return bytes(value)
    if isinstance(value, uuid.UUID):
        return value.bytes
    if isinstance(value, date | datetime):
        return value.isoformat()
    return value


class _Sealer:
    """Writes bytes as sealed chunks."""

    def __init__(self, file: BinaryIO, key: bytes, header: bytes, prefix: bytes) -> None:
        self._file, self._cipher, self._aad, self._prefix = file, AESGCM(key), header, prefix
        self._buffer = bytearray()
        self._counter = 0

    def write(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) > CHUNK:
            self._chunk(bytes(self._buffer[:CHUNK]), last=False)
            del self._buffer[:CHUNK]

    def finish(self) -> None:
        self._chunk(bytes(self._buffer), last=True)

    def _chunk(self, data: bytes, *, last: bool) -> None:
        sealed = self._cipher.encrypt(_nonce(self._prefix, self._counter, last), data, self._aad)
        self._file.write(len(sealed).to_bytes(4, "big") + sealed)
        self._counter += 1


def _nonce(prefix: bytes, counter: int, last: bool) -> bytes:
    return prefix + counter.to_bytes(4, "big") + bytes((last,))


def write_backup(path: Path, *, now_ms: int) -> dict[str, int]:
    """Write a backup; returns how many rows of each table. The file appears whole or not at all.

    Raises:
        NameTakenError: there is such a file. StorageError: it cannot be written.
    """
    if path.exists():
        raise NameTakenError("there is a file of that name already: a backup replaces nothing")
    keys = provider()
    prefix = os.urandom(7)
    header = cbor.encode({"epoch": keys.current, "created": now_ms, "prefix": prefix})
    key = keys.derive(keys.current, b"backup " + prefix)
    part = path.with_name(path.name + ".part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(MAGIC + len(header).to_bytes(2, "big") + header)
            counts = _write_tables(_Sealer(file, key, header, prefix))
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as err:
        part.unlink(missing_ok=True)
        raise StorageError("the backup cannot be written") from err
    return counts


def _write_tables(sealer: _Sealer) -> dict[str, int]:
    counts: dict[str, int] = {}
    with snapshot():
        for model in tables():
            name = model._meta.db_table
            fields = [f.attname for f in columns(model)]
            sealer.write(cbor.encode(["table", name, fields]))
            counts[name] = 0
            order = "entry" if "entry" in fields and model._meta.pk.name == "entry" else fields[0]
            for row in model._default_manager.order_by(order).values_list(*fields).iterator(_ROWS):
                sealer.write(cbor.encode([_plain(value) for value in row]))
                counts[name] += 1
    sealer.write(cbor.encode(["end", counts]))
    sealer.finish()
    return counts


class _Opener(io.RawIOBase):
    """Reads what `_Sealer` wrote; a file object for the CBOR decoder."""

    def __init__(self, file: BinaryIO, key: bytes, header: bytes, prefix: bytes) -> None:
        self._file, self._cipher, self._aad, self._prefix = file, AESGCM(key), header, prefix
        self._buffer = b""
        self._at = 0
        self._counter = 0
        self._ended = False

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while not self._ended and (size < 0 or len(self._buffer) - self._at < size):
            self._buffer = self._buffer[self._at :] + self._next()
            self._at = 0
        end = len(self._buffer) if size < 0 else self._at + size
        data = self._buffer[self._at : end]
        self._at += len(data)
        return data

    def _next(self) -> bytes:
        length = int.from_bytes(self._file.read(4), "big")
        sealed = self._file.read(length) if 16 <= length <= CHUNK + 16 else b""
        for last in (False, True):
            try:
                data = self._cipher.decrypt(_nonce(self._prefix, self._counter, last), sealed, self._aad)
            except InvalidTag:
                continue
            self._counter += 1
            self._ended = last
            return data
        raise SealError("the backup is damaged, cut off, or of another platform's key")


def read_items(file: BinaryIO) -> Iterator[list[Any]]:
    """The items of a backup, in order; ends after "end".

    Raises:
        MalformedError: not a backup.
        SealError: damaged, cut off, or sealed under another key.
    """
    if file.read(len(MAGIC)) != MAGIC:
        raise MalformedError("this is not an egide backup")
    header = file.read(int.from_bytes(file.read(2), "big"))
    match cbor.decode(header, limit=1_024, what="backup header"):
        case {"epoch": int(epoch), "created": int(), "prefix": bytes(prefix)} if len(prefix) == 7:
            pass
        case _:
            raise MalformedError("the backup's header has another form")
    opener = _Opener(file, provider().derive(epoch, b"backup " + prefix), header, prefix)
    decoder = cbor2.CBORDecoder(cast("IO[bytes]", opener), read_size=1 << 16)
    while True:
        try:
            item = decoder.decode()
        except CBORError as err:
            raise SealError("the backup is damaged, cut off, or of another platform's key") from err
        yield item
        if item[0] == "end":
            return
