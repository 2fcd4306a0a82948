"""A platform of one's own for a while: `egide up` on free ports and folders given, for prove and tests.

It never outlives us, even by kill -9: each process holds the other end of a pipe that only we keep open, and kills
itself when that closes. (A parent-death signal would also come when the one thread that started it ends.)
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from egide.errors import UnavailableError

__all__ = ["Instance", "dying_with_us", "free_ports"]

READY_S: Final = 120.0
STOP_S: Final = 30.0
_FIRST_PORT: Final = 12_000
_LAST_PORT: Final = 32_000
_LAUNCH: Final = """\
import os, signal, sys, threading
def watch():
    while os.read(0, 64):
        pass
    os.kill(os.getpid(), signal.SIGKILL)
threading.Thread(target=watch, daemon=True).start()
sys.argv[0] = "egide"
from egide.cli import main
main()
"""


def free_ports(count: int) -> list[int]:
    """Ports of the loopback that nothing listens on now, below those that the system lends to clients: a port chosen
    here is still free when its server starts, unless another server takes it.
    """
    found: list[int] = []
    while len(found) < count:
        port = _FIRST_PORT + secrets.randbelow(_LAST_PORT - _FIRST_PORT)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            if port not in found:
                found.append(port)
    return found


def dying_with_us(*arguments: str) -> list[str]:
    """The command `egide ...`, for a Popen with `stdin=PIPE`: it lives no longer than that pipe's end on our side."""
    return [sys.executable, "-c", _LAUNCH, *arguments]


@dataclass(kw_only=True)
class Instance:
    """A platform as a child process. `settings` are environment settings (EGIDE_...) beside folders and ports."""

    data: Path
    keys: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    say: Callable[[str], None] = lambda _: None
    people_port: int = 0
    objects_port: int = 0
    mqtt_port: int = 0
    broker_port: int = 0
    process: subprocess.Popen[str] | None = None

    def __post_init__(self) -> None:
        fresh = iter(free_ports(4))
        for name in ("people_port", "objects_port", "mqtt_port", "broker_port"):
            if not getattr(self, name):
                setattr(self, name, next(fresh))
        self.words: deque[str] = deque(maxlen=200)
        self._ready = threading.Event()

    @property
    def environment(self) -> dict[str, str]:
        """What a command of this platform needs."""
        return {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "egide.cloud.config.settings",  # whatever our own process runs on
            "EGIDE_DATA": str(self.data),
            "EGIDE_KEYS": str(self.keys),
            "EGIDE_PEOPLE_PORT": str(self.people_port),
            "EGIDE_OBJECTS_PORT": str(self.objects_port),
            "EGIDE_MQTT_PORT": str(self.mqtt_port),
            "EGIDE_BROKER_PORT": str(self.broker_port),
            **self.settings,
        }

    @property
    def people_url(self) -> str:
        return f"http://localhost:{self.people_port}"

    @property
    def objects_url(self) -> str:
        return f"https://localhost:{self.objects_port}"

    def start(self) -> Self:
        """Start and return when it is ready; whatever ends the wait ends what was started.

        Raises:
            UnavailableError: with what it said, when it does not become ready.
        """
        self._ready.clear()
        if self.process is not None:  # it ended by itself, or was killed
            self.stop()
        self.process = subprocess.Popen(
            dying_with_us("up"),
            env=self.environment,
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
        )
        self._listener = threading.Thread(target=self._listen, args=(self.process,), daemon=True)
        self._listener.start()
        waited = 0.0
        try:
            while not self._ready.wait(0.1):
                waited += 0.1
                if self.process.poll() is not None or waited > READY_S:
                    raise UnavailableError("the platform did not start")
        except BaseException as err:
            self.stop()
            if isinstance(err, UnavailableError):
                raise UnavailableError("the platform did not start: " + " / ".join(self.words)) from None
            raise
        return self

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        with process.stderr as lines:
            for line in lines:
                self.words.append(line.rstrip())
                self.say(line.rstrip())
                if line.startswith("egide: ready"):
                    self._ready.set()

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `egide ...` on this platform."""
        return subprocess.run(
            [sys.executable, "-m", "egide.cli", *arguments],
            env=self.environment, capture_output=True, text=True, check=check, timeout=600,
        )  # fmt: skip

    def json(self, *arguments: str) -> Any:
        """Run a command with --json, and read what it says."""
        import json

        return json.loads(self.run(*arguments, "--json").stdout)

    def children(self) -> dict[str, int]:
        """Process ids of the platform's parts, by what they run."""
        if self.process is None:
            return {}
        found: dict[str, int] = {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            except (OSError, IndexError, ValueError):
                continue
            if parent == self.process.pid:
                found[_part(words)] = int(entry.name)
        return found

    def stop(self, *, kill: bool = False) -> int | None:
        """Stop in order, or (kill) as kill -9 would: the children die with it."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()
        status, self.process = self.process.returncode, None
        return status

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _part(words: list[str]) -> str:
    if any(w.endswith("nats-server") for w in words):
        return "broker"
    for name in ("intake", "worker", "objects", "people"):
        if name in words[-3:]:
            return name
    return "other"
