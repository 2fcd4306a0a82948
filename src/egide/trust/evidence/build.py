"""Make a proof file from what the platform holds. Pure: the caller reads the store, and gives the signer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from egide.errors import MalformedError
from egide.trust.anchors import LogAnchor
from egide.trust.cose import CONTENT_TYPE, RECEIPTS, X5CHAIN, Sign1, Signer, sign1
from egide.trust.evidence.form import EVIDENCE_TYPE, Assertion, Epoch, Evidence, decode
from egide.trust.register.checkpoint import VerifierKey

__all__ = ["build_evidence"]


def build_evidence(
    *,
    envelope: bytes,
    receipt: bytes,
    chain: Sequence[bytes],
    roots: Sequence[bytes],
    log: LogAnchor,
    checkpoint: str,
    cosignatures: Sequence[tuple[VerifierKey, str]],
    consistency: Sequence[bytes],
    assertion: Assertion,
    signer: Signer,
    platform_chain: Sequence[bytes],
    epochs: Sequence[Epoch] = (),
) -> bytes:
    """The proof file of one envelope; what it says is not verified here (`verify_evidence` does).

    Args:
        envelope: as the register's leaf hashes it (its unprotected header is empty).
        receipt: of that leaf, at any size up to the checkpoint's.
        chain: the object's certificates (DER), its own first, without the root; `platform_chain` likewise.
        roots: the root certificates (DER) of both chains, each once.
        checkpoint: the note as the log signed it, ending with a newline.
        cosignatures: a witness and its line under that checkpoint, without or with its newline.
        consistency: the path from the receipt's size to the checkpoint's (empty when they are equal).
        signer: the platform's key, whose certificate begins `platform_chain`.
        epochs: the genesis statements that lead to this log, oldest first; none for a platform's first log.

    Raises:
        MalformedError, TooLargeError: what would be written could not be read back.
    """
    statement = Sign1.parse(envelope, what="envelope")
    if statement.unprotected:
        raise MalformedError("an envelope goes into a proof file with an empty unprotected header")
    lines = "".join(line.rstrip("\n") + "\n" for _, line in cosignatures)
    evidence = Evidence(
        statement=statement.encode({RECEIPTS: [receipt]}),
        chain=tuple(chain),
        roots=tuple(roots),
        origin=log.origin,
        log_uri=log.uri,
        log_key=log.public,
        checkpoint=checkpoint + lines,
        consistency=tuple(consistency),
        witnesses=tuple(witness.vkey for witness, _ in cosignatures),
        epochs=tuple(epochs),
        assertion=assertion,
    )
    header: dict[int | str, Any] = {CONTENT_TYPE: EVIDENCE_TYPE, X5CHAIN: list(platform_chain)}
    data = sign1(header, evidence.encode(), signer)
    decode(data)
    return data
