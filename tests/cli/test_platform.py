"""`egide serve`, `egide worker`, `egide intake`: what a role says when it cannot start."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from egide.prove.instance import free_ports

pytestmark = [pytest.mark.server]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a platform whose folders are made, and of which nothing runs."""
    base = tmp_path_factory.mktemp("platform")
    people, objects, mqtt, broker = free_ports(4)
    environment = {
        **os.environ,
        "EGIDE_DATA": str(base / "data"),
        "EGIDE_KEYS": str(base / "keys"),
        "EGIDE_DATABASE_URL": "",
        "EGIDE_PEOPLE_PORT": str(people),
        "EGIDE_OBJECTS_PORT": str(objects),
        "EGIDE_MQTT_PORT": str(mqtt),
        "EGIDE_BROKER_PORT": str(broker),
    }
    make = (
        "from egide.cli.django import setup; options = setup();"
        "options.data.mkdir(mode=0o700, parents=True);"
        "from egide.cloud.config.initialise import ensure_platform;"
        "ensure_platform(options, now_ms=1_800_000_000_000, say=lambda text: None)"
    )
    subprocess.run([sys.executable, "-c", make], env=environment, check=True, timeout=120)
    return environment


def egide(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "egide.cli", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=environment,
    )


@pytest.fixture
def taken(folders: dict[str, str]) -> Iterator[Path]:
    """Somebody else listens on the people's port."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", int(folders["EGIDE_PEOPLE_PORT"])))
        other.listen()
        yield Path(folders["EGIDE_DATA"])


@pytest.mark.parametrize("role", ["worker", "intake"])
def test_without_a_broker_a_role_says_so(folders: dict[str, str], role: str) -> None:
    """One line and a hint, exit 5; never a traceback, however many tasks the role has."""
    said = egide(folders, role)
    assert (said.returncode, said.stdout) == (5, "")
    assert said.stderr.startswith("egide: unavailable:")
    assert "Traceback" not in said.stderr


@pytest.mark.usefixtures("taken")
def test_a_busy_port_stops_the_people_s_listener(folders: dict[str, str]) -> None:
    """A setting is wrong: exit 2, and the port is named."""
    said = egide(folders, "serve", "people")
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr.startswith(f"egide: config-invalid: port {folders['EGIDE_PEOPLE_PORT']} is busy")
