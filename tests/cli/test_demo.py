"""`egide demo`: it starts from nothing, says where to look, stops without a trace, and starts again as it was."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from egide.prove.instance import Instance
from tests.support.broker import require
from tests.support.processes import alive, under

pytestmark = [pytest.mark.server, pytest.mark.slow]


class Demo:
    """A demo in a folder; its words as they come."""

    def __init__(self, folder: Path, *more: str) -> None:
        self.instance = Instance(data=folder / "data", keys=folder / "keys", settings={"EGIDE_DATABASE_URL": ""})
        self.words: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "egide.cli", "demo", "--folder", str(folder), "--objects", "3", *more],
            env=self.instance.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as lines:
            for line in lines:
                self.words.append(line.rstrip())

    def ready(self) -> str:
        """All it said until it was ready."""
        require(lambda: self.process.poll() is not None or any("ready" in w for w in self.words), 120)
        assert self.process.poll() is None, self.words
        return "\n".join(self.words)

    def children(self) -> list[int]:
        self.instance.process = self.process
        try:
            return list(self.instance.children().values())
        finally:
            self.instance.process = None

    def end(self) -> tuple[int, str]:
        """(exit code, what it wrote to stdout)."""
        assert self.process.stdout is not None
        with self.process.stdout as out:
            said = out.read()
        status = self.process.wait(60)
        self._listener.join(10)
        return status, said


def test_a_demo_starts_is_looked_at_stops_and_starts_again(tmp_path: Path) -> None:
    """Twice in one folder: the same people and objects, new links; no process stays, and nothing goes to stdout."""
    for turn in range(2):
        demo = Demo(tmp_path / "demo")
        try:
            said = demo.ready()
            address = f"http://localhost:{demo.instance.people_port}"
            assert re.search(rf"Open +{address}$", said, re.MULTILINE)
            assert len(re.findall(rf"as \S.* {address}/sign-in#\w{{32}}$", said, re.MULTILINE)) == 2
            assert "3 virtual objects" in said
            assert ("enrolled" in said) == (turn == 0)
            assert httpx.get(address, follow_redirects=True, timeout=20).status_code == 200
            pids = demo.children()
            assert len(pids) == 5
        finally:
            demo.process.send_signal(signal.SIGINT)
        assert demo.end() == (0, "")
        assert "Traceback" not in "\n".join(demo.words)
        assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    people = [line for line in (tmp_path / "demo" / "people.json").read_text().splitlines() if line]
    assert len(people) == 1
    assert os.environ.get("EGIDE_DATA") != str(tmp_path / "demo" / "data")


def test_a_demo_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    """As under `make demo`: kill -9 of what started it leaves nothing behind."""
    ports = Instance(data=tmp_path / "d", keys=tmp_path / "k", settings={"EGIDE_DATABASE_URL": ""})
    demo = shlex.join([sys.executable, "-m", "egide.cli", "demo", "--folder", str(tmp_path / "demo"), "--objects", "1"])
    said = tmp_path / "said"
    with said.open("wb") as words, subprocess.Popen(
        ["sh", "-c", f"{demo} --with-parent $$ & wait"], env=ports.environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=words,
    ) as parent:  # fmt: skip
        require(lambda: parent.poll() is not None or b"ready (" in said.read_bytes(), 120)
        below = under(parent.pid)
        parent.kill()
    assert len(below) >= 6
    require(lambda: not any(alive(pid) for pid in below), 30)


def test_a_demo_may_stop_by_itself(tmp_path: Path) -> None:
    """For a film, or for a machine that looks at it."""
    demo = Demo(tmp_path / "demo", "--seconds", "1")
    assert demo.end() == (0, "")
    assert any("stopping" in line for line in demo.words)


def test_a_demo_whose_port_is_busy_says_which(tmp_path: Path) -> None:
    """2 and the port, before it makes anything."""
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = str(busy.getsockname()[1])
        made = Instance(data=tmp_path / "d", keys=tmp_path / "k", settings={"EGIDE_PEOPLE_PORT": port})
        said = made.run("demo", "--folder", str(tmp_path / "demo"), check=False)
    assert said.returncode == 2
    assert port in said.stderr
    assert not (tmp_path / "demo" / "keys").exists()
