"""The cast of the vectors: fixed keys, names and helpers that make the same bytes each time."""

from __future__ import annotations

import hashlib
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from egide import cbor
from egide.measure.readings import Readings, Series
from egide.trust.cose import PublicKey, Sign1, SoftwareSigner, sig_structure
from egide.trust.register.tiles import Appended, Appender, TileNodes
from egide.trust.register.tree import leaf_hash

OBJECT: Final = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
PAIRING: Final = "2c5ea4c0-4067-41e9-8bad-9b1deb4d3b7d"
PLATFORM: Final = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"
LOG: Final = "6fa459ea-ee8a-4ca4-894e-db77e160355e"
OTHER_LOG: Final = "16fd2706-8baf-433b-82eb-8c7fada847da"
URN: Final = "urn:uuid:"
LOG_URI: Final = URN + LOG
ORIGIN: Final = f"egide/log/{LOG}"
START_MS: Final = 1_767_225_600_000  # 2026-01-01T00:00:00Z
_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def bytes_of(name: str, n: int = 32) -> bytes:
    """`n` bytes that only depend on `name`: SHAKE-256 of it."""
    return hashlib.shake_256(b"egide vectors " + name.encode()).digest(n)


class P256Signer:
    """A P-256 key whose signatures are always the same (RFC 6979), with a low S."""

    def __init__(self, name: str) -> None:
        secret = int.from_bytes(bytes_of(name), "big") % (_ORDER - 1) + 1
        self._key = ec.derive_private_key(secret, ec.SECP256R1())
        self.public_key = PublicKey(self._key.public_key())
        self.alg = -7

    def sign(self, message: bytes) -> bytes:
        signature = self._key.sign(message, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
        r, s = decode_dss_signature(signature)
        return r.to_bytes(32, "big") + min(s, _ORDER - s).to_bytes(32, "big")


def high_s(signature: bytes) -> bytes:
    """The other signature of the same message that plain ECDSA would accept."""
    s = _ORDER - int.from_bytes(signature[32:], "big")
    return signature[:32] + s.to_bytes(32, "big")


def ed25519_signer(name: str) -> SoftwareSigner:
    return SoftwareSigner(ed25519.Ed25519PrivateKey.from_private_bytes(bytes_of(name)))


ALICE: Final = P256Signer("alice's glucose sensor")
BOB: Final = ed25519_signer("bob's thermometer")
MALLORY: Final = ed25519_signer("mallory")
LOG_SIGNER: Final = ed25519_signer("the log")
WITNESS_SIGNER: Final = ed25519_signer("the witness")

GLUCOSE: Final = Readings(
    t0_ms=START_MS,
    series=(
        Series(
            code="99504-3", unit="mg/dL", times=300_000_000, exponent=0,
            values=(101, 103, 108, 115, 121, 126, 130, 128, 124, 119, 113, 108),
        ),
    ),
)  # fmt: skip
WARD: Final = Readings(
    t0_ms=START_MS,
    series=(
        Series(code="8867-4", unit="/min", times=60_000_000, exponent=0, values=(62, 64, 61)),
        Series(code="8310-5", unit="Cel", times=(0, 90_000), exponent=-2, values=(3650, 3712)),
        Series(code="29463-7", unit="kg", times=0, exponent=-1, values=(-1,)),
    ),
)


def header(alg: int, **changes: Any) -> dict[int | str, Any]:
    """An envelope's protected header; a change to None leaves an entry out."""
    claims = {1: URN + OBJECT, 2: URN + PAIRING, 6: START_MS // 1000 + 3600, 7: bytes_of("cti", 16), "seq": 1}
    claims.update(changes.pop("claims", {}))
    entries: dict[int | str, Any] = {
        1: alg,
        3: "application/vnd.egide.readings+cbor",
        15: {key: value for key, value in claims.items() if value is not None},
        34: [-16, bytes_of("certificate")],
        "clock": [bytes_of("boot", 8), 3_600_000, True],
    }
    entries.update({int(key[1:]) if key[0] == "_" else key: value for key, value in changes.items()})
    return {key: value for key, value in entries.items() if value is not None}


def statement(protected: bytes, payload: bytes | None, signer: Any, unprotected: Any = None) -> bytes:
    """A COSE_Sign1 of any header bytes at all, rightly signed."""
    signature = signer.sign(sig_structure(protected, payload or b""))
    return Sign1(protected, {}, unprotected or {}, payload, signature).encode()


class Tree:
    """A whole tree in memory: leaf i is leaf_hash of "entry i"."""

    def __init__(self, size: int) -> None:
        self.leaves = [leaf_hash(f"entry {i}".encode()) for i in range(size)]
        self.grown: Appended = Appender(0, lambda *_: b"").append(self.leaves)
        self.head = self.grown.head
        self.nodes = TileNodes(lambda level, n: self.grown.changed[level, n])


def encode(value: Any) -> bytes:
    return cbor.encode(value)
