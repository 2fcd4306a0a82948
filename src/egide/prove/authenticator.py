"""A passkey made of software: what a phone or a security key does, with a hand on every part of it."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import struct
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2 import cbor

__all__ = ["ORIGIN", "Passkey", "b64", "unb64"]

ORIGIN = "http://localhost"
PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass(slots=True, kw_only=True)
class Passkey:
    """One credential. `origin` is the page that the browser says it is on; `counter` 0 means that it does not count."""

    origin: str = ORIGIN
    verifies: bool = True
    counter: int = 0
    cross_origin: bool = False
    handle: bytes = b""
    id: bytes = field(default_factory=lambda: os.urandom(32))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def make(self, options: str, **over: Any) -> str:
        """Answer `navigator.credentials.create`."""
        asked = json.loads(options)["publicKey"]
        self.handle = unb64(asked["user"]["id"])
        point = self.key.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}
        data = self._data(asked["rp"]["id"], ATTESTED)
        data += bytes(16) + struct.pack(">H", len(self.id)) + self.id + cbor.encode(cose)
        response = {
            "clientDataJSON": b64(self._client("webauthn.create", asked["challenge"], over)),
            "attestationObject": b64(cbor.encode({"fmt": "none", "attStmt": {}, "authData": data})),
        }
        return json.dumps(self._credential(response))

    def use(self, options: str, **over: Any) -> str:
        """Answer `navigator.credentials.get`."""
        asked = json.loads(options)["publicKey"]
        data = self._data(over.pop("rp", asked["rpId"]), 0)
        client = self._client("webauthn.get", asked["challenge"], over)
        signed = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        response = {
            "clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(signed),
            "userHandle": b64(self.handle),
        }  # fmt: skip
        return json.dumps(self._credential(response))

    def _data(self, rp: str, flags: int) -> bytes:
        flags |= PRESENT | (VERIFIED if self.verifies else 0)
        return hashlib.sha256(rp.encode()).digest() + bytes([flags]) + struct.pack(">I", self.counter)

    def _client(self, kind: str, challenge: str, over: dict[str, Any]) -> bytes:
        said = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": self.cross_origin, **over}
        return json.dumps(said).encode()

    def _credential(self, response: dict[str, str]) -> dict[str, Any]:
        mine = {"id": b64(self.id), "rawId": b64(self.id), "type": "public-key"}
        return {**mine, "response": response, "clientExtensionResults": {}}
