"""The disk fills up: each part says so, nothing receipted is lost, and all goes on when there is room again."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from egide.prove.instance import Instance
from egide.things import Object
from tests.support.crowd import ROOT, Crowd, enrolled, require
from tests.support.instance import running_instance
from tests.support.oracle import held, require_nothing_lost

pytestmark = [
    pytest.mark.server,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]

MB = 1024 * 1024


@contextmanager
def on_sqlite(folder: Path) -> Iterator[Instance]:
    """Whatever the run's engine: the store that fills up here is a file of ours."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EGIDE_TEST_ENGINE", "sqlite")
        with running_instance(folder, EGIDE_INTAKE_RATE="1000000", EGIDE_DATABASE_URL="") as started:
            yield started


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    with on_sqlite(tmp_path_factory.mktemp("platform")) as started:
        yield started


@pytest.fixture(scope="module")
def folders(platform: Instance, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    made = [tmp_path_factory.mktemp("objects") / name for name in ("mqtt", "https", "auto")]
    enrolled(platform, made)
    return made


@contextmanager
def no_file_grows(pid: int, limit: int) -> Iterator[None]:
    """For this process, files end at `limit` bytes (EFBIG): as on a full disk, for one process alone."""
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


def heard(platform: Instance, words: str) -> Callable[[], bool]:
    """Whether the platform says this from now on."""
    before = sum(words in line for line in platform.words)
    return lambda: sum(words in line for line in platform.words) > before


def test_intake_says_that_its_store_is_full_and_goes_on_when_it_is_not(
    platform: Instance, folders: list[Path]
) -> None:
    """No receipt without room for what it promises; what was not stored is asked for again, and comes in."""
    with Crowd(folders) as crowd:
        crowd.start()
        crowd.more_receipts(20)
        said = heard(platform, "not stored: storage-failed")
        with no_file_grows(platform.children()["intake"], 4096):
            require(said, "intake says why it stores nothing")
            require(
                lambda: all(member.obj.outbox.counts().waiting >= 10 for member in crowd.members), "envelopes wait"
            )
        crowd.more_receipts(40)
        crowd.settle()
        require_nothing_lost(platform, crowd.sent)


def test_a_broker_that_cannot_keep_messages_is_started_again(platform: Instance, folders: list[Path]) -> None:
    """Alive and without its store it would acknowledge nothing for ever: that is seen, said and mended."""
    with Crowd(folders) as crowd:
        crowd.start()
        crowd.more_receipts(20)
        broker = platform.children()["broker"]
        said = heard(platform, "egide: the broker: ")
        with no_file_grows(broker, 0):
            require(said, "the fault is said")
            require(lambda: platform.children().get("broker", broker) != broker, "another broker runs")
        crowd.more_receipts(40)
        crowd.settle()
        require_nothing_lost(platform, crowd.sent)


_FILL = """
import resource, sys
from pathlib import Path
from egide.errors import StorageError
from egide.things import Object
from tests.support.crowd import glucose
folder = Path(sys.argv[1])
with Object(folder, start=False) as obj:
    room = (folder / "store.sqlite3").stat().st_size + int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    kept, said = [], ""
    while not said:
        try:
            kept.append(obj.send(glucose(obj.clock.now_ms())))
        except StorageError as err:
            said = str(err)
    print(said)
    before = obj.outbox.counts()
    assert before.waiting >= len(kept), before
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    kept.append(obj.send(glucose(obj.clock.now_ms())))
    assert obj.outbox.counts().waiting == before.waiting + 1
    for each in kept:
        print(each.seq, each.digest.hex())
"""


def test_an_object_whose_disk_is_full_keeps_what_it_kept(platform: Instance, folders: list[Path]) -> None:
    """`send` raises, in words; no number is used up; with room again the next one goes, and all of it arrives."""
    folder = folders[0]
    done = subprocess.run(
        [sys.executable, "-c", _FILL, str(folder), "65536"], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    said, *lines = done.stdout.splitlines()
    assert "full" in said
    kept = {int(line.split()[0]): bytes.fromhex(line.split()[1]) for line in lines}
    assert sorted(kept) == list(range(min(kept), max(kept) + 1))
    with Crowd([folder], ["mqtt"]) as crowd:
        crowd.settle()
        sent = {**dict.fromkeys(folders, ()), folder: tuple(kept.values())}
        require_nothing_lost(platform, sent)
    with Object(folder, start=False) as obj:
        assert obj.outbox.counts().dead == 0
    assert {item.digest for item in held(folder)} >= set(kept.values())


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[bool]:
    """A tmpfs of so many bytes on `folder`; False where we may not mount."""
    folder.mkdir(parents=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True)
    try:
        yield done.returncode == 0
    finally:
        if done.returncode == 0:
            subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(file: Path) -> None:
    """Take what is left of a disk: the broker gives blocks back as intake empties them."""
    space = os.statvfs(file.parent)
    if space.f_bavail:
        with file.open("ab") as out, suppress(OSError):  # another was quicker
            os.posix_fallocate(out.fileno(), file.stat().st_size, space.f_bavail * space.f_frsize)


def test_a_full_disk_under_the_broker_is_said_and_what_is_kept_there_comes_in(tmp_path: Path) -> None:
    """A small disk, really full: the broker is left alone until there is room, then started again."""
    with small_disk(tmp_path / "platform" / "data" / "broker" / "store", 160 * MB) as mounted:
        if not mounted:
            pytest.skip("a small disk of one's own needs the right to mount (root, CAP_SYS_ADMIN)")
        with on_sqlite(tmp_path / "platform") as instance:
            require_recovery(instance, tmp_path)


def require_recovery(instance: Instance, tmp_path: Path) -> None:
    folders = [tmp_path / "mqtt", tmp_path / "https"]
    enrolled(instance, folders)
    with Crowd(folders, ["mqtt", "https"]) as crowd:
        crowd.start()
        crowd.more_receipts(20)
        https = crowd.members[1]
        said, mended = heard(instance, "egide: the broker: "), heard(instance, "starting the broker again")
        ballast = instance.data / "broker" / "store" / "ballast"

        def full() -> bool:
            fill(ballast)
            return said()

        require(full, "the fault is said")
        assert not mended()
        before = https.obj.outbox.counts().receipted
        require(lambda: https.obj.outbox.counts().receipted > before + 10, "receipts by HTTPS")
        assert not mended()
        ballast.unlink()
        require(mended, "there is room, and the broker is started again")
        crowd.more_receipts(40)
        crowd.settle()
        require_nothing_lost(instance, crowd.sent)
