"""A passkey's signature, put to our verifier and to the fido2 library."""

from __future__ import annotations

import hashlib
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from fido2.cose import CoseKey
from fido2.server import Fido2Server
from fido2.webauthn import AttestedCredentialData, PublicKeyCredentialRpEntity, UserVerificationRequirement

from egide.trust.webauthn import Assertion, PasskeyKey, Place, verify_assertion, with_low_s
from tests.support.consents import ORIGIN, RP, Passkey, b64

__all__ = ["CHALLENGE", "KEYS", "PLACE", "check", "fido2_accepts"]

CHALLENGE = hashlib.sha256(b"what is asked").digest()
PLACE = Place(RP, ORIGIN)
KEYS: dict[str, Any] = {
    "ES256": ec.derive_private_key(7, ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32))),
}


def check(passkey: Passkey, assertion: Assertion, place: Place = PLACE, challenge: bytes = CHALLENGE) -> Any:
    key = PasskeyKey(passkey.cose)
    return verify_assertion(with_low_s(assertion, key), key, challenge=challenge, place=place)


def fido2_accepts(passkey: Passkey, assertion: Assertion, challenge: bytes = CHALLENGE, rp: str = RP) -> bool:
    """What an independent implementation says, user verification required."""
    server = Fido2Server(PublicKeyCredentialRpEntity(name="Egide", id=rp), verify_origin=lambda o: o == ORIGIN)
    credential = AttestedCredentialData.create(bytes(16), passkey.id, CoseKey.parse(cbor2.loads(passkey.cose)))
    state = {"challenge": b64(challenge), "user_verification": UserVerificationRequirement.REQUIRED}
    response = {
        "id": b64(passkey.id), "rawId": b64(passkey.id), "type": "public-key", "clientExtensionResults": {},
        "response": {
            "authenticatorData": b64(assertion.authenticator_data), "clientDataJSON": b64(assertion.client_data),
            "signature": b64(assertion.signature),
        },
    }
    try:
        server.authenticate_complete(state, [credential], response)
    except Exception:
        return False
    return True
