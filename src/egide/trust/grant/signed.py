"""A statement and the passkey's signature of it: made when a person signs, kept in the register, found in a proof."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from egide import cbor
from egide.errors import MalformedError, SignatureError
from egide.trust.grant.entries import Credential
from egide.trust.grant.statement import Consent, challenge_of
from egide.trust.limits import LIMITS
from egide.trust.webauthn import Assertion, Verified, verify_assertion

__all__ = ["SignedConsent", "VerifiedConsent", "verify_consent"]


@dataclass(frozen=True, slots=True)
class SignedConsent:
    """`signed-consent = [statement, [authenticatorData, clientDataJSON, signature]]`, read and not verified."""

    statement: bytes
    assertion: Assertion

    def encode(self) -> bytes:
        return cbor.encode([self.statement, self.assertion.encode()])

    @property
    def digest(self) -> bytes:
        """SHA-256 of the encoding: what the register's statement holds, and what the next consent names."""
        return hashlib.sha256(self.encode()).digest()

    @classmethod
    def decode(cls, data: bytes) -> SignedConsent:
        """Read untrusted bytes. Raises TooLargeError, MalformedError."""
        match cbor.decode(data, limit=LIMITS.signed_consent, what="a signed consent"):
            case [bytes(statement), [bytes(authenticator), bytes(client), bytes(signature)]]:
                return cls(statement, Assertion(authenticator, client, signature))
        raise MalformedError("a signed consent is [statement, [authenticator's data, client's data, signature]]")


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedConsent:
    """Made by `verify_consent` only."""

    consent: Consent
    passkey: Verified


def verify_consent(signed: SignedConsent, credential: Credential) -> VerifiedConsent:
    """Verify that the holder of an enrolled passkey signed this statement, where the statement says.

    Whether the passkey was in force is the caller's to know: enrolment and retirement are register statements.

    Raises:
        TooLargeError, MalformedError: the statement or the assertion has another form.
        SignatureError: the passkey is another's, or of another relying party, or did not sign this.
    """
    consent = Consent.decode(signed.statement)
    if consent.signer.uri != credential.account:
        raise SignatureError("the passkey belongs to another account than the signer's")
    if consent.place.rp != credential.rp:
        raise SignatureError("the passkey was enrolled with another relying party")
    verified = verify_assertion(
        signed.assertion, credential.key, challenge=challenge_of(signed.statement), place=consent.place
    )
    return VerifiedConsent(consent=consent, passkey=verified)
