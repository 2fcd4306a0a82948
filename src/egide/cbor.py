"""The one strict CBOR decoder (RFC 8949), and its encoder.

Accepted: integers of 64 bits, byte and text strings, arrays, maps, booleans and null, in their shortest form
and with definite lengths. Refused: duplicate keys, indefinite lengths, floats, undefined and other simple
values, any tag (the COSE tag 18 is stripped by whoever expects it), nesting deeper than 8, trailing bytes,
and any input that does not come out the same when encoded again.
"""

from __future__ import annotations

from typing import Any, Final, NoReturn

import cbor2

from egide.errors import MalformedError, TooLargeError, decoding

__all__ = ["BYTES", "MAX_DEPTH", "UINT", "decode", "encode", "head"]

MAX_DEPTH: Final = 8
UINT: Final = 0  # major types
BYTES: Final = 2
_SCALARS: Final = frozenset({int, bytes, str, bool, type(None)})


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
        return bytes((major << 5 | n,))
    if n < 256:
        return bytes((major << 5 | 24, n))
    if n < 65536:
        return bytes((major << 5 | 25,)) + n.to_bytes(2, "big")
    if n < 2**32:
        return bytes((major << 5 | 26,)) + n.to_bytes(4, "big")
    return bytes((major << 5 | 27,)) + n.to_bytes(8, "big")


def decode(data: bytes, *, limit: int, what: str = "CBOR") -> Any:
    """Decode untrusted bytes.

    Raises:
        TooLargeError: more than `limit` bytes.
        MalformedError: anything else than the strict form above.
    """
    if len(data) > limit:
        raise TooLargeError(f"{what} is larger than {limit} bytes")
    with decoding(what):
        value = cbor2.loads(
            data,
            max_depth=MAX_DEPTH,
            allow_indefinite=False,
            allow_duplicate_keys=False,
            semantic_decoders=_NO_TAGS,
            tag_hook=_refuse_tag,
        )
        _require_plain(value)
        if cbor2.dumps(value) != data:
            raise MalformedError(f"{what} is not in its shortest form")
    return value


def _require_plain(value: object) -> None:
    kind = type(value)
    if kind in _SCALARS:
        return
    if kind is list:
        if not _SCALARS.issuperset(map(type, value)):  # type: ignore[call-overload]
            for item in value:  # type: ignore[attr-defined]
                _require_plain(item)
    elif kind is dict:
        for key, item in value.items():  # type: ignore[attr-defined]
            if type(key) is not int and type(key) is not str:
                raise MalformedError("a map key is neither an integer nor a text")
            _require_plain(item)
    else:
        raise MalformedError("a CBOR type stands where none is allowed")
