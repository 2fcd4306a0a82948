"""Starting, watching and stopping the real platform: another one, parts that are killed, folders that refuse."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from egide.prove.instance import Instance, free_ports
from tests.support.broker import require
from tests.support.instance import running_instance
from tests.support.processes import alive, under


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    with running_instance(tmp_path_factory.mktemp("platform")) as started:
        yield started


def up(instance: Instance, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "egide.cli", "up"], env={**instance.environment, **changes},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def fresh_ports() -> dict[str, str]:
    names = ("PEOPLE", "OBJECTS", "MQTT", "BROKER")
    return {f"EGIDE_{n}_PORT": str(p) for n, p in zip(names, free_ports(4), strict=True)}


def healthy(instance: Instance) -> bool:
    try:
        return httpx.get(f"{instance.people_url}/readyz", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.mark.server
@pytest.mark.slow
def test_a_real_second_platform_is_refused(instance: Instance) -> None:
    """On the same folder, other ports: 2, a line and a hint; on other folders, the same ports: 2, the port."""
    said = up(instance, **fresh_ports())
    assert said.returncode == 2
    assert "another platform" in said.stderr
    assert "egide: hint:" in said.stderr
    other = instance.data.parent
    busy = up(instance, EGIDE_DATA=str(other / "data2"), EGIDE_KEYS=str(other / "keys2"))
    assert busy.returncode == 2
    assert str(instance.people_port) in busy.stderr
    assert not (other / "keys2").exists()
    assert healthy(instance)


@pytest.mark.server
@pytest.mark.slow
@pytest.mark.parametrize("part", ["broker", "intake", "worker", "objects", "people"])
def test_a_real_part_that_is_killed_comes_back(instance: Instance, part: str) -> None:
    """kill -9 of each; a moment later there is another, and the platform is healthy."""
    before = instance.children()
    os.kill(before[part], signal.SIGKILL)
    require(lambda: instance.children().get(part) not in {None, before[part]}, 60)
    require(lambda: healthy(instance), 60)
    after = instance.children()
    assert {name: pid for name, pid in after.items() if name != part} == {
        name: pid for name, pid in before.items() if name != part
    }


@pytest.mark.server
@pytest.mark.slow
def test_a_process_of_people_that_is_killed_takes_its_part_along_and_all_come_back(instance: Instance) -> None:
    """Those who answer people answer all together, or are started again all together."""
    before = instance.children()["people"]
    processes = under(before)
    assert processes
    os.kill(min(processes), signal.SIGKILL)
    require(lambda: instance.children().get("people") not in {None, before}, 60)
    require(lambda: healthy(instance), 60)
    assert not any(alive(pid) for pid in processes)


def gone(pids: dict[str, int]) -> Callable[[], bool]:
    return lambda: not any(alive(pid) for pid in pids.values())


@pytest.mark.server
@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_stays_behind(tmp_path: Path, how: signal.Signals) -> None:
    """Ctrl-C and SIGTERM: 0, everything stopped. kill -9: the parts die with it; the next start works."""
    with running_instance(tmp_path) as started:
        pids = started.children()
        assert len(pids) == 5
        assert started.process is not None
        started.process.send_signal(how)
        status = started.process.wait(60)
        assert status == (-9 if how == signal.SIGKILL else 0)
        require(gone(pids), 10)
        started.start()
        assert len(started.children()) == 5
        assert started.run("person", "list", "--json").stdout.strip() == "[]"


@pytest.mark.server
@pytest.mark.parametrize("data", ["/sys/egide", "/proc"])
def test_a_real_folder_that_cannot_be_written_is_5(tmp_path: Path, data: str) -> None:
    """The disk, said in a line, with no traceback."""
    made = Instance(data=Path(data), keys=tmp_path / "keys")
    said = up(made)
    assert said.returncode == 5
    assert "egide: storage-failed:" in said.stderr
    assert "Traceback" not in said.stderr
