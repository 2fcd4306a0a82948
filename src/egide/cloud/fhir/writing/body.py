"""The bytes of a request become JSON, strictly: FHIR's own, once decompressed, of a bounded size, depth and digits.

What is refused: keys given twice (which of the two is meant?), NaN and Infinity, numbers of no end, bytes that are not
UTF-8, nesting that no resource needs. Decimals keep their digits.
"""

from __future__ import annotations

import json
import re
import zlib
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest

from egide.cloud.fhir.writing.problems import JsonError, TooMuchError, UnsupportedError

__all__ = ["MAX_BODY", "MAX_DEPTH", "parse", "raw_body", "read_json"]

MAX_BODY: Final = 10 * 1024 * 1024
MAX_DEPTH: Final = 32
_MAX_NUMERAL: Final = 64
_TYPES: Final = frozenset({"application/fhir+json", "application/json"})
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_BRACKETS: Final = re.compile(rb"[\[\]{}]")
Resource = dict[str, Any]


def read_json(request: HttpRequest) -> Resource:
    """The resource that a request carries.

    Raises:
        UnsupportedError: another type, or another encoding than gzip. TooMuchError, JsonError: `parse`.
    """
    if request.content_type not in _TYPES:
        raise UnsupportedError("a resource is sent as application/fhir+json", "Content-Type")
    data = raw_body(request)
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding == "gzip":
        data = _gunzip(data)
    elif encoding != "identity":
        raise UnsupportedError("a request is plain or of gzip", "Content-Encoding")
    return parse(data)


def raw_body(request: HttpRequest) -> bytes:
    """The bytes as they were sent: read once, and kept with the request for whoever asks again.

    Raises:
        TooMuchError: over 10 MB. JsonError: cut short.
    """
    kept = getattr(request, "_egide_body", None)
    if isinstance(kept, bytes):
        return kept
    announced = request.headers.get("Content-Length", "")
    if announced.isascii() and announced.isdigit() and int(announced[:12]) > MAX_BODY:
        raise TooMuchError("the request is larger than 10 MB")
    try:
        data = request.read(MAX_BODY + 1)
    except (OSError, RequestDataTooBig) as err:
        raise JsonError("the request was cut short") from err
    if len(data) > MAX_BODY:
        raise TooMuchError("the request is larger than 10 MB")
    setattr(request, "_egide_body", data)  # noqa: B010 (Django's type has no place for it)
    return data


def _gunzip(data: bytes) -> bytes:
    """One gzip member of at most MAX_BODY once out: a bomb is left where it is."""
    unpacker = zlib.decompressobj(wbits=31)
    try:
        plain = unpacker.decompress(data, MAX_BODY + 1)
    except zlib.error as err:
        raise JsonError("the request is not of gzip, as it says") from err
    if len(plain) > MAX_BODY:
        raise TooMuchError("the request is larger than 10 MB once decompressed")
    if not unpacker.eof or unpacker.unused_data:
        raise JsonError("the request is not one whole gzip member")
    return plain


def parse(data: bytes) -> Resource:
    """One JSON object, its decimals exact.

    Raises:
        JsonError: anything else than FHIR's JSON, or nested deeper than MAX_DEPTH.
    """
    _require_shallow(data)
    try:
        found = json.loads(
            data.decode("utf-8"), object_pairs_hook=_object, parse_float=_number, parse_int=_number,
            parse_constant=_constant,
        )  # fmt: skip
    except UnicodeDecodeError as err:
        raise JsonError("the request is not UTF-8") from err
    except (ValueError, RecursionError) as err:
        raise JsonError("the request is not JSON") from err
    if not isinstance(found, dict):
        raise JsonError("a resource is a JSON object")
    return found


def _require_shallow(data: bytes) -> None:
    """Counted before anything is built: a parser falls into a deep one."""
    depth = 0
    for bracket in _BRACKETS.finditer(_STRING.sub(b'""', data)):
        depth += 1 if bracket[0] in b"[{" else -1
        if depth > MAX_DEPTH:
            raise JsonError("the request is nested too deep")


def _object(pairs: list[tuple[str, Any]]) -> Resource:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise JsonError("a key is given twice in one object")
    return found


def _number(numeral: str) -> int | Decimal:
    if len(numeral) > _MAX_NUMERAL:
        raise JsonError("a number has too many digits")
    try:
        return int(numeral) if numeral.lstrip("-").isdigit() else Decimal(numeral)
    except (ValueError, InvalidOperation) as err:
        raise JsonError("a number cannot be read") from err


def _constant(_: str) -> Any:
    raise JsonError("a number is not finite")
