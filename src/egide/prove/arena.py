"""Where attacks happen: a platform, a few people, and objects whose every byte the attacker may choose."""

from __future__ import annotations

import hashlib
import os
import secrets
import ssl
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Self

import httpx
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from egide.measure.readings import Readings, Series
from egide.prove.instance import Instance
from egide.things.enrolment import enrol, fetch_root
from egide.things.https import Https
from egide.things.pinned import client_context
from egide.trust.anchors import Anchors
from egide.trust.answer import ReceiptAnswer, decode_answer, verify_refusal
from egide.trust.claim import ClaimTicket
from egide.trust.cose import SoftwareSigner
from egide.trust.envelope import Clock, Envelope, sign_readings
from egide.trust.register.receipt import VerifiedReceipt, verify_receipt

__all__ = ["Arena", "Foe", "Posted", "heart_rate"]

HEART_RATE: Final = "8867-4"


def heart_rate(value: int, *, at_ms: int | None = None) -> Readings:
    """One heart rate, measured now unless said."""
    t0 = at_ms if at_ms is not None else time.time_ns() // 1_000_000
    return Readings(t0_ms=t0, series=(Series(code=HEART_RATE, unit="/min", times=0, exponent=0, values=(value,)),))


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """What came back for one envelope: a verified receipt, or the code of a verified refusal."""

    status: int
    receipt: VerifiedReceipt | None = None
    code: str = ""


@dataclass(kw_only=True)
class Foe:
    """An enrolled object in an attacker's hands: its key, its certificate, its pairing."""

    uuid: str
    pairing: str
    signer: SoftwareSigner
    chain: tuple[bytes, ...]
    folder: Path  # key.pem and chain.pem, for TLS
    root: bytes
    seq: int = 0
    boot: bytes = field(default_factory=lambda: os.urandom(8))
    certificate: bytes = b""  # SHA-256

    def envelope(self, readings: Readings | None = None, **changes: Any) -> bytes:
        """A good envelope, but for `changes` (the arguments of `sign_readings`)."""
        self.seq += 1
        now = time.time()
        arguments: dict[str, Any] = {
            "signer": self.signer,
            "certificate": self.certificate,
            "object_id": self.uuid,
            "pairing_id": self.pairing,
            "iat": int(now),
            "cti": os.urandom(16),
            "seq": self.seq,
            "clock": Clock(self.boot, int(time.monotonic() * 1000), True),
        }
        return sign_readings(readings or heart_rate(72), **{**arguments, **changes})

    def tls(self) -> ssl.SSLContext:
        """A TLS client context that shows this object's certificate."""
        context = client_context([self.root])
        context.load_cert_chain(self.folder / "chain.pem", self.folder / "key.pem")
        return context


class Arena:
    """A platform for attacks. Use as a context manager."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        given = {"EGIDE_INTAKE_RATE": "100000", **settings}  # the limit itself is attacked by the flood
        self.instance = Instance(data=folder / "data", keys=folder / "keys", settings=given)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:  # what ends us before we are ready stops the platform too
            stack.enter_context(self.instance)
            self._furnish()
            self._stack = stack.pop_all()
        return self

    def _furnish(self) -> None:
        """The people and the objects."""
        self.alice = self.person("Alice Martin", "patient")
        self.bob = self.person("Bob Durand", "patient")
        self.charlie = self.person("Charlie Petit", "professional")
        self.instance.run("person", "follow", self.charlie, self.alice)
        self.root = b""
        self.officers: list[tuple[str, Any, Any]] = []  # user name, browser, passkey: staff.officers fills it
        self.mine = self.enrol(self.alice)
        self.other = self.enrol(self.bob, kind="ed25519")
        self.anchors = self._anchors()

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def closing(self, client: httpx.Client) -> None:
        """Close this client when the arena ends, whoever forgets to."""
        self._stack.callback(client.close)

    def person(self, name: str, role: str) -> str:
        """Make an account; its user name."""
        return self.instance.run("person", "add", name, "--role", role).stdout.strip()

    def claim(self, patient: str = "", *, again: str = "") -> str:
        """A claim's text."""
        what = ["--object", again] if again else ["--model", "Attacked GX-1"]
        to = ["--patient", patient] if patient else []
        return str(self.instance.json("fleet", "claim", *what, *to)["claim"])

    def enrol(self, patient: str, *, kind: str = "p256") -> Foe:
        """Enrol an object, and keep everything about it in the attacker's hands."""
        ticket = ClaimTicket.parse(self.claim(patient))
        self.root = fetch_root(ticket)
        key = ec.generate_private_key(ec.SECP256R1()) if kind == "p256" else ed25519.Ed25519PrivateKey.generate()
        signer = SoftwareSigner(key)
        https = Https(ticket.url, client_context([self.root]))
        try:
            issued = enrol(https, ticket, signer, self.root, at_ms=time.time_ns() // 1_000_000)
        finally:
            https.close()
        folder = self.folder / "foes" / secrets.token_hex(4)
        folder.mkdir(parents=True)
        (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        (folder / "chain.pem").write_bytes(issued.pem())
        foe = Foe(
            uuid=issued.certificate.uuid, pairing="", signer=signer, chain=issued.chain, folder=folder, root=self.root,
            certificate=issued.certificate.sha256,
        )  # fmt: skip
        https = Https(ticket.url, foe.tls())
        try:
            pairings = https.page().pairings
        finally:
            https.close()
        return replace(foe, pairing=pairings[0]) if pairings else foe

    def _anchors(self) -> Anchors:
        return Anchors.load(self.instance.run("anchors").stdout.encode())

    def client(self, foe: Foe | None = None, **more: Any) -> httpx.Client:
        """An HTTPS client of the objects' listener, with this object's certificate or none."""
        context = foe.tls() if foe is not None else client_context([self.root])
        return httpx.Client(base_url=self.instance.objects_url, verify=context, trust_env=False, timeout=30, **more)

    def post(self, data: bytes, *, by: Foe | None = None) -> Posted:
        """Send bytes to intake by HTTPS, and verify the answer as an object would."""
        with self.client(by) as client:
            response = client.post("/intake", content=data, headers={"content-type": "application/cose"})
        return self.read_answer(response.content, data, status=response.status_code)

    def read_answer(self, answer: bytes, data: bytes, *, status: int = 0) -> Posted:
        """Verify an answer: a receipt against the log's key and our own leaf, a refusal against our digest."""
        log = self.anchors.logs[-1]
        decoded = decode_answer(answer)
        if isinstance(decoded, ReceiptAnswer):
            leaf = Envelope.parse(data).leaf()
            receipt = verify_receipt(decoded.receipt, leaf, key=log.key, log_uri=log.uri)
            return Posted(status=status, receipt=receipt)
        digest = hashlib.sha256(data).digest()
        refusal = verify_refusal(decoded.refusal, digest=digest, key=log.key, log_uri=log.uri)
        return Posted(status=status, code=refusal.code)

    def inside(self, code: str, *arguments: str) -> str:
        """Run Python with the platform's own code, folders and keys (an insider with everything); its stdout."""
        done = subprocess.run(
            [sys.executable, "-c", "from egide.cli.django import setup; setup()\n" + code, *arguments],
            env=self.instance.environment, capture_output=True, text=True, check=True, timeout=120,
        )  # fmt: skip
        return done.stdout

    def stored(self) -> int:
        """How many envelopes the platform holds."""
        return int(self.instance.json("fsck")["envelopes"])

    def readings(self, patient: str) -> list[dict[str, Any]]:
        """The patient's own view of the last day."""
        rows: list[dict[str, Any]] = self.instance.json("read", patient, "--as", patient, "--purpose", "PATRQT")
        return rows
