"""Small files that must survive a power cut, and secret ones that only their owner may read."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from egide.errors import KeyMissingError, StorageError

__all__ = ["locked", "make_folder", "read_secret", "write"]


@contextmanager
def storing(what: str) -> Iterator[None]:
    """Turn an operating system's refusal into `StorageError`."""
    try:
        yield
    except OSError as err:
        why = {
            errno.ENOSPC: "the disk is full",
            errno.EDQUOT: "the disk quota is used up",
            errno.EFBIG: "the file may not grow",
            errno.EROFS: "the disk is read-only",
            errno.EACCES: "the rights do not allow it",
            errno.EPERM: "the rights do not allow it",
        }.get(err.errno or 0, "the disk failed")
        raise StorageError(f"{what} cannot be written: {why}") from err


def make_folder(folder: Path) -> None:
    """Make the object's folder, for its owner only (0700). Raises StorageError."""
    with storing("the object's folder"):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)


def write(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Replace `path` in one step: after a power cut it holds the old bytes or the new ones.

    Raises:
        StorageError: the disk is full, read-only, or fails; the old file is as it was.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    with storing(path.name):
        try:
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
            with os.fdopen(handle, "wb") as file:
                os.fchmod(handle, mode)
                file.write(data)
                file.flush()
                os.fsync(handle)
            temporary.replace(path)
        except OSError:
            with suppress(OSError):
                temporary.unlink()
            raise
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def read_secret(path: Path) -> bytes:
    """The bytes of a secret file.

    Raises:
        KeyMissingError: it is absent, or someone else than its owner may read it.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as err:
        raise KeyMissingError(f"the file {path.name} is missing or cannot be read") from err
    with os.fdopen(handle, "rb") as file:
        if stat.S_IMODE(os.fstat(handle).st_mode) & 0o077:
            raise KeyMissingError(f"the file {path.name} can be read by others: set its mode to 0600")
        return file.read()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the only right to speak as this object while the block runs.

    Raises:
        StorageError: another process holds it.
    """
    with storing(path.name):
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as err:
            raise StorageError("another process speaks as this object already") from err
        yield
    finally:
        os.close(handle)
