"""Statements and receipts verify with scitt-cose, unpatched: code of RFC 9942 and 9943 that is not ours.

It knows the algorithms that we write (-7 and -8). The fully specified ones that we also read (-9 and -19) are
left to the second implementation, in JavaScript.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import scitt_cose
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from egide.trust.cose import Sign1

FOLDER = Path(__file__).parents[2] / "vectors"


def vectors(family: str, kind: str, expect: str, *, alg: tuple[int, ...] = (-8,)) -> list[Any]:
    content = json.loads((FOLDER / f"{family}.json").read_text("utf-8"))
    chosen = [
        v for v in content["vectors"]
        if v["kind"] == kind and v["expect"] == expect and v.get("alg", -8) in alg
        and not v["name"].startswith("alg-")
    ]
    assert chosen
    return [pytest.param(v, id=v["name"]) for v in chosen]


def pem(spki: str) -> bytes:
    key: Any = load_der_public_key(bytes.fromhex(spki))
    encoded: bytes = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return encoded


@pytest.mark.parametrize("vector", vectors("envelopes", "envelope", "ok", alg=(-7, -8)))
def test_an_envelope_is_a_signed_statement(vector: dict[str, Any]) -> None:
    """Issuer, subject, content type and payload come out as they went in, and the signature verifies."""
    data = bytes.fromhex(vector["envelope"])
    found = scitt_cose.parse_signed_statement(data, public_key_pem=pem(vector["key"]))
    assert found["signature_verified"] is True
    assert found["issuer"] == f"urn:uuid:{vector['object']}"
    assert found["subject"] == f"urn:uuid:{vector['pairing']}"
    assert found["payload"] == Sign1.parse(data).payload


@pytest.mark.parametrize("vector", vectors("receipts", "receipt", "ok"))
def test_a_receipt_verifies(vector: dict[str, Any]) -> None:
    """Size, index and root are those that the log signed."""
    number = vector["index"]
    entry = f"entry {number}".encode().hex()
    found = scitt_cose.verify_receipt(
        bytes.fromhex(vector["receipt"]), leaf_entry_hex=entry, log_public_key_pem=pem(vector["key"])
    )
    assert found.ok, found.errors
    assert (found.tree_size, found.leaf_index, found.root) == (vector["size"], number, vector["root"])
    assert (found.issuer, found.subject) == (vector["log"], vector["log"])


@pytest.mark.parametrize("vector", vectors("receipts", "receipt", "signature-invalid"))
def test_a_receipt_that_we_refuse_for_its_signature_is_refused(vector: dict[str, Any]) -> None:
    """Another leaf, index or key does not pass there either."""
    entry = b"entry 3" if vector["name"] == "another-leaf" else b"entry 4"
    receipt, key = bytes.fromhex(vector["receipt"]), pem(vector["key"])
    assert not scitt_cose.verify_receipt(receipt, leaf_entry_hex=entry.hex(), log_public_key_pem=key).ok


def test_an_envelope_with_its_receipt_is_a_transparent_statement() -> None:
    """The receipt travels in the unprotected header (394), and the leaf is the envelope without it."""
    vector = vectors("envelopes", "envelope", "ok")[0].values[0]
    receipt = bytes.fromhex(vectors("receipts", "receipt", "ok")[0].values[0]["receipt"])
    data = bytes.fromhex(vector["envelope"])
    transparent = scitt_cose.attach_receipts(data, [receipt])
    assert scitt_cose.extract_receipts(transparent) == [receipt]
    assert Sign1.parse(transparent).entry() == data


@pytest.mark.parametrize("vector", vectors("trees", "consistency", "ok"))
def test_a_consistency_path_verifies(vector: dict[str, Any]) -> None:
    """The same path proves the same growth."""
    assert scitt_cose.verify_consistency(
        vector["first_root"], vector["second_root"], vector["first"], vector["second"], vector["path"]
    )
