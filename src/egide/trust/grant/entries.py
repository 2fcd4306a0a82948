"""The register statements that a consent rests on (docs/spec/consent.md).

    grant, research, grant-end    about the patient; facts {"consent": SHA-256 of the signed consent}
    credential          about the account; facts {"id": SHA-256 of the credential's id, "key": COSE_Key,
                        "rp": relying party, "count": its counter then}
    credential-end      about the account; facts {"id": ...}: from here on this passkey signs nothing

Further facts may stand beside these. All are the platform's statements (docs/spec/register.md).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from egide import cbor
from egide.errors import MalformedError, ProofError
from egide.trust.cose import ALG, CONTENT_TYPE, CWT, X5T, Sign1
from egide.trust.envelope import uuid_of
from egide.trust.genesis import JOURNAL_TYPE
from egide.trust.grant.statement import GRANT, RESEARCH, WITHDRAWAL
from egide.trust.identity import Usage, verify_chain
from egide.trust.limits import LIMITS
from egide.trust.webauthn import PasskeyKey

__all__ = [
    "CREDENTIAL", "CREDENTIAL_END", "ENTERED_AS", "Credential", "PlatformStatement", "consent_facts",
    "credential_end_facts", "verify_entry",
]

CREDENTIAL: Final = "credential"
CREDENTIAL_END: Final = "credential-end"
#: The kind of the statement that enters a consent, by the consent's kind.
ENTERED_AS: Final[Mapping[str, str]] = {GRANT: "grant", RESEARCH: "research", WITHDRAWAL: "grant-end"}
_SHA256_ID: Final = -16
_MAX_MS: Final = 2**45
_CLAIMS: Final = [1, 2, 6, 7]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformStatement:
    """What a statement of the platform says, once it was verified. Its personal part stays sealed."""

    kind: str
    at_ms: int
    subject: str  # urn:uuid:...
    facts: Mapping[str, Any]
    platform: str  # who signed it


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A passkey as it was enrolled. Its identifier is a handle on the authenticator: only a hash is kept."""

    account: str  # urn:uuid:..., whose passkey it is
    id_sha256: bytes
    key: PasskeyKey
    rp: str
    count: int  # of its signatures when it was enrolled

    def facts(self) -> dict[str, Any]:
        """The public facts of the statement that enrols it (its subject is the account)."""
        return {"id": self.id_sha256, "key": self.key.cose, "rp": self.rp, "count": self.count}

    @classmethod
    def of(cls, account: str, facts: Mapping[str, Any]) -> Credential:
        """Read the facts of a `credential` statement. Raises TooLargeError, MalformedError."""
        match facts:
            case {"id": bytes(id_sha256), "key": bytes(key), "rp": str(rp), "count": int(count)} if (
                len(id_sha256) == 32 and 0 <= count < 2**32 and type(count) is int
            ):
                return cls(account=account, id_sha256=id_sha256, key=PasskeyKey(key), rp=rp, count=count)
        raise MalformedError("the statement that enrols a passkey has other facts than the specification's")


def credential_end_facts(id_sha256: bytes) -> dict[str, Any]:
    """The public facts of the statement that retires a passkey."""
    return {"id": id_sha256}


def consent_facts(digest: bytes) -> dict[str, Any]:
    """The public facts of the statement that enters a signed consent: its hash, which its nonce makes say nothing."""
    return {"consent": digest}


def verify_entry(statement: bytes, chain: Sequence[bytes], roots: Iterable[bytes]) -> PlatformStatement:
    """Check an untrusted statement of the platform. `chain`: the platform's certificates (DER), its own first.

    Raises:
        TooLargeError, MalformedError: not of the journal's form.
        IdentityError, CertificateExpiredError, SignatureError: the platform's chain leads to no such root at the
            time that the statement gives, or its key did not sign this.
        ProofError: it is not the platform's that the chain names.
    """
    # 1. Form (RFC 9052, section 4.2).
    sign1 = Sign1.parse(statement, limit=LIMITS.journal, what="a statement")
    header = sign1.header
    if sign1.unprotected or list(header) != [ALG, CONTENT_TYPE, CWT, X5T] or list(sign1.claims) != _CLAIMS:
        raise MalformedError("a statement's header is not the specification's")
    kind, at_ms, facts = _payload(cbor.decode(sign1.payload or b"", limit=LIMITS.journal, what="a statement"))
    # 2. The platform's certificate, when it said so (RFC 5280, section 6).
    certificate = verify_chain(chain[0], chain[1:], roots, at_ms=at_ms, usage=Usage.PLATFORM)
    # 3. The statement names that certificate and that platform (RFC 9360, section 2; RFC 9597).
    named = header[X5T] == [_SHA256_ID, hashlib.sha256(chain[0]).digest()]
    if not named or header[CONTENT_TYPE] != JOURNAL_TYPE or sign1.claims[1] != certificate.uri:
        raise ProofError("a statement is not the platform's that it names", step="statement")
    subject = sign1.claims[2]
    uuid_of(subject)
    # 4. The signature (RFC 9052, section 4.4).
    sign1.verify(certificate.public_key)
    return PlatformStatement(kind=kind, at_ms=at_ms, subject=subject, facts=facts, platform=certificate.uri)


def _payload(value: Any) -> tuple[str, int, dict[str, Any]]:
    match value:
        case [str(kind), int(at_ms), dict(facts), bytes() | None] if (
            0 <= at_ms <= _MAX_MS and type(at_ms) is int and all(type(name) is str for name in facts)
        ):
            return kind, at_ms, facts
    raise MalformedError("a statement's payload is [kind, time, facts, sealed facts or null]")
