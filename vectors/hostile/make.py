"""Make the hostile inputs: `python vectors/hostile/make.py`.

Each .cbor file is refused by the decoder that index.json names, with the public code given there, at once and
without more memory than its own size calls for. A decoder in another language can be held to the same files.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Final

import cbor2

FOLDER: Final = Path(__file__).parent
GIANT: Final = "ffffffffffffffff"

# name -> (bytes in hexadecimal, what it is)
CBOR: Final[dict[str, tuple[str, str]]] = {
    "empty": ("", "no byte at all"),
    # heads that announce what is not there
    "huge-bytes": ("5b" + GIANT, "a byte string of 2^64-1 bytes, none of which follows"),
    "huge-text": ("7b" + GIANT, "a text of 2^64-1 bytes, none of which follows"),
    "huge-array": ("9b" + GIANT, "an array of 2^64-1 items, none of which follows"),
    "huge-map": ("bb" + GIANT, "a map of 2^64-1 pairs, none of which follows"),
    "huge-array-32": ("9affffffff", "an array of 2^32-1 items, none of which follows"),
    "huge-bytes-30": ("5a40000000" + "00" * 8, "a byte string of a gigabyte, 8 bytes of which follow"),
    "huge-nested": ("9a00ffffff" * 7, "arrays of 16 million items within each other"),
    # depth
    "deep-9": ("81" * 9 + "00", "nine arrays within each other, one more than allowed"),
    "deep-10000": ("81" * 10_000 + "00", "ten thousand arrays within each other"),
    "deep-maps": ("a100" * 1_000 + "00", "a thousand maps within each other"),
    "deep-tags": ("c6" * 1_000 + "00", "a thousand tags within each other"),
    # truncation
    "truncated-head": ("19", "the head of a 16-bit integer without the integer"),
    "truncated-integer": ("1901", "half of a 16-bit integer"),
    "truncated-array": ("830102", "an array of three items with two"),
    "truncated-text": ("6361", "a text of three bytes with one"),
    "truncated-map-value": ("a101", "a map whose last key has no value"),
    # maps
    "duplicate-integer-keys": ("a201010102", "a key given twice"),
    "duplicate-text-keys": ("a2616101616102", "a text key given twice"),
    "duplicate-keys-two-heads": ("a20101180102", "a key given twice, the second time with a longer head"),
    "bytes-key": ("a1410101", "a map with a byte string as key"),
    "array-key": ("a1800101", "a map with an array as key"),
    "map-key": ("a1a00101", "a map with a map as key"),
    "true-key": ("a1f501", "a map with true as key"),
    "null-key": ("a1f601", "a map with null as key"),
    "float-key": ("a1f93c0001", "a map with a float as key"),
    "one-and-true-keys": ("a20101f502", "keys that are equal in some languages: 1 and true"),
    # indefinite lengths
    "indefinite-array": ("9f01ff", "an array of indefinite length"),
    "indefinite-map": ("bf0101ff", "a map of indefinite length"),
    "indefinite-bytes": ("5f4101ff", "a byte string in chunks"),
    "indefinite-text": ("7f6161ff", "a text in chunks"),
    "indefinite-open": ("9f" * 100, "arrays of indefinite length that never end"),
    "break-alone": ("ff", "the end of an indefinite length that did not begin"),
    "break-in-array": ("8201ff", "the same, in an array of definite length"),
    # tags
    "shared-cycle": ("d81c81d81d00", "tags 28 and 29: an array that holds itself"),
    "shared-map-cycle": ("d81ca101d81d00", "tags 28 and 29: a map that holds itself"),
    "shared-dangling": ("d81d05", "tag 29: a reference to a value that was not given"),
    "shared-bomb": (
        "d81c86" + "d81c86d81d01d81d01d81d01d81d01d81d01d81d01" + "d81d01" * 5,
        "tags 28 and 29: shared values that grow when they are copied",
    ),
    "string-reference": ("d90100826361616ad81900", "tags 256 and 25: a reference to an earlier text"),
    "bignum": ("c249010000000000000000", "tag 2: an integer of 65 bits"),
    "negative-bignum": ("c349010000000000000000", "tag 3: a negative integer of 65 bits"),
    "bignum-small": ("c24101", "tag 2: the integer 1"),
    "bignum-truncated": ("c25a00ffffff01", "tag 2: an integer of 16 million bytes, one of which follows"),
    "decimal-fraction": ("c48221196ab3", "tag 4: 273.15"),
    "decimal-bomb": ("c4821b7fffffffffffffff01", "tag 4: 1 times ten to a giant power"),
    "bigfloat": ("c5822003", "tag 5: 1.5"),
    "rational": ("d81e820103", "tag 30: a third"),
    "rational-zero": ("d81e820100", "tag 30: a division by zero"),
    "date-text": ("c074323032362d30312d30315430303a30303a30305a", "tag 0: a date as text"),
    "date-epoch": ("c11a5e0be100", "tag 1: a date as seconds"),
    "date-epoch-giant": ("c11b" + GIANT, "tag 1: a date beyond any calendar"),
    "regular-expression": ("d8236a2861612b2b2b2b2b2b", "tag 35: a regular expression that is not one"),
    "mime": ("d82460", "tag 36: an empty MIME message"),
    "uuid": ("d82550" + "00" * 16, "tag 37: a UUID"),
    "set": ("d9010281" + "01", "tag 258: a set"),
    "set-unhashable": ("d901028180", "tag 258: a set that holds an array"),
    "ip-address": ("d9010444c0a80001", "tag 260: an IP address"),
    "complex": ("d9a7f882f93c00f93c00", "tag 43000: a complex number"),
    "embedded-cbor": ("d8184101", "tag 24: CBOR within a byte string"),
    "self-described": ("d9d9f700", "tag 55799 before an integer"),
    "cose-sign1": ("d28440a04040", "tag 18, which only whoever expects it takes off"),
    "unknown-tag": ("d9ffff00", "a tag nobody registered"),
    "giant-tag": ("db" + GIANT + "00", "the tag 2^64-1"),
    # floats and simple values
    "float-16": ("f93c00", "1.0 in 16 bits"),
    "float-32": ("fa3f800000", "1.0 in 32 bits"),
    "float-64": ("fb3ff0000000000000", "1.0 in 64 bits"),
    "nan": ("f97e00", "not a number"),
    "infinity": ("f97c00", "infinity"),
    "float-in-array": ("8301f9000003", "a float among integers"),
    "undefined": ("f7", "undefined"),
    "simple-16": ("f0", "an unassigned simple value"),
    "simple-255": ("f8ff", "a simple value in two bytes"),
    "false-two-bytes": ("f814", "false in two bytes, which no encoder may write"),
    "reserved-28": ("1c", "additional information 28, which is reserved"),
    "reserved-float": ("fc", "major type 7 with additional information 28, which is reserved"),
    # shortest form
    "long-0": ("1800", "0 in two bytes"),
    "long-255": ("1900ff", "255 in three bytes"),
    "long-65535": ("1a0000ffff", "65,535 in five bytes"),
    "long-negative": ("3800", "-1 in two bytes"),
    "long-32": ("1b00000000ffffffff", "2^32-1 in nine bytes"),
    "long-text-head": ("780161", "a text with a length in two bytes instead of one"),
    "long-bytes-head": ("580100", "a byte string with a length in two bytes instead of one"),
    "long-array-head": ("980101", "an array with a length in two bytes instead of one"),
    "long-map-head": ("b8010101", "a map with a length in two bytes instead of one"),
    "long-inside": ("82018219000702", "a longer head deep inside, with the rest in order"),
    # text
    "utf8-invalid": ("61ff", "a text with a byte that UTF-8 never uses"),
    "utf8-surrogate": ("63eda080", "a text with half of a surrogate pair"),
    "utf8-overlong": ("62c080", "a text with zero written in two bytes"),
    "utf8-cut": ("61c3", "a text that ends within a character"),
    "utf8-beyond": ("64f4908080", "a text with a character beyond Unicode"),
    # what follows
    "trailing-byte": ("0000", "an integer, and one more"),
    "trailing-array": ("8080", "an empty array, and one more"),
    "trailing-break": ("00ff", "an integer, and the end of something"),
    "trailing-junk": ("a10101" + "deadbeef", "a map, and junk"),
}

T0: Final = 1_767_225_600_000
GOOD: Final[list[Any]] = ["99504-3", "mg/dL", 300_000_000, 0, [110, 112]]


def _with(place: int, value: Any) -> list[Any]:
    row = list(GOOD)
    row[place] = value
    return [T0, [row]]


# name -> (value, what it is): strict CBOR that is not readings
READINGS: Final[dict[str, tuple[Any, str]]] = {
    "not-an-array": ({"t0": T0}, "a map"),
    "three-parts": ([T0, [GOOD], 0], "an array of three"),
    "no-series": ([T0, []], "no series"),
    "series-not-an-array": ([T0, 1], "an integer in place of the series"),
    "sixty-five-series": ([T0, [GOOD] * 65], "one series more than allowed"),
    "t0-negative": ([-1, [GOOD]], "a start before 1970"),
    "t0-far": ([2**45 + 1, [GOOD]], "a start after the year 3084"),
    "t0-true": ([True, [GOOD]], "true in place of the start"),
    "row-short": ([T0, [GOOD[:4]]], "a series without values"),
    "row-long": ([T0, [[*GOOD, 0]]], "a series of six parts"),
    "row-not-an-array": ([T0, ["99504-3"]], "a text in place of a series"),
    "code-empty": (_with(0, ""), "an empty code"),
    "code-long": (_with(0, "9" * 33), "a code of 33 characters"),
    "code-control": (_with(0, "8867\n4"), "a code with a line break"),
    "code-bytes": (_with(0, b"8867-4"), "a byte string in place of a code"),
    "unit-empty": (_with(1, ""), "an empty unit: units are never implied"),
    "unit-not-ascii": (_with(1, "µmol/L"), "a unit beyond ASCII"),
    "unit-escape": (_with(1, "\x1b[2J"), "a unit that clears a terminal"),
    "unit-null": (_with(1, None), "null in place of a unit"),
    "period-zero": (_with(2, 0), "two values at the same instant, by a period of 0"),
    "period-negative": (_with(2, -1), "a negative period"),
    "period-far": (_with(2, 2**40 + 1), "a period of more than 12 days"),
    "period-true": (_with(2, True), "true in place of a period"),
    "period-null": (_with(2, None), "null in place of a period"),
    "offsets-missing": (_with(2, [0]), "one offset for two values"),
    "offsets-empty": (_with(2, []), "no offset for two values"),
    "offsets-negative": (_with(2, [-1, 0]), "a negative offset"),
    "offsets-decreasing": (_with(2, [5, 4]), "offsets that decrease"),
    "offsets-far": (_with(2, [0, 2**45 + 1]), "an offset beyond any time"),
    "offsets-text": (_with(2, [0, "1"]), "a text among the offsets"),
    "offsets-true": (_with(2, [0, True]), "true among the offsets"),
    "exponent-13": (_with(3, 13), "an exponent of 13"),
    "exponent-minus-13": (_with(3, -13), "an exponent of -13"),
    "exponent-true": (_with(3, True), "true in place of an exponent"),
    "exponent-giant": (_with(3, 2**63), "an exponent that would fill the memory"),
    "values-empty": (_with(4, []), "no value"),
    "values-not-an-array": (_with(4, 110), "an integer in place of the values"),
    "value-true": (_with(4, [110, True]), "true among the values"),
    "value-null": (_with(4, [110, None]), "null among the values"),
    "value-text": (_with(4, [110, "112"]), "a text among the values"),
    "value-54-bits": (_with(4, [110, 2**53 + 1]), "a value that a double cannot hold"),
    "value-minus-54-bits": (_with(4, [110, -(2**53) - 1]), "a negative one"),
}


def build() -> dict[str, tuple[bytes, dict[str, str]]]:
    """File name -> (its bytes, its entry of the index)."""
    made: dict[str, tuple[bytes, dict[str, str]]] = {}
    for name, (text, what) in CBOR.items():
        made[f"{name}.cbor"] = _entry(bytes.fromhex(text), "cbor", what)
    for name, (value, what) in READINGS.items():
        made[f"readings-{name}.cbor"] = _entry(cbor2.dumps(value), "readings", what)
    return made


def _entry(data: bytes, decoder: str, what: str) -> tuple[bytes, dict[str, str]]:
    digest = hashlib.sha256(data).hexdigest()
    return data, {"decoder": decoder, "expect": "malformed", "what": what, "sha256": digest}


def index(made: dict[str, tuple[bytes, dict[str, str]]]) -> str:
    """The text of index.json."""
    what = "inputs that a decoder refuses (docs/spec/envelope.md, docs/spec/readings.cddl)"
    files = {name: entry for name, (_, entry) in made.items()}
    return json.dumps({"what": what, "files": files}, indent=1) + "\n"


if __name__ == "__main__":
    hostile = build()
    for name, (data, _) in hostile.items():
        (FOLDER / name).write_bytes(data)
    (FOLDER / "index.json").write_text(index(hostile))
