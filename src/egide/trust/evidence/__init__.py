"""The proof of one entry: a file that anyone can check, without network or server (docs/spec/evidence.md)."""

from __future__ import annotations

from egide.trust.evidence.build import build_evidence
from egide.trust.evidence.form import EVIDENCE_TYPE, FLAGS, Assertion, Epoch, Evidence
from egide.trust.evidence.report import ProvedReading, ProvedSeries, Report, WitnessSeen
from egide.trust.evidence.verify import verify_evidence

__all__ = [
    "EVIDENCE_TYPE", "FLAGS", "Assertion", "Epoch", "Evidence", "ProvedReading", "ProvedSeries", "Report",
    "WitnessSeen", "build_evidence", "verify_evidence",
]
