"""Fuzz the readings payload: `python tests/fuzz/fuzz_readings.py [-runs=N] [libFuzzer options] [corpus]`.

Whatever the bytes, the decoder returns readings that encode to the same bytes, or raises one of our refusals;
and what it returns can be judged, without any error.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["egide"]):
    from egide.errors import MalformedError
    from egide.measure.plausibility import CODES, doubts
    from egide.measure.readings import decode_readings, encode_readings

NOW_MS = 1_767_225_600_000


def one_input(data: bytes) -> None:
    """What must hold for every input."""
    try:
        value = decode_readings(data)
    except MalformedError:
        return
    if encode_readings(value) != data:
        raise AssertionError("readings have two encodings")
    first, last = value.span_ms()
    if not value.t0_ms <= first <= last:
        raise AssertionError("readings end before they begin")
    for found in doubts(value, now_ms=NOW_MS).values():
        if not set(found.values()) <= set(CODES):
            raise AssertionError("an unknown doubt")


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
