"""From 200 objects to receipts, over mutual-TLS MQTT; and the same road as a team would build it by hand."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.context import Context, Home, say
from bench.load import Generator, read_events
from bench.peers import fhir_memory, handmade
from bench.platform import running_platform
from bench.presign import READINGS
from bench.table import Row, number
from tests.support.postgres import postgres_cluster

__all__ = ["HOW", "measure"]

HOW: Final = """
`egide up` runs as it would anywhere (SQLite, its broker with an encrypted store, intake, web listeners),
and on the same cores a generator in C plays 200 objects over MQTT with mutual TLS 1.3, QoS 1, at most 16
envelopes in flight each, signed before. A round trip ends when the object holds its receipt; afterwards
every receipt is verified, and the store is compared with them.

The peers run in the same minutes, with the same certificates and generator. By hand: mosquitto over
mutual TLS, a paho subscriber that writes one row a reading into PostgreSQL, 500 messages or 50 ms in a
transaction; no signature, no encryption at rest, no log, no receipt. Its rate is that of the rows, its
delay ends at their commit. The FHIR server keeps Observations in the memory of one node process, over
plain HTTP.
"""

OBJECTS: Final = 200
WINDOW: Final = 16
MOST: Final = 6_000  # envelopes/s that are signed for: what no run reaches
PEER_MOST: Final = 3_000  # messages/s of the measured time that a peer is given, all at once
TARGET: Final = 2_000
LATENCY_MS: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class _Times:
    full_s: int
    half_s: int
    peer_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Peer:
    """A hand-made road: messages/s committed as fast as it goes, and its p99 at half of that."""

    rate: float
    p99_ms: float


def measure(context: Context) -> list[Row]:
    """Egide first, then each peer, with the same generator, objects and certificates."""
    times = _Times(full_s=8, half_s=5, peer_s=5) if context.quick else _Times(full_s=60, half_s=30, peer_s=20)
    generator = Generator.build(context.folder)
    with context.home("whole-path", "sqlite") as home:
        rows, rate = _egide(context.folder / "objects", home, generator, times)
        rows += _handmade(context.folder / "objects", home, generator, times, rate)
    return rows + _fhir(times, rate)


def _egide(folder: Path, home: Home, generator: Generator, times: _Times) -> tuple[list[Row], float]:
    phases = {"full": MOST * times.full_s // OBJECTS, "half": MOST * times.half_s // OBJECTS // 2}
    say(f"whole path: signing {sum(phases.values()) * OBJECTS:,} envelopes")
    home.job("ward", objects=OBJECTS, folder=str(folder), phases=phases)
    with running_platform(home) as platform:
        def send(phase: str, seconds: int, rate: float) -> dict[str, Any]:
            return generator.run(
                port=platform.mqtt_port, pki=folder / "pki", names=folder / phase / "names.txt",
                corpus=folder / phase / "corpus.bin", answers=folder / phase / "answers.bin",
                seconds=seconds, rate=rate, window=WINDOW,
            )  # fmt: skip

        full = send("full", times.full_s, 0)
        half = send("half", times.half_s, full["answered_per_s"] / 2)
    say("whole path: checking every receipt")
    checked = home.job("check", folder=str(folder), phases=list(phases))
    sent = full["sent"] + half["sent"]
    wrong = {
        "refused": full["refused"] + half["refused"],
        "unanswered": full["unanswered"] + half["unanswered"],
        "bad": checked["bad"], "doubled": checked["doubled"], "lost": checked["lost"],
        "stored without receipt": abs(checked["stored"] - sent),
    }  # fmt: skip
    faults = ", ".join(f"{count} {name}" for name, count in wrong.items() if count)
    rate: float = full["answered_per_s"]
    half_rate = f"at {number(half['answered_per_s'])} envelopes/s for {times.half_s} s"
    rows = [
        Row(claim=f"Whole path, {OBJECTS} objects, {times.full_s} s", measured=rate, target=TARGET,
            unit="envelopes/s", note=f"{number(rate * READINGS)} readings/s, SQLite"),
        Row(claim="Publish to receipt at half that rate, p99", measured=half["answered_p99_ms"],
            target=LATENCY_MS, more=False, unit="ms",
            note=f"{half_rate}; p50 {number(half['answered_p50_ms'])} ms"),
        Row(claim="Receipts that verify afterwards", measured=checked["receipts"] / sent, target=1, unit="",
            note=faults or f"{checked['receipts']:,} of them, each envelope stored once"),
    ]  # fmt: skip
    return rows, rate


def _handmade(folder: Path, home: Home, generator: Generator, times: _Times, rate: float) -> list[Row]:
    rows = []
    for copy, how in ((False, "executemany"), (True, "COPY")):
        claim = f"By hand: mosquitto, paho, PostgreSQL by {how}"
        try:
            peer = _handmade_once(folder, home, generator, times, copy=copy)
        except RuntimeError as err:
            rows.append(Row(claim=claim, measured=None, unit="envelopes/s", note=str(err)))
            continue
        rows += [
            Row(claim=claim, measured=peer.rate, unit="messages/s",
                note=f"{READINGS} readings each; publish to commit at half, p99 {number(peer.p99_ms)} ms"),
            Row(claim=f"Egide's whole path, as a part of the hand-made one ({how})",
                measured=rate / peer.rate, unit="",
                note="signed, sealed, registered and receipted, against none of it"),
        ]  # fmt: skip
    return rows


def _handmade_once(
    folder: Path, home: Home, generator: Generator, times: _Times, *, copy: bool
) -> _Peer:
    place = folder / f"handmade-{copy}"
    place.mkdir()
    names, subscriber = (folder / "full" / "names.txt").read_text().split(), (folder / "spare").read_text()
    keys, pki, each = home.folder / "keys", folder / "pki", PEER_MOST * times.peer_s // OBJECTS
    handmade.write_json_corpus(place / "corpus.bin", names, each=each)
    ca = place / "ca.pem"
    ca.write_bytes((keys / "ca-root.pem").read_bytes() + (keys / "ca-issuing.pem").read_bytes())
    with (
        postgres_cluster(durable=True) as url,
        handmade.running_broker(
            place / "broker", certificate=keys / "tls.pem", key=keys / "tls.key", ca=ca, subscriber=subscriber
        ) as port,
    ):
        def send(name: str, rate: float) -> list[tuple[int, int]]:
            """(published, committed) of each message, ns."""
            log = place / f"{name}.log"
            with handmade.running_subscriber(
                url, port=port, pem=pki / f"{subscriber}.pem", ca=ca, copy=copy, log=log
            ):
                generator.run(
                    port=port, pki=pki, names=folder / "full" / "names.txt", corpus=place / "corpus.bin",
                    events=place / "events.bin", subscribe="", seconds=times.peer_s, rate=rate,
                    window=WINDOW,
                )  # fmt: skip
            return _joined(log, names, each, read_events(place / "events.bin"))

        full = send("full", 0)
        # mosquitto takes everything at once and queues it: the rate is that of the rows, until the last one.
        rate = len(full) / ((max(c for _, c in full) - min(p for p, _ in full)) / 1e9)
        half = sorted(committed - published for published, committed in send("half", rate / 2))
    return _Peer(rate=rate, p99_ms=statistics.quantiles(half, n=100)[98] / 1e6)


def _joined(
    log: Path, names: list[str], each: int, events: list[tuple[int, int, int]]
) -> list[tuple[int, int]]:
    number_of = {name: i for i, name in enumerate(names)}
    joined = []
    for line in log.read_text().splitlines():
        device, seq, committed = line.split()
        joined.append((events[number_of[device] * each + int(seq)][0], int(committed)))
    return joined


def _fhir(times: _Times, rate: float) -> list[Row]:
    claim = "In-memory FHIR server (@medplum/fhir-router), POST Observation"
    try:
        got = fhir_memory.measure(times.peer_s)
    except RuntimeError as err:
        return [Row(claim=claim, measured=None, unit="readings/s", note=str(err))]
    return [
        Row(claim=claim, measured=got["per_s"], unit="readings/s",
            note=f"plain HTTP, nothing stored; p99 {number(got['p99_ms'])} ms"),
        Row(claim="Egide's whole path, in readings, against that server",
            measured=rate * READINGS / got["per_s"], unit="times"),
    ]  # fmt: skip
