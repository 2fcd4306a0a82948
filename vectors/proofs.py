"""The vectors of proof files (docs/spec/evidence.md): what holds, and at which step every other one fails."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, Final

from cryptography import x509
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
    PAIRING,
    PLATFORM,
    START_MS,
    URN,
    WARD,
    WITNESS_SIGNER,
    bytes_of,
    ed25519_signer,
)

from egide import cbor
from egide.trust.anchors import LogAnchor
from egide.trust.cose import CONTENT_TYPE, CWT, X5T, Sign1, sign1
from egide.trust.envelope import Clock, sign_readings
from egide.trust.evidence import Assertion, Epoch, build_evidence, verify_evidence
from egide.trust.genesis import JOURNAL_TYPE, Previous, genesis_facts
from egide.trust.identity import Authority, issue_object, issue_platform, make_issuing, make_root
from egide.trust.register.checkpoint import COSIGNATURE, SignedNote, VerifierKey, cosign, sign_checkpoint
from egide.trust.register.receipt import HeadSigner
from egide.trust.register.tree import (
    TreeHead,
    consistency_path,
    inclusion_path,
    leaf_hash,
    node_hash,
    root_hash,
)

Vectors = Iterator[dict[str, Any]]
_DAY_MS: Final = 86_400_000
_PLATFORM_SIGNER: Final = ed25519_signer("the platform")
_NAME: Final = "witness.example/north"


class _Ca:
    """A root and an issuing CA; their keys are drawn, which is why this family is frozen."""

    def __init__(self, name: str) -> None:
        root_key, issuing_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        root = make_root(name, root_key, not_before_ms=START_MS - _DAY_MS, days=3650, serial=1)
        issuing = make_issuing(
            Authority(certificate=root, key=root_key), f"{name} issuing", issuing_key.public_key(),
            not_before_ms=START_MS - _DAY_MS, days=3649, serial=2,
        )
        self.issuing = Authority(certificate=issuing, key=issuing_key)
        self.root = _der(root)

    def chain(self, issue: Any, signer: Any, uuid: str) -> tuple[bytes, bytes]:
        leaf = issue(
            self.issuing, signer.public_key, uri=URN + uuid, serial=int.from_bytes(bytes_of(uuid, 8)),
            not_before_ms=START_MS - _DAY_MS, not_after_ms=START_MS + 364 * _DAY_MS,
        )
        return _der(leaf), _der(self.issuing.certificate)


class _World:
    """What one platform can put into a proof file of one envelope."""

    def __init__(
        self, ca: _Ca, signer: Any, readings: Any, log_uuid: str = "", log_signer: Any = LOG_SIGNER
    ) -> None:
        chain = ca.chain(issue_object, signer, OBJECT)
        self.envelope = sign_readings(
            readings, signer=signer, certificate=hashlib.sha256(chain[0]).digest(), object_id=OBJECT,
            pairing_id=PAIRING, iat=START_MS // 1000, cti=bytes_of("cti", 16), seq=41,
            clock=Clock(bytes_of("boot", 8), 3_600_000, True),
        )
        self.leaves = [leaf_hash(f"entry {i}".encode()) for i in range(7)]
        self.leaves[3] = leaf_hash(self.envelope)
        uri, origin = (URN + log_uuid, f"egide/log/{log_uuid}") if log_uuid else (LOG_URI, ORIGIN)
        self.log = LogAnchor(origin=origin, uri=uri, public=log_signer.public_key.raw_ed25519)
        self.log_signer = log_signer
        head = HeadSigner(log_signer, URN + PLATFORM, uri).sign(TreeHead(5, root_hash(5, self.node)))
        note = sign_checkpoint(TreeHead(7, root_hash(7, self.node)), origin=origin, signer=log_signer)
        self.platform_chain = ca.chain(issue_platform, _PLATFORM_SIGNER, PLATFORM)
        self.parts: dict[str, Any] = {
            "envelope": self.envelope, "receipt": head.receipt(3, inclusion_path(3, 5, self.node)),
            "chain": chain, "roots": (ca.root,), "log": self.log, "checkpoint": note.decode(),
            "cosignatures": [_cosigned(note, WITNESS_SIGNER)],
            "consistency": consistency_path(5, 7, self.node),
            "assertion": Assertion(
                model="Thermo One", trust=4, correction_ms=-1500, received_ms=START_MS + 2000,
                made_ms=START_MS + _DAY_MS, flags=("late",), doubts=((0, 1, "rate"),),
            ),
            "signer": _PLATFORM_SIGNER, "platform_chain": self.platform_chain,
        }

    def node(self, height: int, index: int) -> bytes:
        if height == 0:
            return self.leaves[index]
        return node_hash(self.node(height - 1, 2 * index), self.node(height - 1, 2 * index + 1))

    def proof(self, **other: Any) -> bytes:
        return build_evidence(**{**self.parts, **other})

    def epoch(self, previous: LogAnchor) -> Epoch:
        """The genesis statement of this world's log, which follows `previous`."""
        before = Previous(origin=previous.origin, uri=previous.uri, size=1000, root=bytes_of("root"))
        claims = {1: URN + PLATFORM, 2: self.log.uri, 6: START_MS // 1000, 7: bytes_of("genesis", 16)}
        digest = hashlib.sha256(self.platform_chain[0]).digest()
        payload = cbor.encode(["genesis", START_MS, genesis_facts(self.log, before), None])
        header: dict[int | str, Any] = {CONTENT_TYPE: JOURNAL_TYPE, CWT: claims, X5T: [-16, digest]}
        return Epoch(sign1(header, payload, _PLATFORM_SIGNER), self.platform_chain)


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def _witness(signer: Any) -> VerifierKey:
    return VerifierKey(name=_NAME, kind=COSIGNATURE, public=signer.public_key.raw_ed25519)


def _cosigned(note: bytes, signer: Any) -> tuple[VerifierKey, str]:
    line = cosign(SignedNote.parse(note), witness=_NAME, signer=signer, time_s=START_MS // 1000 + 60)
    return _witness(signer), line.line


def _anchors(ca: _Ca, *logs: LogAnchor, witness: Any = WITNESS_SIGNER) -> dict[str, Any]:
    return {
        "roots": [ca.root.hex()],
        "logs": [[log.origin, log.uri, log.public.hex()] for log in logs],
        "witnesses": [_witness(witness).vkey],
    }


def _good(name: str, data: bytes, anchors: dict[str, Any] | None) -> dict[str, Any]:
    report = verify_evidence(data, None)
    return {
        "name": name, "kind": "evidence", "expect": "ok", "file": data.hex(), "anchors": anchors,
        "object": report.object_uri, "pairing": report.pairing_uri, "model": report.model,
        "trust": report.trust, "flags": list(report.flags), "received_ms": report.received_ms,
        "corrected_ms": [reading.corrected_ms for series in report.series for reading in series.readings],
        "values": [str(reading.value) for series in report.series for reading in series.readings],
        "doubts": [reading.doubt for series in report.series for reading in series.readings],
        "log": report.log_uri, "size": report.register_size, "index": report.register_index,
        "checkpoint": report.checkpoint_size,
        "witnesses": [[w.name, w.cosigned_s] for w in report.witnesses], "anchored": anchors is not None,
    }


def _bad(name: str, step: str, data: bytes, anchors: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "name": name, "kind": "evidence", "expect": "proof-invalid", "step": step, "file": data.hex(),
        "anchors": anchors,
    }


def _with(data: bytes, part: bytes) -> bytes:
    """The file with the last byte of a part's last place changed (base64 stays base64)."""
    at = data.rindex(part) + len(part) - 1
    return data[:at] + (b"B" if data[at : at + 1] == b"A" else b"A") + data[at + 1 :]


def evidence() -> Vectors:
    ca, other_ca = _Ca("Vectors root"), _Ca("Vectors root")
    alice, bob = _World(ca, ALICE, WARD), _World(ca, BOB, GLUCOSE)
    anchors = _anchors(ca, alice.log)
    data = alice.proof()
    yield _good("es256", data, anchors)
    yield _good("eddsa", bob.proof(), anchors)
    yield _good("without-anchors", data, None)
    yield _good("without-witness", alice.proof(cosignatures=()), anchors)
    second = _World(ca, ALICE, WARD, OTHER_LOG, ed25519_signer("log 2"))
    yield _good("after-a-restore", second.proof(epochs=[second.epoch(alice.log)]), anchors)

    parts, statement = alice.parts, Sign1.parse(alice.envelope)
    note = str(parts["checkpoint"])
    line = str(parts["cosignatures"][0][1])
    for name, step, part in (
        ("object-certificate-changed", "2 object certificate", parts["chain"][0]),
        ("root-changed", "2 object certificate", ca.root),
        ("payload-changed", "3 object signature", statement.payload or b""),
        ("object-signature-changed", "3 object signature", statement.signature),
        ("log-key-changed", "5 receipt", alice.log.public),
        ("receipt-changed", "5 receipt", Sign1.parse(parts["receipt"]).signature),
        ("checkpoint-changed", "6 checkpoint", note.split(" ")[2].rstrip("=\n").encode()[:-4]),
        ("consistency-changed", "7 consistency", parts["consistency"][-1]),
        ("cosignature-changed", "8 witnesses", line.split(" ")[2].encode()[20:-5]),
        ("model-changed", "10 platform signature", b"Thermo One"),
        ("platform-signature-changed", "10 platform signature", data[-64:]),
    ):
        yield _bad(name, step, _with(data, part), None)
    yield _bad("longer-tag", "1 form", b"\xd8\x12" + data[1:], None)
    yield _bad("trailing-byte", "1 form", data + b"\x00", None)
    yield _bad("own-keys", "2 object certificate", _World(other_ca, MALLORY, WARD).proof(), anchors)
    yield _bad("another-log", "4 log", second.proof(), anchors)
    yield _bad("own-log-key", "4 log", _World(ca, ALICE, WARD, "", MALLORY).proof(), anchors)
    forged = [_cosigned(note.encode(), MALLORY)]
    yield _bad("own-witness", "8 witnesses", alice.proof(cosignatures=forged), anchors)
    text, signature = note.split("\n\n")
    root = text.split("\n")[2]
    respelled = f"{text[: -len(root)]}{root[:-2]}{chr(ord(root[-2]) + 1)}=\n\n{signature}"
    spelled = alice.proof(checkpoint=respelled, cosignatures=())
    yield _bad("root-spelled-otherwise", "6 checkpoint", spelled, None)
    missing = Assertion(
        model="Thermo One", trust=4, correction_ms=0, received_ms=START_MS, made_ms=START_MS,
        doubts=((9, 0, "rate"),),
    )
    yield _bad("doubt-about-nothing", "9 assertion", alice.proof(assertion=missing), None)
    yield _bad("another-platform", "10 platform signature", alice.proof(signer=MALLORY), None)
