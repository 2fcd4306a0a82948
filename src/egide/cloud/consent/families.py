"""Metric families: what a patient names when they share or restrict. Pure; every code of the catalogue is in one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Final

from egide.errors import RefusedError
from egide.measure.catalogue import CATALOGUE

__all__ = ["FAMILIES", "OTHER", "families_of", "family_of", "require_families"]

#: The family of a code that the catalogue does not know: a reading nobody can name is still somebody's.
OTHER: Final = "other"

_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "heart": (
        "heart-rate", "pulse-rate", "heart-rate-resting", "rr-interval", "heart-rate-variability", "ecg-lead-i",
        "ecg-lead-ii", "plethysmogram", "perfusion-index",
    ),
    "pressure": ("blood-pressure", "systolic", "diastolic", "mean-pressure"),
    "breathing": ("spo2", "oxygen-saturation", "respiratory-rate", "peak-flow", "fev1", "fvc"),
    "glucose": (
        "glucose-blood-mass", "glucose-blood-moles", "glucose-interstitial-mass", "glucose-fluid-moles", "ketones",
    ),
    "temperature": (
        "body-temperature", "skin-temperature", "core-temperature", "gastrointestinal-temperature", "oral-temperature",
        "ear-temperature", "axillary-temperature", "rectal-temperature",
    ),
    "weight": ("body-weight", "body-height", "body-mass-index", "body-fat", "lean-mass", "waist-circumference"),
    "activity": ("steps-day", "steps", "energy"),
    "sleep": ("sleep", "sleep-deep", "sleep-light", "sleep-rem", "sleep-stage"),
    "substances": ("breath-alcohol", "breath-carbon-monoxide"),
    "treatment": ("insulin-basal", "insulin-bolus", "insulin-daily", "inr", "medication-ingested"),
    "nerves-eyes": ("skin-conductance", "intraocular-pressure"),
    "device": (
        "implant-battery-voltage", "implant-longevity", "lead-impedance-atrial", "lead-impedance-ventricular",
        "battery", "device-status",
    ),
}  # fmt: skip


class _Families(Mapping[str, tuple[str, ...]]):
    """The codes of each family; the catalogue is read at first use."""

    __slots__ = ()

    def __getitem__(self, family: str) -> tuple[str, ...]:
        return _load()[0][family]

    def __iter__(self) -> Iterator[str]:
        return iter(_load()[0])

    def __len__(self) -> int:
        return len(_load()[0])


FAMILIES: Final[Mapping[str, tuple[str, ...]]] = _Families()


def family_of(code: str) -> str:
    """The family of a code; OTHER for one that the catalogue does not know."""
    return _load()[1].get(code, OTHER)


def families_of(codes: Iterable[str]) -> frozenset[str]:
    """The families that some codes belong to."""
    return frozenset(map(family_of, codes))


def require_families(families: Iterable[str] | None) -> frozenset[str] | None:
    """The families as a set; None stands for all of them.

    Raises:
        RefusedError: none named, or one that does not exist.
    """
    if families is None:
        return None
    named = frozenset(families)
    if not named or not named <= FAMILIES.keys():
        raise RefusedError("name at least one family of metrics, among those that exist")
    return named


@cache
def _load() -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    code_of = {metric.key: metric.code for metric in CATALOGUE.values()}
    families = {name: tuple(code_of[key] for key in keys) for name, keys in _KEYS.items()}
    families[OTHER] = ()
    return families, {code: name for name, codes in families.items() for code in codes}
