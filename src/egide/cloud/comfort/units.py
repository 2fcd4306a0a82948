"""The same quantity in the unit that a reader thinks in. What an object signed stays beside it, one click away."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from egide.errors import NotFoundError
from egide.measure.catalogue import convert, metric

__all__ = ["CHOICES", "GLUCOSE", "told_in", "unit_for"]

GLUCOSE: Final = frozenset({"2339-0", "15074-8", "99504-3", "14745-4"})
#: What one may choose, by kind: UCUM units.
CHOICES: Final = {
    "glucose": ("mg/dL", "mmol/L"),
    "weight": ("kg", "[lb_av]"),
    "temperature": ("Cel", "[degF]"),
}
_KIND: Final = {
    **dict.fromkeys(GLUCOSE, "glucose"),
    "29463-7": "weight",
    "8310-5": "temperature",
    "39106-0": "temperature",
}
#: As people write them: a converted value has no more digits than what was measured could have.
_STEP: Final = {
    "mg/dL": Decimal(1), "mmol/L": Decimal("0.1"), "kg": Decimal("0.1"), "[lb_av]": Decimal("0.1"),
    "Cel": Decimal("0.1"), "[degF]": Decimal("0.1"),
}  # fmt: skip


def unit_for(code: str, unit: str, wanted: Mapping[str, str]) -> str | None:
    """The unit to show instead of `unit`; None when it stays as signed. `wanted`: a unit by kind."""
    kind = _KIND.get(code)
    other = wanted.get(kind, "") if kind else ""
    return other if other and other != unit else None


def told_in(code: str, value: Decimal, unit: str, other: str) -> Decimal | None:
    """`value` in `other`, rounded as people write it; None when it cannot be told."""
    try:
        return convert(value, unit, other, metric(code)).quantize(_STEP[other], ROUND_HALF_EVEN)
    except NotFoundError:
        return None
