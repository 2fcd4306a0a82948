"""One measurement, end to end, on a real platform: claim, enrolment, sending, receipt, reading, proof, verification.

And what happens to it when its object's certificate is renewed, or expires while nobody looks.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from egide.measure.readings import Readings, Series
from egide.prove.instance import Instance
from egide.things import Object, ObjectClock, State
from tests.support.broker import require
from tests.support.instance import running_instance

pytestmark = [pytest.mark.server, pytest.mark.slow]

WITHOUT_NETWORK = """
import socket, sys
def refuse(*_):
    raise SystemExit("verifying opened a socket")
socket.socket = refuse
sys.argv = ["egide", *sys.argv[1:]]
from egide.cli import main
main()
"""


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    with running_instance(tmp_path_factory.mktemp("platform")) as started:
        yield started


@dataclass(frozen=True)
class People:
    """User names."""

    alice: str
    bob: str  # follows Alice
    charlie: str  # follows nobody


@pytest.fixture(scope="module")
def people(instance: Instance) -> People:
    def add(name: str, role: str) -> str:
        return str(instance.json("person", "add", name, "--role", role)["user"])

    found = People(add("Alice Martin", "patient"), add("Dr Bob Durand", "professional"), add("Charlie", "professional"))
    instance.run("person", "follow", found.bob, found.alice)
    return found


@pytest.fixture
def folder(instance: Instance, people: People, tmp_path: Path) -> Path:
    """An object, declared, claimed, enrolled and paired with Alice, all by commands."""
    made = instance.json("fleet", "claim", "--model", "Thermometer T1", "--patient", people.alice)
    enrolled = instance.json("object", "enrol", made["claim"], "--folder", str(tmp_path / "object"))
    assert enrolled["object"] == made["object"]
    assert len(enrolled["pairings"]) == 1
    return tmp_path / "object"


def send(instance: Instance, folder: Path, value: str, *how: str) -> dict[str, Any]:
    said: dict[str, Any] = instance.json(
        "object", "send", "--folder", str(folder), "--metric", "body-temperature", "--value", value, *how
    )
    return said


def read(instance: Instance, people: People, who: str, purpose: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = instance.json(
        "read", people.alice, "--as", who, "--purpose", purpose, "--metric", "body-temperature"
    )
    return rows


def verify(file: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """`egide verify`, in a process that can open no socket and knows no platform."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("EGIDE_", "DJANGO_"))}
    return subprocess.run(
        [sys.executable, "-c", WITHOUT_NETWORK, "verify", str(file), *more, "--lang", "en"],
        env=clean, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(("how", "value"), [("--mqtt", "36.50"), ("--https", "37.10")])
def test_a_measurement_goes_from_the_object_to_its_proof(
    instance: Instance, people: People, folder: Path, tmp_path: Path, how: str, value: str
) -> None:
    """As it was measured, to the digit; by who may read it; provable offline, and only as long as it is untouched."""
    sent = send(instance, folder, value, how)
    assert sent["state"] == "receipted"

    for who, purpose in ((people.alice, "PATRQT"), (people.bob, "TREAT")):
        (row,) = [r for r in read(instance, people, who, purpose) if r["entry"].endswith(f":{sent['entry']}")]
        assert (row["value"], row["unit"], row["trust"]) == (value, "Cel", 4)
        assert set(row["marks"]) <= {"clock"}, "a command may sign before it has met our time"
    refused = instance.run("read", people.alice, "--as", people.charlie, "--purpose", "TREAT", check=False)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "egide: access-denied:" in refused.stderr

    proof, anchors = tmp_path / "proof.egide", tmp_path / "anchors.toml"
    anchors.write_text(instance.run("anchors").stdout)
    asked = ("read", people.alice, "--as", people.alice, "--purpose", "PATRQT", "--proof", row["entry"])
    require(lambda: instance.run(*asked, "--out", str(proof), check=False).returncode == 0, 30)

    proved = verify(proof, "--trust", str(anchors), "--json")
    assert proved.returncode == 0, proved.stderr
    report = json.loads(proved.stdout)
    assert report["verdict"] == "proved"
    assert report["series"][0]["readings"][0]["value"] == value
    assert report["register"]["index"] == sent["entry"]
    assert verify(proof).returncode == 3
    unwitnessed = verify(proof, "--trust", str(anchors), "--witnessed")
    assert unwitnessed.returncode == 3
    changed = bytearray(proof.read_bytes())
    changed[len(changed) // 3] ^= 1
    (tmp_path / "changed.egide").write_bytes(changed)
    forged = verify(tmp_path / "changed.egide", "--trust", str(anchors))
    assert forged.returncode == 1
    assert "egide: proof-invalid:" in forged.stderr


def test_what_was_read_is_in_the_patient_s_journal(instance: Instance, people: People, folder: Path) -> None:
    """Each answer, yes or no, names its entry in the register; the store is whole."""
    send(instance, folder, "36.90", "--https")
    said = instance.run("read", people.alice, "--as", people.bob, "--purpose", "TREAT")
    entry = said.stderr.rpartition("journal entry ")[2].strip()
    assert entry.startswith("1:")
    assert instance.run("fsck").returncode == 0


def certificate(folder: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / "certificate.pem").read_bytes())


def temperature(obj: Object, number: int) -> Readings:
    series = Series(code="8310-5", unit="Cel", times=0, exponent=-2, values=(number,))
    return Readings(t0_ms=obj.clock.now_ms(), series=(series,))


def test_a_renewed_certificate_goes_on_where_the_old_one_was(instance: Instance, people: People, folder: Path) -> None:
    """Same name, same key, another certificate; envelopes of both are read side by side."""
    first = send(instance, folder, "36.11", "--https")
    before = certificate(folder)
    with Object(folder, transport="https", start=False) as obj:
        obj._line.identity._renew_at = 0
        obj.step()
        assert "renewal" not in obj.problems
    after = certificate(folder)
    assert after.serial_number != before.serial_number
    assert (after.subject, after.public_key()) == (before.subject, before.public_key())
    second = send(instance, folder, "36.12", "--mqtt")
    assert (first["state"], second["state"], second["seq"]) == ("receipted", "receipted", first["seq"] + 1)
    values = {row["value"] for row in read(instance, people, people.alice, "PATRQT")}
    assert {"36.11", "36.12"} <= values


class Later(ObjectClock):
    """A clock of a hundred days later: the certificate has expired."""

    def set(self, server_ms: int, *, asked_ms: int, answered_ms: int) -> None:
        super().set(server_ms + 100 * 86_400_000, asked_ms=asked_ms, answered_ms=answered_ms)


def test_after_expiry_a_new_claim_lets_the_outbox_out(instance: Instance, people: People, folder: Path) -> None:
    """What was signed in time, and what no certificate could sign, both arrive: by HTTPS, under the same name."""
    with Object(folder, transport="https", start=False) as obj:
        name = obj.uuid
        in_time = obj.send(temperature(obj, 3621))
        assert in_time.digest is not None
    with Object(folder, transport="https", clock=Later(), start=False) as late:
        late.step()
        assert late.send(temperature(late, 3622)).digest is None
        counts = late.outbox.counts()
        assert (counts.drafts, counts.waiting + counts.receipted) == (1, 1)
    claim = instance.json("fleet", "claim", "--object", name)["claim"]
    again = instance.json("object", "enrol", claim, "--folder", str(folder))
    assert again["object"] == name
    flushed = instance.json("object", "flush", "--folder", str(folder), "--https")
    assert flushed == {"waiting": 0, "receipted": 2, "dead": 0, "drafts": 0}
    shown = instance.json("object", "outbox", "--folder", str(folder))
    assert {row["state"] for row in shown["envelopes"]} == {State.RECEIPTED.name.lower()}
    values = {row["value"] for row in read(instance, people, people.alice, "PATRQT")}
    assert "36.21" in values


def test_a_revoked_object_is_heard_no_more(instance: Instance, people: People, folder: Path) -> None:
    """What was receipted stays readable; what comes after is refused for good, and stays in the object's hands."""
    send(instance, folder, "36.31", "--https")
    name = instance.json("object", "status", "--folder", str(folder))["object"]
    instance.run("fleet", "revoke", name, "--why", "stolen")
    said = instance.run(
        "object", "send", "--folder", str(folder), "--metric", "body-temperature", "--value", "36.32", "--https",
        "--wait", "10", "--json", check=False,
    )  # fmt: skip
    assert said.returncode in {1, 4}
    assert json.loads(said.stdout)["state"] in {"dead", "waiting"}
    values = {row["value"] for row in read(instance, people, people.alice, "PATRQT")}
    assert "36.31" in values
    assert "36.32" not in values
