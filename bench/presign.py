"""Envelopes that are signed before the clock starts: 12 readings of a glucose sensor each.

An hour of a continuous glucose monitor: one series, one value every 5 minutes, in mg/dL. Values wander as
glucose does.
"""

from __future__ import annotations

import os
import random
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nacl.bindings import crypto_sign, crypto_sign_seed_keypair

from egide import cbor
from egide.trust.cose import EDDSA, PublicKey, Sign1, sig_structure
from egide.trust.envelope import READINGS_TYPE, Envelope

__all__ = ["READINGS", "SPAN_MS", "Signing", "read_corpus", "sign_envelopes", "write_corpus"]

READINGS: Final = 12  # in one envelope
PERIOD_S: Final = 300
CODE: Final = "99504-3"  # LOINC: glucose in interstitial fluid, by a continuous monitor
UNIT: Final = "mg/dL"
SPAN_MS: Final = READINGS * PERIOD_S * 1000
_CHECKED: Final = 500  # one envelope in so many is read back and verified
_WORD: Final = struct.Struct(">I")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """Who signs: an object, its pairing, its Ed25519 seed (32 bytes) and its certificate's SHA-256."""

    object_id: str
    pairing_id: str
    seed: bytes
    certificate: bytes


def sign_envelopes(
    who: Signing, *, first_seq: int, count: int, iat: int, first_ms: int, boot: bytes = bytes(8)
) -> Iterator[bytes]:
    """Yield `count` envelopes: counters from `first_seq`, readings from `first_ms` on, one hour each.

    All are signed in the second `iat`, one millisecond after the other by the object's boot clock.
    """
    secret = crypto_sign_seed_keypair(who.seed)[1]
    chance = random.Random(who.object_id + str(first_seq))
    value = chance.randint(90, 160)
    nonces = os.urandom(16 * count)
    for i in range(count):
        values = []
        for _ in range(READINGS):
            value = min(240, max(60, value + chance.randint(-6, 6)))
            values.append(value)
        payload = cbor.encode([first_ms + i * SPAN_MS, [[CODE, UNIT, PERIOD_S * 1_000_000, 0, values]]])
        claims = {
            1: f"urn:uuid:{who.object_id}",
            2: f"urn:uuid:{who.pairing_id}",
            6: iat,
            7: nonces[16 * i : 16 * i + 16],
            "seq": first_seq + i,
        }
        protected = cbor.encode(
            {1: EDDSA, 3: READINGS_TYPE, 15: claims, 34: [-16, who.certificate], "clock": [boot, i, True]}
        )
        signature = crypto_sign(sig_structure(protected, payload), secret)[:64]
        envelope = Sign1(protected, {}, {}, payload, signature).encode()
        if i % _CHECKED == 0:
            key = Ed25519PrivateKey.from_private_bytes(who.seed).public_key()
            Envelope.parse(envelope).verify(PublicKey(key))
        yield envelope


def write_corpus(
    folder: Path, signings: Sequence[Signing], *, each: int, iat: int, first_ms: int, first_seq: int = 0
) -> tuple[Path, Path]:
    """Sign `each` envelopes per object, on two cores; return the generator's files: (names, corpus).

    The corpus is, per object, a count and that many length-prefixed envelopes (4 bytes, big-endian).
    """
    folder.mkdir(parents=True, exist_ok=True)
    names, corpus = folder / "names.txt", folder / "corpus.bin"
    names.write_text("".join(f"{s.object_id}\n" for s in signings))
    half = (len(signings) + 1) // 2
    parts = [folder / f"part-{i}" for i in range(2)]
    children = []
    for part, share in zip(parts, (signings[:half], signings[half:]), strict=True):
        order = cbor.encode(
            [
                str(part),
                each,
                iat,
                first_ms,
                first_seq,
                [[s.object_id, s.pairing_id, s.seed, s.certificate] for s in share],
            ]
        )
        child = subprocess.Popen([sys.executable, "-m", "bench.presign"], stdin=subprocess.PIPE)
        if child.stdin is not None:
            child.stdin.write(order)
            child.stdin.close()
        children.append(child)
    statuses = [child.wait() for child in children]
    if any(statuses):
        raise RuntimeError("signing failed")
    with corpus.open("wb") as out:
        for part in parts:
            out.write(part.read_bytes())
            part.unlink()
    return names, corpus


def read_corpus(corpus: Path) -> list[list[bytes]]:
    """The envelopes of each object, in the order of the names."""
    data, at = corpus.read_bytes(), 0
    objects: list[list[bytes]] = []
    while at < len(data):
        (count,) = _WORD.unpack_from(data, at)
        at += 4
        envelopes = []
        for _ in range(count):
            (length,) = _WORD.unpack_from(data, at)
            envelopes.append(data[at + 4 : at + 4 + length])
            at += 4 + length
        objects.append(envelopes)
    return objects


def _write_part(order: bytes) -> None:
    match cbor.decode(order, limit=len(order)):
        case [str(path), int(each), int(iat), int(first_ms), int(first_seq), list(rows)]:
            with Path(path).open("wb") as out:
                for object_id, pairing_id, seed, certificate in rows:
                    who = Signing(
                        object_id=object_id, pairing_id=pairing_id, seed=seed, certificate=certificate
                    )
                    out.write(_WORD.pack(each))
                    for envelope in sign_envelopes(
                        who, first_seq=first_seq, count=each, iat=iat, first_ms=first_ms, boot=os.urandom(8)
                    ):
                        out.write(_WORD.pack(len(envelope)) + envelope)


if __name__ == "__main__":
    _write_part(sys.stdin.buffer.read())
