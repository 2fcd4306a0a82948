"""Feed altered proof files, anchors and genesis statements to their readers: only our errors may come out.

Run for as long as you like: `python -m tests.fuzz.fuzz_evidence -max_total_time=600` (libFuzzer's options).
A payload that was altered is signed again, so that the inner steps are reached; a file that was altered and
not signed again must fail.
"""

from __future__ import annotations

import sys
import warnings

import atheris

with atheris.instrument_imports(include=["egide.trust", "egide.measure", "egide.cbor"]):
    from egide.errors import EgideError, ProofError
    from egide.trust.anchors import Anchors
    from egide.trust.cose import Sign1, sign1
    from egide.trust.evidence import verify_evidence
    from egide.trust.genesis import verify_genesis
    from tests.support.proofs import World

WORLD = World()
PROOF = WORLD.proof()
OUTER = Sign1.parse(PROOF, limit=2**20, header_limit=2**20)
HEADER = {key: value for key, value in OUTER.header.items() if key != 1}
PAYLOAD = OUTER.payload or b""
ANCHORS = WORLD.anchors()
TEXT = ANCHORS.dump()
GENESIS = WORLD.epoch(WORLD.log_anchor(), None)


def edited(source: atheris.FuzzedDataProvider, data: bytes) -> bytes:
    """One to four edits: bytes at a place are replaced by others."""
    for _ in range(source.ConsumeIntInRange(1, 4)):
        place = source.ConsumeIntInRange(0, len(data))
        dropped = source.ConsumeIntInRange(0, 8)
        data = data[:place] + source.ConsumeBytes(source.ConsumeIntInRange(0, 8)) + data[place + dropped:]
    return data


def try_proof(data: bytes, anchors: Anchors | None) -> bool:
    """Whether it verifies."""
    try:
        verify_evidence(data, anchors)
    except ProofError as err:
        if not err.step:
            raise
        return False
    return True


def one_input(data: bytes) -> None:
    source = atheris.FuzzedDataProvider(data)
    kind = source.ConsumeIntInRange(0, 4)
    anchors = ANCHORS if source.ConsumeBool() else None
    if kind == 0:
        assert not try_proof(source.ConsumeBytes(sys.maxsize), anchors)
    elif kind == 1:
        altered = edited(source, PROOF)
        assert try_proof(altered, anchors) == (altered == PROOF)
    elif kind == 2:
        try_proof(sign1(HEADER, edited(source, PAYLOAD), WORLD.platform), anchors)
    else:
        try:
            if kind == 3:
                loaded = Anchors.load(edited(source, TEXT))
                assert Anchors.load(loaded.dump()) == loaded
            else:
                verify_genesis(edited(source, GENESIS.statement), GENESIS.chain, ANCHORS.roots)
        except EgideError:
            pass


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # a library frowns at odd certificates; what counts is what comes out
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
