"""What a person agrees to, or withdraws, by the signature of their passkey (docs/spec/consent.md)."""

from __future__ import annotations

from egide.trust.grant.build import build_consent_proof
from egide.trust.grant.entries import (
    CREDENTIAL,
    CREDENTIAL_END,
    Credential,
    PlatformStatement,
    consent_facts,
    credential_end_facts,
    verify_entry,
)
from egide.trust.grant.form import CONSENT_TYPE, ConsentProof, Entry, is_consent_proof
from egide.trust.grant.report import ConsentReport
from egide.trust.grant.signed import SignedConsent, VerifiedConsent, verify_consent
from egide.trust.grant.statement import (
    GRANT,
    MAX_SIGNING_MS,
    READERS,
    RESEARCH,
    WITHDRAWAL,
    Consent,
    Named,
    Period,
    Shown,
    challenge_of,
)
from egide.trust.grant.verify import verify_consent_proof

__all__ = [
    "CONSENT_TYPE", "CREDENTIAL", "CREDENTIAL_END", "GRANT", "MAX_SIGNING_MS", "READERS", "RESEARCH", "WITHDRAWAL",
    "Consent", "ConsentProof", "ConsentReport", "Credential", "Entry", "Named", "Period",
    "PlatformStatement", "Shown", "SignedConsent", "VerifiedConsent", "build_consent_proof", "challenge_of",
    "consent_facts", "credential_end_facts", "is_consent_proof", "verify_consent", "verify_consent_proof",
    "verify_entry",
]
