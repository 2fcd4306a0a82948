"""Every size that a decoder of untrusted bytes enforces, in one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["LIMITS", "Limits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bytes unless said otherwise."""

    statement: int = 62_000  # an envelope, whole: a payload of 60,000 and its header
    protected: int = 1_024  # a protected header
    protected_chain: int = 17_408  # a protected header that carries its signer's certificate chain
    uri: int = 128  # characters of an object's, a pairing's or a log's URI
    certificate: int = 4_096
    chain: int = 4  # certificates
    crl: int = 4 * 1024 * 1024
    csr: int = 8_192
    path: int = 64  # hashes of an inclusion proof
    consistency: int = 128  # hashes of a consistency proof
    receipt: int = 8_192
    refusal: int = 1_024
    answer: int = 8_256  # a receipt, the digest of what it answers, and their frame
    checkpoint: int = 16_384
    cosignatures: int = 16
    witness_request: int = 24_576  # a checkpoint and a proof of 63 lines
    evidence: int = 256 * 1024
    journal: int = 16_384  # a platform statement
    anchors: int = 256 * 1024  # a file of trust anchors
    consent: int = 9_000  # a statement that a person signs, with the text that was shown
    signed_consent: int = 12_288  # that statement, and what the passkey signed of it
    origin: int = 255  # characters
    authenticator_data: int = 512
    client_data: int = 2_048
    passkey_signature: int = 80
    passkey_key: int = 256


LIMITS: Final = Limits()
