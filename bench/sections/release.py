"""A patient reads a month of a continuous glucose monitor, and a year of it."""

from __future__ import annotations

from typing import Final

from bench.context import ENGINES, Context
from bench.table import Row, number

__all__ = ["HOW", "measure"]

HOW: Final = """
A patient asks for 30 days of 5-minute glucose, in envelopes of 12 readings, in a store that holds as
much of other patients: the ground is checked, the access journaled in the register and committed, the
envelopes opened, decoded and checked against their leaves. A year is read through sealed pages, which the
worker wrote before; the table of envelopes says of each whether its page still speaks for it.
"""


def measure(context: Context) -> list[Row]:
    """8,640 readings in 720 envelopes, and a year of them, released to the patient and journaled."""
    rows = []
    for engine in context.engines():
        with context.home("release", engine) as home:
            got = home.job("release", objects=4 if context.quick else 50, times=5 if context.quick else 30)
        rows.append(
            Row(
                claim=f"Release of {got['readings']:,} readings, {ENGINES[engine]}", measured=got["p50_ms"],
                target=150, more=False, unit="ms",
                note=f"median; slowest {number(got['max_ms'])} ms, first one {number(got['first_ms'])} ms",
            )
        )  # fmt: skip
        rows.append(_year(context, engine))
    return rows


def _year(context: Context, engine: str) -> Row:
    """105,120 readings in 8,760 envelopes, through their pages."""
    with context.home("release-year", engine) as home:
        got = home.job(
            "release", objects=2 if context.quick else 5, times=5 if context.quick else 30,
            days=60 if context.quick else 365, pages=True,
        )  # fmt: skip
    return Row(
        claim=f"Release of {got['readings']:,} readings through sealed pages, {ENGINES[engine]}",
        measured=got["p50_ms"], target=300, more=False, unit="ms",
        note=f"median; slowest {number(got['max_ms'])} ms; {number(got['pages_per_s'])} months written a second",
    )  # fmt: skip
