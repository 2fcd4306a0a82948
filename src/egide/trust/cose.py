"""COSE_Sign1 (RFC 9052, section 4.2), as strictly as Egide speaks it.

Algorithms: ES256 (-7) and EdDSA with Ed25519 (-8) are written; ESP256 (-9) and Ed25519 (-19, RFC 9864) are
accepted. An ECDSA signature must have a low S, so nobody but the signer can make a second one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from nacl._sodium import ffi as _ffi
from nacl._sodium import lib as _sodium

from egide import cbor
from egide.errors import MalformedError, SignatureError
from egide.trust.limits import LIMITS

__all__ = [
    "ALG", "CONTENT_TYPE", "CWT", "EDDSA", "ES256", "KID", "RECEIPTS", "VDP", "VDS", "X5CHAIN", "X5T",
    "PublicKey", "Sign1", "Signer", "SoftwareSigner", "sig_structure", "sign1",
]

# Header labels: RFC 9052 section 3.1, RFC 9360, RFC 9597, RFC 9942.
ALG: Final = 1
CONTENT_TYPE: Final = 3
KID: Final = 4
CWT: Final = 15
X5CHAIN: Final = 33
X5T: Final = 34
RECEIPTS: Final = 394
VDS: Final = 395
VDP: Final = 396

ES256: Final = -7
EDDSA: Final = -8
ESP256: Final = -9
ED25519: Final = -19
_EC_ALGS: Final = frozenset({ES256, ESP256})
_ED_ALGS: Final = frozenset({EDDSA, ED25519})
# PyNaCl's own binding of libsodium, called without the copy of the message that its wrapper makes for each signature.
_NULL: Final = _ffi.NULL
_P256_N: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_TAG18: Final = 0xD2


class Signer(Protocol):
    """Something that holds a private key: a file, a token, a secure element."""

    @property
    def alg(self) -> int:
        """ES256 or EDDSA."""

    @property
    def public_key(self) -> PublicKey: ...

    def sign(self, message: bytes) -> bytes:
        """The 64-byte COSE signature of `message` (r || s with a low s, or Ed25519)."""


class PublicKey:
    """A public key that verifies: P-256 or Ed25519."""

    __slots__ = ("_ec", "_ed", "spki", "thumbprint")

    def __init__(self, key: ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey) -> None:
        self._ec: ec.EllipticCurvePublicKey | None = None
        self._ed: bytes | None = None
        if isinstance(key, ed25519.Ed25519PublicKey):
            self._ed = key.public_bytes_raw()
        elif isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
            self._ec = key
        else:
            raise MalformedError("a key is P-256 or Ed25519")
        #: DER SubjectPublicKeyInfo
        self.spki: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        #: SHA-256 of the SubjectPublicKeyInfo
        self.thumbprint: bytes = hashlib.sha256(self.spki).digest()

    @property
    def raw_ed25519(self) -> bytes:
        """The 32 bytes of an Ed25519 key. Raises MalformedError for another kind."""
        if self._ed is None:
            raise MalformedError("this key is not Ed25519")
        return self._ed

    def cose_thumbprint(self) -> bytes:
        """COSE Key Thumbprint (RFC 9679): SHA-256 of the deterministic COSE_Key."""
        if self._ec is not None:
            n = self._ec.public_numbers()
            key = {1: 2, -1: 1, -2: n.x.to_bytes(32, "big"), -3: n.y.to_bytes(32, "big")}
        else:
            key = {1: 1, -1: 6, -2: self.raw_ed25519}
        return hashlib.sha256(cbor.encode(key)).digest()

    def verify(self, alg: int, signature: bytes, message: bytes) -> None:
        """Raises SignatureError unless `signature` is this key's over `message`, by `alg`."""
        if len(signature) != 64:
            raise SignatureError("a signature has 64 bytes")
        if self._ed is not None:
            if alg not in _ED_ALGS:
                raise SignatureError("the algorithm is not the key's")
            signed = signature + message
            if _sodium.crypto_sign_open(_NULL, _NULL, signed, len(signed), self._ed):
                raise SignatureError("the signature does not verify")
            return
        if alg not in _EC_ALGS or self._ec is None:
            raise SignatureError("the algorithm is not the key's")
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        if not (0 < r < _P256_N and 0 < s <= _P256_N // 2):
            raise SignatureError("the signature is not in its canonical form (low S)")
        try:
            self._ec.verify(encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature as err:
            raise SignatureError("the signature does not verify") from err


class SoftwareSigner:
    """A private key held in this process."""

    def __init__(self, key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> None:
        self._key = key
        self.public_key = PublicKey(key.public_key())
        self.alg = EDDSA if isinstance(key, ed25519.Ed25519PrivateKey) else ES256

    def sign(self, message: bytes) -> bytes:
        if isinstance(self._key, ed25519.Ed25519PrivateKey):
            return self._key.sign(message)
        r, s = decode_dss_signature(self._key.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + min(s, _P256_N - s).to_bytes(32, "big")


def sig_structure(protected: bytes, payload: bytes) -> bytes:
    """The bytes that are signed: ["Signature1", protected, h'', payload] (RFC 9052, section 4.4)."""
    head, body = cbor.head(cbor.BYTES, len(protected)), cbor.head(cbor.BYTES, len(payload))
    return b"".join((b"\x84\x6aSignature1", head, protected, b"\x40", body, payload))


@dataclass(frozen=True, slots=True)
class Sign1:
    """A COSE_Sign1 that was read and not yet verified. `payload` is None when it is detached."""

    protected: bytes
    header: dict[int | str, Any]
    unprotected: dict[int | str, Any]
    payload: bytes | None
    signature: bytes

    @classmethod
    def parse(
        cls,
        data: bytes,
        *,
        limit: int = LIMITS.statement,
        what: str = "statement",
        header_limit: int = LIMITS.protected,
    ) -> Sign1:
        """Read a tagged COSE_Sign1. Raises MalformedError, TooLargeError.

        A statement whose header carries its signer's chain (x5chain) is read with LIMITS.protected_chain.
        """
        if not data or data[0] != _TAG18:
            raise MalformedError(f"{what} is not a COSE_Sign1 (tag 18)")
        match cbor.decode(data[1:], limit=limit, what=what):
            case [bytes(protected), dict(unprotected), bytes() | None as payload, bytes(signature)]:
                header = cbor.decode(protected, limit=header_limit, what=f"{what}'s header")
                if type(header) is not dict:
                    raise MalformedError(f"{what}'s header is not a map")
                return cls(protected, header, unprotected, payload, signature)
        raise MalformedError(f"{what} is not [protected, unprotected, payload, signature]")

    @property
    def alg(self) -> int:
        alg = self.header.get(ALG)
        if type(alg) is not int:
            raise MalformedError("the algorithm is not given")
        return alg

    @property
    def claims(self) -> dict[int | str, Any]:
        """The CWT claims (RFC 9597). Raises MalformedError when there are none."""
        claims = self.header.get(CWT)
        if type(claims) is not dict:
            raise MalformedError("the CWT claims are missing")
        return claims

    def signed_bytes(self, detached: bytes | None = None) -> bytes:
        """The Sig_structure; `detached` stands for a payload that is not carried."""
        payload = self.payload if self.payload is not None else detached
        if payload is None:
            raise MalformedError("the payload is detached and was not given")
        return sig_structure(self.protected, payload)

    def verify(self, key: PublicKey, *, detached: bytes | None = None) -> None:
        """Raises SignatureError unless `key` signed this."""
        key.verify(self.alg, self.signature, self.signed_bytes(detached))

    def entry(self) -> bytes:
        """This statement with its unprotected header emptied: what the register's leaf hashes."""
        return self.encode({})

    def encode(self, unprotected: Mapping[int | str, Any] | None = None) -> bytes:
        return b"\xd2" + cbor.encode(
            [
                self.protected,
                dict(self.unprotected if unprotected is None else unprotected),
                self.payload,
                self.signature,
            ]
        )


def sign1(
    header: Mapping[int | str, Any],
    payload: bytes,
    signer: Signer,
    *,
    unprotected: Mapping[int | str, Any] | None = None,
    detach: bool = False,
) -> bytes:
    """Sign `payload`; `header` is completed with the signer's algorithm as its first entry."""
    protected = cbor.encode({ALG: signer.alg, **header})
    signature = signer.sign(sig_structure(protected, payload))
    return Sign1(protected, {}, dict(unprotected or {}), None if detach else payload, signature).encode()
