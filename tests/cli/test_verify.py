"""`egide verify`: what it prints, where, with which exit code; that it needs nothing but the two files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from egide.cli.verify import MEANINGS, TEXTS, Lang, verify
from egide.errors import UnreadableError
from egide.measure.readings import Readings, Series
from egide.trust.evidence import verify_evidence
from tests.support.proofs import LOG, OBJECT, READINGS, World

APP = typer.Typer()
APP.command()(verify)
WORLD = World()

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run the command on a proof (and anchors) written to files."""

    def call(
        *options: str, proof: bytes | None = None, anchors: bytes | None = None, trust: bool = True
    ) -> Result:
        file, pinned = tmp_path / "evidence.cbor", tmp_path / "anchors.toml"
        file.write_bytes(WORLD.proof() if proof is None else proof)
        pinned.write_bytes(WORLD.anchors().dump() if anchors is None else anchors)
        given = ("--trust", str(pinned)) if trust else ()
        return CliRunner(env={"LC_ALL": "C"}).invoke(APP, [str(file), *given, *options])

    return call


def test_a_proof_that_holds_says_who_what_and_when(run: Run) -> None:
    """Exit 0: object, readings, both times, trust level, register, checkpoint, witnesses; stderr is empty."""
    result = run()
    assert (result.exit_code, result.stderr) == (0, "")
    for said in (
        "PROVED", f"urn:uuid:{OBJECT}", "Heart rate (8867-4)", "36.50 Cel", "37.12 Cel", "doubtful: too-fast",
        "signed 2026-01-11T00:01:30.000Z", "corrected 2026-01-11T00:01:28.500Z",
        "4 of 5, signed by the object", f"entry 3 of 5 in egide/log/{LOG}", "size 7, root ",
        "witness.example/north, 2026-01-12T00:00:00.000Z (trusted)", "-1.500 s", "late",
        "Revocation is not known offline",
    ):
        assert said in result.stdout


def test_french_is_spoken_when_asked_or_when_the_system_does(run: Run, tmp_path: Path) -> None:
    """--lang first, then the locale."""
    asked = run("--lang", "fr").stdout
    assert "PROUVÉ" in asked
    assert "Fréquence cardiaque (8867-4)" in asked
    assert "signé par l'objet" in asked
    file = str(tmp_path / "evidence.cbor")
    assert "COHÉRENT" in CliRunner(env={"LC_ALL": "fr_FR.UTF-8"}).invoke(APP, [file]).stdout


def test_without_anchors_the_exit_code_is_3(run: Run) -> None:
    """Consistent, not anchored: the report is there, and a hint says what is missing."""
    result = run(trust=False)
    assert result.exit_code == 3
    assert "CONSISTENT, NOT ANCHORED" in result.stdout
    assert "(trusted)" not in result.stdout
    assert result.stderr.startswith("egide: not-anchored: ")
    assert "egide: hint: give --trust" in result.stderr


def test_a_changed_byte_is_exit_1_with_its_step(run: Run) -> None:
    """The code, the step, a hint, and what it means; nothing on stdout."""
    data = bytearray(WORLD.proof())
    data[-1] ^= 1
    result = run(proof=bytes(data))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("egide: proof-invalid: step 10 platform signature: ")
    assert "egide: hint: keep the file" in result.stderr
    assert MEANINGS[Lang.EN]["10"] in result.stderr


def test_a_forged_file_that_brings_its_own_keys_is_exit_1(run: Run) -> None:
    """Consistent alone (3), refused with the reader's anchors (1)."""
    forged = World().proof()
    assert run(proof=forged, trust=False).exit_code == 3
    assert run(proof=forged).exit_code == 1


def test_a_file_that_cannot_be_used_is_an_error_of_ours(run: Run, tmp_path: Path) -> None:
    """The program turns it into a line, a hint and exit code 2."""
    assert isinstance(run(anchors=b"version = 7").exception, UnreadableError)
    missing = CliRunner().invoke(APP, [str(tmp_path / "none")])
    assert isinstance(missing.exception, UnreadableError)


@pytest.mark.parametrize("missing", ["file", "trust"])
def test_a_file_that_cannot_be_read_is_exit_2(tmp_path: Path, missing: str) -> None:
    """Absent or a folder: a line and a hint, no traceback; the exit code is the program's."""
    proof = tmp_path / "evidence.cbor"
    proof.write_bytes(WORLD.proof())
    arguments = [str(tmp_path)] if missing == "file" else [str(proof), "--trust", str(tmp_path / "none")]
    done = egide("verify", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("egide: unreadable: ")
    assert "Traceback" not in done.stderr


def test_anchors_that_are_not_anchors_are_exit_2(tmp_path: Path) -> None:
    """The proof cannot be judged: that is not a failed proof."""
    proof = tmp_path / "evidence.cbor"
    proof.write_bytes(WORLD.proof())
    done = egide("verify", str(proof), "--trust", str(proof))
    assert done.returncode == 2
    assert "does not hold anchors" in done.stderr


def test_json_holds_the_report_exactly(run: Run) -> None:
    """One object; values are texts, so that 36.50 stays 36.50."""
    report = json.loads(run("--json").stdout)
    assert (report["verdict"], report["anchored"], report["witnessed"]) == ("proved", True, True)
    assert report["object"]["uri"] == f"urn:uuid:{OBJECT}"
    assert report["series"][1]["readings"][0]["value"] == "36.50"
    assert report["series"][1]["readings"][1]["doubt"] == "too-fast"
    assert report["register"] == {
        "origin": f"egide/log/{LOG}", "uri": f"urn:uuid:{LOG}", "size": 5, "index": 3
    }
    assert report["revocation_checked"] is False
    assert json.loads(run("--json", trust=False).stdout)["verdict"] == "consistent"


def test_json_says_the_step_that_failed(run: Run) -> None:
    """A program needs no parsing of words."""
    result = run("--json", proof=b"\xd2")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {"verdict": "invalid", "step": "1 form", "code": "proof-invalid"}


def test_a_witness_may_be_required(run: Run) -> None:
    """--witnessed: exit 3 when no witness that the anchors name cosigned."""
    assert run("--witnessed").exit_code == 0
    unknown = run("--witnessed", anchors=WORLD.anchors(witnesses=()).dump())
    assert unknown.exit_code == 3
    assert "not in your anchors" in unknown.stdout
    assert "not-witnessed" in unknown.stderr
    alone = replace(WORLD, witnesses=()).proof()
    assert "not witnessed" in run(proof=alone).stdout
    assert run(proof=alone).exit_code == 0


def test_long_series_are_shortened_in_text_and_whole_in_json(run: Run) -> None:
    """An ECG strip does not drown the terminal; an unknown code is shown as it is; no flag, no line."""
    strip = Series(code="x:y", unit="mV", times=4000, exponent=-3, values=tuple(range(500)))
    quiet = replace(WORLD.assertion, flags=(), doubts=())
    proof = replace(WORLD, readings=Readings(t0_ms=READINGS.t0_ms, series=(strip,)), assertion=quiet).proof()
    text = run(proof=proof).stdout
    assert "... 488 more" in text
    assert "x:y\n" in text
    assert "Flags" not in text
    assert len(json.loads(run("--json", proof=proof).stdout)["series"][0]["readings"]) == 500


def test_both_languages_say_the_same_things() -> None:
    """Every text has its French, every step its meaning, every placeholder its twin."""
    english, french = TEXTS[Lang.EN], TEXTS[Lang.FR]
    assert english.keys() == french.keys()
    for name, text in english.items():
        assert str(text).count("{") == str(french[name]).count("{"), name
    numbers = [step.split()[0] for step in verify_evidence(WORLD.proof(), None).steps]
    assert list(MEANINGS[Lang.EN]) == list(MEANINGS[Lang.FR]) == numbers


# The whole program, apart -------------------------------------------------------------------------------


def egide(*arguments: str, prelude: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
    """Run `egide` in a process of its own, without this one's settings."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("EGIDE", "DJANGO", "LC_", "LANG"))}
    program = f"{prelude}\nimport sys\nfrom egide.cli import main\nsys.argv[0] = 'egide'\nmain()\n"
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *arguments],
        capture_output=True, text=True, check=False, env={**clean, **environ}, timeout=60,
    )


APART = """
import atexit, os, socket, sys

def refuse(*_, **__):
    raise SystemExit("the network was used")

socket.socket = socket.create_connection = socket.getaddrinfo = refuse

def check():
    unwanted = ("django", "sqlite3", "nats", "egide.cloud", "egide.things")
    cloud = sorted(m for m in sys.modules if m in unwanted or m.startswith("egide.cloud."))
    if cloud:
        print("loaded:", cloud, file=sys.stderr)
        sys.stderr.flush()
        os._exit(99)

atexit.register(check)
"""


def test_verifying_needs_no_network_and_no_server(tmp_path: Path) -> None:
    """With sockets refused, and neither Django nor the cloud loaded, the proof holds."""
    proof, anchors = tmp_path / "evidence.cbor", tmp_path / "anchors.toml"
    proof.write_bytes(WORLD.proof())
    anchors.write_bytes(WORLD.anchors().dump())
    done = egide("verify", str(proof), "--trust", str(anchors), prelude=APART)
    assert (done.returncode, done.stderr) == (0, "")
    assert "PROVED" in done.stdout


def test_the_check_above_can_fail(tmp_path: Path) -> None:
    """The guard sees what it guards against."""
    file = tmp_path / "evidence.cbor"
    file.write_bytes(WORLD.proof())
    assert egide("verify", str(file), prelude=f"{APART}\nimport sqlite3").returncode == 99
    assert "the network was used" in egide(prelude=f"{APART}\nsocket.socket()").stderr


def test_help_gives_an_example_and_the_exit_codes() -> None:
    """What a newcomer needs stands in --help."""
    text: Any = egide("verify", "--help", COLUMNS="200").stdout
    assert "Example: egide verify evidence.cbor --trust anchors.toml" in text
    assert "Exit codes: 0 proved" in text
