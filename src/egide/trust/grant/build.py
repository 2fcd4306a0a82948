"""Make a consent proof from what the platform holds. Pure: the caller reads the store, and gives the signer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from egide.trust.anchors import LogAnchor
from egide.trust.cose import CONTENT_TYPE, X5CHAIN, Signer, sign1
from egide.trust.evidence import Epoch
from egide.trust.grant.form import CONSENT_TYPE, ConsentProof, Entry, decode
from egide.trust.grant.signed import SignedConsent
from egide.trust.register.checkpoint import VerifierKey

__all__ = ["build_consent_proof"]


def build_consent_proof(
    *,
    signed: SignedConsent,
    entry: Entry,
    credential: Entry,
    retirement: Entry | None,
    roots: Sequence[bytes],
    log: LogAnchor,
    checkpoint: str,
    cosignatures: Sequence[tuple[VerifierKey, str]],
    made_ms: int,
    signer: Signer,
    platform_chain: Sequence[bytes],
    epochs: Sequence[Epoch] = (),
) -> bytes:
    """The proof file of one consent; what it says is not verified here (`verify_consent_proof` does).

    Args:
        entry: the consent's statement, its receipt at the checkpoint's size; so are the others of this log.
        credential: what enrolled the passkey; `retirement` what retired it since, if anything did.
        roots: the root certificates (DER), each once.
        log: which holds `entry`.
        checkpoint: the note as the log signed it, ending with a newline.
        cosignatures: a witness and its line under that checkpoint, without or with its newline.
        signer: the platform's key, whose certificate begins `platform_chain` (DER, without the root).
        epochs: the genesis statements that lead to this log, oldest first; none for a platform's first log.

    Raises:
        MalformedError, TooLargeError: what would be written could not be read back.
    """
    lines = "".join(line.rstrip("\n") + "\n" for _, line in cosignatures)
    proof = ConsentProof(
        signed=signed,
        entry=entry,
        credential=credential,
        retirement=retirement,
        roots=tuple(roots),
        origin=log.origin,
        log_uri=log.uri,
        log_key=log.public,
        checkpoint=checkpoint + lines,
        witnesses=tuple(witness.vkey for witness, _ in cosignatures),
        epochs=tuple(epochs),
        made_ms=made_ms,
    )
    header: dict[int | str, Any] = {CONTENT_TYPE: CONSENT_TYPE, X5CHAIN: list(platform_chain)}
    data = sign1(header, proof.encode(), signer)
    decode(data)
    return data
