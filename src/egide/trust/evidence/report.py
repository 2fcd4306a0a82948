"""What a proof file proves, once it was verified."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

__all__ = ["ProvedReading", "ProvedSeries", "Report", "WitnessSeen"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvedReading:
    """One value, exactly as signed (36.50 stays 36.50), with its two times in ms since 1970."""

    value: Decimal
    signed_ms: int  # by the object's clock
    corrected_ms: int  # as the platform asserts
    doubt: str  # the plausibility code that the platform asserts, or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvedSeries:
    """The readings of one metric: LOINC code, UCUM unit, power of ten of the last decimal."""

    code: str
    unit: str
    exponent: int
    readings: tuple[ProvedReading, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessSeen:
    """A witness whose cosignature of the checkpoint verifies; `anchored`: the reader trusts its key."""

    name: str
    cosigned_s: int  # seconds since 1970, by the witness's clock
    anchored: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Made by `verify_evidence` only, when every step passed."""

    object_uri: str
    pairing_uri: str
    platform_uri: str
    model: str
    trust: int
    flags: tuple[str, ...]
    seq: int
    synchronised: bool  # the object's clock was set by a trusted time
    correction_ms: int
    received_ms: int
    made_ms: int
    series: tuple[ProvedSeries, ...]
    log_origin: str
    log_uri: str
    register_size: int
    register_index: int
    checkpoint_size: int
    checkpoint_root: bytes
    witnesses: tuple[WitnessSeen, ...]
    anchored: bool  # the CA's root and the log are those that the reader trusts
    steps: tuple[str, ...]  # the names of the steps that passed

    @property
    def witnessed(self) -> bool:
        """A witness that the reader trusts cosigned the checkpoint."""
        return any(witness.anchored for witness in self.witnesses)
