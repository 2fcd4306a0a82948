"""The one form of a proof file: whoever signs another, it is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pycddl
import pytest

from egide.errors import MalformedError
from egide.measure.plausibility import WHOLE
from egide.trust.cose import CONTENT_TYPE, X5CHAIN, Sign1, sign1
from egide.trust.evidence import EVIDENCE_TYPE, Assertion, Evidence, Report
from egide.trust.evidence import verify as verify_module
from tests.support.proofs import (
    World,
    resigned,
    step_of,
)

P256_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@pytest.fixture(scope="module")
def world() -> World:
    return World()


# The form -----------------------------------------------------------------------------------------


def set_at(*path: Any) -> Callable[[list[Any]], None]:
    *places, last, value = path

    def change(payload: list[Any]) -> None:
        target: Any = payload
        for place in places:
            target = target[place]
        target[last] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(set_at(0, 2), id="version-2"),
        pytest.param(set_at(0, True), id="version-true"),
        pytest.param(set_at(1, "text"), id="statement-text"),
        pytest.param(set_at(2, []), id="chain-empty"),
        pytest.param(set_at(2, b"der"), id="chain-not-a-list"),
        pytest.param(set_at(2, [b""] * 5), id="chain-long"),
        pytest.param(set_at(3, ["text"]), id="roots-text"),
        pytest.param(set_at(4, ["egide/log/x", "urn:uuid:x"]), id="log-short"),
        pytest.param(set_at(5, b"note"), id="checkpoint-bytes"),
        pytest.param(set_at(6, [1]), id="consistency-int"),
        pytest.param(set_at(7, [b"vkey"]), id="witness-bytes"),
        pytest.param(set_at(8, [b"genesis"]), id="epoch-bytes"),
        pytest.param(set_at(8, [[b"genesis"]]), id="epoch-short"),
        pytest.param(set_at(9, []), id="assertion-list"),
        pytest.param(set_at(9, {}), id="assertion-empty"),
        pytest.param(lambda p: p[9].update(more=1), id="assertion-more"),
        pytest.param(lambda p: p[9].update(model=p[9].pop("model")), id="assertion-order"),
        pytest.param(set_at(9, "model", b"m"), id="model-bytes"),
        pytest.param(set_at(9, "trust", True), id="trust-true"),
        pytest.param(set_at(9, "trust", 9), id="trust-9"),
        pytest.param(set_at(9, "flags", "late"), id="flags-text"),
        pytest.param(set_at(9, "flags", [1]), id="flags-int"),
        pytest.param(set_at(9, "doubts", {}), id="doubts-map"),
        pytest.param(set_at(9, "doubts", [[0, 0]]), id="doubt-short"),
        pytest.param(set_at(9, "doubts", [[True, 0, "range"]]), id="doubt-true"),
        pytest.param(lambda p: p.append(None), id="one-more"),
        pytest.param(lambda p: p.pop(), id="one-less"),
    ],
)
def test_a_payload_of_another_form_is_refused_whoever_signed_it(
    world: World, change: Callable[[list[Any]], None]
) -> None:
    """The platform itself cannot write outside the specification."""
    assert step_of(resigned(world.proof(), world, change), world) == "1 form"


@pytest.mark.parametrize(
    "header",
    [
        {X5CHAIN: [b"a"], CONTENT_TYPE: EVIDENCE_TYPE},
        {CONTENT_TYPE: EVIDENCE_TYPE},
        {CONTENT_TYPE: "application/cbor", X5CHAIN: [b"a"]},
        {CONTENT_TYPE: EVIDENCE_TYPE, X5CHAIN: b"a"},
    ],
    ids=["order", "no-chain", "type", "chain-bytes"],
)
def test_an_outer_header_of_another_form_is_refused(world: World, header: dict[int | str, Any]) -> None:
    """Algorithm, content type and chain, in this order."""
    payload = Sign1.parse(world.proof(), limit=2**20, header_limit=2**20).payload or b""
    assert step_of(sign1(header, payload, world.platform), world) == "1 form"


def test_an_outer_unprotected_header_is_refused(world: World) -> None:
    """No byte lies outside the signature."""
    outer = Sign1.parse(world.proof(), limit=2**20, header_limit=2**20)
    assert step_of(outer.encode({4: b"kid"}), world) == "1 form"
    assert step_of(replace(outer, payload=None).encode(), world) == "1 form"


def test_a_statement_without_its_one_receipt_is_refused(world: World) -> None:
    """No receipt, two receipts, something beside it, or the wrong label."""
    statement, receipt = Sign1.parse(world.envelope()), world.parts()["receipt"]
    wrong: list[dict[int | str, Any]] = [
        {}, {394: []}, {394: [receipt] * 2}, {394: receipt}, {394: [receipt], 4: b"k"}, {395: [receipt]}
    ]
    for unprotected in wrong:
        other = statement.encode(unprotected)
        assert step_of(resigned(world.proof(), world, set_at(1, other)), world) == "1 form"


def test_what_is_understood_is_what_is_in_the_file(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last step encodes everything again and compares: a decoder that forgives would be caught."""
    data = world.proof()
    with monkeypatch.context() as patch:
        patch.setattr(Evidence, "encode", lambda self: b"")
        assert step_of(data, world) == "11 encoding"
    with monkeypatch.context() as patch:
        patch.setattr(verify_module, "encode_readings", lambda readings: b"")
        assert step_of(data, world) == "11 encoding"


def test_a_proof_is_not_built_from_an_envelope_that_carries_something(world: World) -> None:
    """The leaf hashes an envelope with an empty unprotected header; so is it given."""
    parts = world.parts()
    carrying = Sign1.parse(parts["envelope"]).encode({4: b"kid"})
    with pytest.raises(MalformedError):
        world.proof(envelope=carrying)


def test_a_report_has_no_patient(world: World) -> None:
    """Who the pairing is for is nowhere in a proof."""
    names = set(Report.__dataclass_fields__) | set(Assertion.__dataclass_fields__)
    assert not any("patient" in name for name in names)
    assert hashlib.sha256(world.object_chain[0]).digest() in world.proof()


def test_a_proof_has_the_form_of_its_cddl(world: World) -> None:
    """docs/spec/evidence.cddl and the encoder agree; the schema refuses another payload."""
    cddl = (Path(__file__).parents[2] / "docs/spec/evidence.cddl").read_text()
    after_restore = replace(world, epochs=(world.epoch(world.log_anchor(), None),))
    doubted = replace(world, assertion=replace(world.assertion, doubts=((0, WHOLE, "flat"),)))
    roots = ("proof-file", "proof-header", "proof-payload")
    file, header, inner = (pycddl.Schema(f"root = {root}\n{cddl}") for root in roots)
    for each in (world, after_restore, doubted):
        data = each.proof()
        outer = Sign1.parse(data, limit=2**20, header_limit=2**20)
        file.validate_cbor(data[1:])
        header.validate_cbor(outer.protected)
        inner.validate_cbor(outer.payload or b"")
    with pytest.raises(pycddl.ValidationError):
        inner.validate_cbor((outer.payload or b"").replace(b"\x65trust\x04", b"\x65trust\x06"))
