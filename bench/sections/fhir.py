"""FHIR searches, beside a FHIR server that keeps everything in memory."""

from __future__ import annotations

from typing import Final

from bench.context import ENGINES, Context
from bench.peers import fhir_memory
from bench.table import Row, number

__all__ = ["HOW", "asked_at", "measure"]

HOW: Final = """
Two hundred patients' glucose sensors have filled a store; three of the patients ask for 100 Observations,
newest first, then for the page after: the whole request inside the server, from session to JSON, with its
ground, its line in the journal committed, and each envelope opened and checked against its leaf. The peer is
asked for 100 of the 1,000 Observations in its memory, over HTTP on this machine.
"""
COUNT: Final = 100
PAGE_MS: Final = 40
_EACH: Final = 21  # envelopes of an object in a round: 200 objects, 20 rounds, 12 readings make a million


def measure(context: Context) -> list[Row]:
    """At a million readings on each engine (50,000 when quick)."""
    return [*(asked_at(context, engine, 1 if context.quick else 20) for engine in context.engines()), _peer()]


def asked_at(context: Context, engine: str, rounds: int) -> Row:
    """A page's time in a store of `rounds` rounds."""
    with context.home(f"fhir-{rounds}", engine) as home:
        times = 3 if context.quick else 20
        got = home.job("fhir", objects=200, rounds=rounds, each=_EACH, times=times, count=COUNT)
    return _page(got, rounds * 200 * _EACH * 12, engine)


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
