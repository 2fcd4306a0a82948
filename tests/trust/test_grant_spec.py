"""docs/spec/consent.md: its CDDL accepts the good vectors and what we make, and refuses what it should."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cbor2
import pycddl
import pytest

from egide.errors import MalformedError
from egide.trust.cose import Sign1
from egide.trust.grant import RESEARCH, WITHDRAWAL, Named, Period, SignedConsent, verify_consent_proof
from egide.trust.grant.entries import consent_facts, credential_end_facts
from tests.support.consents import ConsentWorld, Passkey, consent

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "spec" / "consent.md").read_text("utf-8")
CDDL = (ROOT / "docs" / "spec" / "consent.cddl").read_text("utf-8")
VECTORS = json.loads((ROOT / "vectors" / "consents.json").read_text("utf-8"))["vectors"]
GOOD = [bytes.fromhex(v["file"]) for v in VECTORS if v["expect"] == "ok"]


def validate(rule: str, data: bytes) -> None:
    pycddl.Schema(f"root = {rule}\n{CDDL}").validate_cbor(data)


PROOFS = [*GOOD, ConsentWorld().proof()]


@pytest.mark.parametrize("data", PROOFS, ids=[f"proof-{n}" for n in range(len(PROOFS))])
def test_a_proof_is_what_the_page_says(data: bytes) -> None:
    """Frame, header, payload, what was signed."""
    validate("consent-proof", data[1:])
    outer = Sign1.parse(data, limit=2**18, header_limit=2**18)
    validate("proof-header", outer.protected)
    validate("proof-payload", outer.payload or b"")
    signed = cbor2.loads(outer.payload or b"")[1]
    validate("signed-consent", signed)
    validate("consent", SignedConsent.decode(signed).statement)


def test_every_kind_of_statement_is_what_the_page_says() -> None:
    """Open periods, no end, an app, a withdrawal, a part in research; and the facts of the register."""
    for said in (
        consent(period=Period(None, 7), until_ms=None, previous=bytes(32)), consent(kind=WITHDRAWAL, until_ms=None),
        consent(kind=RESEARCH, purpose="HRESCH"),
        consent(reader_kind="app", reader=Named("app:walk", "Marche")),
    ):  # fmt: skip
        validate("consent", said.encode())
    validate("credential-facts", cbor2.dumps(Passkey().credential().facts()))
    validate("credential-end-facts", cbor2.dumps(credential_end_facts(bytes(32))))
    validate("consent-facts", cbor2.dumps(consent_facts(bytes(32))))


def test_research_always_has_an_end() -> None:
    """A project ends; whoever takes part signs until when."""
    with pytest.raises(MalformedError):
        consent(kind=RESEARCH, until_ms=None)


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ("consent", [1, "grant"]), ("act", "gift"), ("who", "insurer"), ("family", 7), ("purpose", ""),
        ("reader-uri", "urn:uuid:x"), ("nonce", bytes(15)), ("before", bytes(31)), ("moment", -1), ("retired", []),
        ("credential-facts", {"id": bytes(32)}), ("signed-consent", [b"", [b"", b""]]),
    ],
)  # fmt: skip
def test_the_page_refuses_what_it_should(rule: str, value: Any) -> None:
    """A rule that accepts everything would say nothing."""
    with pytest.raises(pycddl.ValidationError):
        validate(rule, cbor2.dumps(value))


def test_the_page_names_every_step() -> None:
    """The table of the page is the verifier's own list."""
    for step in verify_consent_proof(ConsentWorld().proof(), None).steps:
        assert f"| {step} |" in PAGE
