"""What the fleet offers to commands, views and tests, in one place."""

from __future__ import annotations

from egide.cloud.fleet.anchors import current_anchors
from egide.cloud.fleet.enrolment import (
    CLAIM_LIFE_MS,
    create_claim,
    create_object,
    enrol,
    renew,
    require_certificate,
)
from egide.cloud.fleet.issuing import Issued
from egide.cloud.fleet.pairings import current_pairings, pair, unpair
from egide.cloud.fleet.revocation import current_crl, revoke_certificate, revoke_object

__all__ = [
    "CLAIM_LIFE_MS", "Issued", "create_claim", "create_object", "current_anchors", "current_crl",
    "current_pairings", "enrol", "pair", "renew", "require_certificate", "revoke_certificate",
    "revoke_object", "unpair",
]
