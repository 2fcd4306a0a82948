"""A million envelopes stored: intake, proofs, memory and disk."""

from __future__ import annotations

from bench.context import ENGINES, Context
from bench.table import Row, number

__all__ = ["measure"]


def measure(context: Context) -> list[Row]:
    """Twelve million readings of 200 objects on each engine (60,000 envelopes when quick)."""
    rows = []
    rounds = 12 if context.quick else 200
    for engine in context.engines():
        with context.home("million", engine) as home:
            got = home.job(
                "million", core=1, objects=200, rounds=rounds, each=25, compared=3 if context.quick else 8
            )
        at = f"{got['envelopes']:,} envelopes, {ENGINES[engine]}"
        proof = f"p50 {number(got['proof_p50_ms'])} ms"
        rates = f"{number(got['first'])} envelopes/s empty, {number(got['last'])} full"
        rows += [
            Row(claim=f"Intake's rate kept at {at}", measured=got["kept"], target=0.8, unit="", note=rates),
            Row(claim=f"An inclusion proof (p99) at {at}", measured=got["proof_p99_ms"], target=2, more=False,
                unit="ms", note=proof),
            Row(claim=f"Intake's memory at {at}", measured=got["memory_mb"], target=300, more=False,
                unit="MB", note="greatest resident size"),
            Row(claim=f"Disk for one reading at {at}", measured=got["bytes_per_reading"], target=60,
                more=False, unit="bytes", note="tables, indexes and tiles; 12 readings an envelope"),
        ]  # fmt: skip
    return rows
