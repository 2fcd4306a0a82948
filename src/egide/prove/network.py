"""Attacks on the wire and on the broker."""

from __future__ import annotations

import datetime
import ipaddress
import queue
import socket
import ssl
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from egide.errors import EgideError
from egide.prove.arena import Arena, heart_rate
from egide.prove.mqtt import Broken, Line
from egide.prove.registry import attack, held
from egide.things.enrolment import fetch_root
from egide.things.https import Https
from egide.things.pinned import client_context
from egide.trust.claim import ClaimTicket

FLOOD_S = 6.0


@attack(
    "another-topic",
    claim="An object publishes on its own topic only.",
    claim_fr="Un objet ne publie que sur son propre canal.",
    attacker="thief of an object",
    needs=("N18", "N19"),
)
def another_topic(arena: Arena) -> Iterator[str]:
    before = arena.stored()
    data = arena.other.envelope()
    for topic in (
        f"up/{arena.other.uuid}",
        "up/x",
        f"down/{arena.other.uuid}/answer",
        "$MQTT/msgs/up/x",
        "intake/http",
    ):
        line = Line.open(arena, arena.mine)
        acked = line.publish(topic, data)
        line.close()
        shown = topic.replace(arena.other.uuid, "<another>")
        yield f"publish on {shown}: {'acknowledged and dropped' if acked else 'no acknowledgement'}"
    line = Line.open(arena, arena.mine)
    held(line.send(arena.mine.envelope()).receipt is not None, "its own topic no longer works")
    line.close()
    held(arena.stored() == before + 1, "something was stored that came by another's topic")
    yield "stored meanwhile: only what it sent on its own topic"
    try:
        Line.open(arena, arena.mine, client_id=arena.other.uuid)
    except Broken:
        yield "connecting under another's client id: refused"
    else:
        held(False, "it connected under another's client id")


@attack(
    "eavesdropping",
    claim="An object hears its own answers only: not another's, not '#', not '$MQTT/#'.",
    claim_fr="Un objet n'entend que ses propres réponses : ni celles d'un autre, ni '#', ni '$MQTT/#'.",
    attacker="thief of an object",
    needs=("N18", "N19", "N20"),
)
def eavesdropping(arena: Arena) -> Iterator[str]:
    other = Line.open(arena, arena.other)
    for topic in (f"down/{arena.other.uuid}/#", f"up/{arena.other.uuid}", "#", "+/+", "$MQTT/#", "$SYS/#", "$JS/#"):
        shown = topic.replace(arena.other.uuid, "<another>")
        try:
            spy = Line.open(arena, arena.mine)
        except Broken:
            held(False, "the object can no longer connect")
            return
        granted = spy.subscribe(topic)
        held(other.send(arena.other.envelope()).receipt is not None, "the other object got no receipt")
        try:
            heard = spy.messages.get(timeout=0.5)
        except queue.Empty:
            heard = None
        spy.close()
        held(heard is None, f"subscribed to {shown}, it heard {len(heard[1]) if heard else 0} bytes")
        yield f"subscribe {shown}: {'granted, silent' if granted else 'refused'}"
    other.close()


@attack(
    "anonymous-and-plain",
    claim="Without TLS, or without a certificate of ours, nobody is let in.",
    claim_fr="Sans TLS, ou sans un de nos certificats, personne n'entre.",
    attacker="stranger on the network",
    needs=("N07", "N19", "N20"),
)
def anonymous(arena: Arena) -> Iterator[str]:
    for what, arguments in {
        "plain MQTT": {"plain": True},
        "TLS without a certificate": {"context": client_context([arena.root])},
        "TLS with a self-made certificate": {"context": _foreign_context(arena)},
    }.items():
        try:
            Line.open(arena, None, **arguments)  # type: ignore[arg-type]
        except Broken as err:
            yield f"{what}: {err}"
        else:
            held(False, f"{what}: let in")
    with socket.create_connection(("127.0.0.1", arena.instance.objects_port), timeout=5) as plain:
        plain.sendall(b"GET /object HTTP/1.1\r\nHost: localhost\r\n\r\n")
        said = plain.recv(200)
        held(b"200" not in said[:20], "plain HTTP was served")
    yield "plain HTTP on the objects' port: not served"
    with arena.client() as client:
        held(client.get("/object").status_code in {401, 403}, "/object was served without a certificate")
    yield "GET /object without a certificate: refused"


@attack(
    "tls-downgrade",
    claim="Nothing older than TLS 1.3 is spoken with objects.",
    claim_fr="Rien de plus ancien que TLS 1.3 n'est parlé avec les objets.",
    attacker="man in the middle",
    needs=("N19",),
)
def downgrade(arena: Arena) -> Iterator[str]:
    for what, port in {"HTTPS": arena.instance.objects_port, "MQTT": arena.instance.mqtt_port}.items():
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.load_cert_chain(arena.mine.folder / "chain.pem", arena.mine.folder / "key.pem")
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as raw, context.wrap_socket(raw):
                held(False, f"{what} spoke TLS 1.2")
        except (ssl.SSLError, OSError) as err:
            yield f"{what}, TLS 1.2 at most: {getattr(err, 'reason', '') or type(err).__name__}"


@attack(
    "man-in-the-middle",
    claim="A server with another CA learns nothing: no code, no envelope.",
    claim_fr="Un serveur d'une autre autorité n'apprend rien : ni code, ni enveloppe.",
    attacker="man in the middle",
    needs=("N19",),
)
def middle(arena: Arena) -> Iterator[str]:
    with _Impostor(arena.folder) as impostor:
        true = ClaimTicket.parse(arena.claim(arena.alice))
        acts: dict[str, Callable[[], object]] = {
            "enrolment": lambda: fetch_root(
                ClaimTicket(
                    url=f"https://localhost:{impostor.port}",
                    ca_sha256=true.ca_sha256,
                    claim_id=true.claim_id,
                    code=true.code,
                )
            ),
            "sending": lambda: Https(f"https://localhost:{impostor.port}", arena.mine.tls()).intake(
                arena.mine.envelope()
            ),
        }
        for what, act in acts.items():
            try:
                act()
            except EgideError as err:
                yield f"{what}: the object stops with {err.code}"
            else:
                held(False, f"{what} went through")
        held(
            b"Authorization" not in impostor.heard and b"\xd2\x84" not in impostor.heard,
            "it heard a code or an envelope",
        )
        yield f"the impostor heard {len(impostor.heard)} bytes of requests, no code and no envelope"


@attack(
    "flood",
    claim="One object that floods does not delay the others' receipts.",
    claim_fr="Un objet qui inonde ne retarde pas les reçus des autres.",
    attacker="thief of an object",
    needs=("N17", "N19", "N25"),
    alone=True,
)
def flood(arena: Arena) -> Iterator[str]:
    quiet = Line.open(arena, arena.other)
    normal = _latencies(quiet, 20)
    stop, sent = threading.Event(), [0]

    def pour() -> None:
        junk = bytes(2_000)
        while not stop.is_set():
            try:
                line = Line.open(arena, arena.mine)
            except Broken:
                continue
            while not stop.is_set() and not line.wait_cut(0):
                line.publish(f"up/{arena.mine.uuid}", junk, wait=False)
                sent[0] += 1
            line.close()

    flooding = threading.Thread(target=pour, daemon=True)
    flooding.start()
    started = time.monotonic()
    during: list[float] = []
    while time.monotonic() - started < FLOOD_S:
        during += _latencies(quiet, 5)
    stop.set()
    flooding.join(20)
    quiet.close()
    before, after = statistics.median(normal), statistics.median(during)
    yield f"median receipt alone {before * 1000:.0f} ms"
    yield f"during {sent[0]} flooding messages {after * 1000:.0f} ms (worst {max(during) * 1000:.0f} ms)"
    held(max(during) < 5.0, "another object's receipt took more than 5 s")


def _latencies(line: Line, count: int) -> list[float]:
    taken = []
    for _ in range(count):
        data = line.foe.envelope(heart_rate(70))
        began = time.monotonic()
        held(line.send(data).receipt is not None, "the quiet object got no receipt")
        taken.append(time.monotonic() - began)
    return taken


def _foreign_context(arena: Arena) -> ssl.SSLContext:
    certificate, key = _self_made(arena.folder, "mallory")
    context = client_context([arena.root])
    context.load_cert_chain(certificate, key)
    return context


def _self_made(folder: Path, name: str) -> tuple[Path, Path]:
    """A self-signed certificate for localhost, of a CA nobody pinned."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / f"{name}.pem", folder / f"{name}.key"
    certificate_file.write_bytes(made.public_bytes(Encoding.PEM))
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return certificate_file, key_file


class _Impostor:
    """A TLS server that answers every request with an empty page, and remembers what it heard."""

    def __init__(self, folder: Path) -> None:
        self.heard = b""
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*_self_made(folder, "impostor"))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> _Impostor:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                raw, _ = self._listener.accept()
            except OSError:
                return
            try:
                with raw, self._context.wrap_socket(raw, server_side=True) as secure:
                    secure.settimeout(2)
                    self.heard += secure.recv(65536)
                    secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            except OSError:
                continue
