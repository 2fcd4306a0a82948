"""Erasing a class of a record: its wrapped key goes, and so does the key that wrapped it, in every copy of the table.

1. `open_epoch`    kek.json holds a new epoch beside the old one; what is wrapped from now on is wrapped by it
2. `forget_keys`   in the transaction of the statement that says so: the class's wrapped keys are gone from the table
3. `close_epochs`  every other key is wrapped again under the new epoch, the keyring is written, the old epoch destroyed

Killed between any two steps, nothing that must stay is lost: both epochs are still in the file, and `close_epochs`,
done again, goes on from where it stood. Until it has ended, nothing is said to be erased.

A table copied before step 2, with the file as it is after step 3, opens nothing. A copy of the *file* from before does:
so copies of the keys folder have a limit in time, and an erasure is complete once it has passed (governance).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import connection

from egide.cloud.keys.files import write_beside
from egide.cloud.keys.keyring import write_keyring
from egide.cloud.keys.models import RecordKey
from egide.cloud.keys.provider import FileProvider, provider
from egide.cloud.keys.records import keys_lock, wrap_context
from egide.errors import ConfigError, StorageError

__all__ = ["close_epochs", "forget_keys", "open_epoch", "unfinished"]

_CHUNK: Final = 500
Step = Callable[[str], None]


def unfinished() -> bool:
    """Whether an erasure was begun and its old epoch still exists."""
    return len(provider().keys().epochs) > 1


def open_epoch(*, step: Step = lambda _: None) -> int:
    """Add an epoch and let it wrap from now on; returns its number.

    Raises:
        ConfigError: the key file was made before epochs could be destroyed. StorageError: it cannot be written.
    """
    with keys_lock():
        keys = provider().keys()
        if not keys.can_erase:
            raise ConfigError("kek.json is of an older form, under which no key can be destroyed alone")
        number = keys.current + 1
        _write(keys.with_epoch(number, os.urandom(32)), step)
    return number


def forget_keys(keys: Iterable[RecordKey], *, now_ms: int, entry: int) -> None:
    """Delete the wrapped halves: under `keys_lock`, in the transaction of the statement, whose number is `entry`."""
    RecordKey.objects.filter(pk__in=[key.pk for key in keys]).update(
        wrapped=None, erased_ms=now_ms, erased_entry=entry
    )


def close_epochs(*, now_ms: int, step: Step = lambda _: None) -> int:
    """Wrap everything again under the current epoch, write the keyring, destroy the older epochs. Can be done again.

    Returns how many keys were wrapped again; raises StorageError, SealError: the older epochs are still there.
    """
    again = 0
    while True:
        while done := _wrap_some():
            again += done
        step("wrapped")
        with keys_lock():  # nobody makes a key while the last look is taken
            keys = provider().keys()
            if RecordKey.objects.filter(erased_ms=None).exclude(epoch=keys.current).exists():
                continue  # made meanwhile: wrapped again in a transaction of its own, so that it is kept first
            write_keyring(settings.OPTIONS.keys, now_ms=now_ms)
            step("keyring")
            if len(keys.epochs) > 1:
                _write(keys.without_old_epochs(), step)
            return again


def _wrap_some() -> int:
    with keys_lock():
        keys = provider().keys()
        rows = RecordKey.objects.filter(erased_ms=None).exclude(epoch=keys.current)
        some = list(rows.defer("public").order_by("pk")[:_CHUNK])
        again = []
        for key in some:
            context = wrap_context(key.subject, key.establishment, key.klass)
            seed = keys.unwrap(key.epoch, bytes(key.wrapped or b""), context)
            again.append((keys.wrap(seed, context), keys.current, key.pk))
        with connection.cursor() as cursor:
            cursor.executemany("UPDATE keys_recordkey SET wrapped = %s, epoch = %s WHERE id = %s", again)
    return len(some)


def _write(keys: FileProvider, step: Step) -> None:
    """Replace kek.json, whole or not at all, and write over what it held."""
    path: Path = settings.OPTIONS.key_file("kek.json")
    try:
        part = write_beside(path, keys.content())
        step("written")
        with path.open("r+b") as old:
            part.replace(path)
            _sync(path.parent)
            step("replaced")
            old.write(bytes(os.fstat(old.fileno()).st_size))  # as far as the disk lets us write over it
            old.flush()
            os.fsync(old.fileno())
    except OSError as err:
        raise StorageError("kek.json cannot be written") from err


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
