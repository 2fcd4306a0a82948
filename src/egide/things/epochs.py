"""Follow the register to its next epoch: after a restore, a new log with a new key goes on where a backup
stopped.

A genesis statement is believed when a platform that the pinned CA vouches for signed it, and when it
continues a log that the object knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from egide.errors import EgideError, RollbackError
from egide.things.memory import Exposure, KnownLog, Memory, Paths, link, sizes_to_link
from egide.things.outbox import Outbox
from egide.things.store import Store
from egide.trust.genesis import Genesis, verify_genesis
from egide.trust.register.tree import TreeHead

__all__ = ["follow"]

FetchPaths = Callable[[str, Sequence[int]], Paths]
"""(log's URI, ascending sizes) -> the consistency paths between them, unverified."""


def follow(
    statements: Iterable[Any],
    *,
    store: Store,
    memory: Memory,
    outbox: Outbox,
    roots: Sequence[bytes],
    chain: Sequence[bytes],
    fetch_paths: FetchPaths,
    now_ms: int,
) -> int:
    """Learn the epochs that `statements` (untrusted) open; return how many envelopes wait again.

    A statement is bytes, then `chain` (the platform's certificates, DER, leaf first) signed it, or [bytes,
    chain]. Those that do not verify are left out: they are somebody's word, not an error of ours.

    Raises:
        RollbackError: an epoch continues a log that is not a continuation of what the object remembers.
        UnavailableError: a consistency proof is needed and cannot be had now.
    """
    found = [genesis for each in statements if (genesis := _verified(each, roots, chain)) is not None]
    again, progress = 0, True
    while progress:
        progress = False
        for genesis in found:
            if genesis.previous is None or memory.log(genesis.log.uri) is not None:
                continue
            old = memory.log(genesis.previous.uri)
            if old is None or old.origin != genesis.previous.origin:
                continue
            _require_continuation(genesis, old, memory, fetch_paths, now_ms)
            with store.writing():
                memory.open_epoch(genesis.log, after=old)
                again += outbox.reopen(old.uri, genesis.previous.size)
            progress = True
    return again


def _verified(item: Any, roots: Sequence[bytes], chain: Sequence[bytes]) -> Genesis | None:
    match item:
        case bytes(statement):
            pass
        case [bytes(statement), [*given]] if given and all(type(der) is bytes for der in given):
            chain = given
        case _:
            return None
    try:
        return verify_genesis(statement, chain, roots)
    except EgideError:
        return None


def _require_continuation(
    genesis: Genesis, old: KnownLog, memory: Memory, fetch_paths: FetchPaths, now_ms: int
) -> None:
    """The old log, as the new one names it, must contain what is remembered, unless a restore cut it
    short.
    """
    previous = genesis.previous
    if previous is None:
        return
    shown = TreeHead(previous.size, previous.root)
    if shown.size < old.head.size:
        memory.expose(
            Exposure(
                at_ms=now_ms, log=old.uri, what="restored", remembered=old.head, shown=(shown,), document=b""
            )
        )
        return
    sizes = sizes_to_link(old.head, [shown])
    try:
        link(old.head, [shown], fetch_paths(old.uri, sizes) if len(sizes) > 1 else {})
    except RollbackError:
        memory.expose(
            Exposure(
                at_ms=now_ms, log=old.uri, what="forked", remembered=old.head, shown=(shown,), document=b""
            )
        )
        raise
