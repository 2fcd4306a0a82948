"""A million envelopes stored: intake, proofs, memory and disk."""

from __future__ import annotations

from typing import Final

from bench.context import ENGINES, Context
from bench.table import Row, number

__all__ = ["HOW", "measure"]

HOW: Final = """
One worker, as above, fills an empty store with 1,000,000 envelopes (12,000,000 readings). The rate kept
is the median of the last rounds over that of the first ones, each divided by the raw Ed25519 rate
measured around it, so that a machine which slows down meanwhile is not counted. Proofs are computed from
the tables, for entries chosen at random; from one to the next, only full tiles above the leaves are
remembered. The disk counts everything that the platform stores.
"""


def measure(context: Context) -> list[Row]:
    """Twelve million readings of 200 objects on each engine (60,000 envelopes when quick)."""
    rows = []
    rounds = 12 if context.quick else 200
    for engine in context.engines():
        with context.home("million", engine) as home:
            got = home.job(
                "million", core=1, objects=200, rounds=rounds, each=25, compared=3 if context.quick else 20
            )
        at = f"{got['envelopes']:,} envelopes, {ENGINES[engine]}"
        proof = f"median; p99 {number(got['proof_p99_ms'])} ms, while the store settles after the filling"
        rates = f"{number(got['first'])} envelopes/s empty, {number(got['last'])} full"
        rows += [
            Row(claim=f"Intake's rate kept at {at}", measured=got["kept"], target=0.8, unit="", note=rates),
            Row(claim=f"An inclusion proof at {at}", measured=got["proof_p50_ms"], target=2, more=False,
                unit="ms", note=proof),
            Row(claim=f"Intake's memory at {at}", measured=got["memory_mb"], target=300, more=False,
                unit="MB", note="greatest resident size"),
            Row(claim=f"Disk for one reading at {at}", measured=got["bytes_per_reading"], target=60,
                more=False, unit="bytes", note="tables, indexes and tiles; 12 readings an envelope"),
        ]  # fmt: skip
    return rows
