"""`egide witness`: cosign the checkpoints of logs that only ever grow (C2SP tlog-witness), away from the
platform.

One folder holds its key (witness.key, mode 0600) and its memory (witness.sqlite3). A witness that lost its
memory could cosign two histories: keep the folder, or begin again under another key.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Annotated, Final

import typer
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from egide.cli.errors import usage
from egide.errors import ConfigError, EgideError, KeyMissingError, MalformedError, StorageError, decoding
from egide.trust.cose import Signer, SoftwareSigner
from egide.trust.limits import LIMITS
from egide.trust.register.checkpoint import COSIGNATURE, LOG, VerifierKey, cosign
from egide.trust.register.tree import TreeHead
from egide.trust.register.witness import Accepted, Refused, decide, parse_add_checkpoint

__all__ = ["Witness", "WitnessServer", "load_key", "witness"]

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS head (
  origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL, note BLOB NOT NULL
) STRICT
"""
_BUSY_S: Final = 10.0
_READ_S: Final = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """A witness's name, key and memory (an SQLite file), and the logs that it follows, by origin."""

    name: str
    signer: Signer
    memory: Path
    logs: Mapping[str, VerifierKey]

    @property
    def vkey(self) -> str:
        public = self.signer.public_key.raw_ed25519
        return VerifierKey(name=self.name, kind=COSIGNATURE, public=public).vkey

    def prepare(self) -> None:
        """Make the memory if there is none. Raises StorageError when it cannot be used."""
        with self._transaction() as db:
            db.execute(_SCHEMA)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """One at a time across threads and processes; on the disk when the block is left."""
        try:
            with closing(sqlite3.connect(self.memory, timeout=_BUSY_S, isolation_level=None)) as db:
                db.execute("PRAGMA synchronous = FULL")
                db.execute("BEGIN IMMEDIATE")
                yield db
                db.execute("COMMIT")
        except sqlite3.Error as err:
            raise StorageError("the witness cannot use its memory") from err

    def add_checkpoint(self, body: bytes, *, time_s: int) -> bytes | Refused:
        """Judge a request; the cosignature line is made once the new head is on the disk.

        Raises:
            TooLargeError, MalformedError: the request has not its form.
            StorageError: the memory cannot be read or written; nothing is cosigned.
        """
        request = parse_add_checkpoint(body)
        with self._transaction() as db:
            row = db.execute(
                "SELECT size, root FROM head WHERE origin = ?", [request.checkpoint.origin]
            ).fetchone()
            outcome = decide(request, logs=self.logs, known=TreeHead(*row) if row else None)
            if isinstance(outcome, Accepted):
                line = cosign(request.note, witness=self.name, signer=self.signer, time_s=time_s)
                note = request.note.with_lines([line]).encode()
                db.execute(
                    "INSERT INTO head VALUES (?, ?, ?, ?) ON CONFLICT (origin)"
                    " DO UPDATE SET size = excluded.size, root = excluded.root, note = excluded.note",
                    [outcome.origin, outcome.head.size, outcome.head.root, note],
                )
        return outcome if isinstance(outcome, Refused) else line.line.encode()

    def latest(self, origin_digest: str) -> bytes | None:
        """The last checkpoint cosigned of the log whose origin has this SHA-256, in hexadecimal."""
        for origin in self.logs:
            if hashlib.sha256(origin.encode()).hexdigest() == origin_digest:
                with self._transaction() as db:
                    row = db.execute("SELECT note FROM head WHERE origin = ?", [origin]).fetchone()
                return bytes(row[0]) if row else None
        return None


class WitnessServer(ThreadingHTTPServer):
    """`POST /add-checkpoint`, `GET /<SHA-256 of an origin>/checkpoint`, and `GET /` for the witness's own
    vkey."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], subject: Witness) -> None:
        self.subject = subject
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: WitnessServer
    protocol_version = "HTTP/1.1"
    server_version = "egide-witness"
    sys_version = ""
    timeout = _READ_S

    def do_GET(self) -> None:
        if self.path == "/":
            return self._answer(200, f"{self.server.subject.vkey}\n".encode())
        digest, separator, rest = self.path[1:].partition("/")
        try:
            note = self.server.subject.latest(digest) if separator and rest == "checkpoint" else None
        except StorageError:
            return self._answer(503, b"the witness cannot read its memory\n")
        if note is None:
            return self._answer(404, b"nothing here\n")
        return self._answer(200, note)

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit() and len(length) < 10):
            return self._refuse_unread(411, b"say how long the request is\n")
        if self.path != "/add-checkpoint":
            return self._refuse_unread(404, b"nothing here\n")
        if int(length) > LIMITS.witness_request:
            return self._refuse_unread(413, b"too large\n")
        try:
            outcome = self.server.subject.add_checkpoint(
                self.rfile.read(int(length)), time_s=int(time.time())
            )
        except StorageError:
            return self._answer(503, b"the witness cannot write its memory: try again later\n")
        except EgideError as err:
            return self._answer(400, f"{err}\n".encode())
        if isinstance(outcome, Refused):
            return self._answer(outcome.status, outcome.body.encode(), outcome.media_type)
        return self._answer(200, outcome)

    def _refuse_unread(self, status: int, body: bytes) -> None:
        """Answer and close: what follows on this connection was never read."""
        self.close_connection = True
        self._answer(status, body)

    def _answer(self, status: int, body: bytes, media_type: str = "text/plain; charset=utf-8") -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """One line on stderr per request: its first line and the status, no address."""
        print("egide: witness: " + format % args, file=sys.stderr)


def load_key(path: Path) -> SoftwareSigner:
    """The witness's Ed25519 key, made at the first start (PEM, mode 0600).

    Raises:
        KeyMissingError: the file is not such a key, or others may read it.
        StorageError: it cannot be made.
    """
    try:
        if not path.exists():
            made = ed25519.Ed25519PrivateKey.generate()
            pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(pem)
                file.flush()
                os.fsync(file.fileno())
        if path.stat().st_mode & 0o077:
            raise KeyMissingError("the witness's key can be read by others: its mode must be 0600")
        data = path.read_bytes()
    except OSError as err:
        raise StorageError("the witness's key cannot be read or written") from err
    try:
        with decoding("the witness's key"):
            key = load_pem_private_key(data, password=None)
    except MalformedError as err:
        raise KeyMissingError("the witness's key is not a key in PEM") from err
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise KeyMissingError("the witness's key is not an Ed25519 key")
    return SoftwareSigner(key)


def _logs(vkeys: list[str]) -> dict[str, VerifierKey]:
    logs: dict[str, VerifierKey] = {}
    for vkey in vkeys:
        with usage("--log is a log's vkey, as `egide anchors --vkeys` prints it"):
            log = VerifierKey.parse(vkey)
        if log.kind != LOG or log.name in logs:
            raise ConfigError("--log takes one key of type 01 (a log's) per origin")
        logs[log.name] = log
    return logs


def witness(
    log: Annotated[list[str], typer.Option(help="A log to follow, as its vkey <origin>+<id>+<base64>.")],
    folder: Annotated[Path, typer.Option(help="Where the key and the memory are kept.")] = Path("witness"),
    listen: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on; 0 takes a free one.", min=0, max=65535)] =
    7380, key_name: Annotated[str, typer.Option(help="The name in its signatures; from its key if empty.")] =
    "",
) -> None:
    """Witness one or more logs: cosign their checkpoints as long as they only grow.

    Prints two lines on stdout: the witness's vkey, to be given to the log and to verifiers, and its address.
    Stops on Ctrl-C or SIGTERM. Exit codes: 0 stopped, 1 refused, 2 wrong options, settings or key, 5 its
    folder or memory cannot be used (the reason is on stderr).

    Example: egide witness --log 'egide/log/6f3c…+7c1b…+AX…' --folder /srv/witness --port 7380
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as err:
        raise StorageError("the witness's folder cannot be made") from err
    signer = load_key(folder / "witness.key")
    name = key_name or f"egide/witness/{signer.public_key.thumbprint.hex()[:8]}"
    with usage("--key-name is 1 to 128 printable characters, no space and no plus"):
        VerifierKey(name=name, kind=COSIGNATURE, public=signer.public_key.raw_ed25519)
    subject = Witness(name=name, signer=signer, memory=folder / "witness.sqlite3", logs=_logs(log))
    subject.prepare()
    try:
        server = WitnessServer((listen, port), subject)
    except OSError as err:
        raise ConfigError("the witness cannot listen on that address and port") from err
    with server:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
        print(subject.vkey)
        print(f"http://{listen}:{server.server_address[1]}", flush=True)
        server.serve_forever(poll_interval=0.2)
