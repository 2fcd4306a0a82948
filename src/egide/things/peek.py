"""Look into an object's folder without being the object: another process may hold it and go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from egide.things.folder import Folder, State
from egide.things.memory import Memory
from egide.things.outbox import Outbox
from egide.things.store import Store, store_secret

__all__ = ["Peek", "peek"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Peek:
    """Read these; change nothing."""

    state: State
    certificate_until_ms: int | None
    outbox: Outbox
    memory: Memory


@contextmanager
def peek(path: Path) -> Iterator[Peek]:
    """Raises ConfigError (nothing was enrolled there), KeyMissingError, StorageError."""
    folder = Folder(path)
    state = folder.state()
    store = Store(folder.store, store_secret(folder.store_key))
    try:
        yield Peek(
            state=state,
            certificate_until_ms=folder.certificate_until_ms(),
            outbox=Outbox(store),
            memory=Memory(store),
        )
    finally:
        store.close()
