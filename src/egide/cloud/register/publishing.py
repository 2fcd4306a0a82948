"""Checkpoints: the log says how far it has come, and witnesses, elsewhere, say that they saw it.

Only a process that holds the log's key publishes. Beside each checkpoint lies the signature that every receipt at that
size shares, so that proofs are made by processes without the key.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

import httpx
from django.db import transaction

from egide.cloud.register.models import Checkpoint, Cosignature, Log, Witness
from egide.cloud.register.platform import log_signer
from egide.cloud.register.store import current_log, nodes_of
from egide.errors import EgideError, MalformedError, UnavailableError
from egide.trust.limits import LIMITS
from egide.trust.register.checkpoint import SignedNote, VerifierKey, sign_checkpoint, verify_cosignatures
from egide.trust.register.receipt import HeadSigner, SignedHead, TreeHead
from egide.trust.register.tree import consistency_path
from egide.trust.register.witness import encode_add_checkpoint, parse_known_size

__all__ = ["ask_witness", "latest_checkpoint", "publish", "signed_head"]

_TIMEOUT_S: Final = 5.0
_FIRST_SIZE: Final = 2  # a log of one leaf gives no receipt (RFC 9942)
_log = logging.getLogger("egide.register")


def latest_checkpoint(log: Log) -> Checkpoint | None:
    return Checkpoint.objects.filter(log=log).order_by("-size").first()


def signed_head(checkpoint: Checkpoint, root: bytes) -> SignedHead:
    """What makes receipts at a checkpoint's size, without the log's key."""
    return SignedHead(TreeHead(checkpoint.size, root), bytes(checkpoint.protected), bytes(checkpoint.signature))


def publish(*, now_ms: int) -> Checkpoint | None:
    """Sign the head if the log has grown since its last checkpoint; returns the new one."""
    log = current_log()
    last = latest_checkpoint(log)
    if log.size < _FIRST_SIZE or (last is not None and last.size >= log.size):
        return None
    head = TreeHead(log.size, bytes(log.root))
    signer = log_signer(log.pk)
    shared = HeadSigner(signer, log.uri, log.uri).sign(head)
    with transaction.atomic():
        return Checkpoint.objects.create(
            log=log,
            size=head.size,
            note=sign_checkpoint(head, origin=log.origin, signer=signer).decode(),
            protected=shared.protected,
            signature=shared.signature,
            at_ms=now_ms,
        )


def ask_witness(client: httpx.Client, witness: Witness, checkpoint: Checkpoint, *, now_ms: int) -> bool:
    """Ask one witness to cosign; True when it did (C2SP tlog-witness).

    Raises:
        UnavailableError: it does not answer.
        EgideError: what it answers is not a cosignature of its key.
    """
    key = VerifierKey.parse(witness.vkey)
    mine = Cosignature.objects.filter(witness=witness.name, checkpoint__log=checkpoint.log)
    old = mine.order_by("-checkpoint__size").values_list("checkpoint__size", flat=True).first() or 0
    for _ in range(2):
        status, answer = _post(client, witness, old, checkpoint)
        if status == httpx.codes.CONFLICT:
            known = parse_known_size(answer[:32])
            if known == old or known > checkpoint.size:
                _log.error("witness-conflict: a witness saw another or a longer log")
                return False
            old = known
            continue
        if status != httpx.codes.OK:
            raise UnavailableError("a witness refused the checkpoint")
        _keep(key, witness, checkpoint, answer, now_ms)
        return True
    return False


def _post(client: httpx.Client, witness: Witness, old: int, checkpoint: Checkpoint) -> tuple[int, bytes]:
    """(status, body) of an answer that is small and comes within `_TIMEOUT_S`, or UnavailableError."""
    path = consistency_path(old, checkpoint.size, nodes_of(checkpoint.log_id)) if 0 < old < checkpoint.size else []
    body = encode_add_checkpoint(old, path, checkpoint.note.encode())
    until = time.monotonic() + _TIMEOUT_S
    answer = b""
    try:
        address = witness.url.rstrip("/") + "/add-checkpoint"
        with client.stream("POST", address, content=body, timeout=_TIMEOUT_S) as response:
            for part in response.iter_bytes():
                answer += part
                if len(answer) > LIMITS.checkpoint or time.monotonic() > until:
                    raise UnavailableError("a witness answers too much, or too slowly")
            return response.status_code, answer
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as err:
        raise UnavailableError("a witness does not answer") from err


def _keep(key: VerifierKey, witness: Witness, checkpoint: Checkpoint, answer: bytes, now_ms: int) -> None:
    try:
        lines = SignedNote.parse_lines(answer.decode())
    except UnicodeDecodeError as err:
        raise MalformedError("a witness's answer is not text") from err
    mine = [line for line in lines if line.name == key.name and line.key_id == key.key_id]
    note = SignedNote.parse(checkpoint.note.encode()).with_lines(mine)
    if not verify_cosignatures(note, [key]):
        raise MalformedError("a witness's answer holds no cosignature of its key")
    Cosignature.objects.update_or_create(
        checkpoint=checkpoint, witness=witness.name, defaults={"line": mine[-1].line, "at_ms": now_ms}
    )


def ask_all(checkpoint: Checkpoint, *, now_ms: int, disagrees: Callable[[str], None] = lambda _name: None) -> int:
    """Ask every witness that did not cosign yet; one that fails is asked again. Returns how many cosigned now.

    `disagrees` is told the name of a witness that saw another log, or a longer one.
    """
    cosigned = 0
    done = checkpoint.cosignatures.values_list("witness", flat=True)
    with httpx.Client(follow_redirects=False, trust_env=False) as client:
        for witness in Witness.objects.exclude(name__in=list(done)):
            try:
                if ask_witness(client, witness, checkpoint, now_ms=now_ms):
                    cosigned += 1
                else:
                    disagrees(witness.name)
            except EgideError as err:
                _log.warning("witness not heard: %s", err.code)
    return cosigned
