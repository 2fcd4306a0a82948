"""A claim's ticket is read back exactly, or refused."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egide.errors import EgideError, MalformedError
from egide.trust.claim import ClaimTicket, code_hash, code_text, parse_code

TICKET = ClaimTicket(
    url="https://egide.example.org:8443",
    ca_sha256=bytes(range(32)),
    claim_id="3f0c8f7e-6a5b-4c3d-9e2f-1a0b9c8d7e6f",
    code=bytes(range(20)),
)
TEXT = (
    "egide:enrol?u=https://egide.example.org:8443&ca=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
    "&c=3f0c8f7e-6a5b-4c3d-9e2f-1a0b9c8d7e6f&k=aaaqeayeaudaocajbifqydiob4ibceqt"
)


def test_the_form_is_frozen() -> None:
    """Tickets printed today are read for years."""
    assert TICKET.text() == TEXT
    assert ClaimTicket.parse(f"  {TEXT}\n") == TICKET


@given(
    st.binary(min_size=32, max_size=32),
    st.uuids(),
    st.binary(min_size=20, max_size=20),
    st.sampled_from(["https://localhost", "https://127.0.0.1:1", "https://[2001:db8::1]:65535", "https://a-b.c"]),
)
def test_a_ticket_comes_back_whole(pin: bytes, claim: object, code: bytes, url: str) -> None:
    """parse and text are each other's inverse."""
    ticket = ClaimTicket(url=url, ca_sha256=pin, claim_id=str(claim), code=code)
    assert ClaimTicket.parse(ticket.text()) == ticket


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param(TEXT[:-1], id="a-short-code"),
        pytest.param(TEXT + "&x=1", id="something-more"),
        pytest.param(TEXT.replace("egide:enrol", "EGIDE:ENROL"), id="another-scheme"),
        pytest.param(TEXT.replace("https", "http"), id="in-clear"),
        pytest.param(TEXT.replace("8443", "08443"), id="a-padded-port"),
        pytest.param(TEXT.replace("8443", "65536"), id="no-such-port"),
        pytest.param(TEXT.replace("8443", "8443/path"), id="a-path"),
        pytest.param(TEXT.replace("https://", "https://me@"), id="a-user"),
        pytest.param(TEXT.replace("egide.example", "égide.example"), id="not-ascii"),
        pytest.param(TEXT.replace("Hh8&", "Hh9&"), id="a-hash-in-another-form"),
        pytest.param(TEXT.replace("3f0c", "3F0C"), id="capitals-in-the-id"),
        pytest.param(TEXT.replace("k=aaa", "k=a1a"), id="not-base32"),
        pytest.param(TEXT.replace("&ca=", "&k=x&ca="), id="twice"),
        pytest.param(TEXT + " " * 600, id="too-long"),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    """One form, so that two readers never disagree on where to go."""
    with pytest.raises(MalformedError):
        ClaimTicket.parse(text)


def test_a_ticket_that_could_not_be_read_is_not_made() -> None:
    """Wrong sizes and forms are refused when writing too."""
    for change in (
        {"url": "https://x/y"}, {"ca_sha256": b""}, {"code": bytes(19)}, {"claim_id": "x"},
    ):  # fmt: skip
        with pytest.raises(MalformedError):
            replace(TICKET, **change)


def test_the_code_is_not_shown() -> None:
    """A log line with a ticket gives nothing to enrol with."""
    assert "code" not in repr(TICKET)
    assert code_text(TICKET.code) not in repr(TICKET)


def test_a_code_may_be_typed_in_capitals() -> None:
    """The same 20 bytes, kept as their SHA-256; other lengths and letters are refused."""
    text = code_text(TICKET.code)
    assert parse_code(text.upper()) == parse_code(text) == TICKET.code
    assert code_hash(TICKET.code) == hashlib.sha256(TICKET.code).digest()
    for wrong in ("", text[:-1], text + "a", text[:-1] + "1", text[:-1] + "é"):
        with pytest.raises(MalformedError):
            parse_code(wrong)


@given(st.text(max_size=200) | st.text(alphabet=TEXT, max_size=200).map(lambda tail: TEXT[:60] + tail))
def test_any_text_is_refused_as_ours_do(text: str) -> None:
    """Nothing else than our errors comes out of the parser."""
    try:
        found = ClaimTicket.parse(text)
    except EgideError:
        return
    assert found.text() == text.strip()
