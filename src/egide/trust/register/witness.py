"""The rules of a witness, pure (C2SP tlog-witness 1.0.0): it cosigns a log that only ever grows.

    request = "old <size>\\n" [<base64 of a hash>\\n]{0,63} "\\n" checkpoint

The caller keeps, per origin, the last head that it cosigned. In one atomic step it reads that head, asks
`decide`, and persists what `Accepted` says; only then does it cosign and answer.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from egide.errors import MalformedError, ProofError, SignatureError, TooLargeError, decoding
from egide.trust.limits import LIMITS
from egide.trust.register.checkpoint import (
    Checkpoint,
    SignedNote,
    VerifierKey,
    decode_base64,
    decode_decimal,
    verify_checkpoint,
)
from egide.trust.register.tree import EMPTY_ROOT, HASH_SIZE, TreeHead, verify_consistency

__all__ = [
    "MAX_PROOF", "SIZE_TYPE", "Accepted", "AddCheckpoint", "Refused", "decide", "encode_add_checkpoint",
    "parse_add_checkpoint", "parse_known_size",
]

SIZE_TYPE: Final = "text/x.tlog.size"
MAX_PROOF: Final = 63
_NOTHING: Final = TreeHead(0, EMPTY_ROOT)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddCheckpoint:
    """A request that was read; nothing in it is verified."""

    old: int
    path: tuple[bytes, ...]
    note: SignedNote
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """200: persist `head` as the last one of `origin`, then answer with a cosignature line of the request's
    note."""

    origin: str
    head: TreeHead


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """An answer other than 200. `body` is a line of text for a person, or the size known (409,
    `SIZE_TYPE`)."""

    status: int
    body: str
    media_type: str = "text/plain; charset=utf-8"


def encode_add_checkpoint(old: int, path: Sequence[bytes], note: bytes) -> bytes:
    """The body of a request: `path` proves that `old` leaves are the beginning of the checkpoint's tree.

    Raises:
        MalformedError: more than 63 hashes.
    """
    if len(path) > MAX_PROOF:
        raise MalformedError("a consistency proof for a witness has 63 hashes at most")
    lines = [f"old {old}", *(base64.b64encode(h).decode() for h in path), "", ""]
    return "\n".join(lines).encode() + note


def parse_add_checkpoint(body: bytes) -> AddCheckpoint:
    """Read a request's body.

    Raises:
        TooLargeError, MalformedError: not of the form above (the answer is 400).
    """
    if len(body) > LIMITS.witness_request:
        raise TooLargeError("a witness's request is too large")
    head, separator, note = body.partition(b"\n\n")
    if not separator:
        raise MalformedError("a witness's request is an old size, a proof, an empty line and a checkpoint")
    with decoding("a witness's request"):
        first, *lines = head.decode("ascii").split("\n")
    if not first.startswith("old ") or len(lines) > MAX_PROOF:
        raise MalformedError("a witness's request begins with its old size, then 63 hashes at most")
    path = tuple(decode_base64(line, "a proof's hash") for line in lines)
    if any(len(h) != HASH_SIZE for h in path):
        raise MalformedError("a proof's hash has 32 bytes")
    signed = SignedNote.parse(note)
    checkpoint = Checkpoint.parse(signed.text)
    return AddCheckpoint(old=decode_decimal(first[4:], "an old size"), path=path, note=signed,
    checkpoint=checkpoint)


def decide(
    request: AddCheckpoint, *, logs: Mapping[str, VerifierKey], known: TreeHead | None
) -> Accepted | Refused:
    """What to answer, given the logs that this witness follows and the last head it cosigned for this origin.

    The checks and their order are those of the specification; a proof that fails leaves everything as it was.
    """
    new, last = request.checkpoint, known or _NOTHING
    log = logs.get(new.origin)
    if log is None:
        return Refused(status=404, body="this witness does not follow that log\n")
    try:
        verify_checkpoint(request.note, log)
    except SignatureError:
        return Refused(status=403, body="the checkpoint is not signed by the log's key\n")
    if request.old > new.size:
        return Refused(status=400, body="the old size is above the checkpoint's\n")
    if request.old != last.size:
        return Refused(status=409, body=f"{last.size}\n", media_type=SIZE_TYPE)
    if new.size == last.size and new.root != last.root:
        return Refused(status=409, body="this witness saw another root at that size\n")
    try:
        verify_consistency(last.size, last.root, new.size, new.root, request.path)
    except ProofError:
        return Refused(status=422, body="the consistency proof does not hold\n")
    return Accepted(origin=new.origin, head=new.head)


def parse_known_size(body: bytes) -> int:
    """The size in a witness's 409, which the log's next request starts from. Raises MalformedError."""
    with decoding("a witness's size"):
        text = body.decode("ascii")
    if not text.endswith("\n"):
        raise MalformedError("a witness's size is a line")
    return decode_decimal(text[:-1], "a witness's size")
