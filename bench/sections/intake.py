"""One intake worker on one core, from bytes to committed and receipted; the broker is not part of it."""

from __future__ import annotations

from typing import Final

from bench.context import ENGINES, Context
from bench.table import Row

__all__ = ["HOW", "measure"]

HOW: Final = """
One intake worker's pipeline, pinned to one core, is given batches of the size that the worker takes, of
envelopes of 12 readings by 200 objects (Ed25519), signed before: from bytes to committed (full
synchronous, fsync on), with every receipt made. The broker is not part of it; PostgreSQL's server may
use the other core. Each round is framed by two measures of PyNaCl's own Ed25519 verification on that
same core, of a message as long; the ratio is the median over the rounds.
"""
TARGETS: Final = {"sqlite": 0.45, "postgresql": 0.38}
OBJECTS: Final = 200


def measure(context: Context) -> list[Row]:
    """Ratios to the raw Ed25519 rate, measured in turns with intake."""
    rows = []
    for engine in context.engines():
        with context.home("intake", engine) as home:
            got = home.job("intake", core=1, objects=OBJECTS, rounds=4 if context.quick else 16, each=20)
        spread = f"{got['worst']:.2f} to {got['best']:.2f} over the rounds"
        rows += [
            Row(
                claim=f"Intake on {ENGINES[engine]}, as a part of the raw Ed25519 rate",
                measured=got["ratio"], target=TARGETS[engine], unit="", note=spread,
            ),
            Row(
                claim=f"Intake on {ENGINES[engine]}, one core", measured=got["rate"], unit="envelopes/s",
                note=f"raw Ed25519 beside it: {got['raw']:,.0f} verifications/s",
            ),
        ]  # fmt: skip
    return rows
