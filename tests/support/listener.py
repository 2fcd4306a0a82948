"""A real objects' listener in a process of its own, on a platform of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PREPARE = """
import json, sys, time
from egide.cli.django import setup
options = setup()
from egide.cloud.config.initialise import ensure_platform
from egide.cloud.fleet.models import Certificate, HealthObject
from egide.cloud.fleet.service import *
now = time.time_ns() // 1_000_000
{code}
print(json.dumps(result))
"""


@dataclass(frozen=True, slots=True)
class Listener:
    """`url` is where objects reach it; `run` does something with the platform's tables."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] = field(repr=False)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    @property
    def root(self) -> Path:
        return self.folder / "keys" / "ca-root.pem"

    def run(self, code: str) -> Any:
        """Run `code`, which sets `result`, beside the listener; return the result."""
        return run(self.folder, self.port, code)


def environment(folder: Path, port: int) -> dict[str, str]:
    given = {"EGIDE_DATA": folder / "data", "EGIDE_KEYS": folder / "keys", "EGIDE_OBJECTS_PORT": port}
    return {**os.environ, **{name: str(value) for name, value in given.items()}, "EGIDE_BROKER_PORT": "1"}


def run(folder: Path, port: int, code: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", PREPARE.format(code=code)],
        env=environment(folder, port), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def start(folder: Path, port: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "egide.cli", "serve", "objects"],
        env=environment(folder, port), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@contextmanager
def running_listener(folder: Path) -> Iterator[Listener]:
    """A listener that is ready; ended at the end, with the code of an orderly stop."""
    port = free_port()
    run(folder, port, "ensure_platform(options, now_ms=now); result = 0")
    process = start(folder, port)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield Listener(folder, port, process)
    finally:
        process.terminate()
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors.decode()
    assert b"Traceback" not in errors, errors.decode()
