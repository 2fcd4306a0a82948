"""What a team would write by hand: MQTT over mutual TLS, a subscriber, rows in PostgreSQL.

mosquitto with the same certificates, TLS version and topics; messages are JSON, one reading a row, an index
on (device, time). The subscriber is paho: its thread parses and queues, another writes what is queued, 500
messages or 50 ms at a time, in one transaction by executemany (`copy` False) or by COPY (`copy` True). No
signature, no encryption at rest, no log, no receipt; paho acknowledges when a message is queued, so what is
acknowledged can be lost. What a team takes for granted is on: QoS 1, a persistent session, unlimited queues,
fsync.
"""

from __future__ import annotations

import json
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import psycopg
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from bench.context import free_port
from bench.presign import PERIOD_S, READINGS, SPAN_MS

__all__ = ["running_broker", "running_subscriber", "write_json_corpus"]

BATCH: Final = 500
WAIT_S: Final = 0.05
QUIET_S: Final = 1.0
TABLE: Final = """
CREATE TABLE IF NOT EXISTS reading (
    id bigserial PRIMARY KEY, device uuid NOT NULL, metric text NOT NULL, unit text NOT NULL,
    measured_at timestamptz NOT NULL, value numeric NOT NULL, received_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS reading_device_time ON reading (device, measured_at)
"""
COLUMNS: Final = "(device, metric, unit, measured_at, value)"


def write_json_corpus(path: Path, names: Sequence[str], *, each: int) -> None:
    """The generator's corpus: `each` messages per device, 12 readings a message."""
    start, period = datetime.now(UTC) - timedelta(milliseconds=each * SPAN_MS), timedelta(seconds=PERIOD_S)
    with path.open("wb") as out:
        for device in names:
            out.write(each.to_bytes(4, "big"))
            for seq in range(each):
                first = start + timedelta(milliseconds=seq * SPAN_MS)
                readings = [
                    {"time": (first + i * period).isoformat(), "value": 90 + (seq + i) % 60}
                    for i in range(READINGS)
                ]
                message = json.dumps(
                    {"device": device, "seq": seq, "metric": "glucose", "unit": "mg/dL", "readings": readings}
                ).encode()
                out.write(len(message).to_bytes(4, "big") + message)


@contextmanager
def running_broker(folder: Path, *, certificate: Path, key: Path, ca: Path, subscriber: str) -> Iterator[int]:
    """mosquitto, with a client certificate for everyone and an access list; its port."""
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        raise RuntimeError("mosquitto is not installed (Debian: apt-get install mosquitto)")
    folder.mkdir(parents=True)
    port = free_port()
    (folder / "acl").write_text(f"user {subscriber}\ntopic read up/#\n\npattern write up/%u\n")
    (folder / "acl").chmod(0o600)
    (folder / "mosquitto.conf").write_text(
        f"listener {port} 127.0.0.1\ncafile {ca}\ncertfile {certificate}\nkeyfile {key}\n"
        f"require_certificate true\nuse_identity_as_username true\ntls_version tlsv1.3\n"
        f"allow_anonymous false\nacl_file {folder}/acl\npersistence true\npersistence_location {folder}/\n"
        f"max_queued_messages 0\nmax_inflight_messages 0\nset_tcp_nodelay true\nuser root\nlog_dest none\n"
    )
    broker = subprocess.Popen([program, "-c", folder / "mosquitto.conf"])
    try:
        yield port
    finally:
        broker.terminate()
        broker.wait()


@contextmanager
def running_subscriber(url: str, *, port: int, pem: Path, ca: Path, copy: bool, log: Path) -> Iterator[None]:
    """The subscriber, in a process of its own. At its end `log` holds a line per message: device seq ns."""
    order = {"url": url, "port": port, "pem": str(pem), "ca": str(ca), "copy": copy, "log": str(log)}
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.peers.handmade", json.dumps(order)], stdout=subprocess.PIPE, text=True
    )
    try:
        if process.stdout is None or process.stdout.readline().strip() != "ready":
            raise RuntimeError("the subscriber did not start")
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


class Writer(threading.Thread):
    """Takes messages from a queue and makes them rows."""

    def __init__(self, url: str, *, copy: bool) -> None:
        super().__init__(name="writer")
        self.messages: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self.committed: list[tuple[str, int, int]] = []
        self.took = time.monotonic()
        self._connection = psycopg.connect(url)
        self._copy = copy

    def take(self, message: dict[str, Any]) -> None:
        self.took = time.monotonic()
        self.messages.put(message)

    def run(self) -> None:
        with self._connection as connection:
            while batch := self._next():
                rows = [
                    (m["device"], m["metric"], m["unit"], datetime.fromisoformat(r["time"]), r["value"])
                    for m in batch
                    for r in m["readings"]
                ]
                with connection.transaction(), connection.cursor() as cursor:
                    if self._copy:
                        with cursor.copy(f"COPY reading {COLUMNS} FROM STDIN") as copy:
                            for row in rows:
                                copy.write_row(row)
                    else:
                        cursor.executemany(f"INSERT INTO reading {COLUMNS} VALUES (%s, %s, %s, %s, %s)", rows)
                now = time.monotonic_ns()
                self.committed += [(m["device"], m["seq"], now) for m in batch]

    def _next(self) -> list[dict[str, Any]]:
        """The next batch; empty at the end."""
        first = self.messages.get()
        if first is None:
            return []
        batch, until = [first], time.monotonic() + WAIT_S
        while len(batch) < BATCH:
            try:
                message = self.messages.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                break
            if message is None:
                self.messages.put(None)
                break
            batch.append(message)
        return batch


def subscribe(*, url: str, port: int, pem: str, ca: str, copy: bool, log: str) -> None:
    """Run until SIGTERM and until nothing came for a second, then write what is queued, and the log."""
    with psycopg.connect(url) as connection:
        connection.execute(TABLE)
    writer = Writer(url, copy=copy)
    writer.start()
    client = Client(CallbackAPIVersion.VERSION2, client_id="subscriber", clean_session=False)
    client.tls_set(ca_certs=ca, certfile=pem, keyfile=pem)
    subscribed = threading.Event()

    def on_connect(*_: object) -> None:
        client.subscribe("up/#", qos=1)

    client.on_connect = on_connect
    client.on_subscribe = lambda *_: subscribed.set()
    client.on_message = lambda _client, _data, message: writer.take(json.loads(message.payload))
    client.connect("127.0.0.1", port)
    client.loop_start()
    if not subscribed.wait(20):
        raise RuntimeError("mosquitto does not let the subscriber in")
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    print("ready", flush=True)
    signal.sigwait({signal.SIGTERM})
    while time.monotonic() - writer.took < QUIET_S:
        time.sleep(QUIET_S / 10)
    client.disconnect()
    client.loop_stop()
    writer.messages.put(None)
    writer.join()
    Path(log).write_text("".join(f"{device} {seq} {ns}\n" for device, seq, ns in writer.committed))


if __name__ == "__main__":
    subscribe(**json.loads(sys.argv[1]))
