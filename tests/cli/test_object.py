"""`egide object`: what it says, where, and what its exit code means."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from egide.prove.instance import Instance
from tests.support.instance import running_instance


def egide(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "egide.cli", "object", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "NO_COLOR": "1"},
    )


@pytest.mark.parametrize("command", ["enrol", "send", "flush", "outbox", "status", "virtual"])
def test_each_command_has_help_with_an_example_and_its_exit_codes(command: str) -> None:
    """A person finds both without the manual."""
    said = egide(command, "--help")
    assert said.returncode == 0
    assert "Example: egide object" in said.stdout
    assert "Exit codes:" in said.stdout


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["send", "--metric", "body-temperature", "--value", "36.8"], 2),
        (["outbox"], 2),
        (["status"], 2),
        (["enrol", "not a claim"], 2),
        (["send", "--metric", "happiness", "--value", "1"], 2),
        (["send", "--metric", "blood-pressure", "--value", "1"], 2),
        (["send", "--metric", "body-temperature", "--value", "warm"], 2),
        (["send", "--metric", "body-temperature", "--value", "1e30"], 2),
        (["send", "--metric", "body-temperature", "--value", "nan"], 2),
        (["send", "--metric", "body-temperature", "--value", "1", "--unit", "furlong"], 2),
        (["send", "--metric", "body-temperature", "--value", "1", "--at", "99999999999999999999"], 2),
        (["send", "--metric", "body-temperature", "--value", "1", "--at", "yesterday"], 2),
        (["send", "--metric", "body-temperature", "--value", "1", "--at", "2026-01-01T08:00"], 2),
        (["send", "--metric", "body-temperature", "--value", "1", "--https", "--mqtt"], 2),
        (["virtual", "--profile", "teapot"], 2),
        (["virtual", "--profile", "watch", "--fault", "boredom"], 2),
    ],
)
def test_what_cannot_be_done_is_said_on_stderr(arguments: list[str], status: int, tmp_path: Path) -> None:
    """A line, an exit code, nothing on stdout and no traceback."""
    said = egide(*arguments, "--folder", str(tmp_path / "nothing"))
    assert said.returncode == status
    assert said.stdout == ""
    assert "Traceback" not in said.stderr
    assert said.stderr


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    with running_instance(tmp_path_factory.mktemp("platform")) as started:
        yield started


@pytest.mark.server
@pytest.mark.slow
def test_an_object_is_enrolled_sends_and_shows_its_outbox(instance: Instance, tmp_path: Path) -> None:
    """Receipted: 0 and the entry. Refused: 1 and a dead letter. Without the platform: 4, and kept."""
    alice = instance.run("person", "add", "Alice Martin", "--role", "patient").stdout.strip()
    claim = instance.run("fleet", "claim", "--model", "Test", "--patient", alice).stdout.strip()
    folder = ["--folder", str(tmp_path / "object")]
    name = egide("enrol", claim, *folder, "--kind", "ed25519", "--json")
    assert name.returncode == 0, name.stderr
    assert len(json.loads(name.stdout)["pairings"]) == 1

    value = ["send", *folder, "--metric", "body-temperature", "--value", "36.80", "--json"]
    sent = egide(*value, "--https")
    assert sent.returncode == 0, sent.stderr
    assert json.loads(sent.stdout)["state"] == "receipted"

    assert egide(*value, "--https", "--at", "2199-01-01T00:00:00Z").returncode == 0
    read = instance.run("read", alice, "--as", alice, "--purpose", "PATRQT")
    assert "1 readings" in read.stderr
    assert "1 more, dated in the future, are not shown" in read.stderr
    other = instance.run("read", alice, "--as", alice, "--purpose", "PATRQT", "--metric", "body-weight")
    assert "in the future" not in other.stderr

    instance.run("fleet", "revoke", json.loads(name.stdout)["object"], "--why", "stolen")
    refused = egide(*value, "--https", "--wait", "20")
    assert refused.returncode == 1, refused.stderr
    assert json.loads(refused.stdout)["code"] == "certificate-revoked"

    instance.stop()
    kept = egide(*value, "--wait", "2")
    assert kept.returncode == 4, kept.stderr
    assert json.loads(kept.stdout)["state"] == "waiting"
    shown = json.loads(egide("outbox", *folder, "--json").stdout)
    assert shown["counts"]["receipted"] == 2
    assert shown["counts"]["dead"] == 1
    assert shown["counts"]["waiting"] >= 1
    assert "36.8" not in egide("outbox", *folder).stdout
    status = egide("status", *folder, "--json")
    assert status.returncode == 0
    assert json.loads(status.stdout)["outbox"] == shown["counts"]
