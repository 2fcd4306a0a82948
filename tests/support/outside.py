"""Whoever takes messages outside: a mail server and an operator's webhook, over real sockets and real TLS."""

from __future__ import annotations

import json
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A certificate for localhost that signs itself, and its key, as files."""

    pem: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.pem, self.key)
        return context


def certificate(folder: Path, *, host: str = "localhost") -> Certificate:
    """Made anew in `folder`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    names: list[x509.GeneralName] = [x509.DNSName(host), x509.IPAddress(ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2)).add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True).sign(key, hashes.SHA256())
    )  # fmt: skip
    found = Certificate(pem=folder / f"{host}.pem", key=folder / f"{host}.key")
    found.pem.write_bytes(made.public_bytes(Encoding.PEM))
    found.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return found


def _set() -> threading.Event:
    event = threading.Event()
    event.set()
    return event


@dataclass(slots=True, kw_only=True)
class MailServer:
    """Takes mail by STARTTLS. `refuse` maps an address to the answer to its RCPT; `starttls` False offers none."""

    tls: ssl.SSLContext
    starttls: bool = True
    refuse: dict[str, str] = field(default_factory=dict)
    port: int = 0
    letters: list[tuple[str, str, bytes]] = field(default_factory=list)  # from, to, data: only what came by TLS
    clear: list[str] = field(default_factory=list)  # lines that came before TLS
    hold: threading.Event = field(default_factory=_set)  # cleared: whoever names an address waits
    reached: threading.Event = field(default_factory=threading.Event)  # somebody named an address
    full: threading.Event = field(default_factory=threading.Event)  # two letters lie there


@contextmanager
def mail_server(tls: ssl.SSLContext, **more: Any) -> Iterator[MailServer]:
    server = MailServer(tls=tls, **more)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            try:
                _speak(self, server)
            finally:
                self.request.close()

    with _Threads(("127.0.0.1", 0), Handler) as listener:
        server.port = listener.server_address[1]
        yield from _served(listener, server)


class _Threads(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that refuses our certificate hangs up: that is what is tested."""


def _speak(handler: socketserver.StreamRequestHandler, server: MailServer) -> None:
    secure, sender, to = False, "", ""
    wire: Any = handler.connection.makefile("rwb", buffering=0)
    handler.connection.settimeout(10)
    wire.write(b"220 localhost ready\r\n")
    while line := wire.readline().decode().strip():
        verb = line.upper()
        if not secure:
            server.clear.append(line)
        if verb.startswith("EHLO"):
            offer = b"250-localhost\r\n250-STARTTLS\r\n" if server.starttls and not secure else b"250-localhost\r\n"
            wire.write(offer + b"250 8BITMIME\r\n")
        elif verb == "STARTTLS" and server.starttls:
            wire.write(b"220 go\r\n")
            handler.request = server.tls.wrap_socket(handler.connection, server_side=True)  # closed with the request
            wire, secure = handler.request.makefile("rwb", buffering=0), True
        elif verb.startswith("MAIL FROM"):
            sender = line[10:].split()[0].strip("<>")
            wire.write(b"250 ok\r\n")
        elif verb.startswith("RCPT TO"):
            to = line[8:].split()[0].strip("<>")
            server.reached.set()
            server.hold.wait(60)
            wire.write(server.refuse.get(to, "250 ok").encode() + b"\r\n")
        elif verb == "DATA":
            wire.write(b"354 go\r\n")
            data = b""
            while not data.endswith(b"\r\n.\r\n"):
                data += wire.readline()
            server.letters.append((sender, to, data[:-5]))
            if len(server.letters) == 2:
                server.full.set()
            wire.write(b"250 taken\r\n")
        elif verb == "QUIT":
            wire.write(b"221 bye\r\n")
            return
        else:
            wire.write(b"250 ok\r\n")


@dataclass(slots=True, kw_only=True)
class Operator:
    """Takes text messages and push: every request as it came. `status` is the next answer."""

    port: int = 0
    status: int = 202
    came: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def said(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _headers, body in self.came]


@contextmanager
def operator(tls: ssl.SSLContext) -> Iterator[Operator]:
    taker = Operator()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            taker.came.append(({k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(taker.status)
            self.send_header("location", "https://localhost:1/elsewhere")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    class Server(HTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """As above."""

    with Server(("127.0.0.1", 0), Handler) as listener:
        listener.socket = tls.wrap_socket(listener.socket, server_side=True)
        taker.port = listener.server_address[1]
        yield from _served(listener, taker)


def _served(listener: socketserver.BaseServer, what: _T) -> Iterator[_T]:
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield what
    finally:
        listener.shutdown()
        thread.join(10)
