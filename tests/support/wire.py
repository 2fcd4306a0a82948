"""Strategies for what comes over the wire: readings, plain values, and CBOR written in every wrong way."""

from __future__ import annotations

import struct
from typing import Any, Final

from hypothesis import strategies as st

from egide.measure.readings import (
    MAX_EXPONENT,
    MAX_PERIOD_US,
    MAX_TIME_MS,
    MAX_VALUE,
    Readings,
    Series,
)

EDGES: Final = [0, 1, 23, 24, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**64 - 1]

names = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=32)
integers = st.one_of(st.sampled_from(EDGES), st.integers(0, 2**64 - 1)).flatmap(
    lambda n: st.sampled_from([n, ~n])
)
values = st.lists(st.integers(-MAX_VALUE, MAX_VALUE), min_size=1, max_size=20)


@st.composite
def series(draw: st.DrawFn) -> Series:
    """Any series that an envelope may carry."""
    numbers = draw(values)
    count = len(numbers)
    offsets = st.lists(st.integers(0, MAX_TIME_MS), min_size=count, max_size=count)
    period = st.integers(0 if count == 1 else 1, MAX_PERIOD_US)
    return Series(
        code=draw(names),
        unit=draw(names),
        times=draw(period | offsets.map(lambda times: tuple(sorted(times)))),
        exponent=draw(st.integers(-MAX_EXPONENT, MAX_EXPONENT)),
        values=tuple(numbers),
    )


readings = st.builds(
    Readings,
    t0_ms=st.integers(0, MAX_TIME_MS),
    series=st.lists(series(), min_size=1, max_size=5).map(tuple),
)

plain: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | integers | st.text(max_size=300) | st.binary(max_size=300),
    lambda inner: st.lists(inner, max_size=6)
    | st.dictionaries(integers | st.text(max_size=9), inner, max_size=6),
    max_leaves=12,
)


def head(major: int, number: int, spare: int = 0) -> bytes:
    """A head of `major` that says `number`, `spare` steps longer than the shortest (as far as there are)."""
    shortest = sum(number >= limit for limit in (24, 2**8, 2**16, 2**32))
    width = min(shortest + spare, 4)
    if width == 0:
        return bytes([major << 5 | number])
    return bytes([major << 5 | (23 + width)]) + struct.pack(">" + " BHIQ"[width], number)


numbers = st.one_of(st.sampled_from(EDGES), st.integers(0, 40), st.integers(0, 2**64 - 1))
spares = st.sampled_from([0, 0, 0, 0, 0, 0, 1, 2, 3])
floats = st.one_of(
    st.floats(width=64).map(lambda f: b"\xfb" + struct.pack(">d", f)),
    st.binary(min_size=2, max_size=2).map(lambda b: b"\xf9" + b),
)
simple = st.one_of(
    st.integers(0, 31).map(lambda n: bytes([0xE0 | n])),
    st.integers(0, 255).map(lambda n: bytes([0xF8, n])),
)
strings = st.builds(
    lambda major, content, spare: head(major, len(content), spare) + content,
    st.sampled_from([2, 3]),
    st.text(max_size=30).map(str.encode) | st.binary(max_size=30),
    spares,
)


def _containers(inner: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    arrays = st.builds(
        lambda items, spare: head(4, len(items), spare) + b"".join(items), st.lists(inner, max_size=5), spares
    )
    maps = st.builds(
        lambda pairs, spare: head(5, len(pairs), spare) + b"".join(k + v for k, v in pairs),
        st.lists(st.tuples(inner, inner), max_size=4),
        spares,
    )
    tags = st.builds(
        lambda tag, item: head(6, tag) + item,
        st.sampled_from([0, 1, 2, 3, 4, 18, 24, 25, 28, 29, 256, 999]),
        inner,
    )
    endless = st.builds(
        lambda start, items: bytes([start]) + b"".join(items) + b"\xff",
        st.sampled_from([0x5F, 0x7F, 0x9F, 0xBF]),
        st.lists(inner, max_size=4),
    )
    return arrays | arrays | arrays | maps | maps | tags | endless


# Well-formed and nearly well-formed CBOR: right and wrong heads, tags, floats, indefinite lengths, nesting.
loose: st.SearchStrategy[bytes] = st.recursive(
    st.builds(head, st.sampled_from([0, 1]), numbers, spares) | strings | floats | simple,
    _containers,
    max_leaves=20,
)


@st.composite
def mangled(draw: st.DrawFn) -> bytes:
    """CBOR that was cut, lengthened, or changed in one place; or left as it was."""
    data = draw(loose)
    match draw(st.sampled_from(["as-is", "as-is", "cut", "longer", "changed"])):
        case "cut":
            return data[: draw(st.integers(0, len(data)))]
        case "longer":
            return data + draw(st.binary(min_size=1, max_size=4))
        case "changed":
            at = draw(st.integers(0, len(data) - 1))
            return data[:at] + bytes([draw(st.integers(0, 255))]) + data[at + 1 :]
    return data
