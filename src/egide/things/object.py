"""A connected health object, for the program that measures.

    obj = Object.enrol("egide:enrol?u=...", folder=Path("watch"))     # once; afterwards Object.open(folder)
    obj.send(Readings(...))
    obj.flush(timeout=30)
    obj.close()

`send` returns when the readings are on the disk, signed. A thread brings them to the platform, as often as
it takes, until a receipt that verifies has come back. The object never knows whom it measures: it knows a
pairing.
"""

from __future__ import annotations

import secrets
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from egide.errors import EgideError, PairingError, StorageError
from egide.measure.readings import Readings, encode_readings
from egide.things.clock import ObjectClock
from egide.things.files import locked
from egide.things.folder import Folder, Token
from egide.things.joining import join
from egide.things.line import Line, Transport
from egide.things.memory import Exposure, KnownLog
from egide.things.outbox import Counts, Item, Outbox
from egide.things.schedule import Random
from egide.things.store import Store, store_secret
from egide.trust.claim import ClaimTicket

__all__ = ["Object", "Sent", "Status"]

_STORE_RETRY_MS: Final = 30_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What `send` kept. `digest` (SHA-256 of the envelope) is None while no valid certificate can sign it."""

    digest: bytes | None
    seq: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How the object is."""

    uuid: str
    url: str
    pairings: tuple[str, ...]
    counts: Counts
    certificate_until_ms: int | None
    synchronised: bool
    connected: bool  # to the broker
    secure_hardware: bool
    logs: tuple[KnownLog, ...]
    exposures: tuple[Exposure, ...]
    problems: dict[str, str]  # what was tried -> the code of its last failure


class Object:
    """One object, open. One process at a time may hold a folder. Usable from any thread."""

    def __init__(
        self,
        folder: Path,
        *,
        transport: Transport = "auto",
        clock: ObjectClock | None = None,
        random: Random | None = None,
        vfs: str | None = None,
        start: bool = True,
    ) -> None:
        """Open the folder of an enrolled object; with `start` false, nothing moves until `step` is called.

        Raises:
            ConfigError: nothing was enrolled there. KeyMissingError: a key file is absent or readable by
                others.
            StorageError: the folder cannot be written, or another process holds it.
        """
        self._changed = threading.Condition()
        self._woken = self._stopping = False
        self._thread: threading.Thread | None = None
        self._crash: BaseException | None = None
        self._stack = ExitStack()
        try:
            inside = Folder(folder)
            state = inside.state()
            self._stack.enter_context(locked(inside.lock))
            self.clock = clock if clock is not None else ObjectClock()
            store = Store(inside.store, store_secret(inside.store_key), vfs=vfs)
            self._stack.callback(store.close)
            self._line = Line(
                inside,
                state,
                store,
                self.clock,
                transport=transport,
                changed=self._wake,
                random=random if random is not None else secrets.SystemRandom(),
            )
            self._stack.callback(self._line.close)
        except BaseException:
            self._stack.close()
            raise
        if start:
            self._thread = threading.Thread(target=self._run, name="egide-object", daemon=True)
            self._thread.start()

    @classmethod
    def open(cls, folder: Path, *, transport: Transport = "auto", clock: ObjectClock | None = None) -> Self:
        """Open an object that was enrolled in `folder`. Raises as the constructor."""
        return cls(folder, transport=transport, clock=clock)

    @classmethod
    def enrol(
        cls,
        claim: str | ClaimTicket,
        *,
        folder: Path,
        kind: str = "p256",
        token: Token | None = None,
        transport: Transport = "auto",
        clock: ObjectClock | None = None,
    ) -> Self:
        """Enrol with a claim (the text of a QR code), then open. In an enrolled folder: come back after
        expiry.

        `kind` is p256 or ed25519; with `token`, a PKCS#11 key signs. Raises as `join` and the constructor.
        """
        ticket = ClaimTicket.parse(claim) if isinstance(claim, str) else claim
        clock = clock if clock is not None else ObjectClock()
        join(ticket, folder, kind=kind, token=token, clock=clock)
        return cls(folder, transport=transport, clock=clock)

    @property
    def uuid(self) -> str:
        return self._line.state.uuid

    @property
    def pairings(self) -> tuple[str, ...]:
        """The pairings in force, as the platform last said."""
        return self._line.state.pairings

    @property
    def outbox(self) -> Outbox:
        return self._line.outbox

    def send(self, readings: Readings, *, pairing: str | None = None) -> Sent:
        """Sign and keep readings, for `pairing` (by default the first in force). Durable when this returns.

        Raises:
            PairingError: the object has no pairing, as far as it knows. MalformedError, TooLargeError: the
                readings.
            StorageError: they could not be kept; what was kept before still is.
        """
        self._raise_crash()
        if pairing is None:
            if not self.pairings:
                raise PairingError("this object is paired with nobody, as far as it knows")
            pairing = self.pairings[0]
        item = self._line.keep(readings, pairing, encode_readings(readings))
        self._wake()
        return Sent(digest=None, seq=None) if item is None else Sent(digest=item.digest, seq=item.seq)

    def find(self, sent: Sent) -> Item | None:
        """Where an envelope is now; None for one that is not signed yet, or whose 30 days are over."""
        return None if sent.digest is None else self.outbox.find(sent.digest)

    def send_again(self, item: Item) -> None:
        """Send the very bytes of an envelope once more, settled or not. It changes nothing: a receipt is a
        receipt.
        """
        self._line.courier.send_again(item.envelope)
        self._wake()

    def flush(self, *, timeout: float = 30.0) -> Counts:
        """Try now, and wait until nothing waits any more, `timeout` seconds at most. Returns what is left."""
        self._line.courier.hurry()
        self._wake()
        end = time.monotonic() + timeout
        with self._changed:
            while True:
                self._raise_crash()
                counts = self.outbox.counts()
                left = end - time.monotonic()
                if not (counts.waiting or counts.drafts) or left <= 0:
                    return counts
                self._changed.wait(min(left, 1.0))

    def refresh(self, *, timeout: float = 30.0) -> None:
        """Wait until the platform has told what the object needs before its first reading (pairings, logs).

        Raises the failure met, when it has not after `timeout` seconds.
        """
        end = time.monotonic() + timeout
        with self._changed:
            while not (self.pairings and self._line.memory.logs()):
                self._raise_crash()
                left = end - time.monotonic()
                if left <= 0:
                    problems = self.problems
                    raise problems.get("page") or PairingError("this object is paired with nobody")
                self._changed.wait(min(left, 1.0))

    @property
    def problems(self) -> dict[str, EgideError]:
        """What was tried -> its last failure, until it succeeds."""
        return dict(self._line.courier.problems)

    def status(self) -> Status:
        line = self._line
        signing = line.identity.signing
        return Status(
            uuid=self.uuid,
            url=line.state.url,
            pairings=self.pairings,
            counts=self.outbox.counts(),
            certificate_until_ms=None if signing is None else signing.certificate.not_after_ms,
            synchronised=self.clock.synchronised,
            connected=line.connected,
            secure_hardware=line.identity.secure_hardware,
            logs=tuple(line.memory.logs()),
            exposures=tuple(line.memory.exposures()),
            problems={what: err.code for what, err in self.problems.items()},
        )

    def step(self) -> int:
        """For an object opened with `start` false: do what is due; the ms until there may be more."""
        return self._line.courier.step()

    def close(self) -> None:
        """Stop. What waits stays in the folder, and goes on at the next start."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _wake(self) -> None:
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def _run(self) -> None:
        try:
            while True:
                with self._changed:
                    if self._stopping:
                        return
                    self._woken = False
                rest = self._step_or_note()
                with self._changed:
                    self._changed.notify_all()
                    if not (self._woken or self._stopping):
                        self._changed.wait(rest / 1000)
        except BaseException as err:
            self._crash = err
            self._wake()
            raise

    def _step_or_note(self) -> int:
        courier = self._line.courier
        try:
            rest = courier.step()
            courier.problems.pop("store", None)
        except StorageError as err:
            courier.problems["store"] = err
            return _STORE_RETRY_MS
        return rest

    def _raise_crash(self) -> None:
        if self._crash is not None:
            raise RuntimeError("the object's courier stopped") from self._crash
