"""What the security officer reads: events of the path and what was refused. Objects by their model, nobody's name."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from django.db.models import Count, Max, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from egide.cloud.consent.models import Ground
from egide.cloud.fleet.models import HealthObject
from egide.cloud.intake.models import Event, Refused
from egide.cloud.intake.quarantine import PER_MINUTE
from egide.cloud.people.models import Registration
from egide.cloud.signin.models import Attempt, Notice
from egide.cloud.ward.desks import Seat
from egide.errors import NotFoundError

__all__ = [
    "FLOOD", "Asked", "DayOf", "Flood", "Happening", "Pile", "SignIn", "floods", "happening", "happenings",
    "piles_by_code", "piles_by_source", "refused_count", "refused_in", "signin_facts", "week",
]  # fmt: skip

FLOOD: Final = "flood"
_EVENTS: Final = 100
_SOURCES: Final = 20
_DIGITS: Final = 16  # of an event's number
_FLOOD_WINDOW_MS: Final = 7 * 86_400_000
_MINUTE_MS: Final = 60_000
_DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """An event: its kind's code, when, and the object, when it concerns one."""

    about: str  # what notes call it
    kind: str
    at_ms: int
    model: str
    object_id: str
    entry: int | None
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DayOf:
    """One day of the last week, counted."""

    day: date
    events: int
    refused: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pile:
    """Refused envelopes that lie in quarantine, under one code or from one source."""

    key: str  # a code, or an object's id ("" for a sender that nothing proved)
    label: str
    count: int
    last_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Flood:
    """A source that was refused so often within one minute that the rest was only counted."""

    at_ms: int
    label: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which events: a kind ("" for all), from an instant on, of one object."""

    kind: str = ""
    since_ms: int | None = None
    object_id: uuid.UUID | None = None

    def wants(self, flood: Flood) -> bool:
        return (
            self.kind in ("", FLOOD)
            and (self.since_ms is None or flood.at_ms >= self.since_ms)
            and self.object_id in (None, _uuid(flood.source))
        )


_ALL: Final = Asked()


def happenings(seat: Seat, asked: Asked = _ALL, *, now_ms: int) -> list[Happening]:
    """The latest events that were asked for, newest first: of everything, or of one's own establishments' objects.

    Floods are among them: minutes of the last week in which a source met the quarantine's bound.
    """
    rows = _events_in(seat).order_by("-at_ms", "-pk")
    if asked.kind:
        rows = rows.filter(kind=asked.kind)
    if asked.since_ms is not None:
        rows = rows.filter(at_ms__gte=asked.since_ms)
    if asked.object_id is not None:
        rows = rows.filter(object_id=asked.object_id)
    told = _told(rows[:_EVENTS])
    told += [_flooding(flood) for flood in floods(seat, now_ms=now_ms) if asked.wants(flood)]
    return sorted(told, key=lambda one: -one.at_ms)[:_EVENTS]


def happening(seat: Seat, about: str, *, now_ms: int) -> Happening:
    """One of them by its name ("event:12"), however old. Raises NotFoundError: it is not one of here."""
    number = about.removeprefix("event:")
    if number != about and number.isascii() and number.isdigit() and len(number) < _DIGITS:
        found = _told(_events_in(seat).filter(pk=int(number)))
    else:
        found = [_flooding(flood) for flood in floods(seat, now_ms=now_ms)]
    for one in found:
        if one.about == about:
            return one
    raise NotFoundError("no such event here")


def week(seat: Seat, *, now_ms: int) -> list[DayOf]:
    """The last seven days in the platform's zone, oldest first: events, and envelopes refused (as far as kept)."""
    zone = timezone.get_default_timezone()
    today = datetime.fromtimestamp(now_ms / 1000, zone).date()
    days = [today - timedelta(days=back) for back in range(6, -1, -1)]
    first_ms = int(datetime.combine(days[0], time(), tzinfo=zone).timestamp() * 1000)

    def day_of(at_ms: int) -> date:
        return datetime.fromtimestamp(at_ms / 1000, zone).date()

    events: Counter[date] = Counter()
    rows = _events_in(seat).filter(at_ms__gte=first_ms)
    events.update(day_of(at_ms) for at_ms in rows.values_list("at_ms", flat=True))
    refused = Counter(
        day_of(at_ms) for at_ms in refused_in(seat).filter(at_ms__gte=first_ms).values_list("at_ms", flat=True)
    )
    return [DayOf(day=day, events=events[day], refused=refused[day]) for day in days]


def piles_by_code(seat: Seat) -> list[Pile]:
    """What is in quarantine, by refusal code, most first."""
    rows = refused_in(seat).values("code").annotate(n=Count("id"), last=Max("at_ms")).order_by("-n", "code")
    return [Pile(key=row["code"], label=row["code"], count=row["n"], last_ms=row["last"]) for row in rows]


def piles_by_source(seat: Seat) -> list[Pile]:
    """The objects refused most often; "" stands for senders that nothing proved."""
    rows = refused_in(seat).values("source").annotate(n=Count("id"), last=Max("at_ms")).order_by("-n", "source")
    found = list(rows[:_SOURCES])
    models = _models({_uuid(row["source"]) for row in found})
    return [
        Pile(key=row["source"], label=models.get(row["source"], ""), count=row["n"], last_ms=row["last"])
        for row in found
    ]


def floods(seat: Seat, *, now_ms: int) -> list[Flood]:
    """Minutes of the last week in which a source met the quarantine's bound, newest first."""
    recent = refused_in(seat).filter(at_ms__gte=now_ms - _FLOOD_WINDOW_MS).values_list("source", "at_ms")
    minutes = Counter((source, at_ms // _MINUTE_MS) for source, at_ms in recent)
    full = sorted(((minute, source) for (source, minute), n in minutes.items() if n >= PER_MINUTE), reverse=True)
    models = _models({_uuid(source) for _, source in full})
    return [
        Flood(at_ms=minute * _MINUTE_MS, label=models.get(source, ""), source=source)
        for minute, source in full[:_EVENTS]
    ]


def _events_in(seat: Seat) -> QuerySet[Event]:
    """Every event, or those of one's own establishments: of their objects, and of emergencies of their patients."""
    mine = seat.objects()
    rows = Event.objects.all()
    if mine is None:
        return rows
    known = Registration.objects.filter(establishment__in=seat.steers, until_ms=None).values("patient")
    glasses = Ground.objects.filter(kind=Ground.Kind.EMERGENCY, patient__in=known).values_list("pk", flat=True)
    late = Q(kind=Event.Kind.REVIEW_OVERDUE, detail__in=[str(key) for key in glasses])
    return rows.filter(Q(object_id__in=mine) | late)


def _told(rows: Iterable[Event]) -> list[Happening]:
    found = list(rows)
    models = _models({row.object_id for row in found if row.object_id})
    return [
        Happening(
            about=f"event:{row.pk}",
            kind=row.kind,
            at_ms=row.at_ms,
            model=models.get(str(row.object_id), ""),
            object_id=str(row.object_id or ""),
            entry=row.entry,
            detail=row.detail,
        )
        for row in found
    ]


def _flooding(flood: Flood) -> Happening:
    return Happening(
        about=f"flood:{flood.source}:{flood.at_ms}", kind=FLOOD, at_ms=flood.at_ms, model=flood.label,
        object_id=flood.source, entry=None, detail="",
    )  # fmt: skip


def refused_count(seat: Seat) -> int:
    return refused_in(seat).count()


def refused_in(seat: Seat) -> QuerySet[Refused]:
    """What lies in quarantine: all of it, or what came from the objects of one's own establishments."""
    mine = seat.objects()
    rows = Refused.objects.all()
    return rows if mine is None else rows.filter(source__in=[str(key) for key in mine])


def _models(ids: set[uuid.UUID | None]) -> dict[str, str]:
    known = HealthObject.objects.filter(pk__in=[key for key in ids if key]).values_list("pk", "model")
    return {str(key): model for key, model in known}


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


_SIGN_IN: Final = {
    "sign-in": gettext_noop("a sign-in from a new device"),
    "factor": gettext_noop("a key that was added"),
    "factor-end": gettext_noop("a key that was removed"),
    "recovery-code": gettext_noop("a recovery code that was used"),
    "copied-key": gettext_noop("a copied passkey that was refused"),
    "recovery-asked": gettext_noop("an account to be opened anew"),
    "recovery-approved": gettext_noop("an account to be opened anew, approved"),
    "recovery-stopped": gettext_noop("an account to be opened anew, stopped"),
    "recovery-done": gettext_noop("an account opened anew"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """Sign-in over the last day, as counts: nobody is named."""

    wrong: int  # codes that did not work
    buckets: int  # from how many keyed sources
    told: tuple[tuple[str, int], ...]  # what owners of accounts were told about signing in: words, how often


def signin_facts(*, now_ms: int) -> SignIn:
    """What sign-in says of the last 24 hours."""
    tried = Attempt.objects.filter(at_ms__gte=now_ms - _DAY_MS)
    told = Notice.objects.filter(at_ms__gte=now_ms - _DAY_MS, kind__in=_SIGN_IN).values("kind").annotate(n=Count("id"))
    return SignIn(
        wrong=tried.count(),
        buckets=tried.values("bucket").distinct().count(),
        told=tuple((_(_SIGN_IN[row["kind"]]), row["n"]) for row in told.order_by("-n", "kind")),
    )
