"""The strict decoder: what it accepts comes out the same when encoded again; all else is refused."""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from functools import partial
from pathlib import Path
from typing import Any

import cbor2
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from egide import cbor
from egide.errors import EgideError, MalformedError, TooLargeError, decoding
from egide.measure.readings import decode_readings
from tests.support.wire import head, mangled, plain

HOSTILE = Path(__file__).parents[1] / "vectors" / "hostile"
INDEX: dict[str, dict[str, str]] = json.loads((HOSTILE / "index.json").read_text())["files"]
SCALARS = frozenset({int, bytes, str, bool, type(None)})


def by_encoding_again(data: bytes, *, limit: int) -> Any:
    """The rule as the specification states it: decode, look at every type, encode again, compare."""
    if len(data) > limit:
        raise TooLargeError("too large")
    with decoding("CBOR"):
        value = cbor2.loads(
            data,
            max_depth=cbor.MAX_DEPTH,
            allow_indefinite=False,
            allow_duplicate_keys=False,
            semantic_decoders=cbor._NO_TAGS,
            tag_hook=cbor._refuse_tag,
        )
        require_plain(value)
        if cbor2.dumps(value) != data:
            raise MalformedError("not in its shortest form")
    return value


def require_plain(value: Any) -> None:
    """Refuse any type but the accepted ones."""
    if type(value) is list:
        for item in value:
            require_plain(item)
    elif type(value) is dict:
        for key, item in value.items():
            if type(key) is not int and type(key) is not str:
                raise MalformedError("a key")
            require_plain(item)
    elif type(value) not in SCALARS:
        raise MalformedError("a type")


def outcome(decode: Any, data: bytes) -> tuple[str, object]:
    """The value, told by its text (1 is not True), or the kind of refusal; nothing else may be raised."""
    try:
        return "value", repr(decode(data, limit=5_000))
    except EgideError as err:
        return "refused", type(err)


@settings(max_examples=500, deadline=None)
@given(mangled())
@example(bytes.fromhex("a2010101f5"))
@example(b"\xf8\x14")
def test_judging_by_length_is_judging_by_encoding_again(data: bytes) -> None:
    """The quick rule and the stated rule accept the same inputs, and read the same values from them."""
    assert outcome(cbor.decode, data) == outcome(by_encoding_again, data)


@settings(max_examples=1_000, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_judged_alike(data: bytes) -> None:
    """The same, for bytes without any structure."""
    assert outcome(cbor.decode, data) == outcome(by_encoding_again, data)


@settings(deadline=None)
@given(plain)
def test_what_is_encoded_is_decoded(value: Any) -> None:
    """Every accepted value makes the round trip, and is read with its own types."""
    data = cbor.encode(value)
    assert repr(cbor.decode(data, limit=len(data))) == repr(value)


@settings(max_examples=300, deadline=None)
@given(mangled())
def test_what_is_decoded_encodes_to_the_same_bytes(data: bytes) -> None:
    """No two inputs are read as one value: a value has one encoding."""
    try:
        value = cbor.decode(data, limit=5_000)
    except MalformedError:
        return
    assert cbor.encode(value) == data


NUMBERS = [0, 1, 23, 24, 255, 256, 65_535, 65_536]
GIANTS = [2**32 - 1, 2**32, 2**64 - 1]
HEADS = [(m, n) for m in range(6) for n in NUMBERS] + [(m, n) for m in (0, 1) for n in GIANTS]


@pytest.mark.parametrize("spare", [0, 1, 2, 3, 4])
@pytest.mark.parametrize(("major", "number"), HEADS)
def test_a_head_is_accepted_only_in_its_shortest_form(major: int, number: int, spare: int) -> None:
    """Integers, and the lengths of strings, arrays and maps: each has one form, the shortest."""
    follows = b""
    if major in (2, 3, 4):
        follows = b"\0" * number
    elif major == 5:
        follows = b"".join(head(0, key) + b"\0" for key in range(number))
    begins = head(major, number, spare)
    data = begins + follows
    if begins == head(major, number):
        cbor.decode(data, limit=len(data))
    else:
        with pytest.raises(MalformedError):
            cbor.decode(data, limit=len(data))


@pytest.mark.parametrize(("major", "number"), HEADS)
def test_a_head_made_by_hand_is_the_shortest(major: int, number: int) -> None:
    """Whoever assembles CBOR without the encoder gets the one form that the decoder accepts."""
    assert cbor.head(major, number) == head(major, number)


@pytest.mark.parametrize("text", ["", "a", "é" * 12, "€" * 80, "😀" * 70, "\0", "é" * 128])
def test_a_text_is_measured_in_bytes(text: str) -> None:
    """The length of a text is that of its UTF-8 form, wherever the head grows."""
    assert cbor.decode(cbor.encode([text, {text: 1}]), limit=2_000) == [text, {text: 1}]


@pytest.mark.parametrize("depth", [1, cbor.MAX_DEPTH])
def test_nesting_is_accepted_down_to_the_limit(depth: int) -> None:
    """Eight containers within each other, not nine (vectors/hostile/deep-9.cbor)."""
    data = b"\x81" * depth + b"\0"
    assert cbor.encode(cbor.decode(data, limit=100)) == data


def test_the_limit_counts_every_byte() -> None:
    """As many bytes as the limit are read; one more is refused before it is looked at."""
    data = cbor.encode(b"x" * 97)
    assert cbor.decode(data, limit=99) == b"x" * 97
    with pytest.raises(TooLargeError, match="letters"):
        cbor.decode(data, limit=98, what="letters")


def test_a_refusal_names_what_was_read_and_none_of_its_content() -> None:
    """The message of a refusal can be shown to anyone."""
    with pytest.raises(MalformedError) as caught:
        cbor.decode(b"\x78\x06secret", limit=100, what="a claim")
    assert "a claim" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_the_hostile_files_are_those_of_the_index_and_of_its_maker() -> None:
    """No file without an entry, no entry without a file, and each is what `make.py` makes."""
    code = "import make, json; print(json.dumps({n: d.hex() for n, (d, _) in make.build().items()}))"
    made = subprocess.run(
        [sys.executable, "-c", code], cwd=HOSTILE, capture_output=True, text=True, check=True
    ).stdout
    expected = {name: bytes.fromhex(text) for name, text in json.loads(made).items()}
    assert expected.keys() == INDEX.keys()
    assert {path.name: path.read_bytes() for path in HOSTILE.glob("*.cbor")} == expected


@pytest.mark.parametrize("name", INDEX)
def test_a_hostile_input_is_refused(name: str) -> None:
    """Each hostile file gets the refusal its index says, by the decoder it is meant for."""
    entry, data = INDEX[name], (HOSTILE / name).read_bytes()
    read = decode_readings if entry["decoder"] == "readings" else partial(cbor.decode, limit=60_000)
    with pytest.raises(EgideError) as caught:
        read(data)
    assert caught.value.code == entry["expect"]
    assert not caught.value.retryable


@pytest.mark.parametrize("name", [name for name, entry in INDEX.items() if entry["decoder"] == "cbor"])
def test_a_hostile_input_takes_no_memory_of_its_announcing(name: str) -> None:
    """A head that announces gigabytes costs what was sent, not what was announced."""
    data = (HOSTILE / name).read_bytes()
    tracemalloc.start()
    try:
        with pytest.raises(MalformedError):
            cbor.decode(data, limit=60_000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize("name", [name for name, entry in INDEX.items() if entry["decoder"] == "readings"])
def test_what_is_wrong_as_readings_is_right_as_cbor(name: str) -> None:
    """The readings' own rules are what refuses these files, not the encoding."""
    cbor.decode((HOSTILE / name).read_bytes(), limit=60_000)
