"""Bring what waits to the platform, and its answers back: one step at a time, with no thread and no clock
of its own.

An envelope leaves at once, then again from 30 s on (schedule.py), until an answer that verifies settles
it. MQTT is used while it is connected; HTTPS otherwise, if the object's mode allows. No failure here loses
anything: it is noted in `problems`, and the envelope stays where it was.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol

from egide.errors import EgideError, MalformedError, SealError, StorageError, TooManyTriesError, UnavailableError
from egide.things.outbox import Item, Outbox, State
from egide.things.schedule import RETRY, Random, Retry
from egide.things.settle import Settler

__all__ = ["LINK_RETRY", "Chore", "Courier", "Door", "Pipe"]

LINK_RETRY: Final = Retry(first_ms=2_000, ceiling_ms=600_000)
WINDOW: Final = 32  # sent and not answered yet; the broker keeps 64 an object at most
_HTTPS_BATCH: Final = 8
_IDLE_MS: Final = 60_000


class Door(Protocol):
    """HTTPS intake: gives the answer's bytes."""

    def intake(self, envelope: bytes) -> bytes: ...


class Pipe(Protocol):
    """MQTT: answers come back through `Courier.answered`."""

    @property
    def ready(self) -> bool: ...

    def publish(self, envelope: bytes) -> None: ...


@dataclass(slots=True, kw_only=True)
class Chore:
    """Something to do now and then. `work` returns the ms until it is wanted again."""

    name: str
    work: Callable[[], int]
    due_ms: int = 0
    failures: int = 0


@dataclass(slots=True)
class _Flight:
    """What is known of a waiting envelope since this start. Nothing of it needs to survive."""

    attempts: int = 0
    due_ms: int = 0
    unanswered: bool = False


class Courier:
    """`running_ms` never goes back; `now_ms` dates what is settled."""

    def __init__(
        self,
        *,
        outbox: Outbox,
        settler: Settler,
        door: Callable[[], Door | None],
        pipe: Callable[[], Pipe | None],
        running_ms: Callable[[], int],
        now_ms: Callable[[], int],
        random: Random,
        chores: Iterable[Chore] = (),
    ) -> None:
        self._outbox, self._settler = outbox, settler
        self._door, self._pipe = door, pipe
        self._running_ms, self._now_ms, self._random = running_ms, now_ms, random
        self._chores = tuple(chores)
        self._flights: dict[int, _Flight] = {}
        self._answers: deque[bytes] = deque(maxlen=4_096)
        self._again: deque[bytes] = deque(maxlen=64)
        self._hurried = False
        self._closed_until = 0  # the platform was not reached, or asked to wait
        self._failures = 0
        self.problems: dict[str, EgideError] = {}

    def answered(self, answer: bytes) -> None:
        """An answer came; any thread may say so."""
        self._answers.append(answer)

    def send_again(self, envelope: bytes) -> None:
        """Send bytes once, whatever became of them; any thread may say so."""
        self._again.append(envelope)

    def hurry(self) -> None:
        """At the next step, try whatever is not on its way, and the chores that failed; any thread may say so."""
        self._hurried = True

    def step(self) -> int:
        """Do what is due; return the ms after which there may be more. Raises StorageError only."""
        if self._hurried:
            self._hurry()
        self._do_chores()
        self._settle()
        self._take_in()
        sent = self._send()
        if sent and self._answers:
            self._settle()
        return self._rest(sent)

    def _hurry(self) -> None:
        self._hurried = False
        self._closed_until = 0
        now = self._running_ms()
        for flight in self._flights.values():
            if not flight.unanswered:
                flight.due_ms = min(flight.due_ms, now)
        for chore in self._chores:
            if chore.failures:
                chore.due_ms = min(chore.due_ms, now)

    def _do_chores(self) -> None:
        for chore in self._chores:
            if chore.due_ms > self._running_ms():
                continue
            try:
                chore.due_ms = self._running_ms() + chore.work()
                chore.failures = 0
                self.problems.pop(chore.name, None)
            except StorageError:
                raise
            except EgideError as err:
                chore.failures += 1
                chore.due_ms = self._running_ms() + LINK_RETRY.delay_ms(chore.failures, self._random)
                self.problems[chore.name] = err

    def _settle(self) -> None:
        answers = [self._answers.popleft() for _ in range(len(self._answers))]
        if not answers and not self._settler.pending:
            return
        done = self._settler.settle(answers, now_ms=self._now_ms())
        for item in (*done.receipted, *done.dead):
            self._flights.pop(item, None)
        now = self._running_ms()
        if done.dead:  # what was refused may be a pairing that ended: ask again what is in force
            for chore in self._chores:
                if chore.name == "page":
                    chore.due_ms = min(chore.due_ms, now)
        for item in done.later:
            flight = self._flights.setdefault(item, _Flight(attempts=1))
            flight.unanswered = False
            flight.due_ms = now + RETRY.delay_ms(flight.attempts, self._random)
            self._closed_until = max(self._closed_until, now + RETRY.first_ms)
        if done.problems:
            self.problems["answer"] = done.problems[-1]
        elif done.receipted:
            self.problems.pop("answer", None)

    def _take_in(self) -> None:
        """Know every envelope that waits, and no other."""
        waiting = self._outbox.waiting_ids()
        for item in waiting:
            self._flights.setdefault(item, _Flight())
        if len(self._flights) > len(waiting):
            for gone in self._flights.keys() - set(waiting):
                del self._flights[gone]

    def _send(self) -> int:
        """Send what is due, oldest first; return how many left."""
        now = self._running_ms()
        if now < self._closed_until:
            return 0
        pipe, door = self._pipe(), None
        if pipe is None or not pipe.ready:
            pipe, door = None, self._door()
        self._send_again(pipe, door)
        room = WINDOW - sum(f.unanswered and f.due_ms > now for f in self._flights.values())
        if pipe is None:
            room = min(room, _HTTPS_BATCH) if door is not None else 0
        sent = 0
        for id_, flight in sorted(self._flights.items()):
            if sent >= room:
                break
            item = self._take(id_, flight) if flight.due_ms <= now else None
            if item is None or item.state is not State.WAITING:
                continue
            if not self._send_one(item, flight, pipe, door):
                break
            sent += 1
        return sent

    def _take(self, id_: int, flight: _Flight) -> Item | None:
        """One of the outbox. Damaged on its disk, it stays there and is told; the others go on."""
        try:
            return self._outbox.get(id_)
        except SealError as err:
            self.problems["outbox"] = err
            flight.due_ms = self._running_ms() + RETRY.ceiling_ms
            return None

    def _send_again(self, pipe: Pipe | None, door: Door | None) -> None:
        while self._again and (pipe is not None or door is not None):
            envelope = self._again.popleft()
            with suppress(EgideError):
                if pipe is not None:
                    pipe.publish(envelope)
                elif door is not None:
                    self._answers.append(door.intake(envelope))

    def _send_one(self, item: Item, flight: _Flight, pipe: Pipe | None, door: Door | None) -> bool:
        try:
            if pipe is not None:
                pipe.publish(item.envelope)
            elif door is not None:
                self._answers.append(door.intake(item.envelope))
        except StorageError:
            raise
        except (UnavailableError, TooManyTriesError) as err:
            self._unreached(err)
            return False
        except EgideError as err:  # an answer that is none: this envelope waits its turn, the others go on
            self.problems["send"] = err
            if not isinstance(err, MalformedError):
                self._unreached(err)
                return False
        else:
            self._failures = 0
            self.problems.pop("send", None)
        flight.attempts += 1
        flight.unanswered = True
        flight.due_ms = self._running_ms() + RETRY.delay_ms(flight.attempts, self._random)
        return True

    def _unreached(self, err: EgideError) -> None:
        self._failures += 1
        self._closed_until = self._running_ms() + LINK_RETRY.delay_ms(self._failures, self._random)
        self.problems["send"] = err

    def _rest(self, sent: int) -> int:
        now = self._running_ms()
        if self._answers or (sent and any(f.due_ms <= now for f in self._flights.values())):
            return 0
        wanted = [chore.due_ms for chore in self._chores]
        wanted += [max(f.due_ms, self._closed_until) for f in self._flights.values()]
        if self._settler.pending:
            wanted.append(now + LINK_RETRY.first_ms)
        return max(20, min([_IDLE_MS, *(at - now for at in wanted)]))
