"""Feed altered bytes to each decoder of the wire formats: only our errors may come out, and nothing altered
passes.

Run one for as long as you like: `python -m tests.fuzz.fuzz_wire receipt -max_total_time=600` (libFuzzer's
options). The seeds are the good vectors. The targets: answer, cbor, checkpoint, consistency, envelope,
readings, receipt, witness.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(include=["egide.trust", "egide.measure", "egide.cbor"]):
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    from egide import cbor
    from egide.errors import EgideError
    from egide.measure.readings import decode_readings, encode_readings
    from egide.trust.answer import ReceiptAnswer, decode_answer, encode_receipt_answer, verify_refusal
    from egide.trust.cose import PublicKey
    from egide.trust.envelope import Envelope
    from egide.trust.register.checkpoint import (
        SignedNote,
        VerifierKey,
        verify_checkpoint,
        verify_cosignatures,
    )
    from egide.trust.register.receipt import verify_consistency_receipt, verify_receipt
    from egide.trust.register.tree import TreeHead
    from egide.trust.register.witness import decide, encode_add_checkpoint, parse_add_checkpoint

FOLDER = Path(__file__).parents[2] / "vectors"


def good(family: str, kind: str) -> list[dict[str, Any]]:
    vectors = json.loads((FOLDER / f"{family}.json").read_text("utf-8"))["vectors"]
    return [v for v in vectors if v["kind"] == kind and v["expect"] == "ok"]


def key_of(vector: dict[str, Any]) -> PublicKey:
    key: Any = load_der_public_key(bytes.fromhex(vector["key"]))
    return PublicKey(key)


ENVELOPES = good("envelopes", "envelope")
RECEIPTS = good("receipts", "receipt")
GROWTHS = good("receipts", "consistency-receipt")
ANSWERS = good("answers", "answer")
NOTES = good("checkpoints", "checkpoint")
REQUESTS = good("witness", "witness")
READINGS = good("readings", "readings")


def outcome(read: Callable[[], Envelope]) -> Envelope | EgideError:
    try:
        return read()
    except EgideError as err:
        return err


def envelope(vector: dict[str, Any], data: bytes) -> bool:
    """Both ways of reading agree, and only the envelope as it was signed verifies."""
    read = outcome(lambda: Envelope.parse(data))
    again = outcome(lambda: Envelope._read(data, receipts_allowed=False))
    if isinstance(read, EgideError) or isinstance(again, EgideError):
        assert type(read) is type(again)
        return False
    assert read == again
    read.verify(key_of(vector))
    return True


def receipt(vector: dict[str, Any], data: bytes) -> bool:
    verify_receipt(data, bytes.fromhex(vector["leaf"]), key=key_of(vector), log_uri=vector["log"])
    return True


def consistency(vector: dict[str, Any], data: bytes) -> bool:
    old = TreeHead(vector["first"], bytes.fromhex(vector["first_root"]))
    new = TreeHead(vector["second"], bytes.fromhex(vector["second_root"]))
    verify_consistency_receipt(data, old=old, new=new, key=key_of(vector), log_uri=vector["log"])
    return True


def answer(vector: dict[str, Any], data: bytes) -> bool:
    """The frame is not signed: what it holds is, and the digest is the asker's own."""
    digest, found = bytes.fromhex(vector["digest"]), decode_answer(data)
    if isinstance(found, ReceiptAnswer):
        assert encode_receipt_answer(found.digest, found.receipt) == data
        leaf = bytes.fromhex(vector.get("leaf", "00" * 32))
        verify_receipt(found.receipt, leaf, key=key_of(vector), log_uri=vector["log"])
    else:
        verify_refusal(found.refusal, digest=digest, key=key_of(vector), log_uri=vector["log"])
    return found.digest == digest


def checkpoint(vector: dict[str, Any], data: bytes) -> bool:
    """Lines of unknown keys may come and go; what is counted may not change."""
    note = SignedNote.parse(data)
    assert note.encode() == data
    found = verify_checkpoint(note, VerifierKey.parse(vector["log"]))
    seen = verify_cosignatures(note, [VerifierKey.parse(vkey) for vkey in vector["witnesses"]])
    assert (found.size, found.root.hex()) == (vector["size"], vector["root"])
    return [[each.witness, each.time_s] for each in seen] == vector["cosigned"] and note.encode() != data


def witness(vector: dict[str, Any], data: bytes) -> bool:
    request = parse_add_checkpoint(data)
    assert encode_add_checkpoint(request.old, request.path, request.note.encode()) == data
    log, known = VerifierKey.parse(vector["log"]), vector["known"]
    decide(
        request, logs={log.name: log},
        known=known and TreeHead(known["size"], bytes.fromhex(known["root"])),
    )
    return False


def readings(vector: dict[str, Any], data: bytes) -> bool:
    assert encode_readings(decode_readings(data)) == data
    return False


def strict(vector: dict[str, Any], data: bytes) -> bool:
    """What the strict decoder reads, the encoder writes again."""
    assert cbor.encode(cbor.decode(data, limit=100_000)) == data
    return False


Target = tuple[list[dict[str, Any]], str, Callable[[dict[str, Any], bytes], bool]]
TARGETS: dict[str, Target] = {
    "answer": (ANSWERS, "answer", answer),
    "cbor": (READINGS, "payload", strict),
    "checkpoint": (NOTES, "note", checkpoint),
    "consistency": (GROWTHS, "receipt", consistency),
    "envelope": (ENVELOPES, "envelope", envelope),
    "readings": (READINGS, "payload", readings),
    "receipt": (RECEIPTS, "receipt", receipt),
    "witness": (REQUESTS, "request", witness),
}


def edited(source: atheris.FuzzedDataProvider, data: bytes) -> bytes:
    """One to four edits: bytes at a place are replaced by others."""
    for _ in range(source.ConsumeIntInRange(1, 4)):
        place = source.ConsumeIntInRange(0, len(data))
        dropped = source.ConsumeIntInRange(0, 8)
        data = data[:place] + source.ConsumeBytes(source.ConsumeIntInRange(0, 8)) + data[place + dropped :]
    return data


def one_input_of(name: str) -> Callable[[bytes], None]:
    vectors, field, check = TARGETS[name]

    def one_input(data: bytes) -> None:
        source = atheris.FuzzedDataProvider(data)
        vector = vectors[source.ConsumeIntInRange(0, len(vectors) - 1)]
        original = bytes.fromhex(vector[field])
        raw = source.ConsumeBool()
        altered = source.ConsumeBytes(sys.maxsize) if raw else edited(source, original)
        try:
            passed = check(vector, altered)
        except EgideError:
            return
        assert not passed or altered == original, f"{name}: altered bytes verify"

    return one_input


if __name__ == "__main__":
    target = sys.argv.pop(1)
    atheris.Setup(sys.argv, one_input_of(target))
    atheris.Fuzz()
