"""The form of a consent proof (docs/spec/consent.md is the norm).

    consent-proof = #6.18(COSE_Sign1) by the platform; protected {1: alg, 3: content type, 33: [+ certificate]}
    payload       = [1, signed consent, entry, credential, retirement / null, roots, log, checkpoint, witnesses,
                     epochs, made]

`decode` checks the form and nothing else; `SignedProof.encode` gives the same bytes back. Nothing here verifies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from egide import cbor
from egide.errors import EgideError, MalformedError
from egide.trust.cose import ALG, CONTENT_TYPE, RECEIPTS, X5CHAIN, Sign1
from egide.trust.evidence import Epoch
from egide.trust.grant.signed import SignedConsent
from egide.trust.limits import LIMITS

__all__ = ["CONSENT_TYPE", "ConsentProof", "Entry", "SignedProof", "decode", "is_consent_proof"]

CONSENT_TYPE: Final = "application/vnd.egide.consent+cbor"
VERSION: Final = 1
_MAX_MS: Final = 2**45
_MAX_EPOCHS: Final = 16


@dataclass(frozen=True, slots=True)
class Entry:
    """A statement of the platform with its one receipt, and the chain (DER, without the root) of who signed it."""

    transparent: bytes
    chain: tuple[bytes, ...]

    def encode(self) -> list[Any]:
        return [self.transparent, list(self.chain)]

    @classmethod
    def of(cls, statement: bytes, receipt: bytes, chain: tuple[bytes, ...]) -> Entry:
        """Put a receipt into a statement. Raises MalformedError, TooLargeError."""
        body = Sign1.parse(statement, limit=LIMITS.journal, what="a statement")
        return cls(body.encode({RECEIPTS: [receipt]}), chain)

    def parts(self) -> tuple[bytes, bytes]:
        """(statement, receipt). Raises TooLargeError, MalformedError."""
        limit = LIMITS.journal + LIMITS.receipt
        statement = Sign1.parse(self.transparent, limit=limit, what="a transparent statement")
        match statement.unprotected:
            case {394: [bytes(receipt)]} if list(statement.unprotected) == [RECEIPTS]:
                return statement.entry(), receipt
        raise MalformedError("a transparent statement carries one receipt and nothing else")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentProof:
    """The payload of a consent proof, read and not verified."""

    signed: SignedConsent
    entry: Entry  # the consent's own statement in the register
    credential: Entry  # the statement that enrolled the passkey
    retirement: Entry | None  # the one that retired it since, if it was
    roots: tuple[bytes, ...]  # DER
    origin: str  # the log's (C2SP)
    log_uri: str
    log_key: bytes  # Ed25519, 32 bytes
    checkpoint: str  # a signed note, the witnesses' cosignatures under the log's signature
    witnesses: tuple[str, ...]  # the vkey of each cosignature, in the order of its line
    epochs: tuple[Epoch, ...]  # how the log came to follow the ones before it, oldest first
    made_ms: int

    def in_order(self) -> list[Entry]:
        """The statements of the file as they must stand in the register."""
        return [each for each in (self.credential, self.entry, self.retirement) if each is not None]

    def encode(self) -> bytes:
        """The payload's bytes, always the same for the same proof."""
        return cbor.encode([
            VERSION, self.signed.encode(), self.entry.encode(), self.credential.encode(),
            self.retirement and self.retirement.encode(), list(self.roots),
            [self.origin, self.log_uri, self.log_key], self.checkpoint, list(self.witnesses),
            [epoch.encode() for epoch in self.epochs], self.made_ms,
        ])


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedProof:
    """A consent proof, read and not verified: who says it signed, and what."""

    outer: Sign1
    platform_chain: tuple[bytes, ...]
    proof: ConsentProof

    def encode(self) -> bytes:
        """The file's bytes again, from what was understood of it and nothing else."""
        header = cbor.encode({ALG: self.outer.alg, CONTENT_TYPE: CONSENT_TYPE, X5CHAIN: list(self.platform_chain)})
        return Sign1(header, {}, {}, self.proof.encode(), self.outer.signature).encode()


def is_consent_proof(data: bytes) -> bool:
    """Whether untrusted bytes say that they are a consent proof; any other file is somebody else's to refuse."""
    try:
        return _outer(data).header.get(CONTENT_TYPE) == CONSENT_TYPE
    except EgideError:
        return False


def decode(data: bytes) -> SignedProof:
    """Read untrusted bytes as a consent proof.

    Raises:
        TooLargeError, MalformedError: not the form above.
    """
    outer = _outer(data)
    header = outer.header
    known = list(header) == [ALG, CONTENT_TYPE, X5CHAIN] and header[CONTENT_TYPE] == CONSENT_TYPE
    if not known or outer.unprotected:
        raise MalformedError("the proof's header is not the specification's")
    payload = cbor.decode(outer.payload or b"", limit=LIMITS.evidence, what="the proof's payload")
    return SignedProof(outer=outer, platform_chain=_certificates(header[X5CHAIN]), proof=_proof(payload))


def _outer(data: bytes) -> Sign1:
    return Sign1.parse(data, limit=LIMITS.evidence, what="the proof", header_limit=LIMITS.protected_chain)


def _proof(value: Any) -> ConsentProof:
    match value:
        case [
            int(version), bytes(signed), entry, credential, retirement, roots,
            [str(origin), str(log_uri), bytes(log_key)], str(checkpoint), list(witnesses), list(epochs), int(made),
        ] if version == VERSION and type(version) is type(made) is int and 0 <= made <= _MAX_MS:
            return ConsentProof(
                signed=SignedConsent.decode(signed),
                entry=_entry(entry),
                credential=_entry(credential),
                retirement=None if retirement is None else _entry(retirement),
                roots=_certificates(roots),
                origin=origin,
                log_uri=log_uri,
                log_key=log_key,
                checkpoint=checkpoint,
                witnesses=_all(str, witnesses, LIMITS.cosignatures),
                epochs=tuple(Epoch(*_signed_by(epoch)) for epoch in _all(list, epochs, _MAX_EPOCHS)),
                made_ms=made,
            )
    raise MalformedError("the proof's payload is not the specification's, version 1")


def _entry(value: Any) -> Entry:
    return Entry(*_signed_by(value))


def _signed_by(value: Any) -> tuple[bytes, tuple[bytes, ...]]:
    match value:
        case [bytes(statement), chain]:
            return statement, _certificates(chain)
    raise MalformedError("a statement of the platform stands with its certificates")


def _certificates(value: Any) -> tuple[bytes, ...]:
    if type(value) is list and value:
        return _all(bytes, value, LIMITS.chain)
    raise MalformedError("a chain is a list of certificates, one at least")


def _all(kind: type[Any], values: list[Any], most: int) -> tuple[Any, ...]:
    if len(values) > most or any(type(value) is not kind for value in values):
        raise MalformedError(f"a list of the proof holds one kind of item, {most} at most")
    return tuple(values)
