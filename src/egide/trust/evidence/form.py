"""The form of a proof file (docs/spec/evidence.md is the norm).

    evidence = #6.18(COSE_Sign1) by the platform; protected {1: alg, 3: content type, 33: [+ certificate]}
    payload  = [1, statement, chain, roots, log, checkpoint, consistency, witnesses, epochs, assertion]

`decode` checks the form and nothing else; `Evidence.encode` gives the same bytes back. Nothing here verifies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from egide import cbor
from egide.errors import MalformedError
from egide.measure.plausibility import WHOLE
from egide.trust.cose import ALG, CONTENT_TYPE, X5CHAIN, Sign1
from egide.trust.limits import LIMITS

__all__ = ["EVIDENCE_TYPE", "FLAGS", "Assertion", "Epoch", "Evidence", "SignedEvidence", "decode"]

EVIDENCE_TYPE: Final = "application/vnd.egide.evidence+cbor"
VERSION: Final = 1
#: What the platform may say about an envelope as a whole.
FLAGS: Final = frozenset({"clock", "contested", "held", "late"})
_ASSERTION_KEYS: Final = ["model", "trust", "correction", "received", "made", "flags", "doubts"]
_MAX_MS: Final = 2**45
_MAX_CORRECTION_MS: Final = 2**54  # an object's clock may say anything that an envelope can
_MAX_EPOCHS: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """What only the platform can say about an envelope. Times are ms since 1970; no patient stands here."""

    model: str  # the object's, as it was enrolled
    trust: int  # 1 entered by hand .. 5 signed in the object's secure hardware
    correction_ms: int  # corrected time - signed time
    received_ms: int
    made_ms: int  # when this file was made
    flags: tuple[str, ...] = ()  # of FLAGS, in alphabetical order
    doubts: tuple[tuple[int, int, str], ...] = ()  # (series, value or WHOLE, plausibility code), ascending

    def __post_init__(self) -> None:
        """Raises MalformedError when a part is out of its range or order."""
        times = (self.received_ms, self.made_ms)
        if not (
            _printable(self.model, 80)
            and 1 <= self.trust <= 5
            and -_MAX_CORRECTION_MS <= self.correction_ms <= _MAX_CORRECTION_MS
            and all(0 <= time <= _MAX_MS for time in times)
        ):
            raise MalformedError("the platform's assertion has a part out of its range")
        places = [doubt[:2] for doubt in self.doubts]
        if not FLAGS.issuperset(self.flags) or list(self.flags) != sorted(set(self.flags)):
            raise MalformedError("the assertion's flags are unknown, or not in alphabetical order")
        if places != sorted(set(places)) or any(
            series < 0 or value < WHOLE or not _printable(code, 32) for series, value, code in self.doubts
        ):
            raise MalformedError("the assertion's doubts are not in ascending order, or not of their form")

    def encode(self) -> dict[str, Any]:
        return {
            "model": self.model, "trust": self.trust, "correction": self.correction_ms,
            "received": self.received_ms, "made": self.made_ms,
            "flags": list(self.flags), "doubts": [list(doubt) for doubt in self.doubts],
        }


@dataclass(frozen=True, slots=True)
class Epoch:
    """A genesis statement, and the chain (DER, without the root) of the platform that signed it."""

    statement: bytes
    chain: tuple[bytes, ...]

    def encode(self) -> list[Any]:
        return [self.statement, list(self.chain)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The payload of a proof file, read and not verified."""

    statement: bytes  # the envelope with its receipt under label 394 of its unprotected header
    chain: tuple[bytes, ...]  # the object's certificates, DER, its own first, without the root
    roots: tuple[bytes, ...]  # the root certificates, DER, of the object's and of the platform's chain
    origin: str  # the log's (C2SP)
    log_uri: str
    log_key: bytes  # Ed25519, 32 bytes
    checkpoint: str  # a signed note, the witnesses' cosignatures under the log's signature
    consistency: tuple[bytes, ...]  # from the receipt's tree to the checkpoint's
    witnesses: tuple[str, ...]  # the vkey of each cosignature, in the order of its line
    epochs: tuple[Epoch, ...]  # how the log came to follow the ones before it, oldest first
    assertion: Assertion

    def encode(self) -> bytes:
        """The payload's bytes, always the same for the same evidence."""
        return cbor.encode([
            VERSION, self.statement, list(self.chain), list(self.roots),
            [self.origin, self.log_uri, self.log_key], self.checkpoint, list(self.consistency),
            list(self.witnesses), [epoch.encode() for epoch in self.epochs], self.assertion.encode(),
        ])


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedEvidence:
    """A proof file, read and not verified: who says it signed, and what."""

    outer: Sign1
    platform_chain: tuple[bytes, ...]  # the platform's certificates, DER, its own first, without the root
    evidence: Evidence

    def encode(self) -> bytes:
        """The file's bytes again, from what was understood of it and nothing else."""
        header = cbor.encode({
            ALG: self.outer.alg, CONTENT_TYPE: EVIDENCE_TYPE, X5CHAIN: list(self.platform_chain)
        })
        return Sign1(header, {}, {}, self.evidence.encode(), self.outer.signature).encode()


def decode(data: bytes) -> SignedEvidence:
    """Read untrusted bytes as a proof file.

    Raises:
        TooLargeError, MalformedError: not the form above.
    """
    outer = Sign1.parse(
        data, limit=LIMITS.evidence, what="the proof file", header_limit=LIMITS.protected_chain
    )
    header = outer.header
    known = list(header) == [ALG, CONTENT_TYPE, X5CHAIN] and header[CONTENT_TYPE] == EVIDENCE_TYPE
    if not known or outer.unprotected:
        raise MalformedError("the proof file's header is not the specification's")
    payload = cbor.decode(outer.payload or b"", limit=LIMITS.evidence, what="the proof file's payload")
    return SignedEvidence(
        outer=outer, platform_chain=_certificates(header[X5CHAIN]), evidence=_evidence(payload)
    )


def _evidence(value: Any) -> Evidence:
    match value:
        case [
            int(version), bytes(statement), chain, roots, [str(origin), str(log_uri), bytes(log_key)],
            str(checkpoint), list(consistency), list(witnesses), list(epochs), assertion,
        ] if version == VERSION and type(version) is int:
            return Evidence(
                statement=statement,
                chain=_certificates(chain),
                roots=_certificates(roots),
                origin=origin,
                log_uri=log_uri,
                log_key=log_key,
                checkpoint=checkpoint,
                consistency=_all(bytes, consistency, LIMITS.consistency),
                witnesses=_all(str, witnesses, LIMITS.cosignatures),
                epochs=tuple(_epoch(epoch) for epoch in _all(list, epochs, _MAX_EPOCHS)),
                assertion=_assertion(assertion),
            )
    raise MalformedError("the proof file's payload is not the specification's, version 1")


def _epoch(value: list[Any]) -> Epoch:
    match value:
        case [bytes(statement), chain]:
            return Epoch(statement, _certificates(chain))
    raise MalformedError("an epoch is [genesis statement, certificates]")


def _certificates(value: Any) -> tuple[bytes, ...]:
    if type(value) is list and value:
        return _all(bytes, value, LIMITS.chain)
    raise MalformedError("a chain is a list of certificates, one at least")


def _all(kind: type[Any], values: list[Any], most: int) -> tuple[Any, ...]:
    if len(values) > most or any(type(value) is not kind for value in values):
        raise MalformedError(f"a list of the proof file holds one kind of item, {most} at most")
    return tuple(values)


def _assertion(value: Any) -> Assertion:
    if type(value) is not dict or list(value) != _ASSERTION_KEYS:
        raise MalformedError("the platform's assertion has not the specification's entries, in their order")
    model, *numbers, flags, doubts = value.values()
    if type(model) is not str or any(type(number) is not int for number in numbers):
        raise MalformedError("the platform's assertion is not of its types")
    if type(flags) is not list or any(type(flag) is not str for flag in flags) or type(doubts) is not list:
        raise MalformedError("the platform's assertion is not of its types")
    trust, correction, received, made = numbers
    return Assertion(
        model=model, trust=trust, correction_ms=correction, received_ms=received, made_ms=made,
        flags=tuple(flags), doubts=tuple(_doubt(doubt) for doubt in doubts),
    )


def _doubt(value: Any) -> tuple[int, int, str]:
    match value:
        case [series, index, code] if type(series) is int and type(index) is int and type(code) is str:
            return series, index, code
    raise MalformedError("a doubt is [series, value, code]")


def _printable(text: str, most: int) -> bool:
    return 0 < len(text) <= most and text.isprintable()
