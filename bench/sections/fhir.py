"""FHIR searches, beside a FHIR server that keeps everything in memory."""

from __future__ import annotations

from typing import Final

from bench.context import ENGINES, Context
from bench.peers import fhir_memory
from bench.table import Row, number

__all__ = ["HOW", "measure"]

HOW: Final = """
Two hundred patients' glucose sensors have filled a store; three of the patients ask for 100 Observations,
newest first, then for the page after: the whole request inside the server, from session to JSON, with its
ground, its line in the journal committed, and each envelope opened and checked against its leaf. The peer is
asked for 100 of the 1,000 Observations in its memory, over HTTP on this machine.
"""
COUNT: Final = 100
PAGE_MS: Final = 40
GROWTH: Final = 1.3
_EACH: Final = 21  # envelopes of an object in a round: 200 objects, 20 rounds, 12 readings make a million


def measure(context: Context) -> list[Row]:
    """At a million readings and at ten million on each engine (50,000 and 100,000 when quick)."""
    rows: list[Row] = []
    small, large = (1, 2) if context.quick else (20, 200)
    times = 3 if context.quick else 20
    for engine in context.engines():
        got = {}
        for rounds in (small, large):
            with context.home(f"fhir-{rounds}", engine) as home:
                got[rounds] = home.job("fhir", objects=200, rounds=rounds, each=_EACH, times=times, count=COUNT)
        rows += [_page(got[rounds], rounds * 200 * _EACH * 12, engine) for rounds in (small, large)]
        rows.append(
            Row(claim=f"A page's time with {large // small} times the data, {ENGINES[engine]}",
                measured=got[large]["first_p50_ms"] / got[small]["first_p50_ms"], target=GROWTH, more=False,
                unit="times")
        )  # fmt: skip
    return [*rows, _peer()]


def _page(got: dict[str, float], readings: int, engine: str) -> Row:
    return Row(
        claim=f"A search page of {COUNT} Observations at {readings:,} readings, {ENGINES[engine]}",
        measured=got["first_p50_ms"], target=PAGE_MS, more=False, unit="ms",
        note=f"median; slowest {number(got['first_max_ms'])} ms; the page after {number(got['further_p50_ms'])} ms",
    )  # fmt: skip


def _peer() -> Row:
    claim = f"In-memory FHIR server (@medplum/fhir-router), a search page of {COUNT} among 1,000"
    try:
        got = fhir_memory.measure_search(stored=1_000, count=COUNT)
    except RuntimeError as err:
        return Row(claim=claim, measured=None, unit="ms", note=str(err))
    return Row(claim=claim, measured=got["p50_ms"], unit="ms", note="median; nothing stored, nothing checked")
