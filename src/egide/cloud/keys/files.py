"""Files of the keys folder, replaced whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["write_beside"]


def write_beside(path: Path, data: bytes) -> Path:
    """Write what is to replace `path` into NAME.new, mode 0600, durable; return it: the caller moves it over.

    What an interrupted writing left there is removed first. Raises OSError.
    """
    part = path.with_name(path.name + ".new")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return part
