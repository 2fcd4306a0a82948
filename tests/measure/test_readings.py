"""The readings payload: exact, columnar, and with one form for one meaning."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egide.errors import EgideError, MalformedError, TooLargeError
from egide.measure.readings import (
    MAX_PAYLOAD,
    MAX_VALUE,
    Readings,
    Series,
    decode_readings,
    encode_readings,
    exact,
)
from tests.support.wire import mangled, readings

T0 = 1_767_225_600_000
GLUCOSE = Series(code="99504-3", unit="mg/dL", times=300_000_000, exponent=0, values=(101, 103, 108))
FEVER = Series(code="8310-5", unit="Cel", times=(0, 90_000, 90_000), exponent=-2, values=(3650, 3712, 3799))


def one(**changes: Any) -> Readings:
    """Readings of one series, changed in places."""
    return Readings(t0_ms=T0, series=(dataclasses.replace(GLUCOSE, **changes),))


@settings(deadline=None)
@given(readings)
def test_readings_make_the_round_trip(value: Readings) -> None:
    """What an object encodes is what the platform reads, to the last digit."""
    assert decode_readings(encode_readings(value)) == value


@settings(max_examples=300, deadline=None)
@given(mangled())
def test_any_other_bytes_are_refused_in_our_words(data: bytes) -> None:
    """Whatever comes, it is read or refused; what is read encodes to the same bytes."""
    try:
        value = decode_readings(data)
    except MalformedError:
        return
    assert encode_readings(value) == data


@settings(deadline=None)
@given(readings, st.data())
def test_one_byte_changed_makes_other_readings_or_none(value: Readings, data: st.DataObject) -> None:
    """No byte of a payload is without meaning."""
    payload = encode_readings(value)
    at = data.draw(st.integers(0, len(payload) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda b: b != payload[at]))
    try:
        changed = decode_readings(payload[:at] + bytes([byte]) + payload[at + 1 :])
    except MalformedError:
        return
    assert changed != value


def test_a_reading_in_a_batch_of_twelve_costs_a_few_bytes() -> None:
    """An hour of glucose fits 60 bytes: 5 a reading, code, unit and times included."""
    payload = encode_readings(one(values=tuple(range(110, 122))))
    assert len(payload) <= 60


def test_an_ecg_strip_fits_one_envelope() -> None:
    """Thirty seconds at 250 Hz, in microvolts."""
    volts = tuple(i % 2_000 - 1_000 for i in range(7_500))
    strip = Series(code="mdc:131329", unit="uV", times=4_000, exponent=0, values=volts)
    assert len(encode_readings(Readings(t0_ms=T0, series=(strip,)))) < MAX_PAYLOAD


def test_a_value_keeps_its_trailing_zeros() -> None:
    """36.50 stays 36.50: the precision is part of the measure."""
    assert [str(value) for value in FEVER.decimals()] == ["36.50", "37.12", "37.99"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("36.50", (3650, -2), id="trailing-zero"),
        pytest.param("-0.5", (-5, -1), id="negative"),
        pytest.param("120", (120, 0), id="integer"),
        pytest.param("1.2E+3", (1200, 0), id="power-of-ten"),
        pytest.param("0.000", (0, -3), id="zero-with-digits"),
        pytest.param("-0", (0, 0), id="negative-zero"),
    ],
)
def test_a_numeral_is_split_without_rounding(text: str, expected: tuple[int, int]) -> None:
    """A numeral becomes an integer and a power of ten, and nothing is lost."""
    assert exact(text) == expected


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**9), max_value=10**9))
def test_a_split_numeral_is_the_same_number(value: Decimal) -> None:
    """Putting the two parts together again gives the number, with its digits."""
    number, exponent = exact(str(value))
    again = Decimal(number).scaleb(exponent)
    assert again == value
    assert exponent == value.as_tuple().exponent


@pytest.mark.parametrize(
    "text",
    ["", "abc", "1,5", "NaN", "sNaN", "Infinity", "-inf", "1e41", "1e999999999", "9" * 41, "1" * 5_000],
)
def test_what_is_no_finite_numeral_is_refused(text: str) -> None:
    """No float, no infinity, no number that would fill the memory."""
    with pytest.raises(MalformedError):
        exact(text)


@pytest.mark.parametrize(
    ("series", "offsets"),
    [
        pytest.param(GLUCOSE, [0, 300_000, 600_000], id="period"),
        pytest.param(FEVER, [0, 90_000, 90_000], id="offsets"),
        pytest.param(dataclasses.replace(GLUCOSE, times=1_953), [0, 1, 3], id="512-hertz-truncates"),
    ],
)
def test_offsets_are_told_in_milliseconds(series: Series, offsets: list[int]) -> None:
    """A period in microseconds and a list of offsets tell the same thing."""
    assert series.offsets_ms() == offsets


def test_the_span_covers_every_series() -> None:
    """The first and the last instant, whichever series they are in."""
    late = dataclasses.replace(FEVER, times=(5_000, 90_000, 700_000))
    early = dataclasses.replace(GLUCOSE, times=(1_000, 2_000, 3_000))
    assert Readings(t0_ms=T0, series=(late, early)).span_ms() == (T0 + 1_000, T0 + 700_000)
    assert Readings(t0_ms=T0, series=(GLUCOSE, late)).span_ms() == (T0, T0 + 700_000)
    assert Readings(t0_ms=T0, series=(GLUCOSE, FEVER)).count() == 6


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"times": 0, "values": (5,)}, id="one-value-needs-no-period"),
        pytest.param({"times": 2**40}, id="longest-period"),
        pytest.param({"times": (0, 0, 2**45)}, id="latest-offset"),
        pytest.param({"exponent": -12}, id="smallest-exponent"),
        pytest.param({"exponent": 12}, id="largest-exponent"),
        pytest.param({"values": (MAX_VALUE, -MAX_VALUE, 0)}, id="largest-values"),
        pytest.param({"code": "x" * 32, "unit": "~" * 32}, id="longest-names"),
    ],
)
def test_the_limits_themselves_are_accepted(changes: dict[str, Any]) -> None:
    """Each limit is the last accepted value, not the first refused one (vectors/hostile has those)."""
    value = one(**changes)
    assert decode_readings(encode_readings(value)) == value


@pytest.mark.parametrize(
    ("value", "refusal"),
    [
        pytest.param(one(values=()), MalformedError, id="no-value"),
        pytest.param(one(code=""), MalformedError, id="no-code"),
        pytest.param(one(times=(3, 2, 1)), MalformedError, id="times-go-back"),
        pytest.param(Readings(t0_ms=T0, series=()), MalformedError, id="no-series"),
        pytest.param(Readings(t0_ms=T0, series=(GLUCOSE,) * 65), MalformedError, id="too-many-series"),
        pytest.param(one(values=(10**9,) * 12_000), TooLargeError, id="too-many-values"),
    ],
)
def test_nobody_encodes_what_nobody_would_read(value: Readings, refusal: type[EgideError]) -> None:
    """An object learns at once, from the same rules, that its readings would be refused."""
    with pytest.raises(refusal):
        encode_readings(value)


def test_the_size_limit_is_exact() -> None:
    """60,000 bytes are read; 60,001 are not."""
    size = len(encode_readings(one(values=(10**9,) * 11_900)))
    text = "x" * (32 - len(GLUCOSE.code))
    fits = one(values=(10**9,) * 11_900 + (5,) * (MAX_PAYLOAD - size))
    assert len(encode_readings(fits)) == MAX_PAYLOAD
    with pytest.raises(TooLargeError):
        encode_readings(dataclasses.replace(fits, series=(dataclasses.replace(fits.series[0], code=text),)))


@pytest.mark.parametrize("top", [None, 5, "readings", b"", True, [], [T0], {}, [T0, None]])
def test_what_is_not_a_pair_of_start_and_series_is_refused(top: object) -> None:
    """The outer form is an array of two."""
    with pytest.raises(MalformedError):
        decode_readings(cbor2.dumps(top))


def test_readings_cannot_be_changed() -> None:
    """What was verified stays what was verified."""
    value = decode_readings(encode_readings(Readings(t0_ms=T0, series=(GLUCOSE, FEVER))))
    with pytest.raises(dataclasses.FrozenInstanceError):
        value.t0_ms = 0  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        value.series[0].values = ()  # type: ignore[misc]
    assert isinstance(hash(value), int)
