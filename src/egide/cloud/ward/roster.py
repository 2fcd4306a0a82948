"""The list of patients, by who needs attention. Values come through the door, silence from true data.

To a reader whom a patient restricts, what is restricted was never measured; but an object that works is not called
silent because its readings are not theirs to see.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from django.db.models import Max, Q

from egide.cloud.fleet.models import Certificate, Pairing
from egide.cloud.people.models import Account
from egide.cloud.portal.record import doubtful, is_wave
from egide.cloud.release.door import Ask, Column, release
from egide.cloud.vault.models import Envelope
from egide.cloud.vault.owning import held
from egide.cloud.ward.attention import Heard, Reason, Seen, reasons, sort_key
from egide.cloud.ward.followed import Followed, followed_by
from egide.errors import AccessDeniedError

__all__ = ["WINDOW_MS", "Line", "objects_of", "roster", "seen_in"]

CHANNEL: Final = "list"
WINDOW_MS: Final = 86_400_000
_AHEAD_MS: Final = 366 * 86_400_000  # a reading dated after now is doubtful, and counts all the same
_INSTANTS: Final = 21
_BATTERY: Final = "mdc:67996"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One patient, at a glance."""

    followed: Followed
    reasons: tuple[Reason, ...]
    values: int  # over the last day
    last_ms: int | None
    objects: int

    @property
    def patient_id(self) -> str:
        return str(self.followed.patient.pk)

    @property
    def name(self) -> str:
        return self.followed.name

    @property
    def needs(self) -> bool:
        """Somebody should look: more than a pause that everybody knows of."""
        return any(reason.code != "paused" for reason in self.reasons)


def roster(reader: Account, *, now_ms: int) -> list[Line]:
    """Everybody the reader follows, who needs attention first. Each patient's journal gets a line: one was listed.

    A follow-up that the door does not grant shows nothing at all, not even the name.
    """
    lines = []
    for followed in followed_by(reader, now_ms=now_ms):
        try:
            line = _line(reader, followed, now_ms)
        except AccessDeniedError:
            continue
        lines.append(line)
    return sorted(lines, key=lambda line: sort_key(line.reasons, line.last_ms, line.name))


def _line(reader: Account, followed: Followed, now_ms: int) -> Line:
    ask = Ask(
        reader=reader,
        patient=followed.patient,
        since_ms=now_ms - WINDOW_MS,
        until_ms=now_ms + _AHEAD_MS,
        purpose="TREAT",
        channel=CHANNEL,
    )
    seen = seen_in(release(ask, now_ms=now_ms).columns)
    objects = objects_of(followed.patient, now_ms=now_ms)
    found = reasons(objects, seen, paused=followed.paused, paused_until_ms=followed.paused_until_ms, now_ms=now_ms)
    return Line(followed=followed, reasons=found, values=seen.values, last_ms=seen.last_ms, objects=len(objects))


def seen_in(columns: Iterable[Column]) -> Seen:
    """Count what was released: a waveform counts once."""
    values = contested = late = 0
    doubts: Counter[str] = Counter()
    batteries: dict[str, tuple[int, int]] = {}
    last: int | None = None
    for column in columns:
        count = 1 if is_wave(column) else len(column.values)
        values += count
        last = max(last or 0, column.times_ms[-1])
        if "contested" in column.flags:
            contested += count
        elif doubtful(column):
            doubts.update([next(iter(column.doubts.values()))] if is_wave(column) else column.doubts.values())
        if "late" in column.flags:
            late += count
        if column.code == _BATTERY:
            percent = round(column.values[-1] * 10.0**column.exponent)
            batteries[column.object_id] = max(batteries.get(column.object_id, (0, 0)), (column.times_ms[-1], percent))
    return Seen(
        values=values,
        contested=contested,
        late=late,
        doubts=tuple(doubts.most_common()),
        last_ms=last,
        batteries=tuple((key, percent) for key, (_, percent) in sorted(batteries.items())),
    )


def objects_of(patient: Account, *, now_ms: int) -> list[Heard]:
    """The objects paired with a patient now, and when each was heard: metadata alone, nothing is opened."""
    in_force = Q(until_ms=None) | Q(until_ms__gt=now_ms)
    pairings = Pairing.objects.filter(in_force, patient=patient, since_ms__lte=now_ms, object__revoked_ms=None)
    return [_heard(pairing) for pairing in pairings.select_related("object").order_by("pk")]


def _heard(pairing: Pairing) -> Heard:
    rows = Envelope.objects.filter(pairing=pairing).order_by("-last_ms")
    recent = list(rows.values_list("last_ms", "received_ms", "flags")[:_INSTANTS])
    mine = [(last_ms, received_ms) for last_ms, received_ms, flags in recent if not held(flags)]
    certificate = Certificate.objects.filter(object_id=pairing.object_id, revoked_ms=None)
    return Heard(
        object_id=str(pairing.object_id),
        model=pairing.object.model,
        paired_ms=pairing.since_ms,
        heard_ms=max((received_ms for _, received_ms in mine), default=None),
        measured_ms=tuple(last_ms for last_ms, _ in mine),
        certificate_until_ms=certificate.aggregate(m=Max("not_after_ms"))["m"],
    )
