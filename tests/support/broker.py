"""A real broker for tests: a small PKI of its own, and MQTT clients with real certificates."""

from __future__ import annotations

import ipaddress
import queue
import ssl
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from egide.cloud.config.options import Options
from egide.cloud.fleet.broker.child import Broker, start_broker
from egide.cloud.fleet.broker.secrets import FILE, BrokerSecrets, make_broker_secrets, parse_broker_secrets, write_broker_secrets

PATIENCE = 15.0


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate on disk and its key."""

    certificate: x509.Certificate
    pem: Path
    key: Path

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)


class TestCa:
    """Root, issuing CA and leaves, written under `folder`."""

    __test__ = False

    def __init__(self, folder: Path, name: str = "Test") -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._root_key, self._issuing_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        self.root = _certificate(f"{name} root", self._root_key, f"{name} root", self._root_key, path_length=1)
        self.issuing = _certificate(f"{name} issuing", self._issuing_key, f"{name} root", self._root_key, path_length=0)
        self.root_pem, self.issuing_pem = folder / "ca-root.pem", folder / "ca-issuing.pem"
        for path, certificate in ((self.root_pem, self.root), (self.issuing_pem, self.issuing)):
            _write(path, certificate.public_bytes(Encoding.PEM))

    def server(self) -> Identity:
        """The server's certificate, for localhost and 127.0.0.1, as tls.pem and tls.key."""
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        return self._leaf("tls", "localhost", names, ExtendedKeyUsageOID.SERVER_AUTH, timedelta(days=1))

    def object(self, object_id: str, *, life: timedelta = timedelta(days=1), file: str = "") -> Identity:
        names = [x509.UniformResourceIdentifier(f"urn:uuid:{object_id}")]
        return self._leaf(file or object_id, object_id, names, ExtendedKeyUsageOID.CLIENT_AUTH, life)

    def _leaf(self, file: str, name: str, names: list[Any], usage: x509.ObjectIdentifier, life: timedelta) -> Identity:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(
            name, key, self.issuing.subject.rfc4514_string()[3:], self._issuing_key, names=names, usage=usage, life=life
        )
        pem, key_file = self.folder / f"{file}.pem", self.folder / f"{file}.key"
        chain = certificate.public_bytes(Encoding.PEM) + self.issuing.public_bytes(Encoding.PEM)
        _write(pem, chain)
        _write(key_file, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return Identity(certificate, pem, key_file)


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    path.chmod(0o600)


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: str, issuer_key: ec.EllipticCurvePrivateKey, *,
    path_length: int | None = None, names: list[Any] | None = None, usage: x509.ObjectIdentifier | None = None,
    life: timedelta = timedelta(days=2),
) -> x509.Certificate:
    start = datetime.now(UTC) - timedelta(minutes=5)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(start).not_valid_after(datetime.now(UTC) + life)
        .add_extension(x509.BasicConstraints(ca=path_length is not None, path_length=path_length), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
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
    options = _with_ports(options, broker)
    return Ground(options, ca, parse_broker_secrets(options.read_key(FILE)), broker)


def make_folders(root: Path, **more: Any) -> tuple[Options, TestCa]:
    keys = root / "keys"
    keys.mkdir(mode=0o700, parents=True)
    ca = TestCa(keys)
    ca.server()
    write_broker_secrets(keys / FILE, make_broker_secrets())
    given = {"broker_port": 0, "mqtt_port": 0, "broker_bytes": 64 * 1024 * 1024, **more}
    return Options(data=root / "data", keys=keys, **given), ca


def _with_ports(options: Options, broker: Broker) -> Options:
    from dataclasses import replace

    return replace(options, broker_port=broker.broker_port, mqtt_port=broker.mqtt_port)


class Thing:
    """A paho client of one object, each step waited for with an end."""

    def __init__(self, ground: Ground, identity: Identity | None, client_id: str, *, inflight: int = 20) -> None:
        self.id = client_id
        self.received: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.left = threading.Event()
        self._connected: queue.Queue[int] = queue.Queue()
        self._subscribed: queue.Queue[list[int]] = queue.Queue()
        self._address = ("127.0.0.1", ground.options.mqtt_port)
        self.client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id=client_id, protocol=mqtt.MQTTv311, reconnect_on_failure=False
        )
        self.client.max_inflight_messages_set(inflight)
        if identity is not None:
            self.client.tls_set_context(object_context(ground.ca, identity))
        self.client.on_connect = self._on_connect
        self.client.on_disconnect = self._on_disconnect
        self.client.on_subscribe = self._on_subscribe
        self.client.on_message = self._on_message

    def connect(self) -> int:
        """The broker's answer (0: accepted). Raises OSError when there is none."""
        self.client.connect(*self._address, keepalive=30)
        self.client.loop_start()
        try:
            return self._connected.get(timeout=PATIENCE)
        except queue.Empty:
            raise ConnectionError("no answer") from None

    def publish(self, topic: str, data: bytes, *, qos: int = 1) -> mqtt.MQTTMessageInfo:
        return self.client.publish(topic, data, qos=qos)

    def deliver(self, topic: str, data: bytes) -> bool:
        """Publish with QoS 1 and wait for its PUBACK; False when the connection ended first."""
        info = self.publish(topic, data)
        return wait_until(lambda: info.is_published() or self.left.is_set()) and info.is_published()

    def subscribe(self, topic: str, *, qos: int = 0) -> int:
        """The broker's answer: the QoS granted, or 128 and more when refused; 255 when it hung up instead."""
        self.client.subscribe(topic, qos=qos)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                return self._subscribed.get(timeout=0.05)[0]
            except queue.Empty:
                if self.left.is_set():
                    return 255
        raise ConnectionError("no answer")

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def _on_connect(self, _c: object, _u: object, _f: object, reason: Any, _p: object) -> None:
        self._connected.put(int(reason.value))

    def _on_disconnect(self, *_: object) -> None:
        self.left.set()
        self._connected.put(-1)

    def _on_subscribe(self, _c: object, _u: object, _m: int, reasons: list[Any], _p: object) -> None:
        self._subscribed.put([int(reason.value) for reason in reasons])

    def _on_message(self, _c: object, _u: object, message: mqtt.MQTTMessage) -> None:
        self.received.put((message.topic, message.payload))


def object_context(ca: TestCa, identity: Identity, *, highest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    """What an object speaks TLS with."""
    context = ssl.create_default_context(cafile=str(ca.root_pem))
    context.maximum_version = highest
    context.load_cert_chain(identity.pem, identity.key)
    return context


def wait_until(holds: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    """Ask until it holds; False after `seconds`."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        threading.Event().wait(0.01)
    return True


def new_id() -> str:
    return str(uuid.uuid4())
