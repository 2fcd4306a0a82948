"""When was it really measured? Pure rules: the object's word, its clock's story, and when we received it.

A clock that says it was synchronised and does not contradict the time of arrival is believed; a late arrival is only
marked. A clock that was never set, or that is ahead of us, is corrected from the time its boot was first heard of:
the smallest (arrival - ms since boot) seen for a boot is the best estimate of when it started.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from egide.errors import CertificateExpiredError

__all__ = ["BootMemory", "Timing", "judge", "require_in_force"]

AHEAD_MS: Final = 5 * 60_000
LATE_MS: Final = 10 * 60_000
OLDEST_MS: Final = 31 * 86_400_000
_MAX_BOOTS: Final = 100_000


class Timing(NamedTuple):
    """`correction_ms` is to be added to every time the object wrote."""

    correction_ms: int
    late: bool
    clock: bool


class BootMemory:
    """For each (key, boot id): the earliest start that the arrivals allow, in ms since 1970."""

    def __init__(self) -> None:
        self._start: dict[tuple[int, bytes], int] = {}

    def started(self, key: int, boot: bytes, since_boot_ms: int, received_ms: int) -> int:
        estimate = received_ms - since_boot_ms
        known = self._start.get((key, boot))
        if known is not None and known <= estimate:
            return known
        if len(self._start) >= _MAX_BOOTS:
            self._start.pop(next(iter(self._start)))
        self._start[key, boot] = estimate
        return estimate


def judge(
    *,
    iat_ms: int,
    since_boot_ms: int,
    boot: bytes,
    synchronised: bool,
    key: int,
    not_before_ms: int,
    received_ms: int,
    boots: BootMemory,
) -> Timing:
    """Compare the signed time with the arrival, and with the certificate: nobody signs with one that is yet to be."""
    age = received_ms - iat_ms
    if synchronised and -AHEAD_MS <= age <= OLDEST_MS and iat_ms >= not_before_ms:
        return Timing(0, age > LATE_MS, False)
    corrected = boots.started(key, boot, since_boot_ms, received_ms) + since_boot_ms
    return Timing(corrected - iat_ms, received_ms - corrected > LATE_MS, True)


def require_in_force(corrected_ms: int, not_before_ms: int, not_after_ms: int) -> None:
    """Raises CertificateExpiredError unless the certificate was in force then, as the verifier asks too."""
    if not not_before_ms <= corrected_ms <= not_after_ms:
        raise CertificateExpiredError("the certificate was not in force when this was signed")
