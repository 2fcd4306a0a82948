"""A private PostgreSQL for one test run or one bench: a temporary folder, a Unix socket, no password.

    with postgres_cluster() as url:
        ...  # postgresql://egide@/egide?host=/tmp/...

PostgreSQL refuses to run as root, so as root the server runs as `postgres` (or `nobody`). Set EGIDE_PG_BIN to
the folder of `initdb` and `postgres` when they are neither on PATH nor where Debian puts them.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg

__all__ = ["Cluster", "PostgresMissingError", "find_binaries", "postgres_cluster", "running_cluster"]

START_TIMEOUT_S = 60
_FAST = {"fsync": "off", "full_page_writes": "off"}


class PostgresMissingError(RuntimeError):
    """No PostgreSQL server is installed here."""


def find_binaries() -> Path:
    """The folder of `initdb` and `postgres`. Raises PostgresMissingError."""
    places: list[str] = [os.environ.get("EGIDE_PG_BIN", ""), *os.environ.get("PATH", "").split(os.pathsep)]
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name), reverse=True)
    for folder in [*map(Path, filter(None, places)), *debian]:
        if (folder / "initdb").is_file() and (folder / "postgres").is_file():
            return folder
    raise PostgresMissingError("initdb and postgres are not installed (Debian: apt-get install postgresql)")


def _unprivileged() -> dict[str, Any]:
    """Popen's arguments that leave root, empty when we are not root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            user = pwd.getpwnam(name)
            return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    raise PostgresMissingError("root cannot run PostgreSQL, and there is no user postgres nor nobody")


class Cluster:
    """A server that can be started, stopped, and killed as a power cut would.

    `durable=False` turns fsync off: what is committed survives the server's death, not the machine's.
    """

    def __init__(self, folder: Path, *, durable: bool, options: dict[str, str] | None = None) -> None:
        self._binaries = find_binaries()
        self._rights = _unprivileged()
        self._folder = folder
        self._server: subprocess.Popen[bytes] | None = None
        self._options = {
            "listen_addresses": "", "unix_socket_directories": str(folder), "unix_socket_permissions": "0700",
            "max_connections": "60", **({} if durable else _FAST), **(options or {}),
        }

    def url(self, database: str = "egide") -> str:
        return f"postgresql://egide@/{database}?host={self._folder}"

    @property
    def pid(self) -> int:
        if self._server is None:
            raise RuntimeError("the server is not running")
        return self._server.pid

    def create(self) -> None:
        """Make the cluster's folder; call once, before `start`."""
        if self._rights:
            os.chown(self._folder, self._rights["user"], self._rights["group"])
        subprocess.run(
            [self._binaries / "initdb", "-D", self._folder / "data", "-U", "egide", "-A", "trust",
             "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"],
            check=True, stdout=subprocess.DEVNULL, cwd="/", **self._rights,
        )

    def start(self) -> None:
        """Start the server, and return once it answers."""
        settings = [part for name, value in self._options.items() for part in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [self._binaries / "postgres", "-D", self._folder / "data", *settings],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd="/",
                start_new_session=True, **self._rights,
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=5).close()
                return
            except psycopg.OperationalError:
                if self._server.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"PostgreSQL did not start:\n{self.log()}") from None
                time.sleep(0.02)

    def create_database(self, name: str) -> str:
        """Make an empty database, and return its URL."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name)))
        return self.url(name)

    def log(self) -> str:
        return (self._folder / "log").read_text(errors="replace")

    def stop(self) -> None:
        """Close every connection and stop (PostgreSQL's fast shutdown)."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """kill -9 of the server and of all its processes."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self._server is None:
            return
        if how == signal.SIGKILL:
            for child in _children(self._server.pid):
                with suppress(ProcessLookupError):
                    os.kill(child, how)
        with suppress(ProcessLookupError):
            self._server.send_signal(how)
        try:
            self._server.wait(timeout=START_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
        self._server = None


def _children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(word) for word in text.read_text().split()] if text.is_file() else []


@contextmanager
def running_cluster(*, durable: bool = False, options: dict[str, str] | None = None) -> Iterator[Cluster]:
    """A started server with an empty database `egide`; stopped and removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="egide-pg-", dir="/tmp"))  # a Unix socket's path is short
    try:
        cluster = Cluster(folder, durable=durable, options=options)
        cluster.create()
        cluster.start()
        try:
            cluster.create_database("egide")
            yield cluster
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def postgres_cluster(*, durable: bool = False) -> Iterator[str]:
    """The URL of an empty database on a private server."""
    with running_cluster(durable=durable) as cluster:
        yield cluster.url()
