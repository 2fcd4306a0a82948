"""The journal of answers: every yes and every no, in the register, sealed so that the patient can read it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from egide.cloud.consent.rules import Decision
from egide.cloud.keys.models import RecordKey
from egide.cloud.keys.records import care_key
from egide.cloud.people.models import Account
from egide.cloud.register.journal import Journaled, Saying, append_statements, open_statement
from egide.cloud.register.models import Statement
from egide.cloud.release.told import Wish, telling

__all__ = ["JournalLine", "JournalPage", "journal_of", "journal_page", "line_of", "saying", "write"]

KIND = "access"
_BATCH: Final = 200
_FAR: Final = 5_000  # rows read for one page, at most


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalLine:
    """Who asked to see what, when, what for, and what was answered."""

    entry: int
    at_ms: int
    reader: str  # account id, or "" for somebody not signed in
    role: str
    purpose: str
    codes: tuple[str, ...]  # empty: every metric
    since_ms: int
    until_ms: int
    channel: str
    decision: str  # yes | no
    ground: str
    grounds: tuple[str, ...] = ()  # the follow-up, grant, representation, project or emergency that opened it
    reason: str = ""  # of a no (consent.rules.REASONS): for the patient and the DPO, never for the reader
    hidden: int = 0  # restrictions that were applied
    app: str = ""
    responsible: str = ""  # account id of who answers for the app, where it asked for itself


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalPage:
    """Some lines, latest first. `older` is where to go on from; None: the journal was read to its beginning."""

    lines: tuple[JournalLine, ...]
    older: int | None


def write(
    *, patient: uuid.UUID, reader: Account | None, purpose: str, codes: tuple[str, ...], since_ms: int, until_ms: int,
    channel: str, ground: str | None, now_ms: int, decision: Decision | None = None, app: str = "",
    responsible: str = "",
) -> int:  # fmt: skip
    """Journal one answer; `ground` None is a no, `decision` has the reasons. Durable when this returns.

    Whom the patient wants told is told in the same transaction (told.py).
    """
    said = saying(
        patient=patient, reader=reader, purpose=purpose, codes=codes, since_ms=since_ms, until_ms=until_ms,
        channel=channel, ground=ground, decision=decision, app=app, responsible=responsible, key=care_key(patient),
        now_ms=now_ms,
    )  # fmt: skip
    return append_statements([said])[0]


def saying(
    *, patient: uuid.UUID, reader: Account | None, purpose: str, codes: tuple[str, ...], since_ms: int, until_ms: int,
    channel: str, ground: str | None, key: RecordKey, now_ms: int, decision: Decision | None = None, app: str = "",
    responsible: str = "", wishes: Sequence[Wish] | None = None,
) -> Saying:  # fmt: skip
    """The journal's statement of one answer, for `register.journal.append_statements`. `key` is the record's; `wishes`
    are the patient's, for who has read them."""
    by_hand = reader is not None and reader.pk == patient and not app
    return Saying(
        kind=KIND,
        subject=patient,
        at_ms=now_ms,
        facts={"decision": "yes" if ground else "no", "by": "self" if by_hand else "other"},
        personal={
            "reader": str(reader.pk) if reader else "",
            "role": reader.role if reader else "",
            "purpose": purpose,
            "codes": list(codes),
            "since": since_ms,
            "until": until_ms,
            "channel": channel,
            "ground": ground or "",
            "grounds": [name for name in decision.grounds if name] if decision else [],
            "reason": decision.reason if decision else "",
            "hidden": len(decision.hides) if decision else 0,
            "app": app,
            **({"responsible": responsible} if responsible else {}),
        },
        sealed_for=key,
        also=telling(patient, reader, ground=ground, channel=channel, now_ms=now_ms, wishes=wishes),
    )


def journal_of(patient: Account, *, limit: int = 200) -> list[JournalLine]:
    """The patient's journal, latest first. The caller makes sure that it is the patient who looks."""
    key = care_key(patient.pk)
    rows = Statement.objects.filter(subject=patient.pk, kind=KIND).order_by("-entry")[:limit]
    return [line_of(open_statement(row, key)) for row in rows]


def journal_page(patient: Account, *, before: int | None = None, others: bool = False, count: int = 100) -> JournalPage:
    """A page of the patient's journal: what stands before entry `before`; with `others`, without their own looks.

    However many looks lie between, the others' are found by going on from `older`: a page reads 5,000 rows at most,
    and may then hold fewer lines than `count`, even none. The caller makes sure that it is the patient who looks.
    """
    key, me = care_key(patient.pk), str(patient.pk)
    mine = Statement.objects.filter(subject=patient.pk, kind=KIND).order_by("-entry")
    lines: list[JournalLine] = []
    read = 0
    while read < _FAR:
        rows = list((mine if before is None else mine.filter(entry__lt=before))[:_BATCH])
        for row in rows:
            if len(lines) == count:
                return JournalPage(lines=tuple(lines), older=before)
            before = row.entry
            if others and open_statement(row).facts.get("by") == "self":
                continue
            line = line_of(open_statement(row, key))
            if not others or line.reader != me or line.app:  # a line of before "by" tells it only once opened
                lines.append(line)
        read += len(rows)
        if len(rows) < _BATCH:
            return JournalPage(lines=tuple(lines), older=None)
    return JournalPage(lines=tuple(lines), older=before)


def line_of(said: Journaled) -> JournalLine:
    """A statement of an answer, opened, as a line of the journal."""
    personal = said.personal or {}
    return JournalLine(
        entry=said.entry,
        at_ms=said.at_ms,
        reader=personal["reader"],
        role=personal["role"],
        purpose=personal["purpose"],
        codes=tuple(personal["codes"]),
        since_ms=personal["since"],
        until_ms=personal["until"],
        channel=personal["channel"],
        decision=said.facts["decision"],
        ground=personal["ground"],
        grounds=tuple(personal.get("grounds", ())),
        reason=personal.get("reason", ""),
        hidden=personal.get("hidden", 0),
        app=personal.get("app", ""),
        responsible=personal.get("responsible", ""),
    )
