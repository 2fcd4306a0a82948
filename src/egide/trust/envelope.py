"""The envelope: readings signed by the object that measured them (docs/spec/envelope.md is the norm).

A COSE_Sign1 that is also a SCITT Signed Statement (RFC 9943). Untrusted bytes become an `Envelope` with
`parse` (size, form, header), and a `VerifiedEnvelope` only through `Envelope.verify`.

An envelope has exactly one encoding, so reading one is matching it: the frame by hand, the header by one
regular expression. What does not match is read again by the general decoder, which finds the reason, or
accepts what the match
does not cover (an envelope that already carries receipts). What is made for each envelope is a named
tuple: as unchangeable as a frozen dataclass, and made in an eighth of the time.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final, NamedTuple

from egide import cbor
from egide.errors import MalformedError
from egide.measure.readings import MAX_PAYLOAD, Readings, decode_readings, encode_readings
from egide.trust.cose import ALG, CONTENT_TYPE, CWT, X5T, PublicKey, Sign1, Signer, sig_structure
from egide.trust.limits import LIMITS

__all__ = ["READINGS_TYPE", "Clock", "Envelope", "VerifiedEnvelope", "leaf_hash", "sign_readings", "uuid_of"]

READINGS_TYPE: Final = "application/vnd.egide.readings+cbor"
ENCRYPTED_TYPE: Final = "application/vnd.egide.readings+encrypted"  # reserved
CLOCK: Final = "clock"
SEQ: Final = "seq"
SHA256_ID: Final = -16  # COSE algorithm id of SHA-256
_HEADER_KEYS: Final = [ALG, CONTENT_TYPE, CWT, X5T, CLOCK]
_CLAIM_KEYS: Final = [1, 2, 6, 7, SEQ]
_MAX_SEQ: Final = 2**53
_MAX_IAT: Final = 2**40
_URN: Final = "urn:uuid:"
_HEX: Final = frozenset("0123456789abcdef")

_UINT: Final = rb"([\x00-\x17]|\x18[\x18-\xff]|\x19(?!\x00)..|\x1a(?!\x00\x00).{4}|\x1b(?!\x00{4}).{8})"
_UUID: Final = rb"\x78\x2durn:uuid:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
#: the protected header, whole
_HEADER: Final = re.compile(
    rb"\xa5\x01([\x26\x27\x28\x32])"  # alg: -7, -8, -9 or -19
    rb"\x03\x78" + bytes((len(READINGS_TYPE),)) + re.escape(READINGS_TYPE.encode())  # content type
    + rb"\x0f\xa5\x01" + _UUID + rb"\x02" + _UUID  # claims: iss, sub
    + rb"\x06" + _UINT + rb"\x07\x50(.{16})\x63seq" + _UINT  # iat, cti, seq
    + rb"\x18\x22\x82\x2f\x58\x20(.{32})"  # x5t
    + rb"\x65clock\x83\x48(.{8})" + _UINT + rb"([\xf4\xf5])",
    re.DOTALL,
).fullmatch


class Clock(NamedTuple):
    """The clock's story: which boot, how long since, and whether the wall clock was set by a trusted time."""

    boot: bytes  # 8 random bytes, new at each start of the object
    since_boot_ms: int
    synchronised: bool


def uuid_of(uri: Any) -> str:
    """The 36 characters after `urn:uuid:` (RFC 9562). Raises MalformedError for another form."""
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


class Envelope(NamedTuple):
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
        return _match(data) or cls._read(data, receipts_allowed=receipts_allowed)

    @classmethod
    def _read(cls, data: bytes, *, receipts_allowed: bool) -> Envelope:
        """Read with the general decoder: the same outcome as `_match`, and the reason of a refusal."""
        statement = Sign1.parse(data, what="envelope")
        if statement.unprotected and not receipts_allowed:
            raise MalformedError("an envelope's unprotected header is empty")
        payload, header = statement.payload, statement.header
        if payload is None or len(payload) > MAX_PAYLOAD:
            raise MalformedError("an envelope carries a payload of 60,000 bytes at most")
        if list(header) != _HEADER_KEYS or header[CONTENT_TYPE] != READINGS_TYPE:
            raise MalformedError("an envelope's header is not the specification's, entry by entry")
        claims = statement.claims
        if list(claims) != _CLAIM_KEYS:
            raise MalformedError("an envelope's claims are not the specification's, entry by entry")
        iat, cti, seq = claims[6], claims[7], claims[SEQ]
        if not (type(iat) is int and 0 <= iat < _MAX_IAT and type(seq) is int and 0 <= seq <= _MAX_SEQ):
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


def _match(data: bytes) -> Envelope | None:
    """Read an envelope with an empty unprotected header by its one form; None when it has another."""
    # d2 84 | 58 or 59, header | a0 | payload | 58 40, signature
    if len(data) > LIMITS.statement or data[:2] != b"\xd2\x84":
        return None
    start, end = _bstr(data, 2)
    protected = data[start:end]
    match = _HEADER(protected)
    if match is None or data[end : end + 1] != b"\xa0":
        return None
    start, stop = _bstr(data, end + 1)
    if data[stop : stop + 2] != b"\x58\x40" or len(data) != stop + 66 or stop - start > MAX_PAYLOAD:
        return None
    alg, object_id, pairing_id, iat, cti, seq, x5t, boot, since_boot, synchronised = match.groups()
    payload, iat_s, number, since_ms = data[start:stop], _uint(iat), _uint(seq), _uint(since_boot)
    if iat_s >= _MAX_IAT or number > _MAX_SEQ or since_ms > _MAX_SEQ:
        return None
    signed = sig_structure(protected, payload)
    return Envelope(
        data, hashlib.sha256(signed).digest(), 0x1F - alg[0], object_id.decode(), pairing_id.decode(),
        iat_s, cti, number, x5t, Clock(boot, since_ms, synchronised == b"\xf5"), payload, data[stop + 2 :],
        signed,
    )


def _bstr(data: bytes, at: int) -> tuple[int, int]:
    """Where the content of the byte string at `at` begins and ends; (0, 0) for one of another form."""
    head = data[at : at + 3]
    if len(head) < 3:
        return 0, 0
    kind, length = head[0], head[1]
    if kind == 0x58 and length >= 24:
        return at + 2, at + 2 + length
    if kind == 0x59 and length:
        return at + 3, at + 3 + (length << 8 | head[2])
    if 0x40 <= kind <= 0x57:
        return at + 1, at + 1 + kind - 0x40
    return 0, 0


def _uint(encoded: bytes) -> int:
    """The value of a CBOR unsigned integer that is in its shortest form."""
    return encoded[0] if len(encoded) == 1 else int.from_bytes(encoded[1:], "big")


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
        case [bytes(boot), int(ms), bool(synchronised)] if len(boot) == 8 and type(ms) is int:
            if 0 <= ms <= _MAX_SEQ:
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


