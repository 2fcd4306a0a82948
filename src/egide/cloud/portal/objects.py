"""A patient's own objects: which there are, when each was last heard, and what the patient decides about them.

Pairings and revocations are the fleet's. What is only the patient's (the name they gave, that they paused or removed)
is a note: a signed statement sealed to their record, so it is theirs to read and goes when the record's key goes.
"""

from __future__ import annotations

import itertools
import statistics
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from egide.cloud.consent.attested import facts_of
from egide.cloud.fleet.models import Certificate, Claim, HealthObject, Pairing, Trust
from egide.cloud.fleet.revocation import revoked_among
from egide.cloud.fleet.service import create_claim, create_object, pair, revoke_object, unpair
from egide.cloud.keys.records import care_key
from egide.cloud.people.models import Account
from egide.cloud.register.journal import append_statement, open_statement
from egide.cloud.register.models import Statement
from egide.cloud.register.platform import platform
from egide.cloud.vault.models import Envelope
from egide.errors import EgideError, NotFoundError, RefusedError
from egide.trust.cose import Sign1
from egide.trust.limits import LIMITS

__all__ = [
    "MAX_NAME", "Mine", "Note", "add", "is_silent", "my_object", "my_objects", "new_code", "operators_of", "pause",
    "remove", "rename", "resume", "stop_for_good", "was_added",
]  # fmt: skip

NOTE: Final = "object-note"
MAX_NAME: Final = 60
MAX_OBJECTS: Final = 40
CODE_LIFE_MS: Final = 3_600_000
_DAY_MS: Final = 86_400_000
_RECENT: Final = 12
_NOTES: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What the patient last said of one object. `ended` is the pairing that they paused or removed, or ""."""

    name: str = ""
    ended: str = ""
    removed: bool = False
    added: bool = False  # by the patient


@dataclass(frozen=True, slots=True, kw_only=True)
class Mine:
    """An object as its patient sees it."""

    id: uuid.UUID
    model: str
    name: str
    trust: int
    state: str  # waiting (to join), measuring, paused, removed, ended (by somebody else), stopped (for good)
    added: bool
    since_ms: int
    heard_ms: int | None
    silent: bool
    pairing: Pairing

    @property
    def measuring(self) -> bool:
        return self.state == "measuring"

    @property
    def mine_to_change(self) -> bool:
        return self.state in ("waiting", "measuring", "paused")


def is_silent(received_ms: Iterable[int], now_ms: int) -> bool:
    """Whether an object has been quiet for longer than it usually is: three of its usual pauses, and over a day."""
    times = sorted(received_ms)
    if not times:
        return False
    usual = statistics.median([b - a for a, b in itertools.pairwise(times)]) if len(times) > 1 else 0
    return now_ms - times[-1] > max(3 * usual, _DAY_MS)


def my_objects(patient: Account, *, now_ms: int) -> list[Mine]:
    """Every object that measures, or measured, this patient: those in use first, the latest paired first."""
    latest: dict[uuid.UUID, Pairing] = {}
    pairings: dict[uuid.UUID, list[int]] = {}
    for row in Pairing.objects.filter(patient=patient).select_related("object").order_by("since_ms", "id"):
        latest[row.object_id] = row
        pairings.setdefault(row.object_id, []).append(row.pk)
    notes = _notes(patient)
    joined = set(Certificate.objects.filter(object__in=latest).values_list("object_id", flat=True))
    others = Pairing.objects.filter(object__in=latest, until_ms=None).exclude(patient=patient)
    taken = set(others.values_list("object_id", flat=True))
    revoked = revoked_among(latest.keys())
    found = []
    for name, row in latest.items():
        note = notes.get(str(name), Note())
        state = "stopped" if name in revoked else _state(row, note, joined=name in joined, taken=name in taken)
        found.append(_mine(row, note, pairings[name], state, now_ms))
    order = ("measuring", "waiting", "paused", "removed", "ended", "stopped")
    return sorted(found, key=lambda mine: (order.index(mine.state), -mine.since_ms, mine.name.casefold()))


def my_object(patient: Account, object_id: uuid.UUID, *, now_ms: int) -> Mine:
    """Raises NotFoundError: it never measured this patient (or does not exist: which is not said)."""
    for mine in my_objects(patient, now_ms=now_ms):
        if mine.id == object_id:
            return mine
    raise NotFoundError("no such object")


def operators_of(mine: Mine, *, now_ms: int) -> list[str]:
    """Who operates the follow-ups that are in force, as they were signed; nobody for a record whose key is gone."""
    try:
        care = facts_of(mine.pairing.patient_id).care
    except EgideError:
        return []
    running = [c for c in care if c.since_ms <= now_ms and (c.until_ms is None or now_ms < c.until_ms) and c.operator]
    return list(dict.fromkeys(c.operator for c in running))


def was_added(patient: Account, object_id: uuid.UUID) -> bool:
    """Whether the patient added it themselves; also where their record's key is gone, and nobody can tell."""
    try:
        return _notes(patient).get(str(object_id), Note()).added
    except EgideError:
        return True


def add(patient: Account, model: str, name: str, *, now_ms: int) -> Mine:
    """Declare an object, paired with the patient from now on; it joins with a code. Raises RefusedError."""
    if Pairing.objects.filter(patient=patient, until_ms=None).count() >= MAX_OBJECTS:
        raise RefusedError("this record has as many objects as it can")
    owner = create_object(_clean(model) or "-", Trust.OBJECT, now_ms)
    _write(patient, owner.pk, Note(name=_clean(name), added=True), now_ms=now_ms)
    pair(owner, patient, now_ms, klass="personal")  # their own doing: theirs to erase
    return my_object(patient, owner.pk, now_ms=now_ms)


def new_code(mine: Mine, *, now_ms: int) -> str:
    """The one text by which the object may join, for an hour; a code given before is worth nothing from now on.

    Raises RefusedError: the object has joined already, or is not the patient's to add.
    """
    if mine.state != "waiting" or not mine.added:
        raise RefusedError("this object needs no code from its patient")
    owner = HealthObject.objects.get(pk=mine.id)
    Claim.objects.filter(object=owner, used_ms=None, expires_ms__gt=now_ms).update(expires_ms=now_ms)
    return create_claim(owner, CODE_LIFE_MS, now_ms).text()


def rename(patient: Account, mine: Mine, name: str, *, now_ms: int) -> None:
    """Give the object a name that only this patient reads. Raises RefusedError: too long, or control characters."""
    _write(patient, mine.id, _changed(patient, mine, name=_clean(name)), now_ms=now_ms)


def pause(patient: Account, mine: Mine, *, now_ms: int) -> None:
    """From now on it measures nobody; `resume` undoes it. Raises RefusedError."""
    _end(patient, mine, removed=False, now_ms=now_ms)


def remove(patient: Account, mine: Mine, *, now_ms: int) -> None:
    """As a pause, and out of the list; `resume` puts it back. Raises RefusedError."""
    _end(patient, mine, removed=True, now_ms=now_ms)


def resume(patient: Account, mine: Mine, *, now_ms: int) -> None:
    """It measures this patient again, from now on.

    Raises:
        RefusedError: it was not this patient who ended it, or it measures somebody else.
    """
    if mine.state not in ("paused", "removed"):
        raise RefusedError("only what one paused or removed oneself can be taken up again")
    _write(patient, mine.id, _changed(patient, mine, ended="", removed=False), now_ms=now_ms)
    pair(HealthObject.objects.get(pk=mine.id), patient, now_ms)


def stop_for_good(mine: Mine, *, now_ms: int) -> None:
    """Lost or stolen: nothing that it sends from now on is accepted, ever. Raises RefusedError."""
    if not (mine.mine_to_change or mine.state == "removed"):
        raise RefusedError("this object is not this patient's to stop")
    revoke_object(HealthObject.objects.get(pk=mine.id), "lost", now_ms)
    unpair(mine.pairing, now_ms)


def _mine(row: Pairing, note: Note, pairings: list[int], state: str, now_ms: int) -> Mine:
    sent = Envelope.objects.filter(pairing__in=pairings).order_by("-last_ms")
    heard = list(sent.values_list("received_ms", flat=True)[:_RECENT])
    return Mine(
        id=row.object_id,
        model=row.object.model,
        name=note.name or row.object.model,
        trust=row.object.trust,
        state=state,
        added=note.added,
        since_ms=row.since_ms,
        heard_ms=max(heard, default=None),
        silent=state == "measuring" and is_silent(heard, now_ms),
        pairing=row,
    )


def _state(row: Pairing, note: Note, *, joined: bool, taken: bool) -> str:
    """Of one that was not revoked."""
    if row.until_ms is None:
        return "measuring" if joined else "waiting"
    if taken or note.ended != str(row.uuid):
        return "ended"
    return "removed" if note.removed else "paused"


def _end(patient: Account, mine: Mine, *, removed: bool, now_ms: int) -> None:
    """The note first: were the second act missing, the object would only still measure."""
    if not mine.mine_to_change:
        raise RefusedError("this object does not measure this patient now")
    note = _changed(patient, mine, ended=str(mine.pairing.uuid), removed=removed)
    _write(patient, mine.id, note, now_ms=now_ms)
    unpair(mine.pairing, now_ms)


def _changed(
    patient: Account, mine: Mine, *, name: str | None = None, ended: str | None = None, removed: bool | None = None
) -> Note:
    before = _notes(patient).get(str(mine.id), Note())
    return Note(
        name=before.name if name is None else name,
        ended=before.ended if ended is None else ended,
        removed=before.removed if removed is None else removed,
        added=before.added,
    )


def _write(patient: Account, object_id: uuid.UUID, note: Note, *, now_ms: int) -> None:
    personal = {
        "object": str(object_id), "name": note.name, "ended": note.ended, "removed": note.removed, "added": note.added,
    }  # fmt: skip
    append_statement(NOTE, patient.pk, {}, now_ms=now_ms, personal=personal, sealed_for=care_key(patient.pk))


def _notes(patient: Account) -> dict[str, Note]:
    """The last note on each object. One whose signature or seal does not hold says nothing."""
    rows = list(Statement.objects.filter(subject=patient.pk, kind=NOTE).order_by("-entry")[:_NOTES])
    found: dict[str, Note] = {}
    if not rows:
        return found
    record, key = care_key(patient.pk), platform().signer.public_key
    for row in rows:
        try:
            Sign1.parse(bytes(row.body), limit=LIMITS.journal, what="statement").verify(key)
            said = open_statement(row, record).personal or {}
            note = Note(name=said["name"], ended=said["ended"], removed=said["removed"], added=said["added"])
        except (EgideError, KeyError, TypeError):
            continue
        found.setdefault(said["object"], note)
    return found


def _clean(name: str) -> str:
    clean = " ".join(name.split())
    if len(clean) > MAX_NAME or (clean and not clean.isprintable()):
        raise RefusedError("a name has 60 printable characters at most")
    return clean
