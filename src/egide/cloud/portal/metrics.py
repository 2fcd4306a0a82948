"""What a page says of a metric: its name in the reader's language, its usual rhythm, its target range."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from django.utils.translation import get_language

from egide.cloud.comfort.units import GLUCOSE
from egide.cloud.portal.charts.glucose import edges_in
from egide.cloud.portal.charts.scale import Band
from egide.errors import NotFoundError
from egide.measure.catalogue import CATALOGUE, convert, metric, names

__all__ = ["GLUCOSE", "PRESSURE", "Metric", "describe"]

#: Systolic, diastolic and mean: one blood pressure.
PRESSURE: Final = ("8480-6", "8462-4", "8478-0")
_PANEL: Final = "85354-9"
_IN_WHAT: Final = re.compile(r" \((mass|masse|moles)\)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A metric as people meet it; a code that the catalogue does not know is its own name."""

    code: str
    cadence_ms: int = 0  # 0: not known
    of_person: bool = True  # False: about the object (its battery)
    wave: bool = False  # drawn as a waveform, never listed value by value
    states: dict[int, tuple[str, str]] = field(default_factory=dict)  # of a status: French, English

    @property
    def name(self) -> str:
        """Without what the unit says already: glucose is not "(mass)" to the person who measures it."""
        return _IN_WHAT.sub("", names(self.code, "fr" if _french() else "en"))

    @property
    def group_name(self) -> str:
        """The name of what this is a part of: blood pressure for the systolic."""
        return names(_PANEL, "fr" if _french() else "en") if self.code in PRESSURE else self.name

    def state(self, value: Decimal) -> str | None:
        """What a status's value means, in words; None when it is not a status."""
        if value != value.to_integral_value() or (pair := self.states.get(int(value))) is None:
            return None
        return pair[0] if _french() else pair[1]

    def convert(self, value: Decimal, unit: str, to_unit: str) -> Decimal | None:
        """The same quantity in another unit of this metric; None when it has no such unit."""
        if unit == to_unit:
            return value
        try:
            return convert(value, unit, to_unit, metric(self.code))
        except NotFoundError:
            return None

    def band(self, unit: str) -> Band | None:
        """A general reference, for the metrics that have one by consensus (glucose): nobody's own target."""
        if self.code not in GLUCOSE:
            return None
        _, low, high, _ = edges_in(unit)
        return Band(low=low, high=high)


@functools.cache
def describe(code: str) -> Metric:
    """What is known of a code."""
    known = CATALOGUE.get(code)
    if known is None:
        return Metric(code=code)
    return Metric(
        code=code,
        cadence_ms=int(known.cadence_s * 1000),
        of_person=known.category is not None,
        wave=known.kind == "waveform",
        states=dict(known.states),
    )


def _french() -> bool:
    return (get_language() or "fr").startswith("fr")
