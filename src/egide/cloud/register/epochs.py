"""Opening a log: the first of a platform, or the next one after a restore."""

from __future__ import annotations

import uuid

from egide.cloud.register.journal import insert_statement, sign_statement
from egide.cloud.register.models import Log
from egide.cloud.register.store import Register, appending, entry_number
from egide.errors import ConfigError
from egide.trust.anchors import LogAnchor
from egide.trust.cose import PublicKey
from egide.trust.genesis import GENESIS_KIND, Previous, genesis_facts
from egide.trust.register.tree import leaf_hash

__all__ = ["log_anchor", "open_log"]

_EMPTY_ROOT = bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")  # SHA-256 of nothing


def open_log(key: PublicKey, *, now_ms: int) -> Log:
    """Open the next epoch, signed for by the platform; its genesis names the log before and its last head.

    The key of log n lies in the file log-n.key: write it first.
    """
    before = Log.objects.order_by("-id").first()
    log_uuid = uuid.uuid4()
    anchor = LogAnchor(origin=f"egide/log/{log_uuid}", uri=f"urn:uuid:{log_uuid}", public=key.raw_ed25519)
    previous = None
    if before is not None:
        previous = Previous(origin=before.origin, uri=before.uri, size=before.size, root=bytes(before.root))
    body = sign_statement(GENESIS_KIND, log_uuid, genesis_facts(anchor, previous), now_ms=now_ms)
    with appending():
        if (last := Log.objects.order_by("-id").first()) and (before is None or last.pk != before.pk):
            raise ConfigError("another epoch was opened meanwhile")
        log = Log.objects.create(
            id=(before.pk if before else 0) + 1,
            origin=anchor.origin,
            uri=anchor.uri,
            kid=key.cose_thumbprint(),
            public=key.spki,
            opened_ms=now_ms,
            size=0,
            root=_EMPTY_ROOT,
        )
        appended = Register(log.pk).append([leaf_hash(body)])
        insert_statement(entry_number(log.pk, appended.first), GENESIS_KIND, log_uuid, now_ms, body)
    log.refresh_from_db()
    return log


def log_anchor(log: Log) -> LogAnchor:
    """What an object or an auditor pins of a log."""
    return LogAnchor(origin=log.origin, uri=log.uri, public=bytes(log.public)[-32:])
