"""The door out: ask -> ground -> open -> journal. The only way to a person or a program outside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from egide.cloud.consent.rules import Decision
from egide.cloud.fleet.models import Pairing
from egide.cloud.keys.records import RecordKeyMissingError
from egide.cloud.register.store import leaves_at
from egide.cloud.release import journal
from egide.cloud.release.columns import Column, columns_of, flag_names
from egide.cloud.release.deciding import Ask, decide_ask, works_of
from egide.cloud.release.from_pages import Paged, read_pages
from egide.cloud.release.scope import keys_open
from egide.cloud.release.sight import sees_whole
from egide.cloud.vault.models import Envelope, Flag
from egide.cloud.vault.opening import Opened, open_envelopes
from egide.cloud.vault.owning import held, rows_of
from egide.cloud.vault.pages_rolling import Rolled, merge, roll
from egide.errors import AccessDeniedError, MalformedError, NotFoundError

__all__ = [
    "Answer", "Ask", "Column", "columns_of", "decide_ask", "entries_of", "entry_of", "flag_names", "open_columns",
    "open_rolled", "release", "release_rolled", "why", "works_of",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was released, in the order of time, and the journal's entry that says so. Only `release` makes one.

    `decision` says on which ground, and what it hides: it is for the door, and never shown to the reader.
    """

    ask: Ask
    columns: list[Column]
    journal_entry: int
    decision: Decision


def release(ask: Ask, *, now_ms: int) -> Answer:
    """Answer an ask. Yes or no, the answer is in the register before this returns or raises.

    Raises:
        AccessDeniedError: no ground (journaled, unless the record was erased, and its journal with it).
    """
    decision = decide_ask(ask, now_ms)
    entry = _journal(ask, decision, now_ms)
    if not decision.allowed:
        raise AccessDeniedError("no ground lets this reader see this record")
    return Answer(ask=ask, columns=open_columns(ask, decision), journal_entry=entry, decision=decision)


def why(ask: Ask, *, now_ms: int) -> Decision:
    """What `release` would decide, with its reasons: for the patient and the data-protection officer only.

    Nothing is opened and nothing journaled; the caller makes sure who looks.
    """
    return decide_ask(ask, now_ms)


def _journal(ask: Ask, decision: Decision, now_ms: int) -> int:
    try:
        return journal.write(
            patient=ask.patient.pk, reader=ask.reader, purpose=ask.purpose, codes=ask.codes, since_ms=ask.since_ms,
            until_ms=ask.until_ms, channel=ask.channel, ground=decision.ground or None, decision=decision, app=ask.app,
            responsible=ask.responsible, now_ms=now_ms,
        )  # fmt: skip
    except RecordKeyMissingError as err:  # erased: as a record that never was, to whoever asks
        raise AccessDeniedError("no ground lets this reader see this record") from err


def _rows(ask: Ask, decision: Decision, paged: Paged | None = None) -> Sequence[Envelope]:
    """What the decision may open: envelopes of this record, by their seal, that are not held.

    `paged`: not those that pages gave already.
    """
    query = rows_of(ask.patient.pk, keys_open(ask.patient.pk, ask.reader, decision))
    query = query.filter(last_ms__gte=ask.since_ms, first_ms__lt=ask.until_ms)
    if ask.entry is not None:
        query = query.filter(entry=ask.entry)
    query = query.order_by("data_key_id", "step")
    rows = list(query if paged is None else paged.others(query))
    pairings = Pairing.objects.in_bulk({row.pairing_id for row in rows})
    for row in rows:
        row.pairing = pairings[row.pairing_id]
    aside = [row for row in rows if held(row.flags)]
    for _ in open_envelopes(aside, leaves_at(row.entry for row in aside), ask.patient.pk):
        pass  # opening compares: one that only its column calls held is not left out in silence
    return [row for row in rows if not held(row.flags)]


def open_columns(ask: Ask, decision: Decision, *, pages: bool = True) -> list[Column]:
    """What a decision lets this ask see, in the order of time. The caller journals what leaves.

    The same with `pages` as without, from the envelopes alone.
    """
    columns = _columns(ask, decision, read_pages(ask, decision) if pages and ask.entry is None else None)
    columns.sort(key=lambda c: (c.times_ms[0], c.entry, c.position))
    return columns


def release_rolled(ask: Ask, *, now_ms: int) -> list[Rolled]:
    """Answer an ask about one metric by its hours (UTC): how many values, the least, the greatest, their sum.

    Journaled as `release` does, and raises as it does. It says what the released columns say, added up.
    """
    decision = decide_ask(ask, now_ms)
    _journal(ask, decision, now_ms)
    if not decision.allowed:
        raise AccessDeniedError("no ground lets this reader see this record")
    return open_rolled(ask, decision)


def open_rolled(ask: Ask, decision: Decision, *, pages: bool = True) -> list[Rolled]:
    """By hour and unit, in the order of unit and time. The ask names one metric. The caller journals what leaves."""
    if len(ask.codes) != 1:
        raise MalformedError("roll-ups are of one metric")
    paged = read_pages(ask, decision, roll=True) if pages else None
    said = roll(
        (c.unit, c.exponent, c.times_ms, c.values, c.doubts, int(Flag.CONTESTED) if "contested" in c.flags else 0)
        for c in _columns(ask, decision, paged)
    )
    return merge([*said, *(paged.rolled if paged is not None else ())], lambda start_ms: start_ms)


def _columns(ask: Ask, decision: Decision, paged: Paged | None) -> list[Column]:
    """What pages gave, and what the other envelopes give; in no order."""
    rows = _rows(ask, decision, paged)
    columns: list[Column] = list(paged.columns) if paged is not None else []
    for row, opened in open_envelopes(rows, leaves_at(row.entry for row in rows), ask.patient.pk):
        columns += columns_of(row, opened, ask, decision)
    return columns


def entries_of(answer: Answer) -> Iterator[tuple[Envelope, Opened]]:
    """Every envelope of an answer that a patient got of their own record, opened whole; none for anybody else."""
    if not sees_whole(answer.decision):
        return
    rows = _rows(answer.ask, answer.decision)
    yield from open_envelopes(rows, leaves_at(row.entry for row in rows), answer.ask.patient.pk)


def entry_of(answer: Answer) -> tuple[Envelope, Opened]:
    """The one envelope that an answered ask named, opened: the signed bytes, for a proof.

    They hold everything that was measured together, so they are the patient's alone (sight.sees_whole).

    Raises:
        NotFoundError: the record has no such entry, for this reader.
    """
    if not sees_whole(answer.decision):
        raise NotFoundError("no signed bytes of this entry can be given")
    rows = _rows(answer.ask, answer.decision)
    if answer.ask.entry is None or not rows:  # one that is held is nobody's until it is attributed
        raise NotFoundError("this record has no such entry")
    return next(iter(open_envelopes(rows, leaves_at(row.entry for row in rows), answer.ask.patient.pk)))
