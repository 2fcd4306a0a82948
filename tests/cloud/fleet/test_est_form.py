"""What comes by HTTP for EST is read strictly, and any bytes end in one of our errors."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egide.cloud.fleet.est import decode_request, parse_basic
from egide.errors import ClaimError, EgideError, MalformedError, TooLargeError


def _basic(text: bytes) -> str:
    return "Basic " + base64.b64encode(text).decode()


def test_credentials_are_read_as_browsers_and_curl_write_them() -> None:
    """The scheme's letter case is free, the password may hold colons (RFC 7617)."""
    assert parse_basic(_basic(b"id:code")) == ("id", "code")
    assert parse_basic(_basic(b"id:a:b").replace("Basic", "bAsIc")) == ("id", "a:b")
    assert parse_basic(_basic(b":")) == ("", "")


@pytest.mark.parametrize(
    ("header", "error"),
    [
        pytest.param("", ClaimError, id="none"),
        pytest.param("Bearer abc", MalformedError, id="another-scheme"),
        pytest.param("Basic", MalformedError, id="nothing"),
        pytest.param("Basic ***", MalformedError, id="not-base64"),
        pytest.param(_basic(b"id"), MalformedError, id="no-colon"),
        pytest.param(_basic(b"\xff:x"), MalformedError, id="not-utf8"),
        pytest.param(_basic(b"x:" + b"y" * 600), TooLargeError, id="long"),
    ],
)
def test_other_credentials_are_refused(header: str, error: type[EgideError]) -> None:
    """Each by its own error; none counts as a try."""
    with pytest.raises(error):
        parse_basic(header)


@given(st.text(max_size=600) | st.binary(max_size=300).map(_basic))
def test_any_credentials_end_in_text_or_our_error(header: str) -> None:
    """Nothing else than our errors comes out."""
    try:
        user, password = parse_basic(header)
    except EgideError:
        return
    assert base64.b64decode(header.partition(" ")[2]).decode() == f"{user}:{password}"


def test_a_request_may_be_wrapped() -> None:
    """openssl and base64 break lines; white space is nothing (RFC 8951)."""
    data = bytes(range(256))
    assert decode_request(base64.encodebytes(data)) == data
    assert decode_request(base64.b64encode(data) + b"\r\n") == data


@given(st.binary(max_size=300))
def test_any_request_ends_in_bytes_or_our_error(body: bytes) -> None:
    """PEM, raw DER and noise are refused by our error."""
    try:
        decode_request(body)
    except EgideError:
        return


@pytest.mark.parametrize(
    "body", [b"-----BEGIN CERTIFICATE REQUEST-----\n", b"\x30\x82", b"abc", "é".encode()]
)
def test_other_forms_are_refused(body: bytes) -> None:
    """Base64 of DER, nothing around it."""
    with pytest.raises(MalformedError):
        decode_request(body)
