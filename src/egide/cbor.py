"""The one strict CBOR decoder (RFC 8949), and its encoder.

Accepted: integers of 64 bits, byte and text strings, arrays, maps, booleans and null, in their shortest form
and with definite lengths. Refused: duplicate keys, indefinite lengths, floats, undefined and other simple
values, any tag (the COSE tag 18 is stripped by whoever expects it), nesting deeper than 8, trailing bytes and
any input that does not come out the same when encoded again.

The last rule is kept without encoding again. With what is refused before, one freedom is left to a sender: to
write the head of an item longer than needed. So an input is in its shortest form if, and only if, it is as
long as the shortest form of what it says.
"""

from __future__ import annotations

from typing import Any, Final, NoReturn

import cbor2

from egide.errors import MalformedError, TooLargeError

__all__ = ["BYTES", "MAX_DEPTH", "UINT", "decode", "encode", "head"]

MAX_DEPTH: Final = 8
UINT: Final = 0  # major types
BYTES: Final = 2
_KEYS: Final = frozenset({int, str})
_WHAT_DECODERS_RAISE: Final = (
    cbor2.CBORError, ValueError, KeyError, TypeError, IndexError, AttributeError, EOFError, OverflowError,
    RecursionError, MemoryError,
)


def _refuse_tag(*_: object) -> NoReturn:
    raise MalformedError("a CBOR tag stands where none is allowed")


# Every tag that cbor2 knows how to turn into an object is overridden, so none can.
_NO_TAGS: Final = dict.fromkeys(
    (*range(0, 40), 43000, 100, 1004, 256, 258, 260, 261, 55799, 28, 29, 25), _refuse_tag
)


def encode(value: object) -> bytes:
    """Encode `value` in the form that `decode` accepts (map order is the caller's)."""
    return cbor2.dumps(value)


def head(major: int, n: int) -> bytes:
    """The shortest head of major type `major` with argument `n`, for whoever assembles CBOR by hand."""
    if n < 24:
        return (major << 5 | n).to_bytes(1, "big")
    if n < 256:
        return (major << 13 | 0x18_00 | n).to_bytes(2, "big")
    if n < 65536:
        return (major << 21 | 0x19_00_00 | n).to_bytes(3, "big")
    if n < 2**32:
        return (major << 37 | 0x1A << 32 | n).to_bytes(5, "big")
    return (major << 69 | 0x1B << 64 | n).to_bytes(9, "big")


def decode(data: bytes, *, limit: int, what: str = "CBOR") -> Any:
    """Decode untrusted bytes.

    Raises:
        TooLargeError: more than `limit` bytes.
        MalformedError: anything else than the strict form above.
    """
    if len(data) > limit:
        raise TooLargeError(f"{what} is larger than {limit} bytes")
    try:
        value = cbor2.loads(
            data,
            max_depth=MAX_DEPTH,
            allow_indefinite=False,
            allow_duplicate_keys=False,
            semantic_decoders=_NO_TAGS,
            tag_hook=_refuse_tag,
        )
    except _WHAT_DECODERS_RAISE as err:
        raise MalformedError(f"{what} cannot be decoded") from err
    if _size(value) != len(data):
        raise MalformedError(f"{what} is not in its shortest form")
    return value


def _size(value: object) -> int:
    """Bytes of the shortest encoding of a value. Raises MalformedError when a type in it is not accepted."""
    size = 0
    items: list[Any] = [value]
    for item in items:  # what a container holds is added behind
        kind = type(item)
        if kind is int:
            number = item if item >= 0 else ~item
        elif kind is str:
            number = len(item) if item.isascii() else len(item.encode())
            size += number
        elif kind is bytes:
            number = len(item)
            size += number
        elif kind is list:
            number = len(item)
            items += item
        elif kind is dict:
            number = len(item)
            if not _KEYS.issuperset(map(type, item)):
                raise MalformedError("a map key is neither an integer nor a text")
            items += item
            items += item.values()
        elif kind is bool or item is None:
            number = 0
        else:
            raise MalformedError("a CBOR type stands where none is allowed")
        # the shortest head that says `number`: an integer, or the length of what follows
        if number < 24:
            size += 1
        elif number < 256:
            size += 2
        else:
            size += 3 if number < 65_536 else 5 if number < 2**32 else 9
    return size
