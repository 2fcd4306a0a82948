"""A person, their passkey, and a platform that enters what they sign: all in memory, with real keys.

`Passkey` is a software authenticator: it signs as a phone or a security key would (WebAuthn, section 6.3.3), and lies
on demand. Nothing of it comes from `egide.trust.webauthn`.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from egide import cbor
from egide.errors import ProofError
from egide.trust.anchors import Anchors, LogAnchor
from egide.trust.cose import CONTENT_TYPE, CWT, X5T, Sign1, SoftwareSigner, sign1
from egide.trust.evidence import Epoch
from egide.trust.genesis import JOURNAL_TYPE, Previous, genesis_facts
from egide.trust.grant import (
    CREDENTIAL,
    CREDENTIAL_END,
    GRANT,
    Consent,
    Credential,
    Entry,
    Named,
    Period,
    Shown,
    SignedConsent,
    build_consent_proof,
    challenge_of,
    consent_facts,
    credential_end_facts,
    verify_consent_proof,
)
from egide.trust.grant.entries import ENTERED_AS
from egide.trust.register.tree import leaf_hash
from egide.trust.webauthn import Assertion, PasskeyKey, Place, with_low_s
from tests.support.proofs import DAY_MS, LOG, PLATFORM, START_MS, TestCA, TestLog, Witness, ed25519_signer

RP = "egide.example"
ORIGIN = "https://egide.example"
ALICE = "urn:uuid:0b0e7ba4-3d3c-4f6e-9d2f-0f6f5a1f2c11"
CLAIRE = "urn:uuid:5a3de3a0-7f52-4a40-8f0a-53d6c1a7c0fe"
GRANT_ID = "urn:uuid:9b2de0c6-7c1e-4d0b-a2a4-6f2a5f6d9e01"
NOW_MS = START_MS + 10 * DAY_MS
TEXT = (
    "Vous autorisez Dr Claire Martin à voir votre glycémie et votre tension, pour vous soigner,\n"
    "du 1er janvier au 30 juin 2026.\n\nVous pouvez changer d’avis à tout moment\u00a0: c’est immédiat."
)
UP, UV, BE, BS = 0x01, 0x04, 0x08, 0x10


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass(slots=True, kw_only=True)
class Passkey:
    """A software authenticator that holds one key."""

    key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    rp: str = RP
    count: int = 0
    id: bytes = b"credential of Alice's phone"

    @property
    def cose(self) -> bytes:
        public = self.key.public_key()
        if isinstance(public, ed25519.Ed25519PublicKey):
            return cbor2.dumps({1: 1, 3: -8, -1: 6, -2: public.public_bytes_raw()})
        n = public.public_numbers()
        return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: n.x.to_bytes(32, "big"), -3: n.y.to_bytes(32, "big")})

    def sign(self, message: bytes) -> bytes:
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            return self.key.sign(message)
        return self.key.sign(message, ec.ECDSA(hashes.SHA256()))

    def get(
        self,
        challenge: bytes,
        /,
        *,
        origin: str = ORIGIN,
        flags: int = UP | UV,
        extra: bytes = b"",
        client: bytes | None = None,
        **said: Any,
    ) -> Assertion:
        """`navigator.credentials.get`: `said` adds to the client's data, `client` replaces them."""
        self.count += 1
        data = {"type": "webauthn.get", "challenge": b64(challenge), "origin": origin, "crossOrigin": False, **said}
        written = json.dumps({k: v for k, v in data.items() if v is not None}, separators=(",", ":")).encode()
        client = written if client is None else client
        authenticator = hashlib.sha256(self.rp.encode()).digest() + bytes((flags,)) + self.count.to_bytes(4, "big")
        authenticator += extra
        return Assertion(authenticator, client, self.sign(authenticator + hashlib.sha256(client).digest()))

    def credential(self, account: str = ALICE, count: int = 0) -> Credential:
        return Credential(
            account=account, id_sha256=hashlib.sha256(self.id).digest(), key=PasskeyKey(self.cose), rp=self.rp,
            count=count,
        )


def consent(**other: Any) -> Consent:
    """Alice lets Dr Claire see her glucose and pressure until the end of June."""
    parts: dict[str, Any] = {
        "kind": GRANT,
        "grant": GRANT_ID,
        "patient": Named(ALICE, "Alice Moreau"),
        "signer": Named(ALICE, "Alice Moreau"),
        "reader_kind": "person",
        "reader": Named(CLAIRE, "Dr Claire Martin"),
        "families": ("glucose", "pressure"),
        "period": Period(START_MS, None),
        "purpose": "TREAT",
        "until_ms": START_MS + 180 * DAY_MS,
        "previous": None,
        "nonce": bytes(range(16)),
        "at_ms": NOW_MS,
        "shown": Shown(TEXT, "2026-01", "fr"),
        "place": Place(RP, ORIGIN),
    }
    return Consent(**{**parts, **other})


def signed_by(passkey: Passkey, statement: bytes, **how: Any) -> SignedConsent:
    """The statement, signed, in the form that is kept."""
    assertion = passkey.get(challenge_of(statement), **how)
    return SignedConsent(statement, with_low_s(assertion, PasskeyKey(passkey.cose)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentWorld:
    """Everything that `build_consent_proof` needs. All but an ES256 passkey signs the same bytes each time."""

    ca: TestCA = field(default_factory=TestCA)
    platform: SoftwareSigner = field(default_factory=ed25519_signer)
    platform_chain: tuple[bytes, ...] = ()
    passkey: Passkey = field(default_factory=Passkey)
    log_uuid: str = LOG
    log_key: SoftwareSigner = field(default_factory=ed25519_signer)
    witnesses: tuple[Witness, ...] = field(default_factory=lambda: (Witness("witness.example/north"),))

    def __post_init__(self) -> None:
        if not self.platform_chain:
            object.__setattr__(self, "platform_chain", self.ca.platform(self.platform.public_key))

    def statement(
        self, kind: str, subject: str, facts: dict[str, Any], *, at_ms: int, sealed: bytes | None = None, **other: Any
    ) -> bytes:
        """A statement of the platform's; `other` replaces parts of its header or the whole payload."""
        header: dict[int | str, Any] = {
            CONTENT_TYPE: other.get("content_type", JOURNAL_TYPE),
            CWT: other.get("claims", {1: f"urn:uuid:{PLATFORM}", 2: subject, 6: at_ms // 1000, 7: bytes(16)}),
            X5T: other.get("x5t", [-16, hashlib.sha256(self.platform_chain[0]).digest()]),
        }
        payload = other.get("payload", [kind, at_ms, facts, sealed])
        return sign1(header, cbor.encode(payload), other.get("signer", self.platform))

    def enrolment(self, **other: Any) -> bytes:
        credential = self.passkey.credential(other.pop("account", ALICE), other.pop("count", 0))
        facts = {**credential.facts(), **other.pop("facts", {})}
        parts: dict[str, Any] = {"at_ms": START_MS + DAY_MS, **other}
        return self.statement(parts.pop("kind", CREDENTIAL), credential.account, facts, **parts)

    def entered(self, signed: SignedConsent, **other: Any) -> bytes:
        said = Consent.decode(signed.statement)
        facts = {**consent_facts(signed.digest), **other.pop("facts", {})}
        parts: dict[str, Any] = {"at_ms": said.at_ms + 20_000, "sealed": b"sealed to Alice", **other}
        subject = parts.pop("subject", said.patient.uri)
        return self.statement(parts.pop("kind", ENTERED_AS[said.kind]), subject, facts, **parts)

    def log(self, *entries: bytes | None) -> TestLog:
        """A log that holds these as its leaves 2, 4, 6..."""
        leaves = [leaf_hash(f"entry {i}".encode()) for i in range(2 * len(entries) + 3)]
        for i, entry in enumerate(entries):
            if entry is not None:
                leaves[2 * i + 2] = leaf_hash(entry)
        return TestLog(self.log_uuid, tuple(leaves), self.log_key)

    def parts(
        self,
        signed: SignedConsent | None = None,
        *,
        enrolment: bytes | None = None,
        entered: bytes | None = None,
        retirement: bytes | None = None,
        order: tuple[int, int, int] = (0, 1, 2),
    ) -> dict[str, Any]:
        """The arguments of `build_consent_proof`; `order` places enrolment, consent and retirement in the log."""
        signed = signed or signed_by(self.passkey, consent().encode())
        statements = [enrolment or self.enrolment(), entered or self.entered(signed), retirement]
        placed: list[bytes | None] = [None] * 3
        for statement, place in zip(statements, order, strict=True):
            placed[place] = statement
        log = self.log(*placed)
        size = len(log.leaves)
        entries = [
            statement and Entry.of(statement, log.receipt(2 * place + 2, size), self.platform_chain)
            for statement, place in zip(statements, order, strict=True)
        ]
        note = log.checkpoint(size)
        return {
            "signed": signed, "credential": entries[0], "entry": entries[1], "retirement": entries[2],
            "roots": (self.ca.root,), "log": log.anchor, "checkpoint": note.decode(),
            "cosignatures": [(witness.key, witness.line(note)) for witness in self.witnesses],
            "made_ms": NOW_MS + DAY_MS, "signer": self.platform, "platform_chain": self.platform_chain,
        }

    def proof(
        self, signed: SignedConsent | None = None, *, replaced: dict[str, Any] | None = None, **how: Any
    ) -> bytes:
        """The proof file; `replaced` replaces arguments of `build_consent_proof`."""
        return build_consent_proof(**{**self.parts(signed, **how), **(replaced or {})})

    def log_anchor(self) -> LogAnchor:
        return TestLog(self.log_uuid, (), self.log_key).anchor

    def anchors(self, **other: Any) -> Anchors:
        parts: dict[str, Any] = {
            "roots": (self.ca.root,), "logs": (self.log_anchor(),),
            "witnesses": tuple(witness.key for witness in self.witnesses),
        }
        return Anchors(**{**parts, **other})

    def epoch(self, log: LogAnchor, previous: Previous | None) -> Epoch:
        facts = genesis_facts(log, previous)
        return Epoch(self.statement("genesis", log.uri, facts, at_ms=START_MS + DAY_MS), self.platform_chain)


def ended(world: ConsentWorld, **other: Any) -> bytes:
    """The statement that retires the world's passkey."""
    facts = {**credential_end_facts(world.passkey.credential().id_sha256), **other.pop("facts", {})}
    parts: dict[str, Any] = {"at_ms": NOW_MS + 3_600_000, **other}
    return world.statement(parts.pop("kind", CREDENTIAL_END), parts.pop("account", ALICE), facts, **parts)


def step_of(data: bytes, world: ConsentWorld | None = None) -> str:
    """The step that fails; anchored when a world is given."""
    with pytest.raises(ProofError) as failure:
        verify_consent_proof(data, world.anchors() if world else None)
    assert str(failure.value).startswith(f"step {failure.value.step}: ")
    return failure.value.step


def resigned(data: bytes, world: ConsentWorld, change: Any) -> bytes:
    """The file with its payload changed, signed again by the platform: only inner steps can notice."""
    outer = Sign1.parse(data, limit=2**20, header_limit=2**20)
    payload = cbor.decode(outer.payload or b"", limit=2**20)
    change(payload)
    header = {key: value for key, value in outer.header.items() if key != 1}
    return sign1(header, cbor.encode(payload), world.platform)
