"""What this process tells its open pages: one look at the register every 400 ms, for all of them.

Each look reads what was entered since the last one, in the register's own order, so nothing is missed and nothing told
twice. Whatever was signed about a patient, or about the reader, is decided anew before anything more is told of them: a
withdrawal anywhere ends the watch here within a second. What nobody signs about is decided anew every quarter of a
minute. The look runs in a thread of its own, with its own connection; pages wait in the
event loop and block nobody.
"""

from __future__ import annotations

import threading
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from django.db.models import Q

from egide.cloud.consent.models import FollowUp, Ground
from egide.cloud.consent.rules import Decision
from egide.cloud.people.models import Account
from egide.cloud.register.models import Statement
from egide.cloud.register.store import current_log, entry_number
from egide.cloud.release.stream import Watch, end_watch, standing, visible_among
from egide.cloud.signin.lock import locked_among
from egide.cloud.signin.sessions import open_numbers
from egide.cloud.vault.models import Envelope
from egide.cloud.vault.owning import held

__all__ = ["CLOSED", "END", "NEWS", "Hub", "Stream", "Told", "head"]

NEWS: Final = "news"
CLOSED: Final = "closed"
END: Final = "end"
_QUIET_MS: Final = 15_000  # the rules are asked again at least so often, whatever was signed


@dataclass(frozen=True, slots=True)
class Told:
    """Something for a page: a kind, and the patient it is about ("" for all)."""

    kind: str
    patient: str = ""


@dataclass(slots=True, kw_only=True, eq=False)
class Stream:
    """One browser's open stream. `tell` may be called from another thread."""

    session: uuid.UUID | None  # its number; None is nobody's
    account: Account
    until_ms: int | None  # when the session is over
    watches: dict[uuid.UUID, Watch]
    tell: Callable[[Told], None]
    told: dict[uuid.UUID, int] = field(default_factory=lambda: defaultdict(int))
    standing: dict[uuid.UUID, Decision] = field(default_factory=dict)  # what the door said when it was last asked
    asked_ms: int = 0  # when it was asked about all of them
    left: bool = False


def head() -> int:
    """The number of the last entry that committed."""
    log = current_log()
    return entry_number(log.pk, log.size) - 1


class Hub:
    """The open streams of this process. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._streams: set[Stream] = set()
        self._cursor: int | None = None
        self._looked_ms = 0

    def __len__(self) -> int:
        with self._lock:
            return len(self._streams)

    def join(self, stream: Stream) -> None:
        """Tell it what happens from the last look on."""
        with self._lock:
            if not self._streams:  # nobody was told anything since: begin from here
                self._cursor, self._looked_ms = None, 0
            self._streams.add(stream)

    def leave(self, stream: Stream, *, why: str, now_ms: int) -> None:
        """Stop telling it, and journal the end of each watch that is left. Once is enough."""
        with self._lock:
            known = stream in self._streams
            self._streams.discard(stream)
            stream.left = True
        if known:
            for patient in list(stream.watches):
                self._end(stream, patient, why, now_ms)

    def look(self, *, now_ms: int) -> None:
        """Tell every stream what happened since the last look."""
        upto = head()
        with self._lock:
            streams = list(self._streams)
            since, self._cursor = self._cursor, upto
            last_ms, self._looked_ms = self._looked_ms or now_ms, now_ms
        if not streams:
            return
        for stream in self._over(streams, now_ms):
            stream.tell(Told(END))
            self.leave(stream, why="signed-out", now_ms=now_ms)
        watched = {patient for stream in streams for patient in stream.watches}
        if since is None or upto > since:
            readers = {stream.account.pk for stream in streams}
            signed, came = _since(since if since is not None else upto, upto, watched | readers, watched)
        else:
            signed, came = set(), {}
        asked = signed | _lapsed(watched, last_ms, now_ms)
        for stream in streams:
            if stream.account.pk in signed or now_ms - stream.asked_ms >= _QUIET_MS:
                stream.standing.clear()
                stream.asked_ms = now_ms
            for patient in [p for p in stream.watches if p in asked or p in came or p not in stream.standing]:
                if patient in asked:
                    stream.standing.pop(patient, None)
                self._tell(stream, patient, came.get(patient, ()), signed, now_ms)

    def _tell(
        self, stream: Stream, patient: uuid.UUID, came: Iterable[int], signed: set[uuid.UUID], now_ms: int
    ) -> None:
        watch = stream.watches.get(patient)
        if watch is None:
            return
        decision = stream.standing.get(patient) or standing(watch, now_ms=now_ms)
        if decision is None:
            stream.tell(Told(CLOSED, str(patient)))
            self._end(stream, patient, "no-longer-allowed", now_ms)
            return
        stream.standing[patient] = decision
        if patient in signed or visible_among(watch, decision, came):
            stream.told[patient] += 1
            stream.tell(Told(NEWS, str(patient)))

    def _over(self, streams: list[Stream], now_ms: int) -> list[Stream]:
        """Streams whose session ended or locked, here or elsewhere, or whose account was closed."""
        open_now = open_numbers({stream.session for stream in streams if stream.session is not None})
        shut = locked_among(open_now.values(), now_ms=now_ms)
        unlocked = {number for number, key in open_now.items() if key not in shut}
        accounts = Account.objects.filter(pk__in={s.account.pk for s in streams}, is_active=True)
        active = set(accounts.values_list("pk", flat=True))
        return [
            s
            for s in streams
            if s.session not in unlocked
            or s.account.pk not in active
            or (s.until_ms is not None and s.until_ms <= now_ms)
        ]

    def _end(self, stream: Stream, patient: uuid.UUID, why: str, now_ms: int) -> None:
        with self._lock:
            watch = stream.watches.pop(patient, None)
        if watch is not None:
            end_watch(watch, why_ended=why, told=stream.told[patient], now_ms=now_ms)


def _since(
    since: int, upto: int, about: set[uuid.UUID], watched: set[uuid.UUID]
) -> tuple[set[uuid.UUID], dict[uuid.UUID, list[int]]]:
    """(people about whom something was signed, envelopes that came by patient) among entries (since, upto].

    An access that somebody journals changes nothing, and would make every page ask for every other.
    """
    said = Statement.objects.filter(entry__gt=since, entry__lte=upto).exclude(kind__in=("access", "stream-end"))
    signed = {subject for subject in said.values_list("subject", flat=True) if subject in about}
    came: dict[uuid.UUID, list[int]] = defaultdict(list)
    rows = Envelope.objects.filter(entry__gt=since, entry__lte=upto)
    for entry, patient, flags in rows.values_list("entry", "data_key__record_key__subject", "flags"):
        if patient in watched and not held(flags):
            came[patient].append(entry)
    return signed, came


def _lapsed(watched: set[uuid.UUID], last_ms: int, now_ms: int) -> set[uuid.UUID]:
    """Patients about whom something reached its end between two looks: nobody signs anything then."""
    ended = Q(patient__in=watched, until_ms__gt=last_ms, until_ms__lte=now_ms)
    return {
        patient
        for model in (Ground, FollowUp)
        for patient in model.objects.filter(ended).values_list("patient", flat=True)
    }
