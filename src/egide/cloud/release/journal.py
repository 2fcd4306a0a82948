"""The journal of answers: every yes and every no, in the register, sealed so that the patient can read it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from egide.cloud.keys.records import care_key
from egide.cloud.people.models import Account
from egide.cloud.register.journal import append_statement, open_statement
from egide.cloud.register.models import Statement

__all__ = ["JournalLine", "journal_of", "write"]

KIND = "access"


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


def write(
    *, patient: uuid.UUID, reader: Account | None, purpose: str, codes: tuple[str, ...], since_ms: int, until_ms: int,
    channel: str, ground: str | None, now_ms: int,
) -> int:  # fmt: skip
    """Journal one answer; `ground` None is a no. Durable when this returns."""
    return append_statement(
        KIND,
        patient,
        {"decision": "yes" if ground else "no"},
        now_ms=now_ms,
        personal={
            "reader": str(reader.pk) if reader else "",
            "role": reader.role if reader else "",
            "purpose": purpose,
            "codes": list(codes),
            "since": since_ms,
            "until": until_ms,
            "channel": channel,
            "ground": ground or "",
        },
        sealed_for=care_key(patient),
    )


def journal_of(patient: Account, *, limit: int = 200) -> list[JournalLine]:
    """The patient's journal, latest first. The caller makes sure that it is the patient who looks."""
    key = care_key(patient.pk)
    rows = Statement.objects.filter(subject=patient.pk, kind=KIND).order_by("-entry")[:limit]
    lines = []
    for row in rows:
        said = open_statement(row, key)
        personal = said.personal or {}
        lines.append(
            JournalLine(
                entry=row.entry,
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
            )
        )
    return lines
