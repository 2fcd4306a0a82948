"""Quantities in a search: a prefix, a number as precise as it was written, a unit (FHIR R4, search: quantity). Pure.

A unit is converted by the catalogue, exactly, for the metric that the value is of: mg/dL of glucose is mmol/L by its
molar mass, and of nothing else.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from egide.cloud.fhir.systems import UCUM
from egide.cloud.fhir.wrong import ParameterError
from egide.errors import NotFoundError
from egide.measure.catalogue import CATALOGUE, Metric, convert

__all__ = ["Amount", "parse_amounts"]

_NUMBER: Final = re.compile(
    r"(eq|ne|ge|gt|le|lt|sa|eb|ap)?([+-]?[0-9]{1,18}(?:\.[0-9]{1,18})?(?:[eE][+-]?[0-9]{1,2})?)"
)


@dataclass(frozen=True, slots=True)
class Amount:
    """One quantity: [low, high) is what the number means by its digits; no unit means any."""

    prefix: str
    value: Decimal
    low: Decimal
    high: Decimal
    unit: str = ""

    def holds(self, value: Decimal, unit: str, metric: Metric | None) -> bool:
        """Whether a value of `metric` in `unit` answers."""
        if self.unit and self.unit != unit:
            if metric is None:
                return False
            try:
                value = convert(value, unit, self.unit, metric)
            except NotFoundError:
                return False
        match self.prefix:
            case "eq" | "ap":
                return self.low <= value < self.high
            case "ne":
                return not self.low <= value < self.high
            case "gt" | "sa":
                return value > self.value
            case "lt" | "eb":
                return value < self.value
            case "ge":
                return value >= self.value
            case _:
                return value <= self.value


def parse_amounts(name: str, text: str) -> tuple[Amount, ...]:
    """Read a parameter's value: one or several quantities separated by commas.

    Raises:
        ParameterError: not a number, another system than UCUM, or a unit that no metric has.
    """
    return tuple(_amount(name, one) for one in text.split(","))


def _amount(name: str, text: str) -> Amount:
    number, *rest = text.split("|")
    match = _NUMBER.fullmatch(number)
    if match is None or len(rest) not in (0, 2):
        raise ParameterError(name, "is a prefix and a number, or a number|system|unit")
    prefix, value = match[1] or "eq", Decimal(match[2])
    exponent = value.as_tuple().exponent
    half = Decimal(5).scaleb(int(exponent) - 1)
    if prefix == "ap":
        half = max(half, abs(value) / 10)
    system, unit = rest or ("", "")
    if system not in ("", UCUM):
        raise ParameterError(name, "the system of a unit is UCUM")
    if (rest and not unit) or (unit and unit not in _units()):
        raise ParameterError(name, "no metric of this server has that unit")
    return Amount(prefix, value, value - half, value + half, unit)


@functools.cache
def _units() -> frozenset[str]:
    return frozenset(unit for metric in CATALOGUE.values() for unit in metric.units)
