"""Verify what a passkey signed (W3C Web Authentication level 3, section 7.2), offline and exactly.

Pure: the challenge, the relying party and the key are arguments. A passkey signs
`authenticatorData || SHA-256(clientDataJSON)` by ES256 or by EdDSA with Ed25519; any other algorithm is refused.

An authenticator writes an ECDSA signature in either of its two valid forms, so anyone can turn one into the other.
What we keep has the low S (`with_low_s`), and only that verifies here.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from egide import cbor
from egide.errors import MalformedError, SignatureError, TooLargeError, decoding
from egide.trust.cose import EDDSA, ES256, PublicKey
from egide.trust.limits import LIMITS

__all__ = [
    "Assertion", "PasskeyKey", "Place", "Verified", "counter_went_back", "verify_assertion", "with_low_s",
]

_P256_N: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_ORIGIN: Final = re.compile(rf"(https|http)://({_HOST.pattern})(?::([1-9][0-9]{{0,4}}))?")
_DEFAULT_PORTS: Final = {"https": "443", "http": "80"}
# Flags of authenticatorData (section 6.1).
_UP, _UV, _BE, _BS, _AT, _ED = 0x01, 0x04, 0x08, 0x10, 0x40, 0x80
_HEAD: Final = 37  # rpIdHash, flags, signCount
_CLIENT_KEYS: Final = {"type": str, "challenge": str, "origin": str}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a passkey may sign: the relying party's identifier (a host), and one origin within it."""

    rp: str
    origin: str

    def __post_init__(self) -> None:
        """Raises MalformedError unless both have their form and the origin's host lies within the relying party."""
        found = _ORIGIN.fullmatch(self.origin) if len(self.origin) <= LIMITS.origin else None
        if found is None or _HOST.fullmatch(self.rp) is None:
            raise MalformedError("a relying party is a host, an origin is https://host or https://host:port")
        scheme, host, port = found.groups()
        if (scheme == "http" and host != "localhost") or port == _DEFAULT_PORTS[scheme]:
            raise MalformedError("an origin is https, and names no port that goes without saying")
        if host != self.rp and not host.endswith(f".{self.rp}"):
            raise MalformedError("the origin lies outside the relying party")


@dataclass(frozen=True, slots=True)
class Assertion:
    """What a browser hands back of one signature (section 5.2.2), read and not verified."""

    authenticator_data: bytes
    client_data: bytes  # clientDataJSON, as it was signed
    signature: bytes  # ASN.1 DER for ES256, 64 bytes for EdDSA

    def __post_init__(self) -> None:
        """Raises TooLargeError when a part is larger than any authenticator makes it."""
        if (
            len(self.authenticator_data) > LIMITS.authenticator_data
            or len(self.client_data) > LIMITS.client_data
            or len(self.signature) > LIMITS.passkey_signature
        ):
            raise TooLargeError("a part of the passkey's answer is too large")

    def encode(self) -> list[bytes]:
        return [self.authenticator_data, self.client_data, self.signature]


@dataclass(frozen=True, slots=True)
class Verified:
    """What `verify_assertion` learned beside that it holds."""

    counter: int  # of signatures, by the authenticator's own count; 0: it does not count
    synced: bool  # the key is, or may be, on more than one device (backup eligible)


class PasskeyKey:
    """A passkey's public key: the COSE_Key of its enrolment, ES256 on P-256 or EdDSA on Ed25519."""

    __slots__ = ("_public", "alg", "cose")

    def __init__(self, cose: bytes) -> None:
        """Read an untrusted COSE_Key (RFC 9052, section 7, in the order of CTAP2).

        Raises:
            TooLargeError, MalformedError: not of that form, a point off the curve, or another algorithm.
        """
        key = cbor.decode(cose, limit=LIMITS.passkey_key, what="a passkey's key")
        with decoding("a passkey's key"):
            self.alg, self._public = _public_key(key)
        self.cose = cose

    def verify(self, signature: bytes, message: bytes) -> None:
        """Raises SignatureError unless `signature` is this key's, in its one form, over `message`."""
        if self.alg == ES256:
            r, s = _der(signature)
            signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        self._public.verify(self.alg, signature, message)


def _public_key(key: Any) -> tuple[int, PublicKey]:
    """Values, orders and types: `True` is no 1 here."""
    entries = [(label, type(value), value) for label, value in key.items()]
    match entries:
        case [(1, t, 2), (3, u, -7), (-1, v, 1), (-2, _, bytes(x)), (-3, _, bytes(y))] if (
            t is u is v is int and len(x) == len(y) == 32
        ):
            numbers = ec.EllipticCurvePublicNumbers(int.from_bytes(x), int.from_bytes(y), ec.SECP256R1())
            return ES256, PublicKey(numbers.public_key())
        case [(1, t, 1), (3, u, -8), (-1, v, 6), (-2, _, bytes(x))] if t is u is v is int and len(x) == 32:
            return EDDSA, PublicKey(ed25519.Ed25519PublicKey.from_public_bytes(x))
    raise MalformedError("a passkey signs by ES256 or EdDSA (Ed25519): this one does not")


def verify_assertion(assertion: Assertion, key: PasskeyKey, *, challenge: bytes, place: Place) -> Verified:
    """Verify that the passkey of `key`, its holder present and recognised by it, signed `challenge` at `place`.

    The steps, by their numbers in section 7.2 of the specification:

    11. the client's data are JSON with no name twice, for a signature and not an enrolment
    12. 13. the challenge and the origin are the ones expected; 14. from no page within another one
    15. the authenticator saw the relying party; 16. its holder was there, 17. and was recognised
    18. a key that cannot be copied was not copied
    20. 21. the signature covers both

    Raises:
        MalformedError: the parts have another form.
        SignatureError: one of the steps.
    """
    _verify_client_data(assertion.client_data, challenge, place)
    verified = _verify_authenticator_data(assertion.authenticator_data, place)
    signed = assertion.authenticator_data + hashlib.sha256(assertion.client_data).digest()
    key.verify(assertion.signature, signed)
    return verified


def with_low_s(assertion: Assertion, key: PasskeyKey) -> Assertion:
    """The same assertion with its signature in the form that is kept; nothing is verified.

    Raises:
        SignatureError: an ES256 signature that is not two numbers in DER.
    """
    if key.alg != ES256:
        return assertion
    r, s = _der(assertion.signature)
    signature = encode_dss_signature(r, min(s, _P256_N - s) if s < _P256_N else s)
    return Assertion(assertion.authenticator_data, assertion.client_data, signature)


def counter_went_back(known: int, seen: int) -> bool:
    """Whether a counter says that the key may have been copied (section 7.2, step 22): a warning, no refusal."""
    return bool(known or seen) and seen <= known


def _der(signature: bytes) -> tuple[int, int]:
    """r and s of an ECDSA signature in strict DER, each of 256 bits at most."""
    try:
        r, s = decode_dss_signature(signature)
    except ValueError as err:
        raise SignatureError("an ES256 signature of a passkey is two numbers in DER") from err
    if not (0 < r < 2**256 and 0 < s < 2**256) or encode_dss_signature(r, s) != signature:
        raise SignatureError("an ES256 signature of a passkey is two numbers in DER")
    return r, s


def _verify_client_data(data: bytes, challenge: bytes, place: Place) -> None:
    with decoding("the client's data"):
        said = json.loads(data.decode(), object_pairs_hook=_no_name_twice, parse_constant=_no_constant)
    if type(said) is not dict or any(type(said.get(name)) is not kind for name, kind in _CLIENT_KEYS.items()):
        raise MalformedError("the client's data are not what a browser writes")
    if said["type"] != "webauthn.get":
        raise SignatureError("the client's data are not of a signature")
    if said["challenge"] != base64.urlsafe_b64encode(challenge).rstrip(b"=").decode():
        raise SignatureError("the passkey signed another challenge")
    if said["origin"] != place.origin:
        raise SignatureError("the passkey signed on another origin")
    if said.get("crossOrigin", False) is not False or "topOrigin" in said:
        raise SignatureError("the passkey signed in a page within another one")
    if not _unbound(said):
        raise SignatureError("the passkey's answer is bound to another connection")


def _unbound(said: dict[str, Any]) -> bool:
    """Token binding was never deployed: a browser that says `present` speaks of a connection that is not ours."""
    if "tokenBinding" not in said:
        return True
    binding = said["tokenBinding"]
    return type(binding) is dict and binding.get("status") in ("supported", "not-supported")


def _verify_authenticator_data(data: bytes, place: Place) -> Verified:
    if len(data) < _HEAD:
        raise MalformedError("the authenticator's data are too short")
    flags = data[32]
    if flags & _ED:
        extensions = cbor.decode(data[_HEAD:], limit=LIMITS.authenticator_data, what="the extensions")
        if type(extensions) is not dict:
            raise MalformedError("the authenticator's extensions are not a map")
    elif len(data) != _HEAD:
        raise MalformedError("the authenticator's data are too long")
    if flags & _AT:
        raise MalformedError("the authenticator's data are of an enrolment")
    if data[:32] != hashlib.sha256(place.rp.encode()).digest():
        raise SignatureError("the passkey signed for another relying party")
    if not flags & _UP:
        raise SignatureError("nobody touched the passkey")
    if not flags & _UV:
        raise SignatureError("the passkey did not recognise its holder")
    if flags & _BS and not flags & _BE:
        raise SignatureError("the authenticator contradicts itself about copies of its key")
    return Verified(counter=int.from_bytes(data[33:_HEAD], "big"), synced=bool(flags & _BE))


def _no_name_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise MalformedError("the client's data have a name twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise MalformedError(f"{name} is not JSON")
