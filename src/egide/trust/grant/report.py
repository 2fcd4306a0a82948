"""What a consent proof proves, once it was verified."""

from __future__ import annotations

from dataclasses import dataclass

from egide.trust.evidence import WitnessSeen
from egide.trust.grant.statement import Consent

__all__ = ["COUNTER", "SYNCED", "ConsentReport"]

#: Warnings. The passkey's counter did not grow since its enrolment: it may have been copied.
COUNTER = "counter"
#: The passkey may lie on several devices of its holder.
SYNCED = "synced"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentReport:
    """Made by `verify_consent_proof` only, when every step passed. Times are ms since 1970."""

    consent: Consent
    platform_uri: str
    entered_ms: int  # when the platform entered the consent in the register
    enrolled_ms: int  # when it enrolled the passkey
    retired_ms: int | None  # when it retired it, if the file says so
    made_ms: int
    log_origin: str
    log_uri: str
    register_size: int
    register_index: int
    checkpoint_root: bytes
    witnesses: tuple[WitnessSeen, ...]
    warnings: tuple[str, ...]  # COUNTER, SYNCED
    anchored: bool  # the CA's root and the log are those that the reader trusts
    steps: tuple[str, ...]  # the names of the steps that passed

    @property
    def witnessed(self) -> bool:
        """A witness that the reader trusts cosigned the checkpoint."""
        return any(witness.anchored for witness in self.witnesses)
