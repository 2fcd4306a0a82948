"""Starting, watching and stopping: everything is ready or nothing runs, what dies comes back, nothing stays behind."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings

from egide.cloud.config import supervisor as module
from egide.cloud.config.renewal import Renewed
from egide.cloud.config.supervisor import Supervisor, stopped_by_signals
from egide.cloud.options import Options
from egide.errors import ConfigError, KeyMissingError, StorageError, UnavailableError
from tests.support.broker import require
from tests.support.processes import alive
from tests.support.thing import NOW

#: Plays a role: says "ready", then does as its second word says.
ACTOR = """\
import ctypes, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)
how = sys.argv[-1]
if how == "dies":
    sys.exit(3)
if how == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if how != "mute":
    print("something else"); print("ready", flush=True)
while True:
    signal.pause()
"""


class FakeBroker:
    """A broker as the supervisor sees it."""

    pid = 0
    fault: Exception | None = None

    def __init__(self) -> None:
        self.code: int | None = None
        self.stopped = False

    def poll(self) -> int | None:
        return self.code

    def stop(self) -> int:
        self.stopped = True
        return 0


class Stage:
    """A supervisor whose roles are actors."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.said: list[str] = []
        self.brokers: list[FakeBroker] = []
        self.due: list[Renewed] = []
        self.shown = b"the first"

    def make(self) -> Supervisor:
        return Supervisor(self.options, say=self.said.append)

    def renew(self, _: Options, **__: object) -> list[Renewed]:
        done, self.due = self.due, []
        return done

    def start_broker(self, _: Options) -> FakeBroker:
        self.brokers.append(FakeBroker())
        return self.brokers[-1]


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    folders: Options = replace(settings.OPTIONS, data=tmp_path / "data", keys=tmp_path / "keys")
    made = Stage(replace(folders, people_port=0, objects_port=0, mqtt_port=0, broker_port=0))
    monkeypatch.setattr(module, "_LAUNCH", ACTOR)
    monkeypatch.setattr(module, "ROLES", (("one", ("lives",)), ("two", ("lives",))))
    monkeypatch.setattr(module, "ensure_platform", lambda *_, **__: None)
    monkeypatch.setattr(module, "renew", made.renew)
    monkeypatch.setattr(module, "shown", lambda _: made.shown)
    monkeypatch.setattr(module, "start_broker", made.start_broker)
    monkeypatch.setattr(module, "BROKER_RETRY_S", 0.0)
    monkeypatch.setattr(module, "broker_files", lambda o: SimpleNamespace(store=o.data / "store"))
    return made


def test_leaving_stops_every_process(stage: Stage) -> None:
    """Started in order, all ready; then none is left, and the folder is free again."""
    with stage.make() as running:
        pids = running.pids()
        assert list(pids) == ["broker", "one", "two"]
        assert all(alive(pids[name]) for name in ("one", "two"))
    assert stage.said == ["starting the broker", "starting one", "starting two"]
    assert not any(alive(pids[name]) for name in ("one", "two"))
    assert stage.brokers[0].stopped
    assert running.pids() == {}
    running.stop()
    with stage.make():
        pass


@pytest.mark.parametrize("by_command", [False, True])
def test_whoever_showed_a_certificate_that_was_renewed_is_started_again(stage: Stage, by_command: bool) -> None:
    """Renewed at the look of each minute, or by the command beside it; once, and nothing before."""
    with stage.make() as running:
        before = running.pids()
        stage.due, stage.shown = ([] if by_command else [Renewed(name="tls.pem", until_ms=NOW)]), b"another"
        running.check()
        assert running.pids() == before
        running._certificates_due = 0.0
        running.check()
        after = running.pids()
        assert not {before["one"], before["two"]} & {after["one"], after["two"]}
        assert not any(alive(before[name]) for name in ("one", "two"))
        assert [broker.stopped for broker in stage.brokers] == [True, False]
        running._certificates_due = 0.0
        running.check()
        assert running.pids()["one"] == after["one"]
    assert [line for line in stage.said if "renewed" in line] == (
        [] if by_command else ["tls.pem is renewed until 2027-01-15"]
    )


def test_a_broker_that_does_not_start_again_is_tried_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when its disk is full: said, the roles come back, and the next look starts it."""
    with stage.make() as running:
        before, refused = running.pids(), iter([StorageError("the broker's disk is full")])

        def start(options: Options) -> FakeBroker:
            for error in refused:
                raise error
            return stage.start_broker(options)

        monkeypatch.setattr(module, "start_broker", start)
        stage.shown, running._certificates_due = b"another", 0.0
        stage.brokers[0].code = 0  # as a process that was stopped
        running._check_certificates()
        assert running.pids()["one"] != before["one"]
        assert len(stage.brokers) == 1
        running.check()
        assert len(stage.brokers) == 2
    assert "the broker does not start: the broker's disk is full" in stage.said


def test_a_certificate_that_cannot_be_renewed_stops_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Said at each look; everything goes on."""
    with stage.make() as running:
        before = running.pids()

        def missing(*_: object, **__: object) -> list[Renewed]:
            raise KeyMissingError("the key file tls.key is missing")

        monkeypatch.setattr(module, "renew", missing)
        running._certificates_due = 0.0
        running.check()
        assert running.pids() == before
    assert "a certificate cannot be renewed: the key file tls.key is missing" in stage.said


def test_what_dies_is_started_again(stage: Stage) -> None:
    """A role by kill -9, and the broker; the others go on untouched."""
    with stage.make() as running:
        before = running.pids()
        os.kill(before["one"], signal.SIGKILL)
        stage.brokers[0].code = -9
        running._children["one"].process.wait()

        def back() -> bool:
            running.check()
            return running.pids()["one"] != before["one"]

        require(back)
        assert running.pids()["two"] == before["two"]
        assert len(stage.brokers) == 2
    assert "one died (status -9): starting it again" in stage.said


def test_a_role_that_keeps_dying_is_started_later_each_time(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """0.5 s, 1 s, 2 s ... 8 s: a broken role does not take the machine with it."""
    clock = [1_000.0]
    monkeypatch.setattr(module, "time", type("Clock", (), {"monotonic": lambda: clock[0], "time_ns": time.time_ns}))
    with stage.make() as running:
        waits: list[float] = []
        for _ in range(6):
            child = running._children["one"]
            child.process.kill()
            child.process.wait()
            begun = clock[0]
            while running._children["one"] is child:
                running.check()
                clock[0] += 0.25
            waits.append(clock[0] - begun)
        assert waits == sorted(waits)
        assert (waits[0], waits[-1]) == (0.5, 8.0)
        clock[0] += 60
        child = running._children["one"]
        child.process.kill()
        child.process.wait()
        running.check()
        assert running._children["one"].deaths == 1, "a minute of health wipes the slate"


def test_a_broker_that_does_not_come_back_is_tried_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The platform stays: objects keep what they have."""
    with stage.make() as running:
        stage.brokers[0].code = 1

        def fail(_: Options) -> FakeBroker:
            raise UnavailableError("no")

        monkeypatch.setattr(module, "start_broker", fail)
        running.check()
        running.check()
        assert stage.said[3:] == ["the broker died: starting it again", "the broker does not start: no"] * 2
        monkeypatch.setattr(module, "start_broker", stage.start_broker)
        running.check()
        assert len(stage.brokers) == 2


def test_a_broker_that_lost_its_store_is_restarted_once_it_can_write(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It serves HTTPS meanwhile: it is stopped when there is room again, not before, and told of once."""
    full = StorageError("the broker's disk is full")

    def no_room(_: Path) -> None:
        raise StorageError("free at least 64 MB")

    with stage.make() as running:
        first = stage.brokers[0]
        first.fault = full
        with monkeypatch.context() as disk:
            disk.setattr(module, "require_store", no_room)
            running.check()
            assert (len(stage.brokers), first.stopped) == (1, False)
        running.check()
        assert (len(stage.brokers), first.stopped) == (2, True)
        running.check()
        assert len(stage.brokers) == 2


@pytest.mark.parametrize("how", ["dies", "mute"])
def test_a_role_that_does_not_become_ready_stops_all(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Half a platform is none: the broker and the roles that were ready are stopped."""
    monkeypatch.setattr(module, "ROLES", (("one", ("lives",)), ("two", (how,))))
    monkeypatch.setattr(module, "READY_S", 0.3)
    running = stage.make()
    with pytest.raises(UnavailableError, match="two"), running:
        pass
    assert stage.brokers[0].stopped
    assert running.pids() == {}


def test_a_role_that_does_not_stop_is_killed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a bounded time."""
    monkeypatch.setattr(module, "ROLES", (("one", ("stubborn",)),))
    monkeypatch.setattr(module, "STOP_S", 0.2)
    with stage.make() as running:
        pid = running.pids()["one"]
    assert not alive(pid)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_watch(stage: Stage, number: signal.Signals) -> None:
    """In order; afterwards, signals mean again what they meant."""
    before = signal.getsignal(number)
    running = stage.make()
    with stopped_by_signals(running), running:
        assert not running.stopping
        threading.Timer(0.05, os.kill, (os.getpid(), number)).start()
        running.watch()
        assert running.stopping
        os.kill(running.pids()["one"], signal.SIGKILL)
        running._children["one"].process.wait()
        running.check()
        assert len(stage.said) == 3, "nothing is started again while stopping"
    assert signal.getsignal(number) is before


def test_a_watch_ends_when_it_is_told(stage: Stage) -> None:
    """For a demo that lasts so long."""
    with stage.make() as running:
        running.watch(until=lambda: True)
        assert not running.stopping


def test_a_second_platform_on_the_same_data_does_not_start(stage: Stage) -> None:
    """It says so, and harms nothing of the first."""
    with stage.make() as first:
        pids = first.pids()
        with pytest.raises(ConfigError, match="another platform"), stage.make():
            pass
        assert first.pids() == pids
        assert all(alive(pids[name]) for name in ("one", "two"))


@pytest.mark.parametrize("data", ["/sys/egide", "/proc"])
def test_a_folder_that_cannot_be_written_is_said(stage: Stage, data: str) -> None:
    """Neither made, nor locked: a failure of storage, before anything starts."""
    stage.options = replace(stage.options, data=Path(data))
    with pytest.raises(StorageError), stage.make():
        pass
    assert stage.brokers == []


@pytest.mark.server
@pytest.mark.parametrize("name", ["people_port", "objects_port", "mqtt_port", "broker_port"])
def test_a_busy_port_is_named_before_anything_starts(stage: Stage, name: str) -> None:
    """Each of the four."""
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        changed: dict[str, Any] = {name: port}
        stage.options = replace(stage.options, **changed)
        with pytest.raises(ConfigError, match=str(port)), stage.make():
            pass
    assert stage.brokers == []
