"""Fuzz the strict CBOR decoder: `python tests/fuzz/fuzz_cbor.py [-runs=N] [libFuzzer options] [corpus]`.

Whatever the bytes, the decoder returns a value that encodes to the same bytes, or raises one of our refusals.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["egide"]):
    from egide import cbor
    from egide.errors import MalformedError

LIMIT = 60_000


def one_input(data: bytes) -> None:
    """What must hold for every input."""
    try:
        value = cbor.decode(data, limit=LIMIT)
    except MalformedError:
        return
    if cbor.encode(value) != data:
        raise AssertionError("a value has two encodings")


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
