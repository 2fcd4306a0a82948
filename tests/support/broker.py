"""A real broker for tests: a small PKI of its own, and MQTT clients with real certificates."""

from __future__ import annotations

import hashlib
import ipaddress
import queue
import ssl
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from paho.mqtt.enums import CallbackAPIVersion

from egide.cloud.fleet.broker.callout import Admission
from egide.cloud.fleet.broker.child import Broker, start_broker
from egide.cloud.fleet.broker.reconcile import Banned
from egide.cloud.fleet.broker.secrets import (
    FILE,
    BrokerSecrets,
    make_broker_secrets,
    parse_broker_secrets,
    write_broker_secrets,
)
from egide.cloud.options import Options
from egide.errors import CertificateRevokedError, IdentityError

PATIENCE = 15.0
HUNG_UP = 255


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate on disk and its key."""

    certificate: x509.Certificate
    pem: Path
    key: Path

    @property
    def sha256(self) -> bytes:
        return hashlib.sha256(self.certificate.public_bytes(Encoding.DER)).digest()


class TestCa:
    """Root, issuing CA and leaves, written under `folder` with the names of the keys folder."""

    __test__ = False

    def __init__(self, folder: Path, name: str = "Test") -> None:
        self._folder, self._name = folder, name
        folder.mkdir(parents=True, exist_ok=True)
        root_key = ec.generate_private_key(ec.SECP256R1())
        self._key = ec.generate_private_key(ec.SECP256R1())
        root = _certificate(f"{name} root", root_key, f"{name} root", root_key, path_length=1)
        self._issuing = _certificate(f"{name} issuing", self._key, f"{name} root", root_key, path_length=0)
        self.root_pem = folder / "ca-root.pem"
        _write(self.root_pem, root.public_bytes(Encoding.PEM))
        _write(folder / "ca-issuing.pem", self._issuing.public_bytes(Encoding.PEM))

    def server(self) -> Identity:
        """The server's certificate, for localhost and 127.0.0.1, as tls.pem and tls.key."""
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        return self._leaf("tls", "localhost", names, ExtendedKeyUsageOID.SERVER_AUTH, timedelta(days=1))

    def object(self, object_id: str, *, life: timedelta = timedelta(days=1)) -> Identity:
        """A new certificate of an object."""
        names = [x509.UniformResourceIdentifier(f"urn:uuid:{object_id}")]
        file = f"{object_id}-{uuid.uuid4().hex[:6]}"
        return self._leaf(file, object_id, names, ExtendedKeyUsageOID.CLIENT_AUTH, life)

    def _leaf(
        self, file: str, name: str, names: list[Any], usage: x509.ObjectIdentifier, life: timedelta
    ) -> Identity:
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = f"{self._name} issuing"
        certificate = _certificate(name, key, issuer, self._key, names=names, usage=usage, life=life)
        pem, key_file = self._folder / f"{file}.pem", self._folder / f"{file}.key"
        _write(pem, b"".join(one.public_bytes(Encoding.PEM) for one in (certificate, self._issuing)))
        _write(key_file, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return Identity(certificate, pem, key_file)


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    path.chmod(0o600)


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    path_length: int | None = None,
    names: list[Any] | None = None,
    usage: x509.ObjectIdentifier | None = None,
    life: timedelta = timedelta(days=2),
) -> x509.Certificate:
    now = datetime.now(UTC)
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + life)
        .add_extension(x509.BasicConstraints(path_length is not None, path_length), critical=True)
        .add_extension(authority, critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if usage:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


@dataclass(slots=True)
class Ground:
    """A broker with all it needs, on ports the system chose."""

    options: Options
    ca: TestCa
    secrets: BrokerSecrets
    broker: Broker

    def restart(self) -> None:
        """Start it again on the same ports, on the same store."""
        self.broker = start_broker(self.options)


def make_ground(root: Path, **more: Any) -> Ground:
    """Start a broker whose folders lie under `root`."""
    options, ca = make_folders(root, **more)
    broker = start_broker(options)
    options = replace(options, broker_port=broker.broker_port, mqtt_port=broker.mqtt_port)
    return Ground(options, ca, parse_broker_secrets(options.read_key(FILE)), broker)


def make_folders(root: Path, **more: Any) -> tuple[Options, TestCa]:
    """Data and keys folders as an installation has them, and the CA behind them."""
    keys = root / "keys"
    keys.mkdir(mode=0o700, parents=True)
    ca = TestCa(keys)
    ca.server()
    write_broker_secrets(keys / FILE, make_broker_secrets())
    given = {"broker_port": 0, "mqtt_port": 0, "broker_bytes": 64 * 1024 * 1024, **more}
    return Options(data=root / "data", keys=keys, **given), ca


@dataclass(slots=True)
class Registry:
    """Who is enrolled and who is revoked, without a database."""

    enrolled: dict[bytes, tuple[str, int]] = field(default_factory=dict)  # certificate -> object, expiry
    revoked: set[str] = field(default_factory=set)

    def enrol(self, object_id: str, identity: Identity) -> None:
        expires_ms = int(identity.certificate.not_valid_after_utc.timestamp() * 1000)
        self.enrolled[identity.sha256] = (object_id, expires_ms)

    async def admit(self, certificate: bytes, client_id: str) -> Admission:
        found = self.enrolled.get(hashlib.sha256(certificate).digest())
        if found is None or found[0] != client_id:
            raise IdentityError("unknown")
        if client_id in self.revoked:
            raise CertificateRevokedError("revoked")
        return Admission(object_id=client_id, expires_ms=found[1])

    async def banned(self) -> Banned:
        return Banned(objects=frozenset(self.revoked))


class Thing:
    """A paho client of one object; each step is waited for, with an end."""

    def __init__(
        self, ground: Ground, identity: Identity | None, client_id: str, *, tls: bool = True
    ) -> None:
        self.id = client_id
        self.received: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.left = threading.Event()
        self._connected: queue.Queue[int] = queue.Queue()
        self._subscribed: queue.Queue[int] = queue.Queue()
        self._address = ("127.0.0.1", ground.options.mqtt_port)
        self.client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id, protocol=mqtt.MQTTv311, reconnect_on_failure=False
        )
        self.client.max_inflight_messages_set(200)
        if tls:
            self.client.tls_set_context(object_context(ground.ca, identity))
        self.client.on_connect = self._on_connect
        self.client.on_disconnect = self._on_disconnect
        self.client.on_subscribe = self._on_subscribe
        self.client.on_message = self._on_message

    def connect(self) -> int:
        """The broker's answer (0: accepted; HUNG_UP: none). Raises OSError when the connection fails."""
        self.client.connect(*self._address, keepalive=30)
        self.client.loop_start()
        return self._connected.get(timeout=PATIENCE)

    def send(self, topic: str, data: bytes, *, qos: int = 1, retain: bool = False) -> mqtt.MQTTMessageInfo:
        return self.client.publish(topic, data, qos=qos, retain=retain)

    def deliver(self, topic: str, data: bytes) -> bool:
        """Publish with QoS 1 and wait for its PUBACK; False when the connection ended first."""
        info = self.send(topic, data)
        require(lambda: info.is_published() or self.left.is_set())
        return info.is_published()

    def subscribe(self, topic: str, *, qos: int = 0) -> int:
        """The broker's answer: the QoS granted, 128 when refused, HUNG_UP when it ended the connection."""
        self.client.subscribe(topic, qos=qos)
        return self._subscribed.get(timeout=PATIENCE)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()
        self.client._reset_sockets()  # paho leaves these to its finaliser

    def _on_connect(self, _c: object, _u: object, _f: object, reason: Any, _p: object) -> None:
        self._connected.put(int(reason.value))

    def _on_disconnect(self, *_: object) -> None:
        self.left.set()
        self._connected.put(HUNG_UP)
        self._subscribed.put(HUNG_UP)

    def _on_subscribe(self, _c: object, _u: object, _m: int, reasons: list[Any], _p: object) -> None:
        self._subscribed.put(int(reasons[0].value))

    def _on_message(self, _c: object, _u: object, message: mqtt.MQTTMessage) -> None:
        self.received.put((message.topic, bytes(message.payload)))


def object_context(ca: TestCa, identity: Identity | None) -> ssl.SSLContext:
    """What an object speaks TLS with."""
    context = ssl.create_default_context(cafile=str(ca.root_pem))
    if identity is not None:
        context.load_cert_chain(identity.pem, identity.key)
    return context


def require(holds: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Ask until it holds. Raises TimeoutError after `seconds`."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError
        threading.Event().wait(0.01)


def new_id() -> str:
    return str(uuid.uuid4())
