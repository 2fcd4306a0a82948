"""The checkpoint of a proof file: the log's signature line, then one line per witness, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from egide.errors import MalformedError, ProofError
from egide.trust.anchors import Anchors, LogAnchor
from egide.trust.evidence.report import WitnessSeen
from egide.trust.register.checkpoint import (
    COSIGNATURE,
    SignedNote,
    VerifierKey,
    verify_checkpoint,
    verify_cosignatures,
)
from egide.trust.register.tree import TreeHead

__all__ = ["verify_note", "verify_witnesses"]

_MAX_TIME_S: Final = 2**37  # about the year 6325


def verify_note(note: SignedNote, log: LogAnchor) -> TreeHead:
    """The head that the log signed, its line being the note's first.

    Raises:
        MalformedError, ProofError, SignatureError: as `verify_checkpoint`, or the text has lines of its own.
    """
    checkpoint = verify_checkpoint(note, log.verifier)
    first, *others = note.signatures
    if checkpoint.extensions or not log.verifier.signed(SignedNote(text=note.text, signatures=(first,))):
        raise MalformedError("a proof's checkpoint has three lines, then the log's signature")
    if any(line.name == log.origin for line in others):
        raise MalformedError("a log signs its checkpoint once")
    return checkpoint.head


def verify_witnesses(
    vkeys: Sequence[str], note: SignedNote, log: LogAnchor, anchors: Anchors | None
) -> tuple[WitnessSeen, ...]:
    """Verify every line after the log's, each by the key that the file gives for it.

    A witness that the anchors know by another key is a forgery; one that they do not know does not count.

    Raises:
        MalformedError, ProofError, SignatureError: a line has no key, or does not verify, or its key is not a
            witness's own.
    """
    keys = tuple(VerifierKey.parse(vkey) for vkey in vkeys)
    lines = [(line.name, line.key_id) for line in note.signatures[1:]]
    if lines != [(key.name, key.key_id) for key in keys] or len({key.name for key in keys}) != len(keys):
        raise ProofError("the checkpoint's lines are not one of each witness that the file names")
    if any(key.kind != COSIGNATURE or key.public == log.public for key in keys):
        raise ProofError("a witness signs with a key of its own, of type 04")
    seen = []
    for key, cosignature in zip(keys, verify_cosignatures(note, keys), strict=True):
        known = anchors and anchors.witness(key.name)
        if known and known != key:
            raise ProofError("a witness of the file has another key than the anchors have for it")
        if cosignature.time_s > _MAX_TIME_S:
            raise ProofError("a cosignature's time is out of range")
        seen.append(WitnessSeen(name=key.name, cosigned_s=cosignature.time_s, anchored=known == key))
    return tuple(seen)
