"""`egide up`, started for a bench on free ports, and stopped."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from bench.context import Home, free_port

__all__ = ["Running", "running_platform"]

READY_S: Final = 90
STOP_S: Final = 30


@dataclass(frozen=True, slots=True)
class Running:
    """Where it listens."""

    mqtt_port: int
    people_port: int


@contextmanager
def running_platform(home: Home) -> Iterator[Running]:
    """All of the platform, as `egide up` starts it. Raises RuntimeError when it does not."""
    ports = {name: free_port() for name in ("PEOPLE_PORT", "OBJECTS_PORT", "MQTT_PORT", "BROKER_PORT")}
    environment = home.environment({f"EGIDE_{name}": str(port) for name, port in ports.items()})
    process = subprocess.Popen(
        [sys.executable, "-m", "egide.cli", "up"], env=environment, stderr=subprocess.PIPE, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    ready, said = threading.Event(), list[str]()

    def listen() -> None:
        for line in process.stderr or ():
            said.append(line)
            if line.startswith("egide: ready"):
                ready.set()
        ready.set()

    reader = threading.Thread(target=listen, daemon=True)
    reader.start()
    try:
        if not ready.wait(READY_S) or process.poll() is not None:
            raise RuntimeError(f"the platform did not start:\n{''.join(said)}")
        yield Running(ports["MQTT_PORT"], ports["PEOPLE_PORT"])
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reader.join()
