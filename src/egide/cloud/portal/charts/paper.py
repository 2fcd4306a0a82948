"""A waveform on millimetre paper: 25 mm a second and 10 mm a millivolt, as cardiographs print it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["Paper", "draw_paper"]

MM_PER_S: Final = 25
MM_PER_MV: Final = 10
_MARGIN_MM: Final = 5
_MAX_MM: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """A strip: its size in millimetres, and the curve's path data in millimetres."""

    width: int
    height: int
    curve: str


def draw_paper(values: Sequence[float], *, period_s: float, mm_per_unit: float = MM_PER_MV) -> Paper:
    """`values` are one every `period_s`; `mm_per_unit` says how high one unit stands (10 for millivolts)."""
    low, high = min(values), max(values)
    tall = (high - low) * mm_per_unit
    squeeze = min(1.0, _MAX_MM / tall) if tall else 1.0
    height = max(20, 5 * round((tall * squeeze + 2 * _MARGIN_MM) / 5 + 0.5))
    middle = (high + low) / 2
    step = period_s * MM_PER_S
    places = (
        f"{i * step:.2f} {height / 2 - (value - middle) * mm_per_unit * squeeze:.2f}" for i, value in enumerate(values)
    )
    width = max(25, 5 * round(len(values) * step / 5 + 0.5))
    return Paper(width=width, height=height, curve="M" + "L".join(places))
