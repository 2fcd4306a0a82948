"""The vectors of consent proofs (docs/spec/consent.md): what holds, and at which step every other one fails."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from proofs import _anchors, _Ca, _cosigned, _with
from world import (
    LOG_SIGNER,
    LOG_URI,
    MALLORY,
    ORIGIN,
    OTHER_LOG,
    PLATFORM,
    START_MS,
    URN,
    P256Signer,
    bytes_of,
    ed25519_signer,
)

from egide import cbor
from egide.trust.anchors import LogAnchor
from egide.trust.cose import CONTENT_TYPE, CWT, X5T, sign1
from egide.trust.evidence import Epoch
from egide.trust.genesis import JOURNAL_TYPE, Previous, genesis_facts
from egide.trust.grant import (
    CREDENTIAL,
    CREDENTIAL_END,
    GRANT,
    RESEARCH,
    WITHDRAWAL,
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
from egide.trust.grant.form import decode
from egide.trust.identity import issue_platform
from egide.trust.register.checkpoint import sign_checkpoint
from egide.trust.register.receipt import HeadSigner
from egide.trust.register.tree import TreeHead, inclusion_path, leaf_hash, node_hash, root_hash
from egide.trust.webauthn import Assertion, PasskeyKey, Place

Vectors = Iterator[dict[str, Any]]
_RP: Final = "egide.example"
_SITE: Final = "https://egide.example"
_ALICE: Final = Named(URN + "0b0e7ba4-3d3c-4f6e-9d2f-0f6f5a1f2c11", "Alice Moreau")
_BOB: Final = Named(URN + "5a3de3a0-7f52-4a40-8f0a-53d6c1a7c0fe", "Dr Bob Durand")
_DAY_MS: Final = 86_400_000
_NOW_MS: Final = START_MS + 10 * _DAY_MS
_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_TEXT: Final = "Vous autorisez Dr Bob Durand à voir votre glycémie.\nVous pouvez changer d’avis\u00a0: c’est immédiat."
_SIGNER: Final = ed25519_signer("the platform")
_GOOD: Final = (
    b'{"type":"webauthn.get","challenge":"%s","origin":"https://egide.example","crossOrigin":false,'
    b'"other_keys_can_be_added_here":"do not compare clientDataJSON against a template"}'
)


class _Passkey:
    """A key that signs the same each time: ES256, or EdDSA."""

    def __init__(self, name: str, *, ed: bool = False) -> None:
        self._signer: Any = ed25519_signer(name) if ed else P256Signer(name)
        self._ed = ed
        self.id = hashlib.sha256(name.encode()).digest()

    @property
    def cose(self) -> bytes:
        if self._ed:
            return cbor.encode({1: 1, 3: -8, -1: 6, -2: self._signer.public_key.raw_ed25519})
        point = self._signer.public_key.spki[-64:]
        return cbor.encode({1: 2, 3: -7, -1: 1, -2: point[:32], -3: point[32:]})

    def sign(self, statement: bytes, *, client: bytes = _GOOD, flags: int = 5, rp: str = _RP) -> SignedConsent:
        challenge = base64.urlsafe_b64encode(challenge_of(statement)).rstrip(b"=")
        written = client.replace(b"%s", challenge)
        data = hashlib.sha256(rp.encode()).digest() + bytes((flags,)) + (7).to_bytes(4, "big")
        raw = self._signer.sign(data + hashlib.sha256(written).digest())
        if not self._ed:
            raw = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
        return SignedConsent(statement, Assertion(data, written, raw))


def _consent(**other: Any) -> Consent:
    parts: dict[str, Any] = {
        "kind": GRANT, "grant": URN + "9b2de0c6-7c1e-4d0b-a2a4-6f2a5f6d9e01", "patient": _ALICE, "signer": _ALICE,
        "reader_kind": "person", "reader": _BOB, "families": ("glucose", "pressure"),
        "period": Period(START_MS, None), "purpose": "TREAT", "until_ms": START_MS + 180 * _DAY_MS, "previous": None,
        "nonce": bytes_of("consent", 16), "at_ms": _NOW_MS, "shown": Shown(_TEXT, "2026-01", "fr"),
        "place": Place(_RP, _SITE),
    }
    return Consent(**{**parts, **other})


class _World:
    """A platform that entered a consent, the passkey that signed it, and a log that holds all of it."""

    def __init__(self, ca: _Ca, passkey: _Passkey, log_uuid: str = "", log_signer: Any = LOG_SIGNER) -> None:
        self.ca, self.passkey = ca, passkey
        self.chain = ca.chain(issue_platform, _SIGNER, PLATFORM)
        uri, origin = (URN + log_uuid, f"egide/log/{log_uuid}") if log_uuid else (LOG_URI, ORIGIN)
        self.log = LogAnchor(origin=origin, uri=uri, public=log_signer.public_key.raw_ed25519)
        self.log_signer = log_signer

    def statement(self, kind: str, subject: str, facts: dict[str, Any], at_ms: int, signer: Any = _SIGNER) -> bytes:
        claims = {1: URN + PLATFORM, 2: subject, 6: at_ms // 1000, 7: bytes_of(f"{kind} {at_ms}", 16)}
        digest = hashlib.sha256(self.chain[0]).digest()
        header: dict[int | str, Any] = {CONTENT_TYPE: JOURNAL_TYPE, CWT: claims, X5T: [-16, digest]}
        sealed = b"sealed to the patient" if kind in ENTERED_AS.values() else None
        return sign1(header, cbor.encode([kind, at_ms, facts, sealed]), signer)

    def credential(self, **facts: Any) -> bytes:
        found = Credential(
            account=_ALICE.uri, id_sha256=hashlib.sha256(self.passkey.id).digest(), key=PasskeyKey(self.passkey.cose),
            rp=_RP, count=0,
        )
        return self.statement(CREDENTIAL, _ALICE.uri, {**found.facts(), **facts}, START_MS)

    def retirement(self) -> bytes:
        facts = credential_end_facts(hashlib.sha256(self.passkey.id).digest())
        return self.statement(CREDENTIAL_END, _ALICE.uri, facts, _NOW_MS + 3_600_000)

    def entered(self, signed: SignedConsent, **other: Any) -> bytes:
        said = Consent.decode(signed.statement)
        parts: dict[str, Any] = {"at_ms": said.at_ms + 20_000, **other}
        kind = parts.pop("kind", ENTERED_AS[said.kind])
        facts = parts.pop("facts", consent_facts(signed.digest))
        return self.statement(kind, parts.pop("subject", said.patient.uri), facts, **parts)

    def proof(
        self, signed: SignedConsent | None = None, *, enrolled: bytes | None = None, entered: bytes | None = None,
        retirement: bytes | None = None, order: tuple[int, int, int] = (1, 3, 5), **other: Any,
    ) -> bytes:
        signed = signed or self.passkey.sign(_consent().encode())
        statements = [enrolled or self.credential(), entered or self.entered(signed), retirement]
        leaves = [leaf_hash(f"entry {i}".encode()) for i in range(7)]
        for statement, place in zip(statements, order, strict=True):
            if statement:
                leaves[place] = leaf_hash(statement)

        def node(height: int, index: int) -> bytes:
            if height == 0:
                return leaves[index]
            return node_hash(node(height - 1, 2 * index), node(height - 1, 2 * index + 1))

        tree = TreeHead(7, root_hash(7, node))
        head = HeadSigner(self.log_signer, URN + PLATFORM, self.log.uri).sign(tree)
        note = sign_checkpoint(tree, origin=self.log.origin, signer=self.log_signer)
        entries = [
            statement and Entry.of(statement, head.receipt(place, inclusion_path(place, 7, node)), self.chain)
            for statement, place in zip(statements, order, strict=True)
        ]
        parts: dict[str, Any] = {
            "signed": signed, "credential": entries[0], "entry": entries[1], "retirement": entries[2],
            "roots": (self.ca.root,), "log": self.log, "checkpoint": note.decode(),
            "cosignatures": [_cosigned(note, ed25519_signer("the witness"))], "made_ms": _NOW_MS + _DAY_MS,
            "signer": _SIGNER, "platform_chain": self.chain,
        }
        self.entries = entries
        return build_consent_proof(**{**parts, **other})

    def epochs(self, first: LogAnchor, size: int) -> list[Epoch]:
        """How this log followed `size` leaves of the first one."""
        previous = Previous(origin=first.origin, uri=first.uri, size=size, root=bytes_of("root"))
        return [
            Epoch(self.statement("genesis", log.uri, genesis_facts(log, before), START_MS), self.chain)
            for log, before in ((first, None), (self.log, previous))
        ]


def _good(name: str, data: bytes, anchors: dict[str, Any] | None) -> dict[str, Any]:
    report = verify_consent_proof(data, None)
    said = report.consent
    return {
        "name": name, "kind": "consent", "expect": "ok", "file": data.hex(), "anchors": anchors, "act": said.kind,
        "grant": said.grant, "patient": said.patient.uri, "signer": said.signer.uri, "reader": said.reader.uri,
        "families": list(said.families), "purpose": said.purpose, "until_ms": said.until_ms, "at_ms": said.at_ms,
        "text": said.shown.text, "origin": said.place.origin, "challenge": challenge_of(said.encode()).hex(),
        "entered_ms": report.entered_ms, "enrolled_ms": report.enrolled_ms, "retired_ms": report.retired_ms,
        "log": report.log_uri, "size": report.register_size, "index": report.register_index,
        "warnings": list(report.warnings), "witnesses": [[w.name, w.cosigned_s] for w in report.witnesses],
        "anchored": anchors is not None,
    }


def _bad(name: str, step: str, data: bytes, anchors: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "name": name, "kind": "consent", "expect": "proof-invalid", "step": step, "file": data.hex(),
        "anchors": anchors,
    }


def consents() -> Vectors:
    ca = _Ca("Vectors root")
    phone, token = _Passkey("alice's phone"), _Passkey("alice's token", ed=True)
    world = _World(ca, phone)
    anchors = _anchors(ca, world.log)
    data = world.proof()
    first = world.entries[0]
    yield _good("es256", data, anchors)
    yield _good("eddsa", _World(ca, token).proof(), anchors)
    yield _good("without-anchors", data, None)
    taken = _consent(kind=WITHDRAWAL, until_ms=None, previous=phone.sign(_consent().encode()).digest)
    yield _good("withdrawal", world.proof(phone.sign(taken.encode())), anchors)
    app = _consent(reader_kind="app", reader=Named("app:walk", "Marche"), patient=_BOB, until_ms=None)
    yield _good("app-and-representative", world.proof(phone.sign(app.encode())), anchors)
    yield _good("retired-later", world.proof(retirement=world.retirement()), anchors)
    yield _good("synced", world.proof(phone.sign(_consent().encode(), flags=0x1D)), anchors)
    yield _good("counter", world.proof(enrolled=world.credential(count=7)), anchors)
    second = _World(ca, phone, OTHER_LOG, ed25519_signer("log 2"))
    yield _good("after-a-restore", second.proof(epochs=second.epochs(world.log, 7)), anchors)
    for name, size, make in (("enrolled-before-a-restore", 7, _good), ("enrolment-lost-by-a-restore", 1, _lost)):
        yield make(name, second.proof(epochs=second.epochs(world.log, size), credential=first), anchors)
    yield from _hostile_answers(world, phone)
    yield from _hostile_entries(world, phone, anchors)
    yield from _changed(data)
    yield _bad("own-keys", "2 enrolment", _World(_Ca("Vectors root"), phone).proof(), anchors)
    yield _bad("another-log", "5 log", second.proof(), anchors)
    yield _bad("another-platform", "10 platform signature", world.proof(signer=MALLORY))
    yield _bad("made-before", "10 platform signature", world.proof(made_ms=_NOW_MS))
    yield from _research(ca, phone)


def _research(ca: _Ca, phone: _Passkey) -> Vectors:
    """A part in research is entered as that, and as nothing else."""
    world = _World(ca, phone)
    anchors = _anchors(ca, world.log)
    signed = phone.sign(_consent(kind=RESEARCH, purpose="HRESCH").encode())
    yield _good("research", world.proof(signed), anchors)
    as_grant = world.proof(signed, entered=world.entered(signed, kind="grant"))
    yield _bad("research-entered-as-a-grant", "4 entry", as_grant, anchors)


def _lost(name: str, data: bytes, anchors: dict[str, Any] | None) -> dict[str, Any]:
    return _bad(name, "7 receipts", data, anchors)


def _hostile_answers(world: _World, phone: _Passkey) -> Vectors:
    """What the passkey said is not what the statement asks for; everybody else signed."""
    statement = _consent().encode()
    step = "3 passkey signature"
    for name, old, new in (
        ("another-challenge", b'"%s"', b'"' + base64.urlsafe_b64encode(bytes(32)).rstrip(b"=") + b'"'),
        ("challenge-padded", b'"%s"', b'"%s="'),
        ("another-origin", b"https://egide.example", b"https://egide.example.evil.example"),
        ("origin-of-a-sub-domain", b"https://egide.example", b"https://a.egide.example"),
        ("an-enrolment", b"webauthn.get", b"webauthn.create"),
        ("cross-origin", b'"crossOrigin":false', b'"crossOrigin":true'),
        ("cross-origin-null", b'"crossOrigin":false', b'"crossOrigin":null'),
        ("top-origin", b'"crossOrigin":false', b'"crossOrigin":false,"topOrigin":"https://evil.example"'),
        ("token-binding", b'"crossOrigin":false', b'"tokenBinding":{"status":"present","id":"x"}'),
        ("name-twice", b'{"type"', b'{"origin":"https://evil.example","type"'),
        ("name-twice-escaped", b'{"type"', b'{"orig\\u0069n":"https://evil.example","type"'),
        ("name-twice-inside", b'"crossOrigin":false', b'"x":[{"a":1,"a":1}]'),
        ("byte-order-mark", b'{"type"', b'\xef\xbb\xbf{"type"'),
        ("not-utf-8", b'"crossOrigin":false', b'"x":"\xff"'),
        ("not-json", b'"crossOrigin":false', b'"x":NaN'),
    ):
        signed = phone.sign(statement, client=_GOOD.replace(old, new))
        yield _bad(name, step, world.proof(signed))
    for name, how in (
        ("nobody-recognised", {"flags": 1}), ("nobody-present", {"flags": 4}), ("copied-not-copyable", {"flags": 0x15}),
        ("attested-data", {"flags": 0x45}), ("extensions-missing", {"flags": 0x85}),
        ("another-relying-party", {"rp": "evil.example"}),
    ):
        yield _bad(name, step, world.proof(phone.sign(statement, **how)))
    good = phone.sign(statement)
    r, s = decode_dss_signature(good.assertion.signature)
    for name, signature in (
        ("high-s", encode_dss_signature(r, _ORDER - s)),
        ("raw-signature", r.to_bytes(32, "big") + s.to_bytes(32, "big")),
        ("der-with-a-tail", good.assertion.signature + b"\x00"),
        ("der-with-a-long-length", b"\x30\x81" + good.assertion.signature[1:]),
        ("r-zero", encode_dss_signature(0, s)),
    ):
        assertion = Assertion(good.assertion.authenticator_data, good.assertion.client_data, signature)
        yield _bad(name, step, world.proof(SignedConsent(statement, assertion)))
    text = _consent(shown=Shown("Vous n’autorisez personne.", "2026-01", "fr")).encode()
    yield _bad("text-swapped", step, world.proof(SignedConsent(text, good.assertion)))
    summer = _consent(at_ms=_NOW_MS + 1, previous=good.digest).encode()
    yield _bad("last-winters-answer", step, world.proof(SignedConsent(summer, good.assertion)))
    yield _bad("another-passkey", step, world.proof(_Passkey("mallory").sign(statement)))


def _hostile_entries(world: _World, phone: _Passkey, anchors: dict[str, Any]) -> Vectors:
    """The platform entered something else, or in another order."""
    signed = phone.sign(_consent().encode())
    for name, how in (
        ("entry-of-another-consent", {"facts": consent_facts(bytes(32))}),
        ("entry-of-another-patient", {"subject": _BOB.uri}),
        ("entry-of-another-kind", {"kind": "grant-end"}),
        ("entered-before-it-was-written", {"at_ms": _NOW_MS - 1}),
        ("entered-long-after", {"at_ms": _NOW_MS + 600_001}),
        ("entered-by-another", {"signer": MALLORY}),
    ):
        yield _bad(name, "4 entry", world.proof(signed, entered=world.entered(signed, **how)), anchors)
    rsa = cbor.encode({1: 3, 3: -257, -1: bytes(200), -2: b"\x01\x00\x01"})
    for name, facts in (
        ("key-rs256", {"key": rsa}), ("key-esp256", {"key": phone.cose.replace(b"\x03\x26", b"\x03\x28", 1)}),
        ("key-off-the-curve", {"key": phone.cose[:-32] + bytes(32)}), ("counter-negative", {"count": -1}),
    ):
        yield _bad(name, "2 enrolment", world.proof(enrolled=world.credential(**facts)), anchors)
    for name, order in (
        ("enrolled-after", (3, 1, 5)), ("retired-before", (1, 5, 3)), ("retired-before-it-was-enrolled", (3, 5, 1)),
    ):
        yield _bad(name, "8 order", world.proof(retirement=world.retirement(), order=order), anchors)
    other = world.statement(CREDENTIAL_END, _ALICE.uri, credential_end_facts(bytes(32)), _NOW_MS)
    yield _bad("retirement-of-another", "2 enrolment", world.proof(retirement=other), anchors)


def _changed(data: bytes) -> Vectors:
    """One place of a good file, changed: the step that owns it."""
    proof = decode(data).proof
    lines = proof.checkpoint.rstrip("\n").split("\n")
    for name, step, part in (
        ("root-changed", "2 enrolment", proof.roots[0]),
        ("reader-changed", "3 passkey signature", b"Dr Bob Durand"),
        ("log-key-changed", "6 checkpoint", proof.log_key),
        ("checkpoint-changed", "6 checkpoint", lines[4].split(" ")[2].rstrip("=").encode()[:-4]),
        ("cosignature-changed", "9 witnesses", lines[5].split(" ")[2].encode()[20:-5]),
        ("platform-signature-changed", "10 platform signature", data[-64:]),
    ):
        yield _bad(name, step, _with(data, part) if name != "reader-changed" else data.replace(part, b"Dr Bob Dupond"))
    yield _bad("longer-tag", "1 form", b"\xd8\x12" + data[1:])
    yield _bad("trailing-byte", "1 form", data + b"\x00")
