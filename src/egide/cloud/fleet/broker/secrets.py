"""What signs in to the broker and what its store is encrypted with: one file, keys/broker.json, mode 0600.

Nobody has a password. Each part of the platform holds an nkey (an Ed25519 seed) and signs the broker's
nonce with it; the configuration only ever names public keys. `issuer` signs the answers to the broker's
questions about objects.
"""

from __future__ import annotations

import base64
import binascii
import functools
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import nkeys

from egide.errors import ConfigError

__all__ = [
    "FILE", "USERS", "BrokerKey", "BrokerSecrets", "make_broker_secrets", "parse_broker_secrets",
    "write_broker_secrets",
]

FILE: Final = "broker.json"
USERS: Final = ("edge", "intake", "stream", "system", "web")
_CIPHER_BYTES: Final = 32
_ACCOUNT: Final[int] = nkeys.PREFIX_BYTE_ACCOUNT
_USER: Final[int] = nkeys.PREFIX_BYTE_USER


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerKey:
    """An nkey: `seed` signs and is never printed, `public` is its name in the configuration."""

    seed: str = field(repr=False)
    public: str

    def pair(self) -> nkeys.KeyPair:
        return _pair(self.seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSecrets:
    """`users` by the names of USERS, `issuer` an account key, `cipher` the store's 32-byte key in base64."""

    users: Mapping[str, BrokerKey]
    issuer: BrokerKey
    cipher: str = field(repr=False)


@functools.lru_cache(maxsize=16)
def _pair(seed: str) -> nkeys.KeyPair:
    return nkeys.from_seed(bytearray(seed.encode()))


def make_broker_secrets() -> dict[str, Any]:
    """New secrets, to be written as JSON: {"users": {name: {seed, public}}, "issuer": ..., "cipher": ...}."""
    return {
        "users": {name: _new_key(_USER) for name in USERS},
        "issuer": _new_key(_ACCOUNT),
        "cipher": base64.b64encode(os.urandom(_CIPHER_BYTES)).decode(),
    }


def write_broker_secrets(path: Path, secrets: Mapping[str, Any]) -> None:
    """Write `secrets` at `path`, mode 0600. An existing file is left alone: raises FileExistsError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(secrets, file, indent=1, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())


def parse_broker_secrets(data: bytes | Mapping[str, Any]) -> BrokerSecrets:
    """Read what `make_broker_secrets` made. Raises ConfigError for anything missing, unknown or wrong."""
    try:
        found = json.loads(data) if isinstance(data, bytes) else data
        if set(found) != {"users", "issuer", "cipher"} or set(found["users"]) != set(USERS):
            raise ConfigError("broker.json does not name exactly the users, the issuer and the cipher")
        if len(base64.b64decode(found["cipher"], validate=True)) != _CIPHER_BYTES:
            raise ConfigError("the cipher of broker.json is not 32 bytes in base64")
        users = {name: _read_key(key, _USER) for name, key in found["users"].items()}
        issuer = _read_key(found["issuer"], _ACCOUNT)
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as err:
        raise ConfigError("broker.json cannot be read") from err
    if len({key.public for key in users.values()}) != len(USERS):
        raise ConfigError("two users of broker.json share a key")
    return BrokerSecrets(users=users, issuer=issuer, cipher=str(found["cipher"]))


def _new_key(prefix: int) -> dict[str, str]:
    seed = nkeys.encode_seed(os.urandom(32), prefix)
    return {"seed": seed.decode(), "public": nkeys.from_seed(bytearray(seed)).public_key.decode()}


def _read_key(entry: Mapping[str, str], prefix: int) -> BrokerKey:
    if set(entry) != {"seed", "public"} or not all(type(value) is str for value in entry.values()):
        raise ConfigError("a key of broker.json is not a seed and its public key")
    key = BrokerKey(seed=entry["seed"], public=entry["public"])
    try:
        kind, _ = nkeys.decode_seed(bytearray(key.seed.encode()))
        public = key.pair().public_key.decode()
    except (nkeys.NkeysError, ValueError) as err:
        raise ConfigError("a seed of broker.json cannot be read") from err
    if kind != prefix or public != key.public:
        raise ConfigError("a key of broker.json is of another kind, or its public key is not its seed's")
    return key
