"""The move of what was attributed: decided in one transaction with its statements, then batch after batch.

What fits one batch has moved when the decision commits. The rest follows, in the worker or where somebody waits for it:
each batch under the register's lock by itself, so that intake goes on in between. How far it came is what is sealed to
the other record: killed anywhere, nothing is lost or shown twice, and whoever goes on finds what is left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import QuerySet

from egide.cloud.consent.attested import read_statement
from egide.cloud.fleet.attributing import Record
from egide.cloud.fleet.models import Attribution
from egide.cloud.fleet.pairings import record_of
from egide.cloud.keys.columns import open_text
from egide.cloud.keys.records import care_key
from egide.cloud.people.models import Account
from egide.cloud.register.journal import append_statement
from egide.cloud.register.models import Statement
from egide.cloud.register.store import appending
from egide.cloud.release.misread import Misread
from egide.cloud.release.resealing import Moved, Mover, measured_under
from egide.cloud.signin.models import Notice
from egide.cloud.signin.notices import tell
from egide.cloud.vault.models import Flag
from egide.errors import RefusedError, SealError

__all__ = [
    "KIND", "KIND_END", "KIND_TOLD", "NotAttestedError", "Side", "StillMovingError", "append_said", "begin_move",
    "left_of", "move_on", "reason_context", "reason_of", "require_whole", "said_of", "target_of", "unfinished",
]  # fmt: skip

KIND: Final = "attribution"
KIND_END: Final = "attribution-end"
KIND_TOLD: Final = "attribution-told"
Step = Callable[[str], None]
Progress = Callable[[int, int], None]


class StillMovingError(RefusedError):
    """What was decided before has not moved whole."""

    code = "still-moving"
    hint = "the worker moves it; `egide held resume` does so at once"


class NotAttestedError(RefusedError):
    """No signed statements say what this row says: somebody wrote it into the database. Nothing moves."""

    code = "not-attested"
    hint = "run `egide fsck`, and keep a copy of the database: it was altered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One patient of an attribution, and what it is for them."""

    patient: Account
    word: str  # from | to | own | dismissed


def unfinished() -> QuerySet[Attribution]:
    """What was decided and has not moved whole, the oldest first."""
    rows = Attribution.objects.filter(kind=Attribution.Kind.MOVED, moved_ms=None).exclude(at_ms=None)
    return rows.select_related("pairing__patient", "pairing__object", "to").order_by("at_ms", "pk")


def left_of(row: Attribution) -> int:
    """How many envelopes are still where they were. Nothing is opened."""
    source = _road(row)[2]
    return measured_under(row.pairing, row.since_ms, row.until_ms, source.patient).count()


def require_whole(row: Attribution) -> None:
    """Raises StillMovingError: it still moves."""
    if row.kind == Attribution.Kind.MOVED and row.at_ms is not None and row.moved_ms is None:
        raise StillMovingError("this has not moved whole yet")


def begin_move(
    kind: str, row: Attribution, sides: tuple[Side, Side], records: tuple[Record, Record], flag: Flag | None,
    people: tuple[Account, Account], decide: Callable[[], None], now_ms: int, step: Step,
) -> list[Moved]:  # fmt: skip
    """The decision, its two statements and the first batch, in one transaction; what takes long is done before it."""
    mover = _mover(row, records, flag, now_ms)
    mover.prepare()
    misread = Misread(sides[0].patient)
    misread.look()
    step("prepared")
    reason = reason_of(row)
    with appending():  # the register's lock: what is there now is what is moved, counted and said
        decide()
        step("decided")
        moved = mover.write()
        left = mover.left()
        Attribution.objects.filter(pk=row.pk).update(moved_ms=None if left else now_ms)
        step("moved")
        readers = sorted(misread.of(moved))
        total = len(moved) + left
        said = {**said_of(row, sides[0].word, people, reason), "envelopes": total, "readers": readers}
        append_said(kind, sides[0].patient, said, now_ms)
        step("said")
        said = {**said_of(row, sides[1].word, people, reason), "envelopes": total}
        append_said(kind, sides[1].patient, said, now_ms)
        step("said-both")
        _tell({*readers, *(str(side.patient.pk) for side in sides)}, row, now_ms)
        step("told")
    step("committed")
    return moved


def move_on(
    row: Attribution, *, now_ms: int, step: Step = lambda _: None, progress: Progress = lambda _moved, _left: None
) -> int:
    """Move what is left of an attribution, batch after batch; returns how many. Once is enough, two at once do no harm.

    Raises:
        NotAttestedError: the register does not say that two people decided it.
        SealError: some do not open as they were stored: they stay, all others have moved.
        KeyMissingError: the record that they go to was erased meanwhile.
    """
    row.refresh_from_db()
    if row.kind != Attribution.Kind.MOVED or row.at_ms is None or row.moved_ms is not None:
        return 0
    _require_attested(row)
    first, _second, source, target, flag = _road(row)
    mover, misread, total = _mover(row, (source, target), flag, now_ms), Misread(first), 0
    while True:
        prepared = mover.prepare(skip=True)
        misread.look()
        step("prepared")
        moved, left = _batch(row, first, mover, misread, now_ms, step)
        step("committed")
        total += len(moved)
        progress(total, left)
        if not left:
            row.refresh_from_db()
            return total
        if not prepared:
            raise SealError("some of these envelopes do not open: they were altered, and stay where they are")


def _batch(
    row: Attribution, first: Account, mover: Mover, misread: Misread, now_ms: int, step: Step
) -> tuple[list[Moved], int]:
    """One batch, under the lock: (what moved, how many are left). Readers who were not told yet are told, and said."""
    with appending():
        if not unfinished().filter(pk=row.pk, undone_ms=row.undone_ms).exists():
            return [], 0  # somebody else moved the last of them
        moved = mover.write()
        left = mover.left()
        step("moved")
        if readers := sorted(misread.of(moved) - _told(row)):
            append_said(KIND_TOLD, first, {"attribution": str(row.pk), "readers": readers}, now_ms)
            step("said")
            _tell(readers, row, now_ms)
            step("told")
        if not left:
            Attribution.objects.filter(pk=row.pk).update(moved_ms=now_ms)
    return moved, left


def _require_attested(row: Attribution) -> None:
    """A row is nobody's word: both files say it, and its undoing, with the same two people, period and records."""
    assert row.to is not None  # what moves names somebody
    for patient, word in ((row.pairing.patient, "from"), (row.to, "to")):
        said = _first_said(KIND, patient, row)
        wanted = said_of(row, word, (), "") | {"by": [str(row.proposed_by), str(row.confirmed_by)]}
        same = ("as", "kind", "pairing", "since", "until", "class", "establishment", "by")
        if said is None or said[0] != row.at_ms or any(said[1].get(key) != wanted[key] for key in same):
            raise NotAttestedError("no statement says so")
        if row.undone_ms is not None:
            ended = _first_said(KIND_END, patient, row)
            if ended is None or ended[0] != row.undone_ms:
                raise NotAttestedError("no statement says so")


def _first_said(kind: str, patient: Account, row: Attribution) -> tuple[int, Mapping[str, Any]] | None:
    """When the first statement of this attribution was signed in a patient's file, and what it says."""
    for statement in Statement.objects.filter(kind=kind, subject=patient.pk).order_by("entry"):
        read = read_statement(statement)
        if read is not None and read.personal and read.personal.get("attribution") == str(row.pk):
            return read.at_ms, read.personal
    return None


def _road(row: Attribution) -> tuple[Account, Account, Record, Record, Flag | None]:
    """Whose record they leave and enter, its parts, and the mark: there, or back once it was undone."""
    assert row.to is not None  # what moves names somebody
    own, other = record_of(row.pairing), target_of(row)
    if row.undone_ms is None:
        return row.pairing.patient, row.to, own, other, Flag.ATTRIBUTED
    return row.to, row.pairing.patient, other, own, None


def _mover(row: Attribution, records: tuple[Record, Record], flag: Flag | None, now_ms: int) -> Mover:
    source, target = records
    return Mover(
        row.pairing, (row.since_ms, row.until_ms), source=source, target=target, attribution=row.pk, now_ms=now_ms,
        flag=flag,
    )  # fmt: skip


def _told(row: Attribution) -> set[str]:
    """Who was told since it was decided, or undone."""
    since = row.at_ms if row.undone_ms is None else row.undone_ms
    told = Notice.objects.filter(kind="correction", detail=str(row.pk), at_ms__gte=since)
    return {str(key) for key in told.values_list("account", flat=True)}


def _tell(whom: Iterable[str], row: Attribution, now_ms: int) -> None:
    for account in Account.objects.filter(pk__in=set(whom), is_active=True).order_by("pk"):
        tell(account, "correction", now_ms=now_ms, detail=str(row.pk))


def target_of(row: Attribution) -> Record:
    """The part of a record that they are attributed to."""
    assert row.to_id is not None
    return Record(patient=row.to_id, klass=row.klass, establishment=row.establishment)


def said_of(row: Attribution, word: str, people: Iterable[Account], reason: str) -> dict[str, Any]:
    """What a statement says: never the other patient."""
    return {
        "attribution": str(row.pk), "as": word, "kind": row.kind, "pairing": str(row.pairing.uuid),
        "object": str(row.pairing.object_id), "since": row.since_ms, "until": row.until_ms, "class": row.klass,
        "establishment": str(row.establishment), "by": [str(who.pk) for who in people], "reason": reason,
    }  # fmt: skip


def append_said(
    kind: str, patient: Account, personal: dict[str, Any], now_ms: int, also: Callable[[], None] | None = None
) -> None:
    """Sign it into the patient's file, sealed to their record."""
    append_statement(kind, patient.pk, {}, now_ms=now_ms, personal=personal, sealed_for=care_key(patient.pk), also=also)


def reason_context(row: Attribution) -> bytes:
    """What a sealed reason is bound to."""
    return b"fleet_attribution.reason " + row.pk.bytes


def reason_of(row: Attribution) -> str:
    """The words that were given. Raises SealError."""
    return open_text(bytes(row.sealed_reason), reason_context(row))
