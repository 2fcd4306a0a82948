"""The pages of docs/spec: their CDDL accepts the good vectors, and their examples are vectors."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import cbor2
import pycddl
import pytest

from egide.trust.cose import Sign1

ROOT = Path(__file__).parents[2]
SPEC = ROOT / "docs" / "spec"


def schema(file: str, rule: str) -> pycddl.Schema:
    return pycddl.Schema(f"root = {rule}\n{(SPEC / file).read_text('utf-8')}")


def good(family: str, kind: str) -> list[dict[str, Any]]:
    vectors = json.loads((ROOT / "vectors" / f"{family}.json").read_text("utf-8"))["vectors"]
    chosen = [v for v in vectors if v["kind"] == kind and v["expect"] == "ok"]
    assert chosen
    return chosen


def statement(data: bytes, file: str, rule: str, header: str, payload: str = "") -> Sign1:
    """Check a COSE_Sign1's frame, header and payload against rules of a page."""
    schema(file, rule).validate_cbor(data[1:])
    found = Sign1.parse(data)
    schema(file, header).validate_cbor(found.protected)
    if payload:
        schema(file, payload).validate_cbor(found.payload or b"")
    return found


def test_envelopes_are_what_the_page_says() -> None:
    """Frame and header of every good vector; the payload has a page of its own."""
    for vector in good("envelopes", "envelope"):
        data = bytes.fromhex(vector["envelope"])
        found = statement(data, "envelope.cddl", "envelope", "envelope-header")
        assert 220 <= len(found.protected) <= 244


def test_receipts_are_what_the_page_says() -> None:
    """Frame, header and proof, of both kinds."""
    for kind, label, rule in (
        ("receipt", -1, "inclusion-proof"), ("consistency-receipt", -2, "consistency-proof"),
    ):
        for vector in good("receipts", kind):
            found = statement(bytes.fromhex(vector["receipt"]), "register.cddl", "receipt", "receipt-header")
            schema("register.cddl", rule).validate_cbor(found.unprotected[396][label][0])


def test_answers_and_refusals_are_what_the_page_says() -> None:
    """Frame, and the refusal within."""
    for vector in good("answers", "answer"):
        data = bytes.fromhex(vector["answer"])
        schema("register.cddl", "answer").validate_cbor(data)
        kind, _, content = cbor2.loads(data)
        if kind == 2:
            statement(content, "register.cddl", "refusal", "refusal-header", "refusal-payload")


def test_genesis_statements_are_what_the_page_says() -> None:
    """A statement of the platform, whose facts are the genesis's."""
    for vector in good("genesis", "genesis"):
        data = bytes.fromhex(vector["statement"])
        found = statement(data, "register.cddl", "statement", "statement-header", "statement-payload")
        schema("register.cddl", "genesis-payload").validate_cbor(found.payload or b"")


@pytest.mark.parametrize(
    ("file", "rule", "value"),
    [
        ("envelope.cddl", "envelope-header", {1: -7}),
        ("envelope.cddl", "claims", {1: "urn:uuid:X", 2: "urn:uuid:X", 6: 0, 7: bytes(16), "seq": 0}),
        ("envelope.cddl", "algorithm", -35),
        ("envelope.cddl", "moment", 2**53 + 1),
        ("register.cddl", "receipt-header", {1: -8, 4: bytes(32), 15: {}, 395: 1}),
        ("register.cddl", "inclusion-proof", [2, 0, []]),
        ("register.cddl", "answer", [3, bytes(32), b""]),
        ("register.cddl", "refusal-payload", [bytes(32), "malformed", None]),
        ("register.cddl", "genesis-facts", {"origin": "x"}),
    ],
)
def test_the_pages_refuse_what_they_should(file: str, rule: str, value: Any) -> None:
    """A rule that accepts everything would say nothing."""
    with pytest.raises(pycddl.ValidationError):
        schema(file, rule).validate_cbor(cbor2.dumps(value))


def test_the_examples_on_the_page_are_the_vectors() -> None:
    """Byte for byte, with the names and hashes that the page quotes."""
    page = (SPEC / "envelope.md").read_text("utf-8")
    found = re.findall(r"<!-- vector: (\w+)\.json (\S+) -->\n```\n(.*?)```", page, re.DOTALL)
    assert found
    for family, name, text in found:
        vector = next(v for v in good(family, "envelope") if v["name"] == name)
        assert "".join(line.split()[0] for line in text.splitlines()) == vector["envelope"]
        for quoted in ("identity", "leaf", "key"):
            assert vector[quoted] in page
        assert f"{len(vector['envelope']) // 2} bytes" in page
