"""A platform with its roles apart and a wire between each pair that tests can cut.

    objects ──mqtt──> broker ──broker──> intake ──postgresql──> PostgreSQL
        └───https──> listener ──> broker                  platform ──witness──> witness

The platform listens on 127.0.0.2; objects reach it by "localhost", where proxies listen on the same ports.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from egide.prove.instance import Instance
from egide.trust.anchors import Anchors
from tests.support.postgres import running_cluster
from tests.support.proxy import Proxy

__all__ = ["Apart", "running_apart"]

_BROKER = """
import sys, time
from egide.cli.django import setup
options = setup()
from egide.cloud.config.initialise import ensure_platform
from egide.cloud.fleet.broker.child import start_broker
ensure_platform(options, now_ms=time.time_ns() // 1_000_000, say=lambda _: None)
broker = start_broker(options)
print("ready", flush=True)
sys.stdin.read()
broker.stop()
"""
_PATIENCE_S = 90


class Apart:
    """`instance` has the settings and runs commands; `wires`: mqtt, https, broker, witness, and postgresql with it."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._stack = folder, ExitStack()
        self.wires: dict[str, Proxy] = {}
        self.words: deque[str] = deque(maxlen=200)
        settings = {"EGIDE_LISTEN": "127.0.0.2", "EGIDE_DATABASE_URL": "", "EGIDE_INTAKE_RATE": "1000000"}
        self.instance = Instance(data=folder / "data", keys=folder / "keys", settings=settings)
        self._settings = settings

    def start(self) -> None:
        instance = self.instance
        others: dict[str, str] = {}
        if os.environ.get("EGIDE_TEST_ENGINE") == "postgresql":
            others["EGIDE_DATABASE_URL"] = self._postgresql()
        for name, port in (("https", instance.objects_port), ("mqtt", instance.mqtt_port)):
            self.wires[name] = self._stack.enter_context(Proxy(("127.0.0.2", port), port=port))
        self.wires["broker"] = self._stack.enter_context(Proxy(("127.0.0.1", instance.broker_port)))
        others["EGIDE_BROKER_PORT"] = str(self.wires["broker"].port)
        self._run("-c", _BROKER)
        self._run("-m", "egide.cli", "worker")
        self._run("-m", "egide.cli", "intake", changes=others)
        self._run("-m", "egide.cli", "serve", "objects")
        self._witness()

    def close(self) -> None:
        self._stack.close()

    def _postgresql(self) -> str:
        """A server, and a second socket for intake, by which the wire goes."""
        cluster = self._stack.enter_context(running_cluster(durable=True))
        self._settings["EGIDE_DATABASE_URL"] = cluster.url()
        real = cluster.url().partition("host=")[2]
        folder = tempfile.mkdtemp(prefix="egide-wire-", dir="/tmp")
        self._stack.callback(shutil.rmtree, folder, ignore_errors=True)
        wire = Proxy(f"{real}/.s.PGSQL.5432", path=f"{folder}/.s.PGSQL.5432")
        self.wires["postgresql"] = self._stack.enter_context(wire)
        return cluster.url().replace(real, folder)

    def _witness(self) -> None:
        vkey = Anchors.load(self.instance.run("anchors").stdout.encode()).logs[-1].verifier.vkey
        folder = str(self._folder / "witness")
        said = self._run("-m", "egide.cli", "witness", "--log", vkey, "--folder", folder, "--port", "0", words=2)
        port = int(said[1].rpartition(":")[2])
        self.wires["witness"] = self._stack.enter_context(Proxy(("127.0.0.1", port)))
        self.instance.run("fleet", "witness", f"http://127.0.0.1:{self.wires['witness'].port}", said[0])

    def _run(self, *arguments: str, words: int = 1, changes: Mapping[str, str] | None = None) -> list[str]:
        """Start a role, and return its first words on its output: "ready"."""
        process = subprocess.Popen(
            [sys.executable, *arguments], env={**self.instance.environment, **(changes or {})}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, process_group=0,
        )  # fmt: skip
        self._stack.callback(_end, process)
        assert process.stdout is not None
        threading.Thread(target=self._listen, args=(process,), daemon=True).start()
        said = [process.stdout.readline().strip() for _ in range(words)]
        assert all(said), list(self.words)
        return said

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        with process.stderr as lines:
            for line in lines:
                self.words.append(line.rstrip())


def _end(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()  # the broker's parent ends it in order
    if process.args[1] != "-c":  # type: ignore[index]
        process.terminate()
    try:
        process.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()


@contextmanager
def running_apart(folder: Path) -> Iterator[Apart]:
    """A started platform; everything ends with the block."""
    made = Apart(folder)
    try:
        made.start()
        yield made
    except BaseException:
        print("the platform said:", *made.words, sep="\n")
        raise
    finally:
        made.close()
