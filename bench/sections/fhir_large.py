"""The same FHIR searches with ten times the data."""

from __future__ import annotations

from typing import Final

from bench.context import ENGINES, Context
from bench.sections.fhir import asked_at
from bench.table import Row

__all__ = ["HOW", "measure"]

HOW: Final = """
The same searches of the same patients at a million readings and at ten million, one after the other.
"""
GROWTH: Final = 1.3


def measure(context: Context) -> list[Row]:
    """On each engine (50,000 and 100,000 readings when quick)."""
    rows = []
    for engine in context.engines():
        small, large = (asked_at(context, engine, n) for n in ((1, 2) if context.quick else (20, 200)))
        rows.append(large)
        rows.append(
            Row(claim=f"A page's time, against a tenth of the data, {ENGINES[engine]}",
                measured=(large.measured or 0) / (small.measured or 1), target=GROWTH, more=False, unit="times")
        )  # fmt: skip
    return rows
