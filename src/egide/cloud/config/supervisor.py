"""`egide up`: the broker and the platform's processes, started in order, watched, and stopped without a trace.

Each process dies with us, even by kill -9 (PR_SET_PDEATHSIG). One that dies alone is started again, a little later
each time. A lock on the data folder keeps two platforms from serving the same data.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, Final

from egide.cloud.config.initialise import ensure_platform
from egide.cloud.config.renewal import renew, shown
from egide.cloud.fleet.broker.child import Broker, broker_files, require_free, require_store, start_broker
from egide.cloud.options import Options
from egide.errors import ConfigError, EgideError, KeyMissingError, StorageError, UnavailableError

__all__ = ["Supervisor"]

READY_S: Final = 60.0
STOP_S: Final = 10.0
BROKER_RETRY_S: Final = 1.0
CERTIFICATES_S: Final = 60.0
_KILLED_RUN_S: Final = 3.0  # what a killed run leaves behind is gone by then
_LAUNCH: Final = """\
import ctypes, os, signal, sys
if ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0) or os.getppid() != int(sys.argv[1]):
    sys.exit(1)
sys.argv = ["egide", *sys.argv[2:]]
from egide.cli import main
main()
"""
#: (name, arguments): in the order they start.
ROLES: Final = (
    ("worker", ("worker",)),
    ("intake", ("intake",)),
    ("objects", ("serve", "objects")),
    ("people", ("serve", "people")),
)
#: Only where the operator set messages up.
MESSAGES: Final = (("messages", ("messages", "run")),)


@dataclass(slots=True)
class _Child:
    name: str
    arguments: tuple[str, ...]
    process: subprocess.Popen[bytes]
    ready: threading.Event
    started: float
    deaths: int = 0


class Supervisor:
    """One platform. Use it as a context manager: leaving it stops everything."""

    def __init__(self, options: Options, *, say: Callable[[str], None]) -> None:
        self.options = options
        self._say = say
        self._lock: IO[str] | None = None
        self._broker: Broker | None = None
        self._broker_trouble = ""  # what was last said of it
        self._broker_due = 0.0  # when to try it again
        self._children: dict[str, _Child] = {}
        self._certificates_due = 0.0  # when to look at them again
        self._shown = b""  # what those who run have read
        self._stopping = threading.Event()

    def __enter__(self) -> Supervisor:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start everything, and return when everything is ready.

        Raises:
            ConfigError: a busy port, or another platform on this data.
            StorageError: a disk that is full or read-only.
            UnavailableError: a part that did not become ready.
        """
        options = self.options
        try:
            options.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as err:
            raise StorageError(f"the data folder cannot be made: {err.strerror}") from err
        self._lock = _lock(options)
        for host, port in (
            (options.listen, options.people_port),
            (options.listen, options.objects_port),
            (options.listen, options.mqtt_port),
            ("127.0.0.1", options.broker_port),
        ):
            require_free(host, port, patience_s=_KILLED_RUN_S)
        ensure_platform(options, now_ms=time.time_ns() // 1_000_000, say=self._say)
        self._renew()
        self._shown, self._certificates_due = shown(options), time.monotonic() + CERTIFICATES_S
        self._say("starting the broker")
        self._broker = start_broker(options)
        for name, arguments in (*ROLES, *(MESSAGES if options.messages_address else ())):
            self._say(f"starting {name}")
            self._start(name, arguments)
            self._await(name)

    def pids(self) -> dict[str, int]:
        """Process ids by name, for whoever wants to do harm (tests) or to look."""
        found = {name: child.process.pid for name, child in self._children.items()}
        return {"broker": self._broker.pid, **found} if self._broker else found

    def watch(self, *, until: Callable[[], bool] = lambda: False) -> None:
        """Restart what dies, until told to stop."""
        while not self._stopping.wait(0.25) and not until():
            self.check()

    def check(self) -> None:
        """Start again what died, and a broker that lives on without its store."""
        self._check_certificates()
        self._check_broker()
        for child in list(self._children.values()):
            if child.process.poll() is None or self._stopping.is_set():
                continue
            if time.monotonic() - child.started < min(8.0, 0.25 * 2**child.deaths):
                continue
            deaths = child.deaths + 1 if time.monotonic() - child.started < 30 else 1
            self._say(f"{child.name} died (status {child.process.returncode}): starting it again")
            self._start(child.name, child.arguments).deaths = deaths

    def _check_certificates(self) -> None:
        """Renew what lasts under 30 days. Whoever read a certificate that is another now, renewed here or by the
        command, is started again: objects come back by themselves, and keep what they hold meanwhile.
        """
        if self._stopping.is_set() or time.monotonic() < self._certificates_due:
            return
        self._certificates_due = time.monotonic() + CERTIFICATES_S
        self._renew()
        try:
            shown_now = shown(self.options)
        except KeyMissingError:
            return  # it is being changed, or gone: whoever runs goes on with what it read
        if shown_now == self._shown:
            return
        self._shown = shown_now
        self._say("the certificates are others: starting again who shows them")
        children = list(self._children.values())
        for child in reversed(children):
            _end(child.process)
        if self._broker is not None:
            self._broker.stop()
            try:
                self._broker = start_broker(self.options)
            except EgideError as err:  # the look at the broker tries again
                self._say_of_broker(f"the broker does not start: {err}")
        for child in children:
            self._start(child.name, child.arguments)

    def _renew(self) -> None:
        try:
            done = renew(self.options, now_ms=time.time_ns() // 1_000_000)
        except EgideError as err:
            self._say(f"a certificate cannot be renewed: {err}")
            return
        for one in done:
            self._say(f"{one.name} is renewed until {datetime.fromtimestamp(one.until_ms / 1000, UTC):%Y-%m-%d}")

    def _check_broker(self) -> None:
        """A broker whose disk filled up serves HTTPS's relay still: it goes on until its store can be written again."""
        broker = self._broker
        if broker is None or self._stopping.is_set() or time.monotonic() < self._broker_due:
            return
        died = broker.poll() is not None
        if not died and broker.fault is None:
            self._broker_trouble = ""
            return
        self._broker_due = time.monotonic() + BROKER_RETRY_S
        self._say_of_broker("the broker died: starting it again" if died else f"the broker: {broker.fault}")
        try:
            require_store(broker_files(self.options).store)
            if not died:
                self._say("the broker's store can be written: starting the broker again")
                broker.stop()
            self._broker = start_broker(self.options)
        except EgideError as err:
            self._say_of_broker(f"the broker does not start: {err}")

    def _say_of_broker(self, trouble: str) -> None:
        """Once, not at each try."""
        if trouble != self._broker_trouble:
            self._broker_trouble = trouble
            self._say(trouble)

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    def request_stop(self, *_: object) -> None:
        self._stopping.set()

    def stop(self) -> None:
        """Stop everything, the last started first; what does not stop in time is killed."""
        self._stopping.set()
        children = list(reversed(self._children.values()))
        for child in children:
            if child.process.poll() is None:
                child.process.send_signal(signal.SIGTERM)
        until = time.monotonic() + STOP_S
        for child in children:
            _end(child.process, max(0.1, until - time.monotonic()))
        self._children.clear()
        if self._broker is not None:
            self._broker.stop()
            self._broker = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _start(self, name: str, arguments: tuple[str, ...]) -> _Child:
        process = subprocess.Popen(
            [sys.executable, "-c", _LAUNCH, str(os.getpid()), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            env={**os.environ, "EGIDE_DATA": str(self.options.data), "EGIDE_KEYS": str(self.options.keys)},
            process_group=0,
        )
        child = _Child(name, arguments, process, threading.Event(), time.monotonic())
        self._children[name] = child
        threading.Thread(target=_listen, args=(child,), daemon=True, name=f"{name}-output").start()
        return child

    def _await(self, name: str) -> None:
        child = self._children[name]
        until = time.monotonic() + READY_S
        while not child.ready.wait(0.05):
            if child.process.poll() is not None:
                raise UnavailableError(f"{name} stopped while starting (its reason is above)")
            if self._stopping.is_set() or time.monotonic() > until:
                raise UnavailableError(f"{name} did not become ready")


def _end(process: subprocess.Popen[bytes], patience_s: float = STOP_S) -> None:
    """Ask it to stop, and kill it when it does not in time."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _listen(child: _Child) -> None:
    """A role says "ready" on its standard output; nothing else is expected there."""
    assert child.process.stdout is not None
    with child.process.stdout as lines:
        for line in lines:
            if line.strip() == b"ready":
                child.ready.set()


def _lock(options: Options) -> IO[str]:
    """Hold the data folder. A killed run leaves the file and not the lock."""
    try:
        file = (options.data / ".lock").open("a+")
    except OSError as err:
        raise StorageError(f"the data folder cannot be written: {err.strerror}") from err
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as err:
        file.close()
        raise ConfigError("another platform runs on this data folder: stop it, or choose another with --data") from err
    return file


@contextlib.contextmanager
def stopped_by_signals(supervisor: Supervisor) -> Iterator[None]:
    """Ctrl-C and SIGTERM ask for an orderly stop."""
    before = {s: signal.signal(s, supervisor.request_stop) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
