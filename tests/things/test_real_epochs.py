"""What an object makes of a platform that was restored, and of one that was rolled back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from egide.measure.readings import Readings, Series
from egide.prove.instance import Instance
from egide.things import Object, State

pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Instance]:
    """On SQLite: a folder of data can be put back as it was."""
    data, keys = tmp_path / "data", tmp_path / "keys"
    with Instance(data=data, keys=keys, settings={"EGIDE_DATABASE_URL": ""}) as started:
        yield started


@pytest.fixture
def paired(platform: Instance, tmp_path: Path) -> Path:
    """The folder of an enrolled object that measures Alice."""
    alice = platform.run("person", "add", "Alice Martin", "--role", "patient").stdout.strip()
    claim = platform.run("fleet", "claim", "--model", "Test object", "--patient", alice).stdout.strip()
    folder = tmp_path / "object"
    with Object.enrol(claim, folder=folder) as obj:
        obj.refresh(timeout=20)
    return folder


def send(obj: Object, count: int) -> list[bytes]:
    """Send so many values, wait for their receipts, return their digests."""
    found = []
    for n in range(count):
        series = Series(code="99504-3", unit="mg/dL", times=0, exponent=0, values=(90 + n,))
        sent = obj.send(Readings(t0_ms=obj.clock.now_ms(), series=(series,)))
        assert sent.digest is not None
        found.append(sent.digest)
    assert obj.flush(timeout=60).waiting == 0
    return found


def test_after_a_restore_the_object_brings_back_what_the_backup_did_not_hold(
    platform: Instance, paired: Path, tmp_path: Path
) -> None:
    """A new epoch, vouched for by the platform; the same bytes again, and a receipt from the new log for each."""
    with Object.open(paired) as obj:
        before = send(obj, 3)
        old = obj.status().logs[-1].uri
        platform.run("backup", str(tmp_path / "backup.egide"))
        after = send(obj, 4)
    platform.stop()
    fresh = Instance(
        data=tmp_path / "restored", keys=platform.keys, settings=platform.settings,
        people_port=platform.people_port, objects_port=platform.objects_port,
        mqtt_port=platform.mqtt_port, broker_port=platform.broker_port,
    )  # fmt: skip
    fresh.run("restore", str(tmp_path / "backup.egide"))
    with fresh, Object.open(paired) as obj:
        new = send(obj, 1)
        status = obj.status()
        items = {item.digest: item.log for item in obj.outbox.items(State.RECEIPTED)}
    assert len(status.logs) == 2
    assert {items[digest] for digest in before} == {old}
    assert {items[digest] for digest in after + new} == {status.logs[1].uri}
    assert [exposure.what for exposure in status.exposures] == ["restored"]
    assert status.counts.dead == 0


def test_a_database_rolled_back_to_yesterday_is_exposed(
    platform: Instance, paired: Path, tmp_path: Path
) -> None:
    """The folder of data put back as it was: the object sees it, keeps everything, and says so."""
    data, yesterday = platform.data, tmp_path / "yesterday"
    with Object.open(paired) as obj:
        send(obj, 2)
    platform.stop()
    shutil.copytree(data, yesterday, symlinks=True)
    with platform, Object.open(paired) as obj:
        send(obj, 5)
        seen = obj.status().logs[-1].head
    shutil.rmtree(data)
    shutil.copytree(yesterday, data, symlinks=True)
    with platform, Object.open(paired) as obj:
        series = Series(code="99504-3", unit="mg/dL", times=0, exponent=0, values=(99,))
        sent = obj.send(Readings(t0_ms=obj.clock.now_ms(), series=(series,)))
        obj.flush(timeout=10)
        status, item = obj.status(), obj.find(sent)
    assert item is not None
    assert item.state is State.WAITING
    assert status.counts.receipted == 7
    assert status.logs[-1].head == seen
    assert status.exposures
    assert {exposure.what for exposure in status.exposures} == {"rolled-back"}
    said = platform.run("object", "status", "--folder", str(paired), check=False)
    assert said.returncode == 1
    assert "rolled-back" in said.stderr
