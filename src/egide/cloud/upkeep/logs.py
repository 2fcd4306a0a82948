"""An epoch's own row, and its checkpoints: what every proof hangs on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from egide.cloud.register.epochs import log_anchor
from egide.cloud.register.journal import open_statement
from egide.cloud.register.models import Checkpoint, Log, Statement
from egide.cloud.register.publishing import signed_head
from egide.cloud.register.store import entry_number, nodes_of
from egide.cloud.upkeep.columns import readable, what
from egide.cloud.upkeep.finding import Finding
from egide.cloud.vault.models import Envelope
from egide.errors import ProofError
from egide.trust.anchors import LogAnchor
from egide.trust.register.checkpoint import VerifierKey, verify_checkpoint
from egide.trust.register.receipt import TreeHead, verify_receipt
from egide.trust.register.tiles import TileNodes
from egide.trust.register.tree import inclusion_path, root_hash

__all__ = ["check_checkpoints", "check_log"]

#: A checkpoint is made each second while the platform runs: what is older than this should be under one.
PUBLISHED_MS: Final = 10 * 60_000
_LOG_TYPE: Final = 1  # C2SP signed-note: Ed25519
_FIRST_SIZE: Final = 2  # a log of one leaf gives no receipt (RFC 9942)
_CHUNK: Final = 2_000


def check_log(log: Log) -> Iterator[Finding]:
    """Its names and its key are those of its genesis, which the platform signed."""
    try:
        anchor = log_anchor(log)
        facts = open_statement(Statement.objects.get(entry=entry_number(log.pk, 0))).facts
        said = facts["origin"], facts["uri"], facts["key"], anchor.key.cose_thumbprint(), anchor.key.spki
        if said != (anchor.origin, anchor.uri, anchor.public, bytes(log.kid), bytes(log.public)):
            raise ProofError("a column differs from the genesis", step="columns")
    except Exception as err:
        yield Finding(kind="log", where=str(log.pk), what=what(err))


def check_checkpoints(log: Log, *, now_ms: int) -> Iterator[Finding]:
    """Each is signed, of a head that the tree had, and its receipts verify; the last is not long behind the head.

    None at all is damage where something was sent or enrolled, which takes a running platform, and a notice elsewhere.
    """
    newest = 0
    for row in readable(Checkpoint.objects.filter(log=log).order_by("size")).iterator(_CHUNK):
        newest = row.size
        try:
            _require_good(row, log, log_anchor(log), nodes_of(log.pk))
        except Exception as err:
            yield Finding(kind="checkpoint", where=f"{log.pk}/{row.size}", what=what(err))
    if log.size < _FIRST_SIZE or newest >= log.size:
        return
    since_ms = _written_ms(entry_number(log.pk, newest or 1))
    if since_ms is not None and now_ms - since_ms >= PUBLISHED_MS:
        # A platform that is stopped leaves its last second without one; one that ever ran leaves some.
        missing = not newest and _ran(log)
        said = "behind" if newest else "missing" if missing else "none-yet"
        yield Finding(kind="checkpoint", where=f"{log.pk}/{log.size}", what=said, notice=not missing)


def _ran(log: Log) -> bool:
    """Whether this log holds what only a running platform takes in; what commands write needs none."""
    mine = {"entry__gte": entry_number(log.pk, 0), "entry__lt": entry_number(log.pk + 1, 0)}
    enrolled = Statement.objects.filter(kind="enrolment", **mine)
    return enrolled.exists() or Envelope.objects.filter(**mine).exists()


def _require_good(row: Checkpoint, log: Log, anchor: LogAnchor, nodes: TileNodes) -> None:
    key = VerifierKey(name=anchor.origin, kind=_LOG_TYPE, public=anchor.public)
    said = verify_checkpoint(row.note.encode(), key)
    if said.size != row.size or row.size > log.size or root_hash(row.size, nodes) != said.root:
        raise ProofError("another head", step="root")
    # The signature of every receipt at this size, which proofs are made of without the log's key (ADR 12).
    head = TreeHead(row.size, said.root)
    receipt = signed_head(row, head.root).receipt(0, inclusion_path(0, row.size, nodes))
    if verify_receipt(receipt, nodes(0, 0), key=anchor.key, log_uri=anchor.uri).head != head:
        raise ProofError("receipts of another head", step="receipt")


def _written_ms(entry: int) -> int | None:
    """When an entry was written; None when it is gone, which the check of entries says."""
    said = Statement.objects.filter(entry=entry).values_list("at_ms", flat=True).first()
    return said or Envelope.objects.filter(entry=entry).values_list("received_ms", flat=True).first()
