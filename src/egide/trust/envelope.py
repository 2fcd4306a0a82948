"""The envelope: readings signed by the object that measured them (docs/spec/envelope.md is the norm).

A COSE_Sign1 that is also a SCITT Signed Statement (RFC 9943). Untrusted bytes become an `Envelope` with `parse`
(size, form, header), and a `VerifiedEnvelope` only through `Envelope.verify`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final

from egide import cbor
from egide.errors import MalformedError
from egide.measure.readings import MAX_PAYLOAD, Readings, decode_readings, encode_readings
from egide.trust.cose import ALG, CONTENT_TYPE, CWT, X5T, PublicKey, Sign1, Signer, sig_structure

__all__ = ["READINGS_TYPE", "Clock", "Envelope", "VerifiedEnvelope", "leaf_hash", "sign_readings", "uuid_of"]

READINGS_TYPE: Final = "application/vnd.egide.readings+cbor"
ENCRYPTED_TYPE: Final = "application/vnd.egide.readings+encrypted"  # reserved
CLOCK: Final = "clock"
SEQ: Final = "seq"
SHA256_ID: Final = -16  # COSE algorithm id of SHA-256
_HEADER_KEYS: Final = [ALG, CONTENT_TYPE, CWT, X5T, CLOCK]
_CLAIM_KEYS: Final = [1, 2, 6, 7, SEQ]
_MAX_SEQ: Final = 2**53
_URN: Final = "urn:uuid:"
_HEX: Final = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Clock:
    """The clock's story: which boot, how long since, and whether the wall clock was set by a trusted time."""

    boot: bytes  # 8 random bytes, new at each start of the object
    since_boot_ms: int
    synchronised: bool


def uuid_of(uri: Any) -> str:
    """The 36 characters after `urn:uuid:`. Raises MalformedError when `uri` is not of that form (RFC 9562)."""
    if type(uri) is str and len(uri) == 45 and uri.startswith(_URN):
        uuid = uri[9:]
        if uuid[8] == uuid[13] == uuid[18] == uuid[23] == "-" and _HEX.issuperset(uuid.replace("-", "")) and (
            uuid.count("-") == 4
        ):
            return uuid
    raise MalformedError("a name must be urn:uuid: and a lower-case UUID")


def leaf_hash(entry: bytes) -> bytes:
    """SHA-256(00 || entry): the register's leaf (RFC 9162, section 2.1.1)."""
    return hashlib.sha256(b"\x00" + entry).digest()


@dataclass(frozen=True, slots=True)
class Envelope:
    """An envelope that was read, and whose signature was not looked at."""

    entry: bytes  # the envelope with its unprotected header emptied
    identity: bytes  # SHA-256 of the Sig_structure: what the envelope is, whatever its signature
    alg: int
    object_id: str  # UUID (iss)
    pairing_id: str  # UUID (sub)
    iat: int  # seconds since 1970, by the object's clock
    cti: bytes
    seq: int
    certificate: bytes  # SHA-256 of the object's certificate
    clock: Clock
    payload: bytes
    signature: bytes
    signed: bytes  # the Sig_structure

    @classmethod
    def parse(cls, data: bytes, *, receipts_allowed: bool = False) -> Envelope:
        """Read untrusted bytes.

        Raises:
            TooLargeError, MalformedError: not the form that docs/spec/envelope.md gives.
        """
        statement = Sign1.parse(data, what="envelope")
        if statement.unprotected and not receipts_allowed:
            raise MalformedError("an envelope's unprotected header is empty")
        payload, header = statement.payload, statement.header
        if payload is None or len(payload) > MAX_PAYLOAD:
            raise MalformedError("an envelope carries a payload of 60,000 bytes at most")
        if list(header) != _HEADER_KEYS or header[CONTENT_TYPE] != READINGS_TYPE:
            raise MalformedError("an envelope's header has other entries, or another order, than the specification's")
        claims = statement.claims
        if list(claims) != _CLAIM_KEYS:
            raise MalformedError("an envelope's claims are other, or in another order, than the specification's")
        iat, cti, seq = claims[6], claims[7], claims[SEQ]
        if type(iat) is not int or not 0 <= iat < 2**40 or type(seq) is not int or not 0 <= seq <= _MAX_SEQ:
            raise MalformedError("an envelope's iat or seq is out of range")
        if type(cti) is not bytes or len(cti) != 16:
            raise MalformedError("an envelope's cti is 16 random bytes")
        if len(statement.signature) != 64:
            raise MalformedError("an envelope's signature has 64 bytes")
        signed = sig_structure(statement.protected, payload)
        return cls(
            entry=data if not statement.unprotected else statement.entry(),
            identity=hashlib.sha256(signed).digest(),
            alg=statement.alg,
            object_id=uuid_of(claims[1]),
            pairing_id=uuid_of(claims[2]),
            iat=iat,
            cti=cti,
            seq=seq,
            certificate=_certificate_hash(header[X5T]),
            clock=_clock(header[CLOCK]),
            payload=payload,
            signature=statement.signature,
            signed=signed,
        )

    def verify(self, key: PublicKey) -> VerifiedEnvelope:
        """Check the signature, then the payload's form.

        Raises:
            SignatureError: `key` did not sign this.
            MalformedError, TooLargeError: signed, but the payload is not `readings`.
        """
        key.verify(self.alg, self.signature, self.signed)
        return VerifiedEnvelope(self, decode_readings(self.payload), _token=_VERIFIED)

    def leaf(self) -> bytes:
        return leaf_hash(self.entry)


_VERIFIED: Final = object()


class VerifiedEnvelope:
    """An envelope whose signature and payload were checked. Only `Envelope.verify` makes one."""

    __slots__ = ("envelope", "readings")

    def __init__(self, envelope: Envelope, readings: Readings, *, _token: object) -> None:
        if _token is not _VERIFIED:
            raise TypeError("a VerifiedEnvelope comes from Envelope.verify only")
        self.envelope = envelope
        self.readings = readings


def _certificate_hash(x5t: Any) -> bytes:
    match x5t:
        case [-16, bytes(digest)] if len(digest) == 32:
            return digest
    raise MalformedError("an envelope's x5t is [-16, SHA-256 of the certificate]")


def _clock(value: Any) -> Clock:
    match value:
        case [bytes(boot), int(ms), bool(synchronised)] if len(boot) == 8 and type(ms) is int and 0 <= ms <= _MAX_SEQ:
            return Clock(boot, ms, synchronised)
    raise MalformedError("an envelope's clock is [8 bytes, ms since boot, synchronised]")


def sign_readings(
    readings: Readings,
    *,
    signer: Signer,
    certificate: bytes,
    object_id: str,
    pairing_id: str,
    iat: int,
    cti: bytes,
    seq: int,
    clock: Clock,
) -> bytes:
    """Sign readings into an envelope. `certificate` is the SHA-256 of the signer's certificate (DER).

    Raises:
        MalformedError, TooLargeError: what would be written could not be read back.
    """
    payload = encode_readings(readings)
    header = {
        ALG: signer.alg,
        CONTENT_TYPE: READINGS_TYPE,
        CWT: {1: _URN + object_id, 2: _URN + pairing_id, 6: iat, 7: cti, SEQ: seq},
        X5T: [SHA256_ID, certificate],
        CLOCK: [clock.boot, clock.since_boot_ms, clock.synchronised],
    }
    protected = cbor.encode(header)
    data = Sign1(protected, {}, {}, payload, signer.sign(sig_structure(protected, payload))).encode()
    Envelope.parse(data)
    return data


