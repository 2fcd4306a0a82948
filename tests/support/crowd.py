"""A few real objects that go on sending through whatever happens to their platform, and what they were promised."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from egide.errors import PairingError, StorageError
from egide.measure.readings import Readings, Series
from egide.prove.instance import Instance
from egide.things import Object, courier, line, mqtt
from egide.things.line import Transport
from egide.things.schedule import Retry

__all__ = ["Crowd", "Member", "enrolled", "glucose", "hasten", "hastened", "require"]

ROOT = Path(__file__).parents[2]
_HASTE = (
    (courier, "RETRY", Retry(first_ms=700, ceiling_ms=3_000)),
    (courier, "LINK_RETRY", Retry(first_ms=100, ceiling_ms=800)),
    (line, "_MQTT_PATIENCE_MS", 1_500),
    (mqtt, "_RECONNECT_S", (1, 1)),
    (mqtt, "_KEEPALIVE_S", 4),
)


def hasten() -> None:
    """Objects of this process try again after a second where they would wait for half a minute or more."""
    for module, name, value in _HASTE:
        setattr(module, name, value)


@contextmanager
def hastened() -> Iterator[None]:
    before = [getattr(module, name) for module, name, _ in _HASTE]
    hasten()
    try:
        yield
    finally:
        for (module, name, _), value in zip(_HASTE, before, strict=True):
            setattr(module, name, value)


def require(holds: Callable[[], bool], what: str, *, seconds: float = 90.0) -> None:
    """Ask until it holds. Fails after `seconds`, saying `what` was awaited."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"in vain: {what}"
        threading.Event().wait(0.02)


def glucose(at_ms: int, value: int = 100) -> Readings:
    series = Series(code="99504-3", unit="mg/dL", times=0, exponent=0, values=(value,))
    return Readings(t0_ms=at_ms, series=(series,))


def enrolled(instance: Instance, folders: Sequence[Path]) -> None:
    """Enrol an object in each folder; all of them measure Alice, and know their pairing."""
    alice = instance.run("person", "add", "Alice Martin", "--role", "patient").stdout.strip()
    for folder in folders:
        claim = instance.run("fleet", "claim", "--model", "Test object", "--patient", alice).stdout.strip()
        with Object.enrol(claim, folder=folder) as obj:
            obj.refresh(timeout=60)


@dataclass(kw_only=True)
class Member:
    """One object that sends from a thread of its own. `sent`: digests of all that `send` returned."""

    folder: Path
    transport: Transport
    pace_s: float
    most: int = 24  # that wait at once
    sent: list[bytes] = field(default_factory=list)
    refused: int = 0  # times that `send` raised StorageError

    def __post_init__(self) -> None:
        self.obj = Object.open(self.folder, transport=self.transport)
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="load", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def _work(self) -> None:
        try:
            while not self._stop.wait(self.pace_s):
                if self.obj.outbox.counts().waiting >= self.most:
                    continue
                try:
                    sent = self.obj.send(glucose(self.obj.clock.now_ms(), 80 + len(self.sent) % 100))
                except StorageError:
                    self.refused += 1
                    continue
                assert sent.digest is not None
                self.sent.append(sent.digest)
        except PairingError as err:
            self._error = err
        except BaseException as err:
            self._error = err
            raise

    def quiet(self) -> None:
        """No more load; what waits goes on."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        self._stop.set()
        self.obj.close()


class Crowd:
    """Members over each way in. A context manager: entering opens them, `start` begins the load."""

    def __init__(
        self, folders: Sequence[Path], transports: Sequence[Transport] = ("mqtt", "https", "auto"),
        *, pace_s: float = 0.03,
    ) -> None:  # fmt: skip
        self.folders, self._transports, self._pace = tuple(folders), transports, pace_s
        self._stack = ExitStack()
        self.members: list[Member] = []

    def __enter__(self) -> Self:
        self._stack.enter_context(hastened())
        try:
            for n, folder in enumerate(self.folders):
                way = self._transports[n % len(self._transports)]
                member = Member(folder=folder, transport=way, pace_s=self._pace)
                self._stack.callback(member.close)
                self.members.append(member)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def start(self) -> None:
        for member in self.members:
            member.start()

    def receipted(self) -> int:
        """How many receipts the members hold."""
        return sum(member.obj.outbox.counts().receipted for member in self.members)

    def more_receipts(self, count: int = 6, *, seconds: float = 90.0) -> None:
        """Return once so many more receipts have come than there are now."""
        goal = self.receipted() + count
        require(lambda: self.receipted() >= goal, "more receipts", seconds=seconds)

    def settle(self, *, seconds: float = 120.0) -> None:
        """End the load, and wait until nothing waits for an answer."""
        for member in self.members:
            member.quiet()
        end = time.monotonic() + seconds
        for member in self.members:
            while (counts := member.obj.flush(timeout=2)).waiting:
                left = f"{counts.waiting} envelopes of {member.transport} wait: {member.obj.status().problems}"
                assert time.monotonic() < end, left

    @property
    def sent(self) -> dict[Path, list[bytes]]:
        """What `send` returned, by folder."""
        return {member.folder: list(member.sent) for member in self.members}


class Victim:
    """An object in a process of its own, to be killed. `sent` is what it said that `send` returned."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sent: list[bytes] = []
        self.births = 0

    def start(self) -> None:
        self.births += 1
        self._said = threading.Event()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.crowd", str(self.folder)],
            stdout=subprocess.PIPE, text=True, bufsize=1, cwd=ROOT,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, args=(self.process, self._said), daemon=True)
        self._reader.start()

    def _read(self, process: subprocess.Popen[str], said: threading.Event) -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line_ in lines:
                if line_.endswith("\n"):
                    self.sent.append(bytes.fromhex(line_.strip()))
                    said.set()

    def sending(self) -> None:
        """Wait for the first envelope of this life."""
        assert self._said.wait(60), "the object does not send"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()

    def settle(self) -> None:
        """Open what the last life left, and bring everything in."""
        with hastened(), Object.open(self.folder) as obj:
            end = time.monotonic() + 90
            while obj.flush(timeout=2).waiting:
                assert time.monotonic() < end, f"in vain: {obj.status().problems}"


def _live(folder: Path) -> None:
    hasten()
    with Object.open(folder) as obj:
        while True:
            sent = obj.send(glucose(obj.clock.now_ms()))
            assert sent.digest is not None
            print(sent.digest.hex(), flush=True)
            if obj.outbox.counts().waiting > 60:
                obj.flush(timeout=0.2)


if __name__ == "__main__":
    _live(Path(sys.argv[1]))
