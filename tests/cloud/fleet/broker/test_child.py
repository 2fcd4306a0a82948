"""The broker's process: ready when we say so, gone when we are, and clear about what stops it."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from egide.cloud.fleet.broker.child import find_nats_server, start_broker
from egide.cloud.options import Options
from egide.errors import ConfigError, KeyMissingError, StorageError, UnavailableError
from tests.support.broker import make_folders, make_ground, require
from tests.support.processes import alive

from .conftest import Ward

pytestmark = pytest.mark.server

_PARENT = """\
import sys
from pathlib import Path
from egide.cloud.options import Options
from egide.cloud.fleet.broker.child import start_broker
broker = start_broker(Options(data=Path(sys.argv[1]), keys=Path(sys.argv[2]), broker_port=0, mqtt_port=0))
print(broker.pid, flush=True)
sys.stdin.read()
"""


@contextmanager
def busy() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux ties a child to its parent")
def test_the_broker_dies_with_us_even_by_kill_9(tmp_path: Path) -> None:
    """No process is left behind."""
    options, _ = make_folders(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", _PARENT, str(options.data), str(options.keys)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert alive(pid)
        parent.kill()
        parent.wait()
        require(lambda: not alive(pid))


def test_a_busy_port_is_named(tmp_path: Path) -> None:
    """The message says which port, so that one knows what to change."""
    options, _ = make_folders(tmp_path)
    with busy() as port:
        for one in (replace(options, broker_port=port), replace(options, mqtt_port=port)):
            with pytest.raises(ConfigError, match=str(port)):
                start_broker(one)


def test_a_store_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """A file where the folder should be: nothing is started."""
    options, _ = make_folders(tmp_path)
    options.data.mkdir()
    (options.data / "broker").write_text("not a folder")
    with pytest.raises(StorageError):
        start_broker(options)


def test_a_full_disk_is_said_at_the_start(tmp_path: Path) -> None:
    """No file of ours may grow: as on a full disk."""
    options, _ = make_folders(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with pytest.raises(StorageError):
            start_broker(options)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_disk_that_fills_up_loses_nothing_acknowledged(ward: Ward) -> None:
    """No PUBACK once files cannot grow, and the fault is known; with room again, what was kept is there."""
    alice = ward.connected()
    assert alice.deliver(f"up/{alice.id}", b"first")
    resource.prlimit(ward.ground.broker.pid, resource.RLIMIT_FSIZE, (4096, 4096))
    sent = [alice.send(f"up/{alice.id}", b"%d" % n + bytes(3_000)) for n in range(8)]
    require(lambda: ward.ground.broker.fault is not None)
    assert isinstance(ward.ground.broker.fault, StorageError)
    ward.ground.broker.stop()
    assert alice.left.wait(10)
    acknowledged = {b"%d" % n for n, info in enumerate(sent) if info.is_published()}
    assert len(acknowledged) < len(sent)
    ward.ground.restart()
    require(lambda: ward.edge is not None and ward.edge.standing)
    found = {waiting.data.rstrip(b"\0") for waiting in ward.pull()}
    assert acknowledged | {b"first"} <= found


def test_missing_or_open_secrets_are_refused(tmp_path: Path) -> None:
    """No broker without its keys, nor with keys that others can read."""
    options, _ = make_folders(tmp_path)
    secrets = options.keys / "broker.json"
    secrets.chmod(0o644)
    with pytest.raises(KeyMissingError):
        start_broker(options)
    secrets.unlink()
    with pytest.raises(KeyMissingError):
        start_broker(options)


def test_a_certificate_that_is_not_one_is_said(tmp_path: Path) -> None:
    """The broker does not start without TLS."""
    options, _ = make_folders(tmp_path)
    (options.keys / "tls.pem").write_text("nothing")
    with pytest.raises(ConfigError):
        start_broker(options)


def test_a_program_that_is_not_a_broker_is_said(tmp_path: Path) -> None:
    """A path to one's own nats-server that ends at once, or is not a program."""
    options, _ = make_folders(tmp_path)
    with pytest.raises(UnavailableError):
        start_broker(replace(options, nats_server="/bin/false"))
    with pytest.raises(ConfigError):
        start_broker(replace(options, nats_server=str(tmp_path / "absent")))


def test_stopping_twice_is_stopping_once(tmp_path: Path) -> None:
    """And a stopped broker gives its port back."""
    ground = make_ground(tmp_path)
    assert alive(ground.broker.pid)
    assert ground.broker.stop() == ground.broker.stop()
    assert ground.broker.poll() is not None
    ground.restart()
    assert ground.broker.mqtt_port == ground.options.mqtt_port
    ground.broker.stop()


def test_a_broker_killed_earlier_is_started_again(tmp_path: Path) -> None:
    """A run that ended by kill -9 leaves nothing that stops the next."""
    ground = make_ground(tmp_path)
    os.kill(ground.broker.pid, signal.SIGKILL)
    assert ground.broker.wait(10) == -signal.SIGKILL
    ground.restart()
    ground.broker.stop()


def test_the_cipher_key_is_on_no_command_line_and_in_no_file(tmp_path: Path) -> None:
    """It goes through the environment of the child alone."""
    ground = make_ground(tmp_path)
    try:
        assert ground.secrets.cipher.encode() not in Path(f"/proc/{ground.broker.pid}/cmdline").read_bytes()
        for file in (ground.options.data / "broker").rglob("*"):
            assert not file.is_file() or ground.secrets.cipher.encode() not in file.read_bytes()
    finally:
        ground.broker.stop()


def test_the_packaged_program_is_found() -> None:
    """Where the wheel put it, whatever the PATH says."""
    assert os.access(find_nats_server(Options()), os.X_OK)
