"""A small world with real keys, in memory: a CA, a platform, an object, a log and two witnesses."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding

from egide import cbor
from egide.errors import ProofError
from egide.measure.readings import Readings, Series
from egide.trust.anchors import Anchors, LogAnchor
from egide.trust.cose import CONTENT_TYPE, CWT, X5T, PublicKey, Sign1, SoftwareSigner, sign1
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

START_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z
DAY_MS = 86_400_000
OBJECT = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
PAIRING = "2c5ea4c0-4067-11e9-8bad-9b1deb4d3b7d"
PLATFORM = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"
LOG = "6fa459ea-ee8a-3ca4-894e-db77e160355e"
LOG_2 = "16fd2706-8baf-433b-82eb-8c7fada847da"
READINGS = Readings(
    t0_ms=START_MS + 10 * DAY_MS,
    series=(
        Series(code="8867-4", unit="/min", times=60_000_000, exponent=0, values=(62, 64, 61)),
        Series(code="8310-5", unit="Cel", times=(0, 90_000), exponent=-2, values=(3650, 3712)),
    ),
)


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def ed25519_signer() -> SoftwareSigner:
    return SoftwareSigner(ed25519.Ed25519PrivateKey.generate())


def p256_signer() -> SoftwareSigner:
    return SoftwareSigner(ec.generate_private_key(ec.SECP256R1()))


class TestCA:
    """A root and an issuing CA, in force for ten years from START_MS."""

    __test__ = False

    def __init__(self, name: str = "Test root") -> None:
        root_key, issuing_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        self._key = root_key
        self._root = make_root(name, root_key, not_before_ms=START_MS, days=3650, serial=1)
        issuing = make_issuing(
            Authority(certificate=self._root, key=root_key), f"{name}, issuing", issuing_key.public_key(),
            not_before_ms=START_MS, days=3649, serial=2,
        )
        self.issuing = Authority(certificate=issuing, key=issuing_key)
        self.root = der(self._root)

    def renewed_root(self) -> bytes:
        """A later root certificate of the same name and key."""
        return der(make_root("Test root", self._key, not_before_ms=START_MS + DAY_MS, days=3650, serial=3))

    def _chain(self, issue: Any, key: PublicKey, uuid: str, days: tuple[int, int]) -> tuple[bytes, bytes]:
        leaf = issue(
            self.issuing, key, uri=f"urn:uuid:{uuid}", serial=int.from_bytes(key.thumbprint[:8]),
            not_before_ms=START_MS + days[0] * DAY_MS, not_after_ms=START_MS + days[1] * DAY_MS,
        )
        return der(leaf), der(self.issuing.certificate)

    def object(self, key: PublicKey, days: tuple[int, int] = (0, 90)) -> tuple[bytes, bytes]:
        return self._chain(issue_object, key, OBJECT, days)

    def platform(self, key: PublicKey, days: tuple[int, int] = (0, 365)) -> tuple[bytes, bytes]:
        return self._chain(issue_platform, key, PLATFORM, days)


@dataclass(frozen=True, slots=True)
class Witness:
    name: str
    signer: SoftwareSigner = field(default_factory=ed25519_signer)

    @property
    def key(self) -> VerifierKey:
        return VerifierKey(name=self.name, kind=COSIGNATURE, public=self.signer.public_key.raw_ed25519)

    def line(self, checkpoint: bytes, time_s: int = START_MS // 1000 + 11 * 86_400) -> str:
        return cosign(SignedNote.parse(checkpoint), witness=self.name, signer=self.signer, time_s=time_s).line


@dataclass(frozen=True, slots=True)
class TestLog:
    """A log whose leaves are all kept."""

    __test__ = False

    uuid: str
    leaves: tuple[bytes, ...]
    signer: SoftwareSigner = field(default_factory=ed25519_signer)

    @property
    def anchor(self) -> LogAnchor:
        public = self.signer.public_key.raw_ed25519
        return LogAnchor(origin=f"egide/log/{self.uuid}", uri=f"urn:uuid:{self.uuid}", public=public)

    def node(self, height: int, index: int) -> bytes:
        if height == 0:
            return self.leaves[index]
        return node_hash(self.node(height - 1, 2 * index), self.node(height - 1, 2 * index + 1))

    def head(self, size: int) -> TreeHead:
        return TreeHead(size, root_hash(size, self.node))

    def receipt(self, index: int, size: int) -> bytes:
        head = HeadSigner(self.signer, f"urn:uuid:{PLATFORM}", self.anchor.uri).sign(self.head(size))
        return head.receipt(index, inclusion_path(index, size, self.node))

    def checkpoint(self, size: int) -> bytes:
        return sign_checkpoint(self.head(size), origin=self.anchor.origin, signer=self.signer)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything that `build_evidence` needs. Change a part with `replace`, then `proof()`.

    All is signed by Ed25519 unless `object` says otherwise, so the same world always gives the same bytes.
    """

    ca: TestCA = field(default_factory=TestCA)
    platform: SoftwareSigner = field(default_factory=ed25519_signer)
    object: SoftwareSigner = field(default_factory=ed25519_signer)
    readings: Readings = READINGS
    iat_ms: int = READINGS.t0_ms
    index: int = 3
    receipt_size: int = 5
    size: int = 7
    log_uuid: str = LOG
    log_key: SoftwareSigner = field(default_factory=ed25519_signer)
    witnesses: tuple[Witness, ...] = field(
        default_factory=lambda: (Witness("witness.example/north"), Witness("witness.example/south"))
    )
    assertion: Assertion = field(
        default_factory=lambda: Assertion(
            model="Thermo One", trust=4, correction_ms=-1500, received_ms=READINGS.t0_ms + 200_000,
            made_ms=READINGS.t0_ms + DAY_MS, flags=("late",), doubts=((1, 1, "too-fast"),),
        )
    )
    epochs: tuple[Epoch, ...] = ()
    object_chain: tuple[bytes, ...] = ()
    platform_chain: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if not self.object_chain:
            object.__setattr__(self, "object_chain", self.ca.object(self.object.public_key))
        if not self.platform_chain:
            object.__setattr__(self, "platform_chain", self.ca.platform(self.platform.public_key))

    def envelope(self) -> bytes:
        return sign_readings(
            self.readings,
            signer=self.object,
            certificate=hashlib.sha256(self.object_chain[0]).digest(),
            object_id=OBJECT,
            pairing_id=PAIRING,
            iat=self.iat_ms // 1000,
            cti=bytes(range(16)),
            seq=41,
            clock=Clock(b"\x01" * 8, 3_600_000, True),
        )

    def log(self, envelope: bytes) -> TestLog:
        leaves = [leaf_hash(f"entry {i}".encode()) for i in range(self.size)]
        leaves[self.index] = leaf_hash(envelope)
        return TestLog(self.log_uuid, tuple(leaves), self.log_key)

    def parts(self) -> dict[str, Any]:
        """The arguments of `build_evidence`."""
        envelope = self.envelope()
        log = self.log(envelope)
        checkpoint = log.checkpoint(self.size)
        return {
            "envelope": envelope,
            "receipt": log.receipt(self.index, self.receipt_size),
            "chain": self.object_chain,
            "roots": (self.ca.root,),
            "log": log.anchor,
            "checkpoint": checkpoint.decode(),
            "cosignatures": [(witness.key, witness.line(checkpoint)) for witness in self.witnesses],
            "consistency": consistency_path(self.receipt_size, self.size, log.node),
            "assertion": self.assertion,
            "signer": self.platform,
            "platform_chain": self.platform_chain,
            "epochs": self.epochs,
        }

    def proof(self, **other: Any) -> bytes:
        """The proof file; `other` replaces arguments of `build_evidence`."""
        return build_evidence(**{**self.parts(), **other})

    def log_anchor(self) -> LogAnchor:
        return TestLog(self.log_uuid, (), self.log_key).anchor

    def anchors(self, **other: Any) -> Anchors:
        parts: dict[str, Any] = {
            "roots": (self.ca.root,), "logs": (self.log_anchor(),),
            "witnesses": tuple(witness.key for witness in self.witnesses),
        }
        return Anchors(**{**parts, **other})

    def epoch(self, log: LogAnchor, previous: Previous | None, *, at_ms: int = START_MS + DAY_MS) -> Epoch:
        """A genesis statement of `log`, signed by the platform."""
        body = sign1(
            {
                CONTENT_TYPE: JOURNAL_TYPE,
                CWT: {1: f"urn:uuid:{PLATFORM}", 2: log.uri, 6: at_ms // 1000, 7: bytes(16)},
                X5T: [-16, hashlib.sha256(self.platform_chain[0]).digest()],
            },
            cbor.encode(["genesis", at_ms, genesis_facts(log, previous), None]),
            self.platform,
        )
        return Epoch(body, self.platform_chain)


def step_of(data: bytes, world: World, *, anchored: bool = True) -> str:
    """The step that fails."""
    with pytest.raises(ProofError) as failure:
        verify_evidence(data, world.anchors() if anchored else None)
    assert failure.value.code == "proof-invalid"
    assert str(failure.value).startswith(f"step {failure.value.step}: ")
    return failure.value.step


def resigned(data: bytes, world: World, change: Callable[[list[Any]], None]) -> bytes:
    """The file with its payload changed, signed again by the platform: only inner steps can notice."""
    outer = Sign1.parse(data, limit=2**20, header_limit=2**20)
    payload = cbor.decode(outer.payload or b"", limit=2**20)
    change(payload)
    header = {key: value for key, value in outer.header.items() if key != 1}
    return sign1(header, cbor.encode(payload), world.platform)


__all__ = [
    "DAY_MS", "LOG", "LOG_2", "OBJECT", "PAIRING", "PLATFORM", "READINGS", "START_MS", "TestCA", "TestLog",
    "Witness", "World", "der", "ed25519_signer", "p256_signer", "resigned", "step_of",
]
