"""docs/spec/readings.cddl and the decoder say the same thing."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pycddl
import pytest
from hypothesis import given, settings

from egide.measure.readings import Readings, encode_readings
from tests.support.wire import readings

ROOT = Path(__file__).parents[2]
HOSTILE = ROOT / "vectors" / "hostile"
NORM = (ROOT / "docs" / "spec" / "readings.cddl").read_text()
# What pycddl 0.6 does otherwise than RFC 8610: ranges below zero, and anchored expressions.
CHECKED = re.sub(r"(-\d+)\.\.(\d+)", r"nint .ge \1 / 0..\2", NORM).replace('"[ -~]{1,32}"', '"^[ -~]{1,32}$"')
ANY = pycddl.Schema(CHECKED)
# It does not look into an array that is one of two choices: one schema for each choice.
PERIOD = pycddl.Schema(CHECKED.replace("timing = period / offsets", "timing = period"))
OFFSETS = pycddl.Schema(CHECKED.replace("timing = period / offsets", "timing = offsets"))

BEYOND_CDDL = {  # what one field asks of another
    "readings-period-zero.cbor",
    "readings-offsets-missing.cbor",
    "readings-offsets-decreasing.cbor",
}
BEYOND_PYCDDL = {  # upper ends of signed ranges, and how often an item of an array occurs
    "readings-exponent-13.cbor",
    "readings-exponent-giant.cbor",
    "readings-value-54-bits.cbor",
    "readings-sixty-five-series.cbor",
    "readings-series-not-an-array.cbor",
}
REFUSED = sorted({path.name for path in HOSTILE.glob("readings-*.cbor")} - BEYOND_CDDL - BEYOND_PYCDDL)


def accepts(schema: pycddl.Schema, data: bytes) -> bool:
    """Whether the schema accepts the bytes."""
    try:
        schema.validate_cbor(data)
    except pycddl.ValidationError:
        return False
    return True


@settings(max_examples=200, deadline=None)
@given(readings)
def test_what_we_encode_is_what_the_specification_describes(value: Readings) -> None:
    """Every payload that an object can make is valid under the CDDL."""
    assert accepts(ANY, encode_readings(value))


def test_the_frozen_examples_are_valid() -> None:
    """The vectors that a second implementation reads are valid under the CDDL, too."""
    vectors = json.loads((ROOT / "vectors" / "readings.json").read_text())["vectors"]
    good = [v for v in vectors if v["expect"] == "ok"]
    assert good
    assert all(accepts(ANY, bytes.fromhex(v["payload"])) for v in good)


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_decoder_refuses_the_specification_refuses(name: str) -> None:
    """The decoder refuses each of these files (test_cbor.py); so does the CDDL."""
    data = (HOSTILE / name).read_bytes()
    assert [accepts(schema, data) for schema in (PERIOD, OFFSETS)] == [False, False]


@pytest.mark.parametrize("rule", ["one offset per value", "never decrease", "period is 0 only", "60,000"])
def test_what_cddl_cannot_say_is_said_beside_it(rule: str) -> None:
    """The comment of the specification has the rules between two fields, and of size."""
    assert rule in NORM
