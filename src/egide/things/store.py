"""The object's own SQLite file: what it has to say, what it was answered, what it remembers of the register.

Power may fail at any instant. The file uses a rollback journal with `synchronous=EXTRA`: a commit returns
once the database is on the disk and the journal's removal too (with FULL, SQLite does not sync the folder
after removing the journal, and a power cut may bring the journal, and with it the old state, back).
tests/things/test_power_loss.py shows both. Contents are sealed with AES-256-GCM under a key of the
object's folder.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import apsw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from egide.errors import KeyMissingError, SealError, StorageError
from egide.things.files import read_secret, write

__all__ = ["Store", "store_secret"]

_VERSION: Final = 1
SYNCHRONOUS: str = "extra"  # tests show what a weaker one loses
_SCHEMA: Final = """
CREATE TABLE counter (key BLOB PRIMARY KEY, next_seq INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE envelope (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  digest BLOB NOT NULL UNIQUE,      -- SHA-256 of the envelope's bytes
  state INTEGER NOT NULL,           -- outbox.State
  seq INTEGER NOT NULL,
  key BLOB NOT NULL,                -- SHA-256 of the signer's public key
  sealed BLOB NOT NULL,             -- the envelope
  added_ms INTEGER NOT NULL,
  settled_ms INTEGER,
  code TEXT,                        -- why it was refused
  log TEXT, leaf INTEGER,           -- where it was registered
  answer BLOB,                      -- the receipt or the refusal, sealed
  UNIQUE (key, seq)
);
CREATE INDEX envelope_state ON envelope (state, id);
CREATE INDEX envelope_leaf ON envelope (log, leaf) WHERE log IS NOT NULL;
CREATE TABLE draft (id INTEGER PRIMARY KEY AUTOINCREMENT, sealed BLOB NOT NULL);
CREATE TABLE log (
  uri TEXT PRIMARY KEY,
  origin TEXT NOT NULL,
  public BLOB NOT NULL,             -- Ed25519, 32 bytes
  size INTEGER NOT NULL,            -- the largest tree head that verified
  root BLOB NOT NULL,
  epoch INTEGER NOT NULL            -- 0, 1, 2...
);
CREATE TABLE exposure (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at_ms INTEGER NOT NULL,
  log TEXT NOT NULL,
  what TEXT NOT NULL,
  evidence BLOB NOT NULL
);
"""


def store_secret(path: Path) -> bytes:
    """The 32 bytes that seal the store, made at the first call. Raises KeyMissingError, StorageError."""
    if not path.exists():
        write(path, os.urandom(32))
    secret = read_secret(path)
    if len(secret) != 32:
        raise KeyMissingError(f"the file {path.name} must hold 32 bytes")
    return secret


@contextmanager
def storing() -> Iterator[None]:
    """Turn SQLite's failures into `StorageError`."""
    try:
        yield
    except apsw.FullError as err:
        raise StorageError("the object's store is full: the disk has no space left") from err
    except (apsw.ReadOnlyError, apsw.CantOpenError, apsw.PermissionsError, apsw.AuthError) as err:
        raise StorageError(
            "the object's store cannot be written: read-only, or without the right to"
        ) from err
    except (apsw.CorruptError, apsw.NotADBError) as err:
        raise StorageError("the object's store is damaged") from err
    except apsw.BusyError as err:
        raise StorageError("the object's store is in use by another process") from err
    except apsw.IOError as err:
        raise StorageError("the object's store cannot be written: the disk failed or is full") from err


class Store:
    """One connection, usable from any thread, one transaction at a time."""

    def __init__(self, path: Path | str, secret: bytes, *, vfs: str | None = None) -> None:
        """Open, or make, the store at `path`; `vfs` names another SQLite VFS.

        Raises:
            StorageError: it cannot be opened, or was written by a later version.
        """
        self._lock = threading.RLock()
        self._aead = AESGCM(HKDF(SHA256(), 32, None, b"egide object store, rows, v1").derive(secret))
        if isinstance(path, Path) and not path.exists():
            write(path, b"")
        with storing():
            self._db = apsw.Connection(str(path), vfs=vfs)
            try:
                self._prepare()
            except BaseException:
                self._db.close(True)
                raise

    def _prepare(self) -> None:
        db = self._db
        db.set_busy_timeout(10_000)
        db.pragma("journal_mode", "delete")
        db.pragma("synchronous", SYNCHRONOUS)
        db.pragma("fullfsync", True)  # macOS: fsync alone stops at the drive's cache
        with self.writing():
            version = db.pragma("user_version")
            if version == 0:
                db.execute(_SCHEMA)
                db.pragma("user_version", _VERSION)
            elif version > _VERSION:
                raise StorageError("the object's store was written by a later version of Egide")

    def close(self) -> None:
        with self._lock:
            self._db.close(True)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction: all that the block writes, durably, or nothing. Nests into the outer one.

        Raises:
            StorageError: nothing was kept, the store is as it was.
        """
        with self._lock, storing():
            if self._db.in_transaction:
                yield
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def run(self, sql: str, *values: Any) -> int:
        """Run one statement; how many rows it changed."""
        with self._lock, storing():
            self._db.execute(sql, values)
            return int(self._db.changes())

    def rows(self, sql: str, *values: Any) -> Sequence[tuple[Any, ...]]:
        with self._lock, storing():
            return [tuple(row) for row in self._db.execute(sql, values)]

    def seal(self, data: bytes, about: bytes) -> bytes:
        """Encrypt; `about` must be given again to open."""
        nonce = os.urandom(12)
        return nonce + self._aead.encrypt(nonce, data, about)

    def open(self, sealed: bytes, about: bytes) -> bytes:
        """Raises SealError: another secret, or altered."""
        try:
            return self._aead.decrypt(sealed[:12], sealed[12:], about)
        except (InvalidTag, ValueError) as err:
            raise SealError("a row of the object's store cannot be opened") from err
