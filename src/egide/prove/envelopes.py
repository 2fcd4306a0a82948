"""Attacks with envelopes: what somebody sends who has an enrolled object's key, or none."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from egide.measure.readings import Readings, Series
from egide.prove.arena import Arena, heart_rate
from egide.prove.registry import attack, held
from egide.trust.cose import Sign1, SoftwareSigner
from egide.trust.envelope import Clock

_P256_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_YEAR_MS = 365 * 86_400_000


@attack(
    "replay",
    claim="An envelope that is sent again is stored once, and gets the receipt of its first time.",
    claim_fr="Une enveloppe renvoyée n'est enregistrée qu'une fois, et reçoit le reçu de la première.",
    attacker="stranger on the network",
    needs=("N19", "N23"),
)
def replay(arena: Arena) -> Iterator[str]:
    data = arena.mine.envelope()
    first = arena.post(data)
    held(first.receipt is not None, "a good envelope was refused")
    before = arena.stored()
    for sender in (None, arena.mine):
        again = arena.post(data, by=sender)
        held(again.receipt is not None and first.receipt is not None, "the resend got no receipt")
        held(again.receipt.index == first.receipt.index, "the resend got another place in the register")  # type: ignore[union-attr]
    yield f"one envelope sent three times: leaf {first.receipt.index} each time"  # type: ignore[union-attr]
    held(arena.stored() == before, "it was stored again")
    yield f"stored: {before} envelopes before, {before} after"


@attack(
    "flipped-bits",
    claim="One bit changed in any field of an envelope, and it is refused.",
    claim_fr="Un bit changé dans n'importe quel champ d'une enveloppe, et elle est refusée.",
    attacker="a lying gateway, a man in the middle",
    needs=("N19", "N23", "N34"),
)
def flipped_bits(arena: Arena) -> Iterator[str]:
    data = arena.mine.envelope()
    codes: dict[str, int] = {}
    with arena.client() as client:
        for place in range(len(data)):
            changed = bytearray(data)
            changed[place] ^= 1 << (place % 8)
            answer = client.post("/intake", content=bytes(changed), headers={"content-type": "application/cose"})
            held(answer.status_code in range(400, 500), f"byte {place} changed: answered {answer.status_code}")
            code = arena.read_answer(answer.content, bytes(changed)).code
            codes[code] = codes.get(code, 0) + 1
    yield "refused: " + ", ".join(f"{count} as {code}" for code, count in sorted(codes.items()))
    held(arena.post(data).receipt is not None, "the unchanged envelope was refused")
    yield "the unchanged envelope: receipted"


@attack(
    "malleated-signature",
    claim="The second form of an ECDSA signature (n - s) is refused.",
    claim_fr="La seconde forme d'une signature ECDSA (n - s) est refusée.",
    attacker="a lying gateway",
    needs=("N23",),
)
def malleated(arena: Arena) -> Iterator[str]:
    parsed = Sign1.parse(arena.mine.envelope())
    s = int.from_bytes(parsed.signature[32:], "big")
    twin = replace(parsed, signature=parsed.signature[:32] + (_P256_N - s).to_bytes(32, "big")).encode()
    refused = arena.post(twin)
    held(refused.code == "signature-invalid", f"answered {refused.code or 'a receipt'}")
    yield f"s replaced by n - s: {refused.code}"


@attack(
    "another-objects-signature",
    claim="An enrolled object cannot speak for another.",
    claim_fr="Un objet enrôlé ne peut pas parler au nom d'un autre.",
    attacker="thief of an object",
    needs=("N10", "N23"),
)
def another_object(arena: Arena) -> Iterator[str]:
    mine, other = arena.mine, arena.other
    changed: dict[str, dict[str, Any]] = {
        "its own key under the other's certificate": {"certificate": other.certificate, "object_id": other.uuid},
        "its own certificate under the other's name": {"object_id": other.uuid},
        "its own name with the other's pairing": {"pairing_id": other.pairing},
    }
    for what, changes in changed.items():
        refused = arena.post(mine.envelope(**changes))
        held(bool(refused.code), f"{what}: accepted")
        yield f"{what}: {refused.code}"
    refused = arena.post(other.envelope(), by=mine)
    held(bool(refused.code), "the other's envelope through our TLS identity: accepted")
    yield f"the other's envelope through our TLS identity: {refused.code}"


@attack(
    "unknown-key",
    claim="Who was not enrolled is nobody, whatever names it writes.",
    claim_fr="Qui n'a pas été enrôlé n'est personne, quels que soient les noms qu'il écrit.",
    attacker="stranger",
    needs=("N10",),
)
def unknown_key(arena: Arena) -> Iterator[str]:
    stranger = SoftwareSigner(ec.generate_private_key(ec.SECP256R1()))
    changed: dict[str, dict[str, Any]] = {
        "a certificate of nobody's": {"certificate": os.urandom(32), "signer": stranger},
        "an enrolled certificate, another key": {"signer": stranger},
    }
    for what, changes in changed.items():
        refused = arena.post(arena.mine.envelope(**changes))
        held(bool(refused.code), f"{what}: accepted")
        yield f"{what}: {refused.code}"


@attack(
    "clone",
    claim="Two contents under one key and counter are both kept, both marked contested, and somebody is told.",
    claim_fr="Deux contenus sous la même clé et le même compteur sont gardés, marqués contestés, et signalés.",
    attacker="thief of an object",
    needs=("N05", "N10"),
)
def clone(arena: Arena) -> Iterator[str]:
    foe = arena.enrol(arena.alice)
    first = arena.post(foe.envelope(heart_rate(71), seq=900))
    second = arena.post(foe.envelope(heart_rate(171), seq=900))
    held(first.receipt is not None and second.receipt is not None, "one of the two was lost")
    entries = {f"1:{p.receipt.index}" for p in (first, second) if p.receipt}
    marked = [r for r in arena.readings(arena.alice) if r["entry"] in entries]
    held(len(marked) == 2 and all("contested" in r["marks"] for r in marked), "they are not both shown as contested")
    yield f"seq 900 twice, 71 and 171 beats: entries {', '.join(sorted(entries))}, both shown, both contested"


@attack(
    "hostile-cbor",
    claim="No bytes, however hostile, do more than be refused.",
    claim_fr="Aucune suite d'octets, si hostile soit-elle, ne fait plus que d'être refusée.",
    attacker="stranger",
    needs=("N19", "N21"),
)
def hostile_cbor(arena: Arena) -> Iterator[str]:
    vectors = sorted(hostile_folder().glob("*.cbor"))
    held(len(vectors) > 10, "the hostile vectors are missing")
    foe = arena.enrol(arena.alice)
    codes: dict[str, int] = {}
    for vector in vectors:
        answer = arena.post(vector.read_bytes(), by=foe)
        held(bool(answer.code), f"{vector.stem}: accepted")
        codes[answer.code] = codes.get(answer.code, 0) + 1
    yield f"{len(vectors)} vectors: " + ", ".join(f"{n} {code}" for code, n in sorted(codes.items()))
    held(arena.post(arena.mine.envelope()).receipt is not None, "the platform no longer answers")
    yield "a good envelope after them: receipted"


def hostile_folder() -> Path:
    """Where the hostile vectors lie: in the package, or beside the sources."""
    packaged = Path(str(files("egide.prove"))) / "hostile"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "vectors" / "hostile"


@attack(
    "wrong-unit",
    claim="A glucose in mg/dL sent as mmol/L is kept and flagged, never silently believed nor dropped.",
    claim_fr="Une glycémie en mg/dL envoyée comme mmol/L est gardée et signalée, ni crue ni jetée en silence.",
    attacker="a sham or faulty object",
    needs=("N05",),
)
def wrong_unit(arena: Arena) -> Iterator[str]:
    series = Series(code="14745-4", unit="mmol/L", times=0, exponent=0, values=(110,))
    posted = arena.post(arena.mine.envelope(Readings(t0_ms=time.time_ns() // 1_000_000, series=(series,))))
    held(posted.receipt is not None, "a doubtful reading was refused: it could be an emergency")
    shown = [r for r in arena.readings(arena.alice) if r["entry"] == f"1:{posted.receipt.index}"]  # type: ignore[union-attr]
    held(len(shown) == 1 and "unit" in shown[0]["marks"], "it is not marked")
    yield f"110 'mmol/L': kept as entry {shown[0]['entry']}, marked {', '.join(shown[0]['marks'])}"


@attack(
    "clocks",
    claim="A clock a year ahead or dead is corrected beside the signed time, and said.",
    claim_fr="Une horloge en avance d'un an ou morte est corrigée à côté de l'heure signée, et c'est dit.",
    attacker="a sham or faulty object",
    needs=("N05", "N23"),
)
def clocks(arena: Arena) -> Iterator[str]:
    now = time.time_ns() // 1_000_000
    for what, at in {"a year ahead": now + _YEAR_MS, "dead (1970)": 1_000}.items():
        foe = arena.enrol(arena.alice)
        clock = Clock(foe.boot, 5_000, what == "a year ahead")
        posted = arena.post(foe.envelope(heart_rate(64, at_ms=at), iat=at // 1000, clock=clock))
        held(posted.receipt is not None, f"{what}: refused as {posted.code}")
        shown = [r for r in arena.readings(arena.alice) if r["entry"] == f"1:{posted.receipt.index}"]  # type: ignore[union-attr]
        held(len(shown) == 1 and "clock" in shown[0]["marks"], f"{what}: not shown among today's, marked clock")
        yield f"{what}: shown at {shown[0]['time']}, marked clock"
