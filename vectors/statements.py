"""The vectors of what is signed or sealed: envelopes, readings, answers, genesis statements, sealed bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from world import (
    ALICE,
    BOB,
    GLUCOSE,
    LOG_SIGNER,
    LOG_URI,
    MALLORY,
    OBJECT,
    ORIGIN,
    OTHER_LOG,
    PLATFORM,
    START_MS,
    URN,
    WARD,
    Tree,
    bytes_of,
    ed25519_signer,
    header,
    high_s,
    statement,
)

from egide import cbor
from egide.measure.readings import Readings, encode_readings
from egide.trust.anchors import LogAnchor
from egide.trust.answer import encode_receipt_answer, encode_refusal_answer, sign_refusal
from egide.trust.cose import CONTENT_TYPE, CWT, X5T, Sign1, sign1
from egide.trust.genesis import JOURNAL_TYPE, Previous, genesis_facts
from egide.trust.identity import Authority, issue_platform, make_issuing, make_root
from egide.trust.register.receipt import HeadSigner
from egide.trust.register.tree import inclusion_path
from egide.trust.seal import Chain, Suite, derive_pair, seal_to

Vectors = Iterator[dict[str, Any]]


def _readings_json(readings: Readings) -> dict[str, Any]:
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


def _envelope(name: str, expect: str, data: bytes, signer: Any = ALICE, **more: Any) -> dict[str, Any]:
    key = signer.public_key.spki.hex()
    return {"name": name, "kind": "envelope", "expect": expect, "envelope": data.hex(), "key": key, **more}


def _outcome(data: bytes, readings: Readings) -> dict[str, Any]:
    s = Sign1.parse(data)
    claims = s.claims
    return {
        "identity": hashlib.sha256(s.signed_bytes()).hexdigest(),
        "leaf": hashlib.sha256(b"\x00" + data).hexdigest(),
        "object": claims[1][9:], "pairing": claims[2][9:], "iat": claims[6], "cti": claims[7].hex(),
        "seq": claims["seq"], "readings": _readings_json(readings),
    }


def envelopes() -> Vectors:
    yield from _good_envelopes()
    payload = encode_readings(GLUCOSE)
    good = statement(cbor.encode(header(-7)), payload, ALICE)
    s = Sign1.parse(good)

    def resigned(protected: bytes) -> bytes:
        return statement(protected, payload, ALICE)

    def with_header(**changes: Any) -> bytes:
        return resigned(cbor.encode(header(-7, **changes)))

    def altered(before: bytes, after: bytes) -> bytes:
        return resigned(s.protected.replace(before, after))

    malleated = Sign1(s.protected, {}, {}, payload, high_s(s.signature)).encode()
    flipped = Sign1(s.protected, {}, {}, payload.replace(b"\x18\x65", b"\x18\x66"), s.signature).encode()
    reordered = dict(reversed(header(-7).items()))
    first, rest = s.protected[:3], s.protected[3:]
    refused = {
        "ecdsa-high-s": ("signature-invalid", malleated),
        "payload-changed": ("signature-invalid", flipped),
        "another-object-s-signature": ("signature-invalid", statement(s.protected, payload, MALLORY)),
        "algorithm-of-another-key": ("signature-invalid", statement(cbor.encode(header(-8)), payload, ALICE)),
        "unknown-algorithm": ("signature-invalid", with_header(_1=-35)),
        "signature-of-63-bytes": ("malformed", good[:-66] + b"\x58\x3f" + s.signature[:63]),
        "tag-missing": ("malformed", good[1:]),
        "tag-61-around": ("malformed", b"\xd8\x3d" + good),
        "trailing-byte": ("malformed", good + b"\x00"),
        "truncated": ("malformed", good[:-1]),
        "empty": ("malformed", b""),
        "unprotected-not-empty": ("malformed", s.encode({4: b"kid"})),
        "payload-detached": ("malformed", Sign1(s.protected, {}, {}, None, s.signature).encode()),
        "header-reordered": ("malformed", resigned(cbor.encode(reordered))),
        "header-with-crit": ("malformed", with_header(_2=[1])),
        "header-duplicate-key": ("malformed", resigned(b"\xa6" + first[1:] + first[1:] + rest)),
        "header-indefinite": ("malformed", resigned(b"\xbf" + s.protected[1:] + b"\xff")),
        "header-empty": ("malformed", resigned(b"")),
        "header-integer-not-shortest": ("malformed", altered(b"seq\x01", b"seq\x18\x01")),
        "text-not-utf-8": ("malformed", altered(b"cseq", b"c\xffeq")),
        "content-type-reserved": ("malformed", with_header(_3="application/vnd.egide.readings+encrypted")),
        "object-upper-case": ("malformed", with_header(claims={1: URN + OBJECT.upper()})),
        "object-not-a-urn": ("malformed", with_header(claims={1: OBJECT})),
        "pairing-missing": ("malformed", with_header(claims={2: None})),
        "iat-negative": ("malformed", with_header(claims={6: -1})),
        "iat-float": ("malformed", with_header(claims={6: 1.5})),
        "cti-of-15-bytes": ("malformed", with_header(claims={7: bytes(15)})),
        "seq-above-53-bits": ("malformed", with_header(claims={"seq": 2**53 + 1})),
        "seq-bignum": ("malformed", with_header(claims={"seq": 2**70})),
        "seq-boolean": ("malformed", with_header(claims={"seq": True})),
        "claim-too-many": ("malformed", with_header(claims={"aud": "x"})),
        "x5t-of-another-hash": ("malformed", with_header(_34=[-15, bytes(8)])),
        "clock-without-boot": ("malformed", with_header(clock=[b"", 1, True])),
        "clock-null": ("malformed", with_header(clock=[bytes(8), 1, None])),
        "array-too-deep": ("malformed", b"\xd2\x84" + b"\x81" * 64 + b"\x00"),
        "array-huge": ("malformed", b"\xd2\x9b" + b"\x7f" + b"\xff" * 7),
        "byte-string-huge": ("malformed", b"\xd2\x84\x5b" + b"\x7f" + b"\xff" * 7),
        "indefinite-array": ("malformed", b"\xd2\x9f" + good[2:] + b"\xff"),
        "shared-reference-cycle": ("malformed", b"\xd2\xd8\x1c\x81\xd8\x1d\x00"),
        "simple-value": ("malformed", b"\xd2\x84\x40\xa0\xf7\x40"),
        "too-large": ("too-large", resigned_large()),
        "payload-not-readings": ("malformed", statement(s.protected, b"\x82\x00\x80", ALICE)),
    }
    for name, (expect, data) in refused.items():
        yield _envelope(name, expect, data)


def resigned_large() -> bytes:
    return statement(cbor.encode(header(-7)), bytes(62_000), ALICE)


def _good_envelopes() -> Vectors:
    for name, alg, signer, readings in (
        ("es256", -7, ALICE, GLUCOSE), ("eddsa", -8, BOB, WARD), ("esp256", -9, ALICE, WARD),
        ("ed25519", -19, BOB, GLUCOSE),
    ):
        data = statement(cbor.encode(header(alg)), encode_readings(readings), signer)
        yield _envelope(name, "ok", data, signer, alg=alg, **_outcome(data, readings))
    for name, changes in {
        "seq-0-and-no-time": {"claims": {6: 0, "seq": 0}, "clock": [bytes(8), 0, False]},
        "seq-largest": {"claims": {6: 2**40 - 1, "seq": 2**53}, "clock": [bytes(8), 2**53, True]},
    }.items():
        data = statement(cbor.encode(header(-7, **changes)), encode_readings(GLUCOSE), ALICE)
        yield _envelope(name, "ok", data, alg=-7, **_outcome(data, GLUCOSE))


def readings() -> Vectors:
    for name, value in (("glucose", GLUCOSE), ("ward", WARD)):
        payload = encode_readings(value)
        yield {
            "name": name, "kind": "readings", "expect": "ok", "payload": payload.hex(),
            "readings": _readings_json(value),
        }
    row = ["8867-4", "/min", 0, 0, [60]]
    refused: dict[str, Any] = {
        "no-series": [0, []],
        "65-series": [0, [row] * 65],
        "negative-t0": [-1, [row]],
        "no-value": [0, [["8867-4", "/min", 0, 0, []]]],
        "period-0-for-two-values": [0, [["8867-4", "/min", 0, 0, [60, 61]]]],
        "offsets-fewer-than-values": [0, [["8867-4", "/min", [0], 0, [60, 61]]]],
        "offsets-decreasing": [0, [["8867-4", "/min", [1, 0], 0, [60, 61]]]],
        "offset-negative": [0, [["8867-4", "/min", [-1, 0], 0, [60, 61]]]],
        "value-float": [0, [["8867-4", "/min", 0, 0, [60.5]]]],
        "value-boolean": [0, [["8867-4", "/min", 0, 0, [True]]]],
        "value-of-54-bits": [0, [["8867-4", "/min", 0, 0, [2**53 + 1]]]],
        "exponent-13": [0, [["8867-4", "/min", 0, 13, [60]]]],
        "exponent-boolean": [0, [["8867-4", "/min", 0, True, [60]]]],
        "unit-missing": [0, [["8867-4", "", 0, 0, [60]]]],
        "unit-not-ascii": [0, [["8867-4", "µg", 0, 0, [60]]]],
        "code-of-33-characters": [0, [["8" * 33, "/min", 0, 0, [60]]]],
        "map": {0: 0},
    }
    for name, value in refused.items():
        yield {"name": name, "kind": "readings", "expect": "malformed", "payload": cbor2.dumps(value).hex()}


def answers() -> Vectors:
    tree = Tree(7)
    digest = bytes_of("an envelope")
    head = HeadSigner(LOG_SIGNER, LOG_URI, LOG_URI).sign(tree.head)
    receipt = head.receipt(4, inclusion_path(4, 7, tree.nodes))
    key = LOG_SIGNER.public_key.spki.hex()
    common = {"kind": "answer", "digest": digest.hex(), "key": key, "log": LOG_URI}
    yield {
        "name": "receipt", **common, "expect": "ok", "answer": encode_receipt_answer(digest, receipt).hex(),
        "receipt": receipt.hex(), "leaf": tree.leaves[4].hex(),
    }

    def refusal(signer: Any = LOG_SIGNER, log: str = LOG_URI, of: bytes = digest) -> bytes:
        made = sign_refusal(
            signer, log_uri=log, digest=of, code="pairing-unknown", retryable=False, iat=START_MS // 1000
        )
        return encode_refusal_answer(digest, made)

    yield {
        "name": "refusal", **common, "expect": "ok", "answer": refusal().hex(), "code": "pairing-unknown",
        "retryable": False, "iat": START_MS // 1000,
    }
    for name, expect, answer in (
        ("refusal-by-mallory", "proof-invalid", refusal(MALLORY)),
        ("refusal-of-another-log", "proof-invalid", refusal(log=URN + OTHER_LOG)),
        ("refusal-of-another-envelope", "proof-invalid", refusal(of=bytes(32))),
        ("refusal-changed", "signature-invalid", refusal().replace(b"pairing-", b"pearing-")),
        ("unknown-kind", "malformed", cbor.encode([3, digest, receipt])),
        ("short-digest", "malformed", cbor.encode([1, digest[:31], receipt])),
        ("trailing-byte", "malformed", encode_receipt_answer(digest, receipt) + b"\x00"),
    ):
        yield {"name": name, **common, "expect": expect, "answer": answer.hex()}


_DAY_MS = 86_400_000


def genesis() -> Vectors:
    root_key, issuing_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = make_root("Vectors root", root_key, not_before_ms=START_MS, days=3650, serial=1)
    issuing = make_issuing(
        Authority(certificate=root, key=root_key), "Vectors issuing", issuing_key.public_key(),
        not_before_ms=START_MS, days=3649, serial=2,
    )
    platform = ed25519_signer("the platform")
    leaf = issue_platform(
        Authority(certificate=issuing, key=issuing_key), platform.public_key, uri=URN + PLATFORM,
        not_before_ms=START_MS, not_after_ms=START_MS + 365 * _DAY_MS, serial=3,
    )
    chain = [certificate.public_bytes(Encoding.DER) for certificate in (leaf, issuing)]
    first = LogAnchor(origin=ORIGIN, uri=LOG_URI, public=LOG_SIGNER.public_key.raw_ed25519)
    public = ed25519_signer("log 2").public_key.raw_ed25519
    second = LogAnchor(origin=f"egide/log/{OTHER_LOG}", uri=URN + OTHER_LOG, public=public)
    before = Previous(origin=ORIGIN, uri=LOG_URI, size=1000, root=Tree(1000).head.root)

    def signed(log: LogAnchor, previous: Previous | None, signer: Any = platform, subject: str = "") -> bytes:
        at_ms = START_MS + _DAY_MS
        claims = {1: URN + PLATFORM, 2: subject or log.uri, 6: at_ms // 1000, 7: bytes_of(log.origin, 16)}
        names = {CONTENT_TYPE: JOURNAL_TYPE, CWT: claims, X5T: [-16, hashlib.sha256(chain[0]).digest()]}
        return sign1(names, cbor.encode(["genesis", at_ms, genesis_facts(log, previous), None]), signer)

    common = {
        "kind": "genesis", "chain": [der.hex() for der in chain],
        "root": root.public_bytes(Encoding.DER).hex(),
    }
    for name, log, previous in (("first", first, None), ("next", second, before)):
        yield {
            "name": name, **common, "expect": "ok", "statement": signed(log, previous).hex(),
            "origin": log.origin, "uri": log.uri, "log_key": log.public.hex(),
            "previous": previous and [previous.origin, previous.uri, previous.size, previous.root.hex()],
        }
    shorter = signed(second, before).replace(b"\x19\x03\xe8", b"\x19\x03\xe7")
    for name, expect, data in (
        ("signed-by-mallory", "signature-invalid", signed(first, None, MALLORY)),
        ("about-another-log", "proof-invalid", signed(second, before, subject=LOG_URI)),
        ("follows-itself", "proof-invalid", signed(first, before)),
        ("size-changed", "signature-invalid", shorter),
    ):
        yield {"name": name, **common, "expect": expect, "statement": data.hex()}


def sealed() -> Vectors:
    seed = bytes_of("a record's private key")
    public = derive_pair(Suite.X25519, seed)
    info, text = b"egide vectors", b"36.50 Cel"
    boxed = seal_to(Suite.X25519, public, text, info)
    common = {"kind": "hpke", "suite": int(Suite.X25519), "seed": seed.hex(), "public": public.hex()}
    common |= {"info": info.hex(), "plaintext": text.hex()}
    yield {"name": "hpke-x25519", **common, "expect": "ok", "sealed": boxed.hex()}
    changed = boxed[:-1] + bytes((boxed[-1] ^ 1,))
    yield {"name": "hpke-x25519-changed", **common, "expect": "seal-broken", "sealed": changed.hex()}
    other = {**common, "info": b"egide another purpose".hex()}
    yield {"name": "hpke-x25519-another-purpose", **other, "expect": "seal-broken", "sealed": boxed.hex()}
    root, chain = bytes_of("chain"), Chain(bytes_of("chain"))
    for i in range(3):
        nonce, aad = bytes_of(f"nonce {i}", 12), f"aad {i}".encode()
        step, data = chain.seal(f"message {i}".encode(), nonce=nonce, aad=aad)
        yield {
            "name": f"chain-step-{i}", "kind": "chain", "expect": "ok", "root": root.hex(), "step": step,
            "aad": aad.hex(), "sealed": data.hex(), "plaintext": f"message {i}".encode().hex(),
        }
