"""Signed server time: what an object without a good clock asks before it signs (docs/spec/enrolment.md).

The object sends a nonce of 16 to 64 random bytes; the platform answers a COSE_Sign1 whose payload is
`[nonce, ms since 1970]` and whose protected header carries the platform's chain (x5chain, RFC 9360).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from egide import cbor
from egide.errors import MalformedError, SignatureError
from egide.trust.cose import ALG, CONTENT_TYPE, X5CHAIN, Sign1, Signer, sign1
from egide.trust.identity import Usage, VerifiedCertificate, verify_chain
from egide.trust.limits import LIMITS

__all__ = ["MAX_NONCE", "MIN_NONCE", "TIME_TYPE", "SignedTime", "sign_time", "verify_time"]

TIME_TYPE: Final = "application/vnd.egide.time+cbor"
MIN_NONCE: Final = 16
MAX_NONCE: Final = 64
_MAX_MS: Final = 2**48


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedTime:
    """What the platform said, and who it proved to be."""

    unix_ms: int
    platform: VerifiedCertificate


def sign_time(nonce: bytes, unix_ms: int, signer: Signer, chain: Sequence[bytes]) -> bytes:
    """The answer to `nonce`. `chain` is the platform's, leaf first, without the root (DER).

    Raises:
        MalformedError: a nonce of another size.
    """
    if not MIN_NONCE <= len(nonce) <= MAX_NONCE:
        raise MalformedError(f"a nonce has {MIN_NONCE} to {MAX_NONCE} bytes")
    header: dict[int | str, Any] = {CONTENT_TYPE: TIME_TYPE, X5CHAIN: list(chain)}
    return sign1(header, cbor.encode([nonce, unix_ms]), signer)


def verify_time(data: bytes, *, nonce: bytes, roots: Iterable[bytes]) -> SignedTime:
    """Check an answer to `nonce` up to one of the trusted `roots` (DER). It comes while the nonce is fresh.

    Raises:
        MalformedError, TooLargeError: not an answer.
        SignatureError: another nonce, or a signature that does not verify.
        IdentityError, CertificateExpiredError: not signed by a platform of these roots.
    """
    # 1. Form (RFC 9052, section 4.2).
    answer = Sign1.parse(
        data, limit=LIMITS.protected_chain + 1_024, what="a signed time", header_limit=LIMITS.protected_chain
    )
    if list(answer.header) != [ALG, CONTENT_TYPE, X5CHAIN] or answer.header[CONTENT_TYPE] != TIME_TYPE:
        raise MalformedError("a signed time's header has other entries than the specification's")
    if answer.unprotected:
        raise MalformedError("a signed time's unprotected header is empty")
    match answer.header[X5CHAIN]:
        case [bytes(leaf), *issuers] if all(type(each) is bytes for each in issuers):
            pass
        case _:
            raise MalformedError("a signed time carries its signer's chain")
    match cbor.decode(answer.payload or b"", limit=256, what="a signed time"):
        case [bytes(echo), int(unix_ms)] if type(unix_ms) is int and 0 <= unix_ms < _MAX_MS:
            pass
        case _:
            raise MalformedError("a signed time's payload is [nonce, ms since 1970]")
    # 2. The signer is a platform of ours, at the time it says.
    platform = verify_chain(leaf, issuers, roots, at_ms=unix_ms, usage=Usage.PLATFORM)
    # 3. The signature, and the nonce that makes it fresh.
    answer.verify(platform.public_key)
    if echo != nonce:
        raise SignatureError("a signed time answers another question")
    return SignedTime(unix_ms=unix_ms, platform=platform)
