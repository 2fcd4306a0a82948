"""Sealing: HPKE to a public key (RFC 9180), and a forward chain of message keys under it.

Whoever writes holds public keys and the present link of a chain; whoever reads holds the private key. A chain goes one
way: from a link, its message key and the next link are computed, never the one before, so a writer's stolen memory
opens nothing that it wrote before.

    link[i+1] || key[i] = HMAC-SHA-512(link[i], "egide chain v1")
"""

from __future__ import annotations

import ctypes
import hmac
from enum import IntEnum
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
)
from cryptography.hazmat.primitives.hpke import Suite as _Hpke

from egide.errors import SealError

__all__ = ["MAX_STEPS", "Chain", "ChainReader", "Suite", "derive_pair", "open_sealed", "open_with_key", "seal_to",
           "seal_with_key"]

MAX_STEPS: Final = 4096
NONCE_BYTES: Final = 12
_LABEL: Final = b"egide chain v1"
_NO_KEY: Final = bytes(32)
_BYTES_AT: Final = bytes.__basicsize__ - 1  # where CPython keeps the content of a bytes object


class Suite(IntEnum):
    """How a key pair seals: both with HKDF-SHA256 and AES-256-GCM."""

    X25519 = 1
    MLKEM768_X25519 = 2  # draft-ietf-hpke-pq: holds when either problem does, for records kept for decades


_SEED_BYTES: Final = {Suite.X25519: 32, Suite.MLKEM768_X25519: 96}
_HPKE: Final = {
    Suite.X25519: _Hpke(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM),
    Suite.MLKEM768_X25519: _Hpke(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM),
}


def derive_pair(suite: Suite, seed: bytes) -> bytes:
    """The public key of the private `seed` (32 random bytes for X25519, 96 for the hybrid: ML-KEM seed, then X25519).

    Raises:
        SealError: a seed of another length.
    """
    if len(seed) != _SEED_BYTES[suite]:
        raise SealError("a private seed has another length")
    x25519 = X25519PrivateKey.from_private_bytes(seed[-32:]).public_key().public_bytes_raw()
    if suite is Suite.X25519:
        return x25519
    return MLKEM768PrivateKey.from_seed_bytes(seed[:64]).public_key().public_bytes_raw() + x25519


def seed_bytes(suite: Suite) -> int:
    """How many random bytes `derive_pair` wants."""
    return _SEED_BYTES[suite]


def _public(suite: Suite, public: bytes) -> X25519PublicKey | MLKEM768X25519PublicKey:
    x25519 = X25519PublicKey.from_public_bytes(public[-32:])
    if suite is Suite.X25519:
        return x25519
    return MLKEM768X25519PublicKey(MLKEM768PublicKey.from_public_bytes(public[:-32]), x25519)


def seal_to(suite: Suite, public: bytes, plaintext: bytes, info: bytes) -> bytes:
    """HPKE base mode, single shot: enc || ciphertext. `info` binds it to its purpose.

    Raises:
        SealError: `public` is not a public key of this suite.
    """
    try:
        return _HPKE[suite].encrypt(plaintext, _public(suite, public), info)
    except ValueError as err:
        raise SealError("a public key has another form") from err


def open_sealed(suite: Suite, seed: bytes, sealed: bytes, info: bytes) -> bytes:
    """Raises SealError unless `sealed` was made for this key and `info`."""
    if len(seed) != _SEED_BYTES[suite]:
        raise SealError("a private seed has another length")
    x25519 = X25519PrivateKey.from_private_bytes(seed[-32:])
    key = (
        x25519
        if suite is Suite.X25519
        else MLKEM768X25519PrivateKey(MLKEM768PrivateKey.from_seed_bytes(seed[:64]), x25519)
    )
    try:
        return _HPKE[suite].decrypt(sealed, key, info)
    except (InvalidTag, ValueError) as err:
        raise SealError("sealed bytes do not open with this key") from err


def seal_with_key(key: bytes, nonce: bytes, plaintext: bytes, aad: bytes) -> bytes:
    """nonce || AES-256-GCM(plaintext). `nonce` is 12 random bytes."""
    return nonce + AESGCM(key).encrypt(nonce, plaintext, aad)


def open_with_key(key: bytes, sealed: bytes, aad: bytes) -> bytes:
    """Raises SealError for another key, other `aad` or altered bytes."""
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], aad)
    except (InvalidTag, ValueError) as err:
        raise SealError("sealed bytes do not open with this key") from err


def _wipe(secret: bytes) -> None:
    """Overwrite bytes that nobody else holds: freed memory keeps what it held until something takes its place."""
    ctypes.memset(id(secret) + _BYTES_AT, 0, len(secret))


class Chain:
    """The writer's end: seals, and forgets how it sealed. `root` is overwritten: keep no other copy."""

    __slots__ = ("_key", "_link", "_state", "step")

    def __init__(self, root: bytes) -> None:
        self._state = bytearray(root) + bytes(32)  # the present link, then the message key while it is used
        self._link, self._key = memoryview(self._state)[:32], memoryview(self._state)[32:]
        self.step = 0
        _wipe(root)

    def seal(self, plaintext: bytes, *, nonce: bytes, aad: bytes) -> tuple[int, bytes]:
        """Return (step, sealed bytes). Raises SealError after `MAX_STEPS`: start a new chain."""
        step = self.step
        if step >= MAX_STEPS:
            raise SealError("this chain is at its end")
        block = hmac.digest(self._link, _LABEL, "sha512")
        self._state[:] = block
        _wipe(block)
        self.step = step + 1
        sealed = nonce + AESGCM(self._key).encrypt(nonce, plaintext, aad)
        self._key[:] = _NO_KEY
        return step, sealed


class ChainReader:
    """The reader's end: opens any step; steps in rising order cost one HMAC each."""

    __slots__ = ("_at", "_link", "_root")

    def __init__(self, root: bytes) -> None:
        self._root = self._link = root
        self._at = 0

    def open(self, step: int, sealed: bytes, *, aad: bytes) -> bytes:
        """Raises SealError: not sealed at this step of this chain, with this `aad`."""
        if not 0 <= step < MAX_STEPS:
            raise SealError("a chain has 4096 steps at most")
        if step < self._at:
            self._link, self._at = self._root, 0
        link = self._link
        for _ in range(step - self._at):
            link = hmac.digest(link, _LABEL, "sha512")[:32]
        self._link, self._at = link, step
        return open_with_key(hmac.digest(link, _LABEL, "sha512")[32:], sealed, aad)


def record_aad(leaf: bytes, pairing: bytes) -> bytes:
    """What a sealed envelope is bound to: its leaf, its pairing's UUID (16 bytes) and the schema's version."""
    return b"egide record v1" + leaf + pairing


