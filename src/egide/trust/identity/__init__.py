"""Who signs: a CA of two levels, the certificates it issues, what it revokes, and how each is checked.

The profile is closed (docs/spec/enrolment.md): a root (P-256), an issuing CA under it (P-256, path length 0),
and leaves of three usages. An object or the platform is named by one URI, `urn:uuid:...`; a server by DNS
names and addresses. A certificate that departs from the profile in anything is refused, even when a general
library would take it.

Pure: keys, times (milliseconds since 1970) and serial numbers are arguments.
"""

from __future__ import annotations

from egide.trust.identity.authority import (
    Authority,
    ca_pin,
    issue_object,
    issue_platform,
    issue_server,
    make_issuing,
    make_root,
)
from egide.trust.identity.certificate import VerifiedCertificate, parse_certificate, verify_chain
from egide.trust.identity.crl import Revoked, VerifiedCrl, make_crl, verify_crl
from egide.trust.identity.csr import VerifiedCsr, parse_csr
from egide.trust.identity.profile import PLATFORM_EKU, Usage

__all__ = [
    "PLATFORM_EKU", "Authority", "Revoked", "Usage", "VerifiedCertificate", "VerifiedCrl", "VerifiedCsr",
    "ca_pin", "issue_object", "issue_platform", "issue_server", "make_crl", "make_issuing", "make_root",
    "parse_certificate", "parse_csr", "verify_chain", "verify_crl",
]
