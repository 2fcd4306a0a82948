"""What this process tells its open pages: one look at the register every 400 ms, for all of them.

Each look reads what was entered since the last one, in the register's own order, so nothing is missed and nothing told
twice. Whatever was signed about a patient, or about the reader, is decided anew before anything more is told of them: a
withdrawal anywhere ends the watch here within a second. So is what reached a time that its decision named: an end, a
pause, a birthday. Nothing else can change an answer; all the same, each is asked again every five minutes. A look costs
a handful of queries, however many the pages and their patients are. It runs in a thread of its own, with its own
connection; pages wait in the event loop and block nobody.
"""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from egide.cloud.people.models import Account
from egide.cloud.register.models import Statement
from egide.cloud.register.store import current_log, entry_number
from egide.cloud.release.deciding import Settled
from egide.cloud.release.stream import Came, Watch, came_between, end_watch, standing, visible_among
from egide.cloud.signin.lock import locked_among
from egide.cloud.signin.sessions import open_numbers
from egide.errors import KeyMissingError

__all__ = ["CLOSED", "END", "NEWS", "Hub", "Stream", "Told", "head"]

NEWS: Final = "news"
CLOSED: Final = "closed"
END: Final = "end"
_QUIET_MS: Final = 300_000  # the rules are asked again at least so often, whatever was signed
_ESTABLISHMENT: Final = "establishment"  # declared: what a place works for may say something about everybody there


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
    standing: dict[uuid.UUID, Settled] = field(default_factory=dict)  # what the door said when it was last asked
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

    def __len__(self) -> int:
        with self._lock:
            return len(self._streams)

    def join(self, stream: Stream) -> None:
        """Tell it what happens from the last look on."""
        with self._lock:
            if not self._streams:  # nobody was told anything since: begin from here
                self._cursor = None
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
        if not streams:
            return
        try:
            self._look(streams, since, upto, now_ms)
        except BaseException:
            self._unlook(streams, since, upto)
            raise

    def _unlook(self, streams: Sequence[Stream], since: int | None, upto: int) -> None:
        """A look that failed counts for nothing: the next one reads the same again, and asks about everything."""
        with self._lock:
            if self._cursor == upto:
                self._cursor = since
        for stream in streams:
            stream.standing.clear()

    def _look(self, streams: Sequence[Stream], since: int | None, upto: int, now_ms: int) -> None:
        for stream in self._over(streams, now_ms):
            stream.tell(Told(END))
            self.leave(stream, why="signed-out", now_ms=now_ms)
        watched = {patient for stream in streams for patient in stream.watches}
        news = _News(signed=set(), everywhere=False, came={})
        if since is None or upto > since:
            readers = {stream.account.pk for stream in streams}
            news = _since(since if since is not None else upto, upto, watched | readers, watched)
        for stream in streams:
            self._forget(stream, news, now_ms)
        self._decide(streams, now_ms)
        self._tell(streams, news, now_ms)

    def _forget(self, stream: Stream, news: _News, now_ms: int) -> None:
        """Drop what the door said where something was signed, or where its time is over: it is asked again."""
        if news.everywhere or stream.account.pk in news.signed or now_ms - stream.asked_ms >= _QUIET_MS:
            stream.standing.clear()
            stream.asked_ms = now_ms
        for patient, settled in list(stream.standing.items()):
            over = settled.until_ms is not None and settled.until_ms <= now_ms
            if over or patient in news.signed or patient not in stream.watches:
                del stream.standing[patient]

    def _decide(self, streams: Sequence[Stream], now_ms: int) -> None:
        """Ask the door about every watch of which nothing stands, all at once; who may not watch any more is told."""
        asked = [
            (stream, patient, watch)
            for stream in streams
            for patient, watch in list(stream.watches.items())
            if patient not in stream.standing
        ]
        said = standing([watch for _, _, watch in asked], now_ms=now_ms) if asked else []
        for (stream, patient, _), settled in zip(asked, said, strict=True):
            if settled is not None:
                stream.standing[patient] = settled
            else:
                stream.tell(Told(CLOSED, str(patient)))
                self._end(stream, patient, "no-longer-allowed", now_ms)

    def _tell(self, streams: Sequence[Stream], news: _News, now_ms: int) -> None:
        """Tell of each patient about whom something was signed, or of whom something came that this reader may see."""
        told = [
            (stream, patient, watch, stream.standing[patient].decision)
            for stream in streams
            for patient, watch in list(stream.watches.items())
            if patient in stream.standing and (patient in news.signed or patient in news.came)
        ]
        unsure = [(watch, decision, news.came.get(patient, ())) for _, patient, watch, decision in told]
        seen = visible_among(unsure, now_ms=now_ms) if told else []
        for (stream, patient, _, _), visible in zip(told, seen, strict=True):
            if patient in news.signed or visible:
                stream.told[patient] += 1
                stream.tell(Told(NEWS, str(patient)))

    def _over(self, streams: Sequence[Stream], now_ms: int) -> list[Stream]:
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
            with contextlib.suppress(KeyMissingError):  # erased: there is no journal any more
                end_watch(watch, why_ended=why, told=stream.told[patient], now_ms=now_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class _News:
    """What was entered between two looks."""

    signed: set[uuid.UUID]  # patients and readers about whom something was signed
    everywhere: bool  # something was signed that may be about anybody
    came: Mapping[uuid.UUID, Sequence[Came]]


def _since(since: int, upto: int, about: set[uuid.UUID], watched: set[uuid.UUID]) -> _News:
    """What was signed about these people, and what came for those who are watched, among entries (since, upto].

    An access that somebody journals changes nothing, and would make every page ask for every other.
    """
    said = Statement.objects.filter(entry__gt=since, entry__lte=upto).exclude(kind__in=("access", "stream-end"))
    rows = list(said.values_list("kind", "subject"))
    return _News(
        signed={subject for _, subject in rows if subject in about},
        everywhere=any(kind == _ESTABLISHMENT for kind, _ in rows),
        came=came_between(since, upto, watched),
    )
