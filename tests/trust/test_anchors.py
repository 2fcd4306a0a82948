"""Anchors: what is dumped is loaded again, and anything else is refused with an error of ours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egide.errors import EgideError, MalformedError, TooLargeError
from egide.trust.anchors import Anchors, LogAnchor
from egide.trust.limits import LIMITS
from egide.trust.register.checkpoint import COSIGNATURE, LOG, VerifierKey
from tests.support.proofs import LOG_2, TestCA, World

WORLD = World()
ANCHORS = WORLD.anchors()
TEXT = ANCHORS.dump().decode()


def changed(old: str, new: str) -> bytes:
    assert old in TEXT
    return TEXT.replace(old, new, 1).encode()


def test_what_is_dumped_is_loaded_again() -> None:
    """The same anchors, and the same text when dumped again."""
    assert Anchors.load(ANCHORS.dump()) == ANCHORS
    assert Anchors.load(ANCHORS.dump()).dump() == ANCHORS.dump()


def test_nothing_but_the_version_is_needed() -> None:
    """Anchors that trust nobody are anchors."""
    nobody = Anchors(roots=())
    assert Anchors.load(b"version = 1\n") == nobody == Anchors.load(nobody.dump())


def test_names_that_need_quoting_survive() -> None:
    """A witness's name may hold quotes and backslashes; TOML escapes them."""
    witness = VerifierKey(name='north"\\é', kind=COSIGNATURE, public=bytes(32))
    anchors = Anchors(roots=(), witnesses=(witness,))
    assert Anchors.load(anchors.dump()) == anchors


def test_a_log_and_a_witness_are_found_by_name() -> None:
    """By URI, by name; None when they are not trusted."""
    log, witness = WORLD.log_anchor(), WORLD.witnesses[0]
    assert ANCHORS.log(log.uri) == log
    assert ANCHORS.log(f"urn:uuid:{LOG_2}") is None
    assert ANCHORS.witness(witness.name) == witness.key
    assert ANCHORS.witness("nobody") is None
    assert log.key.raw_ed25519 == log.public


PIN = ANCHORS.root_pins()[0].hex()
VKEY = WORLD.witnesses[0].key.vkey


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\xff", id="not-utf8"),
        pytest.param(b"version = ", id="not-toml"),
        pytest.param(changed("version = 1", "version = 2"), id="version-2"),
        pytest.param(changed("version = 1", "version = true"), id="version-true"),
        pytest.param(changed("version = 1", "version = 1.0"), id="version-float"),
        pytest.param(changed("version = 1", "version = 1\nmore = 1"), id="unknown-name"),
        pytest.param(changed("[[ca]]", "[ca]"), id="ca-not-a-list"),
        pytest.param(changed("[[ca]]", "[[ca]]\nname = 'x'"), id="ca-unknown-name"),
        pytest.param(changed(f'spki_sha256 = "{PIN}"', ""), id="ca-without-pin"),
        pytest.param(changed(PIN, PIN[::-1]), id="ca-other-pin"),
        pytest.param(changed(PIN, PIN.upper()), id="ca-pin-in-capitals"),
        pytest.param(changed('certificate = "M', 'certificate = "N'), id="ca-not-a-certificate"),
        pytest.param(changed('certificate = "', 'certificate = "AAAA'), id="ca-with-more-bytes"),
        pytest.param(changed('certificate = "', 'certificate = " '), id="ca-not-base64"),
        pytest.param(changed(f'"{PIN}"', "1"), id="ca-pin-a-number"),
        pytest.param(changed('origin = "egide', 'origin = "egidé'), id="origin-not-ascii"),
        pytest.param(changed('origin = "egide', 'origin = "egide '), id="origin-with-space"),
        pytest.param(changed("urn:uuid:", "urn:x:"), id="log-uri"),
        pytest.param(changed('key = "', 'key = "AAAA'), id="log-key-long"),
        pytest.param(changed(VKEY, VKEY[:-8]), id="witness-short"),
        pytest.param(changed(VKEY, VKEY.replace("north", "south")), id="witness-other-name"),
        pytest.param(TEXT.encode() + f'\n[[witness]]\nvkey = "{VKEY}"\n'.encode(), id="witness-twice"),
        pytest.param(b"version = 1\nx = " + b"[" * 5000, id="deep"),
    ],
)
def test_anchors_of_another_form_are_refused(data: bytes) -> None:
    """Strict: no name unknown, no value of another type, no key that is not the one its id says."""
    with pytest.raises(MalformedError):
        Anchors.load(data)


def test_anchors_too_large_are_refused_before_they_are_read() -> None:
    """The limit comes first."""
    with pytest.raises(TooLargeError):
        Anchors.load(b"#" * (LIMITS.anchors + 1))


def test_a_log_key_does_not_pass_for_a_witness() -> None:
    """A witness signs with a key of type 04."""
    key = VerifierKey(name="x", kind=LOG, public=bytes(32))
    with pytest.raises(MalformedError):
        Anchors(roots=(), witnesses=(key,))
    with pytest.raises(MalformedError):
        Anchors.load(changed(VKEY, key.vkey))


def test_each_entry_stands_once_and_few_stand() -> None:
    """Two logs of one URI, or 65 witnesses, are no anchors."""
    log = WORLD.log_anchor()
    with pytest.raises(MalformedError):
        Anchors(roots=(), logs=(log, LogAnchor(origin="other", uri=log.uri, public=log.public)))
    with pytest.raises(MalformedError):
        Anchors(roots=(WORLD.ca.root,) * 2)
    many = tuple(VerifierKey(name=f"w{i}", kind=COSIGNATURE, public=bytes(32)) for i in range(65))
    assert Anchors(roots=(), witnesses=many[:64])
    with pytest.raises(MalformedError):
        Anchors(roots=(), witnesses=many)


def test_a_root_that_is_not_a_certificate_is_refused() -> None:
    """Anchors cannot be made of bytes."""
    with pytest.raises(MalformedError):
        Anchors(roots=(b"root",))
    assert Anchors(roots=(TestCA().root,)).root_pins()


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: f"version = 1\n{text}".encode()))
def test_only_our_errors_come_out(data: bytes) -> None:
    """Whatever the bytes."""
    try:
        anchors = Anchors.load(data)
    except EgideError:
        return
    assert Anchors.load(anchors.dump()) == anchors


@given(st.integers(0, len(TEXT) - 1), st.characters(codec="utf-8"))
def test_a_changed_character_gives_an_error_of_ours_or_anchors(place: int, new: str) -> None:
    """One character: refused, or other anchors, or a text (a comment, a space) that means the same."""
    try:
        anchors = Anchors.load((TEXT[:place] + new + TEXT[place + 1:]).encode())
    except EgideError:
        return
    assert anchors == Anchors.load(anchors.dump())
