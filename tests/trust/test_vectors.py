"""The frozen examples of every format hold, and come out the same when they are made again."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_der_public_key

from egide.errors import EgideError, ProofError
from egide.measure.readings import Readings, decode_readings
from egide.trust.anchors import Anchors, LogAnchor
from egide.trust.answer import ReceiptAnswer, decode_answer, verify_refusal
from egide.trust.claim import ClaimTicket
from egide.trust.cose import PublicKey
from egide.trust.envelope import Envelope
from egide.trust.evidence import verify_evidence
from egide.trust.genesis import verify_genesis
from egide.trust.grant import challenge_of, verify_consent_proof
from egide.trust.identity import Usage, verify_chain
from egide.trust.register.checkpoint import VerifierKey, verify_checkpoint, verify_cosignatures
from egide.trust.register.receipt import verify_consistency_receipt, verify_receipt
from egide.trust.register.tiles import Appender, TileNodes, tile_path
from egide.trust.register.tree import (
    TreeHead,
    leaf_hash,
    root_from_inclusion,
    root_hash,
    verify_consistency,
)
from egide.trust.register.witness import Refused, decide, parse_add_checkpoint
from egide.trust.seal import ChainReader, Suite, derive_pair, open_sealed
from egide.trust.servertime import verify_time

FOLDER = Path(__file__).parents[2] / "vectors"
INDEX = json.loads((FOLDER / "index.json").read_text("utf-8"))
VECTORS = [
    pytest.param(vector, id=f"{name.removesuffix('.json')}-{vector['name']}")
    for name in INDEX["files"]
    for vector in json.loads((FOLDER / name).read_text("utf-8"))["vectors"]
]
Vector = dict[str, Any]


def key_of(spki: str) -> PublicKey:
    key: Any = load_der_public_key(bytes.fromhex(spki))
    return PublicKey(key)


def hashes(rows: list[str]) -> list[bytes]:
    return [bytes.fromhex(row) for row in rows]


def as_json(readings: Readings) -> Vector:
    return {
        "t0_ms": readings.t0_ms,
        "series": [
            {
                "code": s.code, "unit": s.unit, "exponent": s.exponent, "values": list(s.values),
                "offsets_ms": s.offsets_ms(),
            }
            for s in readings.series
        ],
    }


def check_envelope(v: Vector) -> None:
    envelope = Envelope.parse(bytes.fromhex(v["envelope"]))
    verified = envelope.verify(key_of(v["key"]))
    assert (envelope.alg, envelope.object_id, envelope.pairing_id) == (v["alg"], v["object"], v["pairing"])
    assert (envelope.iat, envelope.seq, envelope.cti.hex()) == (v["iat"], v["seq"], v["cti"])
    assert (envelope.identity.hex(), envelope.leaf().hex()) == (v["identity"], v["leaf"])
    assert as_json(verified.readings) == v["readings"]


def check_readings(v: Vector) -> None:
    assert as_json(decode_readings(bytes.fromhex(v["payload"]))) == v["readings"]


def check_answer(v: Vector) -> None:
    answer = decode_answer(bytes.fromhex(v["answer"]))
    assert answer.digest.hex() == v["digest"]
    key = key_of(v["key"])
    if isinstance(answer, ReceiptAnswer):
        assert answer.receipt.hex() == v["receipt"]
        verify_receipt(answer.receipt, bytes.fromhex(v["leaf"]), key=key, log_uri=v["log"])
    else:
        refusal = verify_refusal(answer.refusal, digest=answer.digest, key=key, log_uri=v["log"])
        assert (refusal.code, refusal.retryable, refusal.iat) == (v["code"], v["retryable"], v["iat"])


def check_root(v: Vector) -> None:
    leaves = [leaf_hash(f"entry {i}".encode()) for i in range(v["size"])]
    grown = Appender(0, lambda *_: b"").append(leaves).head if leaves else Appender(0, lambda *_: b"").head()
    assert grown == TreeHead(v["size"], bytes.fromhex(v["root"]))


def check_inclusion(v: Vector) -> None:
    leaf, path = bytes.fromhex(v["leaf"]), hashes(v["path"])
    assert root_from_inclusion(leaf, v["index"], v["size"], path).hex() == v["root"]


def check_consistency(v: Vector) -> None:
    first_root, second_root = bytes.fromhex(v["first_root"]), bytes.fromhex(v["second_root"])
    verify_consistency(v["first"], first_root, v["second"], second_root, hashes(v["path"]))


def check_tile_path(v: Vector) -> None:
    assert tile_path(v["level"], v["n"], v["width"]) == v["path"]


def check_tile(v: Vector) -> None:
    leaves = [leaf_hash(f"entry {i}".encode()) for i in range(v["size"])]
    tiles = Appender(0, lambda *_: b"").append(leaves).changed
    tile = tiles[v["level"], v["n"]]
    assert (len(tile) // 32, hashlib.sha256(tile).hexdigest()) == (v["width"], v["sha256"])
    assert root_hash(v["size"], TileNodes(lambda level, n: tiles[level, n])).hex() == v["root"]


def check_receipt(v: Vector) -> None:
    leaf = bytes.fromhex(v["leaf"])
    found = verify_receipt(bytes.fromhex(v["receipt"]), leaf, key=key_of(v["key"]), log_uri=v["log"])
    assert (found.size, found.index, found.root.hex()) == (v["size"], v["index"], v["root"])


def check_consistency_receipt(v: Vector) -> None:
    old = TreeHead(v["first"], bytes.fromhex(v["first_root"]))
    new = TreeHead(v["second"], bytes.fromhex(v["second_root"]))
    receipt = bytes.fromhex(v["receipt"])
    verify_consistency_receipt(receipt, old=old, new=new, key=key_of(v["key"]), log_uri=v["log"])


def check_checkpoint(v: Vector) -> None:
    note = bytes.fromhex(v["note"])
    checkpoint = verify_checkpoint(note, VerifierKey.parse(v["log"]))
    seen = verify_cosignatures(note, [VerifierKey.parse(vkey) for vkey in v["witnesses"]])
    assert (checkpoint.origin, checkpoint.size) == (v["origin"], v["size"])
    assert checkpoint.root.hex() == v["root"]
    assert [[each.witness, each.time_s] for each in seen] == v["cosigned"]


def check_witness(v: Vector) -> None:
    log = VerifierKey.parse(v["log"])
    known = v["known"] and TreeHead(v["known"]["size"], bytes.fromhex(v["known"]["root"]))
    try:
        outcome = decide(parse_add_checkpoint(bytes.fromhex(v["request"])), logs={log.name: log}, known=known)
    except EgideError:
        outcome = Refused(status=400, body="")
    status = outcome.status if isinstance(outcome, Refused) else 200
    assert status == v["status"]
    if isinstance(outcome, Refused) and v["body"] is not None:
        assert outcome.body == v["body"]


def check_genesis(v: Vector) -> None:
    chain = hashes(v["chain"])
    found = verify_genesis(bytes.fromhex(v["statement"]), chain, [bytes.fromhex(v["root"])])
    assert (found.log.origin, found.log.uri, found.log.public.hex()) == (v["origin"], v["uri"], v["log_key"])
    before = found.previous
    previous = before and [before.origin, before.uri, before.size, before.root.hex()]
    assert previous == v["previous"]


def anchors_of(v: Vector) -> Anchors | None:
    return v["anchors"] and Anchors(
        roots=tuple(hashes(v["anchors"]["roots"])),
        logs=tuple(
            LogAnchor(origin=origin, uri=uri, public=bytes.fromhex(key))
            for origin, uri, key in v["anchors"]["logs"]
        ),
        witnesses=tuple(VerifierKey.parse(vkey) for vkey in v["anchors"]["witnesses"]),
    )


def check_consent(v: Vector) -> None:
    try:
        report = verify_consent_proof(bytes.fromhex(v["file"]), anchors_of(v))
    except ProofError as err:
        if err.step != v.get("step"):
            pytest.fail(f"failed at step {err.step}")
        raise
    said = report.consent
    assert (said.kind, said.grant, said.reader.uri) == (v["act"], v["grant"], v["reader"])
    assert (said.patient.uri, said.signer.uri) == (v["patient"], v["signer"])
    assert (list(said.families), said.purpose, said.shown.text) == (v["families"], v["purpose"], v["text"])
    assert (said.at_ms, said.until_ms, said.place.origin) == (v["at_ms"], v["until_ms"], v["origin"])
    assert challenge_of(said.encode()).hex() == v["challenge"]
    assert (report.entered_ms, report.enrolled_ms) == (v["entered_ms"], v["enrolled_ms"])
    assert (report.retired_ms, list(report.warnings)) == (v["retired_ms"], v["warnings"])
    assert (report.log_uri, report.register_size, report.register_index) == (v["log"], v["size"], v["index"])
    assert [[witness.name, witness.cosigned_s] for witness in report.witnesses] == v["witnesses"]
    assert report.anchored == v["anchored"]


def check_evidence(v: Vector) -> None:
    try:
        report = verify_evidence(bytes.fromhex(v["file"]), anchors_of(v))
    except ProofError as err:
        if err.step != v.get("step"):
            pytest.fail(f"failed at step {err.step}")
        raise
    readings = [reading for series in report.series for reading in series.readings]
    assert (report.object_uri, report.pairing_uri, report.model) == (v["object"], v["pairing"], v["model"])
    assert (report.trust, list(report.flags)) == (v["trust"], v["flags"])
    assert report.received_ms == v["received_ms"]
    assert [reading.corrected_ms for reading in readings] == v["corrected_ms"]
    assert [str(reading.value) for reading in readings] == v["values"]
    assert [reading.doubt for reading in readings] == v["doubts"]
    assert (report.log_uri, report.register_size, report.register_index) == (v["log"], v["size"], v["index"])
    assert (report.checkpoint_size, report.anchored) == (v["checkpoint"], v["anchored"])
    assert [[witness.name, witness.cosigned_s] for witness in report.witnesses] == v["witnesses"]


def check_claim(v: Vector) -> None:
    ticket = ClaimTicket.parse(v["text"])
    assert (ticket.url, ticket.ca_sha256.hex()) == (v["url"], v["pin"])
    assert (ticket.claim_id, ticket.code.hex()) == (v["claim"], v["code"])


def check_identity(v: Vector) -> None:
    leaf, chain, root = bytes.fromhex(v["leaf"]), hashes(v["chain"]), bytes.fromhex(v["root"])
    found = verify_chain(leaf, chain, [root], at_ms=v["at_ms"], usage=Usage.OBJECT)
    assert (found.uri, found.sha256.hex(), found.not_after_ms) == (v["uri"], v["sha256"], v["not_after_ms"])


def check_server_time(v: Vector) -> None:
    answer, nonce = bytes.fromhex(v["answer"]), bytes.fromhex(v["nonce"])
    found = verify_time(answer, nonce=nonce, roots=[bytes.fromhex(v["root"])])
    assert (found.unix_ms, found.platform.uri) == (v["unix_ms"], v["platform"])


def check_hpke(v: Vector) -> None:
    seed, suite = bytes.fromhex(v["seed"]), Suite(v["suite"])
    assert derive_pair(suite, seed).hex() == v["public"]
    opened = open_sealed(suite, seed, bytes.fromhex(v["sealed"]), bytes.fromhex(v["info"]))
    assert opened.hex() == v["plaintext"]


def check_chain(v: Vector) -> None:
    reader = ChainReader(bytes.fromhex(v["root"]))
    opened = reader.open(v["step"], bytes.fromhex(v["sealed"]), aad=bytes.fromhex(v["aad"]))
    assert opened.hex() == v["plaintext"]


CHECKS: dict[str, Callable[[Vector], None]] = {
    "answer": check_answer,
    "chain": check_chain,
    "checkpoint": check_checkpoint,
    "claim": check_claim,
    "consent": check_consent,
    "consistency": check_consistency,
    "consistency-receipt": check_consistency_receipt,
    "envelope": check_envelope,
    "evidence": check_evidence,
    "genesis": check_genesis,
    "hpke": check_hpke,
    "identity": check_identity,
    "inclusion": check_inclusion,
    "readings": check_readings,
    "receipt": check_receipt,
    "root": check_root,
    "server-time": check_server_time,
    "tile": check_tile,
    "tile-path": check_tile_path,
    "witness": check_witness,
}


@pytest.mark.parametrize("vector", VECTORS)
def test_each_vector_comes_out_as_it_says(vector: Vector) -> None:
    """A good vector gives what it lists; a bad one is refused with its public code, and by nothing else."""
    check = CHECKS[vector["kind"]]
    if vector["expect"] == "ok" or vector["kind"] == "witness":
        check(vector)
    else:
        with pytest.raises(EgideError) as refusal:
            check(vector)
        assert refusal.value.code == vector["expect"]


def test_the_index_names_every_file_with_its_hash() -> None:
    """Who copies the vectors can tell that they have all of them, unchanged."""
    assert set(INDEX["files"]) == {path.name for path in FOLDER.glob("*.json")} - {"index.json"}
    for name, entry in INDEX["files"].items():
        data = (FOLDER / name).read_bytes()
        assert hashlib.sha256(data).hexdigest() == entry["sha256"]
        assert len(json.loads(data)["vectors"]) == entry["vectors"]


def test_made_again_the_vectors_are_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that we write has changed since the vectors were frozen."""
    monkeypatch.setattr(sys, "path", [str(FOLDER), *sys.path])
    make: Any = __import__("make")
    for family in set(make.FAMILIES) - make.FROZEN:
        assert make.render(family) == (FOLDER / f"{family}.json").read_text("utf-8"), family
