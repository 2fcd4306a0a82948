"""The first entry of a log: who it is, and which log it follows after a restore (docs/spec/register.md).

A statement of the platform, of the journal's form, whose facts are

    {"origin": tstr, "uri": tstr, "key": bstr .size 32, "previous": null / [origin, uri, size, root]}

`previous` is the last head that the platform can show of the log before. Whoever pinned that log's key
follows to the new one through it, because the CA that they pinned vouches for the platform that signed it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from egide import cbor
from egide.errors import MalformedError, ProofError
from egide.trust.anchors import LogAnchor
from egide.trust.cose import ALG, CONTENT_TYPE, CWT, X5T, Sign1
from egide.trust.identity import Usage, verify_chain
from egide.trust.limits import LIMITS

__all__ = ["GENESIS_KIND", "JOURNAL_TYPE", "Genesis", "Previous", "genesis_facts", "verify_genesis"]

JOURNAL_TYPE: Final = "application/vnd.egide.journal+cbor"
GENESIS_KIND: Final = "genesis"
_SHA256_ID: Final = -16
_MAX_MS: Final = 2**45


@dataclass(frozen=True, slots=True, kw_only=True)
class Previous:
    """The log before, and its last head that is known: `size` leaves under `root` (32 bytes)."""

    origin: str
    uri: str
    size: int
    root: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Genesis:
    """What a genesis statement says, once it was verified."""

    log: LogAnchor
    previous: Previous | None
    at_ms: int


def genesis_facts(log: LogAnchor, previous: Previous | None) -> dict[str, Any]:
    """The public facts of the statement, for the platform's journal to sign (subject: the log's UUID)."""
    return {
        "origin": log.origin,
        "uri": log.uri,
        "key": log.public,
        "previous": previous and [previous.origin, previous.uri, previous.size, previous.root],
    }


def verify_genesis(statement: bytes, chain: Sequence[bytes], roots: Iterable[bytes]) -> Genesis:
    """Check an untrusted genesis statement. `chain`: the platform's certificates (DER), its own first.

    Raises:
        TooLargeError, MalformedError: not of the form above.
        IdentityError, CertificateExpiredError, SignatureError: the platform's chain leads to no trusted root
            at the time that the statement gives, or its key did not sign this.
        ProofError: it is not the platform's that the chain names, or follows itself.
    """
    # 1. Form (RFC 9052, section 4.2).
    sign1 = Sign1.parse(statement, limit=LIMITS.journal, what="a genesis statement")
    if sign1.unprotected or list(sign1.header) != [ALG, CONTENT_TYPE, CWT, X5T] or not chain:
        raise MalformedError("a genesis statement's header is not the specification's")
    genesis = _genesis(cbor.decode(sign1.payload or b"", limit=LIMITS.journal, what="a genesis statement"))
    # 2. The platform's certificate, when it said so (RFC 5280, section 6).
    certificate = verify_chain(chain[0], chain[1:], roots, at_ms=genesis.at_ms, usage=Usage.PLATFORM)
    # 3. The statement names that certificate, that platform and this log (RFC 9360, section 2; RFC 9597).
    claims = sign1.claims
    named = sign1.header[X5T] == [_SHA256_ID, hashlib.sha256(chain[0]).digest()]
    if not named or sign1.header[CONTENT_TYPE] != JOURNAL_TYPE or claims.get(1) != certificate.uri:
        raise ProofError("a genesis statement is not the platform's that it names", step="genesis")
    if claims.get(2) != genesis.log.uri or (genesis.previous and genesis.previous.uri == genesis.log.uri):
        raise ProofError("a genesis statement is about another log, or follows itself", step="genesis")
    # 4. The signature (RFC 9052, section 4.4).
    sign1.verify(certificate.public_key)
    return genesis


def _genesis(payload: Any) -> Genesis:
    match payload:
        case ["genesis", int(at_ms), {
            "origin": str(origin), "uri": str(uri), "key": bytes(key), "previous": before, **rest
        }, None] if 0 <= at_ms <= _MAX_MS and type(at_ms) is int and not rest:
            return Genesis(
                log=LogAnchor(origin=origin, uri=uri, public=key), previous=_previous(before), at_ms=at_ms
            )
    raise MalformedError("a genesis statement's payload is not the specification's")


def _previous(value: Any) -> Previous | None:
    match value:
        case None:
            return None
        case [str(origin), str(uri), int(size), bytes(root)] if 0 < size < 2**63 and len(root) == 32:
            return Previous(origin=origin, uri=uri, size=size, root=root)
    raise MalformedError("a genesis statement's previous log is [origin, uri, size, root], or null")
