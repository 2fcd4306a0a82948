"""What the platform answers to one envelope: a receipt, or a signed refusal (docs/spec/register.md).

    answer   = [1, digest, bstr receipt] / [2, digest, bstr refusal]
    digest   = SHA-256 of the envelope as it was received, byte for byte
    refusal  = 18([bstr .cbor protected, {}, bstr .cbor [digest, code, retryable], signature])
    protected = {1: alg, 3: "application/vnd.egide.refusal+cbor", 4: kid, 15: {1: log, 2: log, 6: iat}}

The frame of an answer is not signed; what it holds is. A receipt is verified against the envelope that the
object kept (its leaf), a refusal against that envelope's digest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from egide import cbor
from egide.errors import MalformedError, ProofError
from egide.trust.cose import ALG, CONTENT_TYPE, CWT, KID, PublicKey, Sign1, Signer, sign1
from egide.trust.limits import LIMITS
from egide.trust.register.receipt import verify_by_log

__all__ = [
    "ANSWER_TYPE", "REFUSAL_TYPE", "ReceiptAnswer", "Refusal", "RefusalAnswer", "decode_answer",
    "encode_receipt_answer", "encode_refusal_answer", "sign_refusal", "verify_refusal",
]

ANSWER_TYPE: Final = "application/vnd.egide.answer+cbor"
REFUSAL_TYPE: Final = "application/vnd.egide.refusal+cbor"
_HEADER_KEYS: Final = [ALG, CONTENT_TYPE, KID, CWT]
_CLAIM_KEYS: Final = [1, 2, 6]
_CODE_LETTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
_MAX_CODE: Final = 40
_MAX_TIME_S: Final = 2**40


@dataclass(frozen=True, slots=True)
class ReceiptAnswer:
    """The envelope with this digest is in the register, says the receipt (not verified yet)."""

    digest: bytes
    receipt: bytes


@dataclass(frozen=True, slots=True)
class RefusalAnswer:
    """The envelope with this digest was refused, says the refusal (not verified yet)."""

    digest: bytes
    refusal: bytes


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal that verified. `code` is one of the public codes of egide.errors."""

    digest: bytes
    code: str
    retryable: bool
    iat: int  # seconds since 1970, the platform's clock


def encode_receipt_answer(digest: bytes, receipt: bytes) -> bytes:
    """The answer that carries a receipt."""
    return b"\x83\x01\x58\x20" + digest + cbor.head(cbor.BYTES, len(receipt)) + receipt


def encode_refusal_answer(digest: bytes, refusal: bytes) -> bytes:
    """The answer that carries a refusal made by `sign_refusal`."""
    return b"\x83\x02\x58\x20" + digest + cbor.head(cbor.BYTES, len(refusal)) + refusal


def sign_refusal(
    signer: Signer, *, log_uri: str, digest: bytes, code: str, retryable: bool, iat: int
) -> bytes:
    """Sign a refusal with the log's key. `iat` is in seconds since 1970.

    Raises:
        MalformedError: the digest, code or time cannot be written.
    """
    _require_refusal(digest, code, retryable, iat)
    header: dict[int | str, object] = {
        CONTENT_TYPE: REFUSAL_TYPE,
        KID: signer.public_key.cose_thumbprint(),
        CWT: {1: log_uri, 2: log_uri, 6: iat},
    }
    return sign1(header, cbor.encode([digest, code, retryable]), signer)


def decode_answer(data: bytes) -> ReceiptAnswer | RefusalAnswer:
    """Read an answer from untrusted bytes; nothing in it is verified yet.

    Raises:
        MalformedError, TooLargeError: not an answer.
    """
    match cbor.decode(data, limit=LIMITS.answer, what="answer"):
        case [1 as kind, bytes(digest), bytes(receipt)] if type(kind) is int and len(digest) == 32:
            return ReceiptAnswer(digest, receipt)
        case [2, bytes(digest), bytes(refusal)] if len(digest) == 32:
            return RefusalAnswer(digest, refusal)
    raise MalformedError("an answer is [1, digest, receipt] or [2, digest, refusal]")


def verify_refusal(refusal: bytes, *, digest: bytes, key: PublicKey, log_uri: str) -> Refusal:
    """Verify that the log refused the envelope with this digest.

    1. size and form
    2. header: the log's kid, issuer and subject
    3. signature
    4. it is this envelope's refusal

    Raises:
        MalformedError, TooLargeError: step 1.
        ProofError: steps 2 and 4.
        SignatureError: step 3.
    """
    statement = Sign1.parse(refusal, limit=LIMITS.refusal, what="refusal")
    header, payload = statement.header, statement.payload
    if payload is None or statement.unprotected:
        raise MalformedError("a refusal carries its payload, and no unprotected header")
    if list(header) != _HEADER_KEYS or header[CONTENT_TYPE] != REFUSAL_TYPE:
        raise ProofError("the refusal's header has other entries than the specification's", step="header")
    claims = verify_by_log(statement, key=key, log_uri=log_uri, what="refusal")
    if list(claims) != _CLAIM_KEYS or claims[1] != log_uri:
        raise ProofError("the refusal's claims are other than the specification's", step="header")
    statement.verify(key)
    match cbor.decode(payload, limit=LIMITS.refusal, what="refusal's payload"):
        case [bytes(refused), str(code), bool(retryable)]:
            _require_refusal(refused, code, retryable, claims[6])
        case _:
            raise MalformedError("a refusal says [digest, code, retryable]")
    if refused != digest:
        raise ProofError("the refusal is another envelope's", step="digest")
    return Refusal(refused, code, retryable, claims[6])


def _require_refusal(digest: bytes, code: str, retryable: object, iat: object) -> None:
    if len(digest) != 32 or type(retryable) is not bool:
        raise MalformedError("a refusal has a digest of 32 bytes, and says whether sending again can help")
    if not 0 < len(code) <= _MAX_CODE or not _CODE_LETTERS.issuperset(code):
        raise MalformedError("a refusal's code is 1 to 40 lower-case letters, digits and hyphens")
    if type(iat) is not int or not 0 <= iat < _MAX_TIME_S:
        raise MalformedError("a refusal's time is out of range")
