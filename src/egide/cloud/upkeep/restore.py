"""Restore into an empty folder, and open a new epoch of the register: what came after the backup is sent again.

The new log has its own origin and key; its genesis names the old origin, size and root. Objects follow it because the
platform's certificate, under the CA they pinned, signs the genesis, and resend what they hold receipts for beyond it.

What was erased since the backup is erased again in the same transaction, before anything of it can be opened: the
keyring of the keys folder says what, and gives the keys that an erasure wrapped again (keys/keyring.py).
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from django.db import Error as DatabaseFailure
from django.db import connection, models, transaction

from egide.cloud.governance.erasure import replay
from egide.cloud.options import Options
from egide.cloud.register.epochs import open_log
from egide.cloud.register.models import Log
from egide.cloud.register.platform import log_signer
from egide.cloud.upkeep.backup import columns, read_items, tables
from egide.cloud.upkeep.keyring import take_keyring
from egide.cloud.vault.models import Envelope
from egide.cloud.vault.sealing import insert_rows
from egide.errors import ConfigError, MalformedError, StorageError, UnreadableError

__all__ = ["restore"]

_BATCH: Final = 1_000
#: What an empty folder may hold: settings, a lock, and the tables of a restore that was interrupted before its commit.
_OURS: Final = {".lock", "egide.toml", "egide.sqlite3", "egide.sqlite3-wal", "egide.sqlite3-shm"}


def restore(
    path: Path,
    options: Options,
    *,
    now_ms: int,
    migrate: Callable[[], object],
    write_key: Callable[[Path, str, bytes], None],
) -> tuple[dict[str, int], Log]:
    """Fill an empty store from a backup; returns the rows of each table, and the new epoch.

    Raises:
        ConfigError: the data folder (or database) is not empty. UnreadableError: no such file, or not ours to read.
        MalformedError, SealError, KeyMissingError: not a backup that these keys open, or one older than an erasure
            without the keyring that goes with it; nothing was written.
        StorageError: the disk.
    """
    _require_empty(options)
    _require_readable(path)
    migrate()
    if any(model._default_manager.exists() for model in tables()):
        raise ConfigError("the database is not empty: restore goes into an empty one")
    try:
        with path.open("rb") as file, transaction.atomic():
            counts = _load(read_items(file))
            _reset_sequences()
            erased = take_keyring(options)
            log = _open_epoch(options, now_ms, write_key)
            replay(erased, now_ms=now_ms)
            return counts, log
    except OSError as err:
        raise StorageError("the backup cannot be read") from err
    except DatabaseFailure as err:
        raise StorageError("the store did not take the backup") from err


def _open_epoch(options: Options, now_ms: int, write_key: Callable[[Path, str, bytes], None]) -> Log:
    """In the transaction that loads: there is never a restored store that goes on under the old log."""
    number = (Log.objects.order_by("-id").values_list("id", flat=True).first() or 0) + 1
    _set_aside(options.keys / f"log-{number}.key", now_ms)
    write_key(options.keys, f"log-{number}.key", os.urandom(32))
    return open_log(log_signer(number).public_key, now_ms=now_ms)


def _require_empty(options: Options) -> None:
    options.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    if left := [p.name for p in options.data.iterdir() if p.name not in _OURS]:
        raise ConfigError(f"the data folder is not empty ({len(left)} entries): restore goes into an empty one")


def _require_readable(path: Path) -> None:
    """Open the whole backup once before anything is written."""
    try:
        with path.open("rb") as file:
            for _ in read_items(file):
                pass
    except OSError as err:
        raise UnreadableError("the backup cannot be read") from err


def _set_aside(key: Path, now_ms: int) -> None:
    """An earlier restore of the same backup left a key for this epoch: keep it, under another name."""
    if key.exists():
        key.replace(key.with_name(f"{key.name}.{now_ms}"))


def _load(items: Any) -> dict[str, int]:
    models_by_table = {model._meta.db_table: model for model in tables()}
    counts: dict[str, int] = {}
    table: _Table | None = None
    for item in items:
        if item[0] == "table":
            if table is not None:
                table.flush()
            if item[1] not in models_by_table:
                raise MalformedError("the backup has a table that this version does not know")
            table = _Table(models_by_table[item[1]], item[2])
        elif item[0] == "end":
            if table is not None:
                table.flush()
            if item[1] != counts:
                raise MalformedError("the backup does not hold the rows that it says")
        elif table is None:
            raise MalformedError("the backup begins without a table")
        else:
            table.add(item)
        if table is not None:
            counts[table.name] = table.count
    return counts


class _Table:
    """Rows of one table on their way in."""

    def __init__(self, model: type[models.Model], names: list[str]) -> None:
        self.model, self.name, self.count = model, model._meta.db_table, 0
        fields = {f.attname: f for f in columns(model)}
        if set(names) != set(fields):
            raise MalformedError("the backup is of another version's tables: restore it with that version")
        self._fields = [fields[name] for name in names]
        self._names = names
        self._rows: list[list[Any]] = []

    def add(self, row: list[Any]) -> None:
        self._rows.append([_value(field, value) for field, value in zip(self._fields, row, strict=True)])
        self.count += 1
        if len(self._rows) >= _BATCH:
            self.flush()

    def flush(self) -> None:
        if self.model is Envelope:
            order = [self._names.index(name) for name in _ENVELOPE_ORDER]
            insert_rows([tuple(row[i] for i in order) for row in self._rows])
        else:
            made = [self.model(**dict(zip(self._names, row, strict=True))) for row in self._rows]
            self.model._default_manager.bulk_create(made)
        self._rows.clear()


_ENVELOPE_ORDER: Final = (
    "entry", "key_id", "seq", "certificate_id", "pairing_id", "data_key_id", "step", "flags", "received_ms", "first_ms",
    "last_ms", "identity", "sealed",
)  # fmt: skip


def _value(field: models.Field[Any, Any], value: Any) -> Any:
    kind = field.target_field if isinstance(field, models.ForeignKey) else field
    if value is None:
        return None
    if isinstance(kind, models.UUIDField):
        return uuid.UUID(bytes=value)
    if isinstance(kind, models.DateTimeField):
        return datetime.fromisoformat(value)
    if isinstance(kind, models.DateField):
        return date.fromisoformat(value)
    return value


def _reset_sequences() -> None:
    from django.core.management.color import no_style

    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), tables()):
            cursor.execute(statement)
