"""The `readings` payload: one column per metric, exact decimals (docs/spec/envelope.md, section Payload).

    readings = [t0_ms, [+ series]]
    series   = [code, unit, times, exponent, [+ value]]
    times    = period_us / [+ offset_ms]

A single spot measure, a day of glucose and an ECG strip have the same form. The i-th value of a series is
`value * 10**exponent`, measured at `t0_ms + i * period_us / 1000` or at `t0_ms + offset_ms[i]`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from egide import cbor
from egide.errors import MalformedError

__all__ = ["MAX_PAYLOAD", "Readings", "Series", "decode_readings", "encode_readings", "exact"]

MAX_PAYLOAD: Final = 60_000
MAX_SERIES: Final = 64
MAX_EXPONENT: Final = 12
MAX_DIGITS: Final = 40  # of a numeral; MAX_VALUE has 16
MAX_VALUE: Final = 2**53
MAX_TIME_MS: Final = 2**45  # about the year 3084
MAX_PERIOD_US: Final = 2**40
_INTS: Final = {int}
_MAX_NAMES: Final = 1024
_NAMES: Final[set[tuple[str, str]]] = set()  # pairs of code and unit that were looked at, and are names


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The values of one metric.

    `code` is one of the catalogue's (LOINC where there is one), `unit` a UCUM code, `times` either a period
    in microseconds (the first value at t0) or one offset in milliseconds per value, never decreasing; each
    value is an integer to be scaled by `10**exponent`.
    """

    code: str
    unit: str
    times: int | tuple[int, ...]
    exponent: int
    values: tuple[int, ...]

    def offsets_ms(self) -> list[int]:
        """Milliseconds from t0, one per value."""
        if isinstance(self.times, int):
            return [i * self.times // 1000 for i in range(len(self.values))]
        return list(self.times)

    def decimals(self) -> Iterator[Decimal]:
        """The values as exact decimals: 3650 with exponent -2 is 36.50."""
        return (Decimal(value).scaleb(self.exponent) for value in self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """What one envelope carries: `t0_ms` (ms since 1970, the object's clock) and one series per metric."""

    t0_ms: int
    series: tuple[Series, ...]

    def span_ms(self) -> tuple[int, int]:
        """The first and the last instant measured, in ms since 1970 by the object's clock."""
        first, last = MAX_TIME_MS * 2, 0
        for s in self.series:
            if isinstance(s.times, int):
                begin, end = 0, (len(s.values) - 1) * s.times // 1000
            else:
                begin, end = s.times[0], s.times[-1]
            first, last = min(first, begin), max(last, end)
        return self.t0_ms + first, self.t0_ms + last

    def count(self) -> int:
        return sum(len(s.values) for s in self.series)


def exact(text: str) -> tuple[int, int]:
    """Split a decimal numeral into (integer, exponent), keeping its trailing zeros: "36.50" is (3650, -2).

    Raises:
        MalformedError: not a finite decimal numeral, or one of more than 40 digits.
    """
    try:
        sign, digits, exponent = Decimal(text).as_tuple()
    except ArithmeticError as err:
        raise MalformedError("a value is not a decimal number") from err
    if not isinstance(exponent, int):
        raise MalformedError("a value is not a finite number")
    if len(digits) > MAX_DIGITS or exponent > MAX_DIGITS:
        raise MalformedError("a value has too many digits")
    number = int("".join(map(str, digits)))
    if exponent > 0:
        number, exponent = number * 10**exponent, 0
    return (-number if sign else number), exponent


def encode_readings(readings: Readings) -> bytes:
    """Encode, refusing (MalformedError, TooLargeError) what `decode_readings` would refuse."""
    data = cbor.encode(
        [
            readings.t0_ms,
            [
                [
                    s.code,
                    s.unit,
                    s.times if isinstance(s.times, int) else list(s.times),
                    s.exponent,
                    list(s.values),
                ]
                for s in readings.series
            ],
        ]
    )
    decode_readings(data)
    return data


def decode_readings(payload: bytes) -> Readings:
    """Decode an untrusted payload.

    Raises:
        TooLargeError: more than 60,000 bytes.
        MalformedError: not the form above.
    """
    top = cbor.decode(payload, limit=MAX_PAYLOAD, what="readings")
    if type(top) is list and len(top) == 2:
        t0_ms, rows = top
        if (
            type(t0_ms) is int
            and 0 <= t0_ms <= MAX_TIME_MS
            and type(rows) is list
            and 0 < len(rows) <= MAX_SERIES
        ):
            return Readings(t0_ms=t0_ms, series=tuple([_series(row) for row in rows]))
    raise MalformedError("readings must be [t0_ms, [+ series]]")


def _series(row: Any) -> Series:
    if type(row) is not list or len(row) != 5:
        raise MalformedError("a series must be [code, unit, times, exponent, values]")
    code, unit, times, exponent, values = row
    if type(code) is not str or type(unit) is not str or ((code, unit) not in _NAMES and not _are_names(code, unit)):
        raise MalformedError("a series' code and unit are 1 to 32 printable ASCII characters")
    if type(exponent) is not int or not -MAX_EXPONENT <= exponent <= MAX_EXPONENT:
        raise MalformedError("a series' exponent is between -12 and 12")
    if (
        type(values) is not list
        or set(map(type, values)) != _INTS  # an empty list has no type
        or max(values) > MAX_VALUE
        or min(values) < -MAX_VALUE
    ):
        raise MalformedError("a series' values are integers, at least one, of 53 bits at most")
    if type(times) is int:
        if not 0 <= times <= MAX_PERIOD_US or (times == 0 and len(values) > 1):
            raise MalformedError("a series' period is a positive number of microseconds (0 for one value)")
    else:
        times = _offsets(times, len(values))
    return Series(code=code, unit=unit, times=times, exponent=exponent, values=tuple(values))


def _are_names(code: str, unit: str) -> bool:
    if not all(0 < len(text) <= 32 and text.isascii() and text.isprintable() for text in (code, unit)):
        return False
    if len(_NAMES) < _MAX_NAMES:
        _NAMES.add((code, unit))
    return True


def _offsets(times: Any, count: int) -> tuple[int, ...]:
    if type(times) is not list or len(times) != count or set(map(type, times)) != _INTS:
        raise MalformedError("a series has a whole period, or one whole offset per value")
    if times[0] < 0 or times[-1] > MAX_TIME_MS or sorted(times) != times:
        raise MalformedError("a series' offsets are not negative and never decrease")
    return tuple(times)
