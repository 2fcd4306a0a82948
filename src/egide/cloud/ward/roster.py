"""The list of patients, by who needs attention. Values come through the door, silence from true data.

To a reader whom a patient restricts, what is restricted was never measured; but an object that works is not called
silent because its readings are not theirs to see.
"""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from django.db import connection
from django.db.models import Q

from egide.cloud.fleet.models import Pairing
from egide.cloud.fleet.revocation import certified_until, revoked_among
from egide.cloud.people.models import Account
from egide.cloud.portal.record import doubtful, is_wave
from egide.cloud.release.door import Answer, Ask, Column
from egide.cloud.release.lists import release_each
from egide.cloud.vault.owning import held
from egide.cloud.ward.attention import Heard, Reason, Seen, reasons, sort_key
from egide.cloud.ward.followed import Followed, followed_by

__all__ = ["WINDOW_MS", "Line", "objects_of", "objects_of_each", "roster", "seen_in"]

CHANNEL: Final = "list"
WINDOW_MS: Final = 86_400_000
_AHEAD_MS: Final = 366 * 86_400_000  # a reading dated after now is doubtful, and counts all the same
_INSTANTS: Final = 21
_AT_ONCE: Final = 200  # pairings of one query: SQLite joins 500 selections at most
_BATTERY: Final = "mdc:67996"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One patient, at a glance."""

    followed: Followed
    reasons: tuple[Reason, ...]
    values: int  # over the last day
    last_ms: int | None
    objects: int  # whose readings were released: how many are paired would tell that something is hidden

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
    followed = followed_by(reader, now_ms=now_ms)
    answers = release_each([_ask(reader, one, now_ms) for one in followed], now_ms=now_ms)
    open_to_me = [(one, answer) for one, answer in zip(followed, answers, strict=True) if answer is not None]
    objects = objects_of_each([one.patient.pk for one, _ in open_to_me], now_ms=now_ms)
    lines = [_line(one, answer, objects[one.patient.pk], now_ms) for one, answer in open_to_me]
    return sorted(lines, key=lambda line: sort_key(line.reasons, line.last_ms, line.name))


def _ask(reader: Account, followed: Followed, now_ms: int) -> Ask:
    return Ask(
        reader=reader,
        patient=followed.patient,
        since_ms=now_ms - WINDOW_MS,
        until_ms=now_ms + _AHEAD_MS,
        purpose="TREAT",
        channel=CHANNEL,
    )


def _line(followed: Followed, answer: Answer, objects: list[Heard], now_ms: int) -> Line:
    seen = seen_in(answer.columns)
    found = reasons(objects, seen, paused=followed.paused, paused_until_ms=followed.paused_until_ms, now_ms=now_ms)
    shown = {column.object_id for column in answer.columns}
    return Line(followed=followed, reasons=found, values=seen.values, last_ms=seen.last_ms, objects=len(shown))


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
    return objects_of_each([patient.pk], now_ms=now_ms)[patient.pk]


def objects_of_each(patients: Sequence[uuid.UUID], *, now_ms: int) -> dict[uuid.UUID, list[Heard]]:
    """The same, of several patients."""
    in_force = Q(until_ms=None) | Q(until_ms__gt=now_ms)
    rows = Pairing.objects.filter(in_force, patient__in=patients, since_ms__lte=now_ms)
    pairings = list(rows.select_related("object").order_by("pk"))
    objects = {pairing.object_id for pairing in pairings}
    revoked = revoked_among(objects)
    pairings = [pairing for pairing in pairings if pairing.object_id not in revoked]
    recent = _recent([pairing.pk for pairing in pairings])
    until = certified_until(objects)
    found: dict[uuid.UUID, list[Heard]] = {patient: [] for patient in patients}
    for pairing in pairings:
        mine = recent.get(pairing.pk, [])
        found[pairing.patient_id].append(
            Heard(
                object_id=str(pairing.object_id),
                model=pairing.object.model,
                paired_ms=pairing.since_ms,
                heard_ms=max((received_ms for _, received_ms in mine), default=None),
                measured_ms=tuple(last_ms for last_ms, _ in mine),
                certificate_until_ms=until.get(pairing.object_id),
            )
        )
    return found


def _recent(pairings: Sequence[int]) -> dict[int, list[tuple[int, int]]]:
    """(measured, received) of the last messages under each pairing, by the index that the charts use too."""
    if not pairings:
        return {}
    one = (
        "SELECT * FROM (SELECT pairing_id, last_ms, received_ms, flags FROM vault_envelope "
        "WHERE pairing_id = %s ORDER BY last_ms DESC LIMIT %s) AS latest"
    )
    found: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    for at in range(0, len(pairings), _AT_ONCE):
        asked = pairings[at : at + _AT_ONCE]
        with connection.cursor() as cursor:
            cursor.execute(" UNION ALL ".join([one] * len(asked)), [v for key in asked for v in (key, _INSTANTS)])
            for pairing, last_ms, received_ms, flags in cursor.fetchall():
                if not held(flags):
                    found[pairing].append((last_ms, received_ms))
    return found
