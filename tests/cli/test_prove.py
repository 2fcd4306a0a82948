"""`egide prove`, stopped: the platform that it attacks is a child of its own, and ends with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.broker import require
from tests.support.processes import alive, under

pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.fixture
def proving(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """One attack on a platform of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "egide.cli", "prove", "--only", "flipped-bits"],
        env={**os.environ, "TMPDIR": str(tmp_path)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process
    finally:
        left = under(process.pid)
        process.kill()
        process.wait()
        for pid in left:
            if alive(pid):
                os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("parts", [1, 5], ids=["starting", "started"])
def test_nothing_stays_behind(
    proving: subprocess.Popen[bytes], tmp_path: Path, how: signal.Signals, parts: int
) -> None:
    """Whether the platform is up already or not: it stops, and its folder, with its keys, goes."""
    require(lambda: len(under(proving.pid)) > parts, 120)
    below = under(proving.pid)
    proving.send_signal(how)
    assert proving.wait(60) != 0
    require(lambda: not any(alive(pid) for pid in below), 10)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("parts", [1, 5], ids=["starting", "started"])
def test_nothing_survives_its_being_killed(proving: subprocess.Popen[bytes], parts: int) -> None:
    """kill -9 runs nothing of ours: its platform hears that it is alone, and what the platform started dies with it."""
    require(lambda: len(under(proving.pid)) > parts, 120)
    below = under(proving.pid)
    proving.kill()
    assert proving.wait(10) == -signal.SIGKILL
    require(lambda: not any(alive(pid) for pid in below), 20)
