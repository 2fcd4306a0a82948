"""What the platform's signed statements say of a patient's record. Rows are an index, never a ground.

Each process remembers what it verified. Whether something was said since costs one query: a withdrawal that committed
anywhere counts at the next read everywhere.
"""

from __future__ import annotations

import hashlib
import threading
import uuid
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from django.db import connection

from egide.cloud.consent.facts import Facts, Follow
from egide.cloud.consent.replay import KINDS, NARROWING, Said, replay
from egide.cloud.keys.models import RecordKey
from egide.cloud.keys.records import care_key
from egide.cloud.register.journal import Journaled, open_statement
from egide.cloud.register.models import Statement
from egide.cloud.register.platform import platform
from egide.errors import EgideError
from egide.trust.cose import Sign1
from egide.trust.limits import LIMITS

__all__ = ["KINDS", "attested_follow_ups", "facts_afresh", "facts_of", "forget", "read_statement"]

_KINDS: Final = frozenset(KINDS)
_PATIENTS: Final = 4_096  # remembered at most, by each process


@dataclass(frozen=True, slots=True)
class _Known:
    """What was verified up to the entry `mark`, whose bytes hash to `digest`."""

    mark: int
    digest: bytes
    said: tuple[Said, ...]
    facts: Facts


_lock = threading.Lock()
_memory: OrderedDict[uuid.UUID, _Known] = OrderedDict()


def facts_of(patient: uuid.UUID) -> Facts:
    """Everything that verified statements say about who may see this record, as committed now.

    A statement whose signature or seal does not hold says nothing; one that would narrow marks the facts as damaged.

    Raises:
        KeyMissingError: the record's key was erased.
    """
    with _lock:
        known = _memory.get(patient)
    fresh = _rows_from(patient, known)
    if known is not None and (not fresh or fresh[0][0] != known.mark or _digest(fresh[0][2]) != known.digest):
        known, fresh = None, _rows_from(patient, None)  # what was remembered never committed, or is no longer there
    if known is not None and len(fresh) == 1:
        return known.facts
    if not fresh:
        return Facts(patient=str(patient))
    news = fresh if known is None else fresh[1:]
    said = (*(known.said if known else ()), *_read(patient, [row for row in news if row[1] in _KINDS]))
    facts = known.facts if known and len(said) == len(known.said) else replay(str(patient), said)
    _remember(patient, _Known(fresh[-1][0], _digest(fresh[-1][2]), said, facts))
    return facts


def facts_afresh(patient: uuid.UUID) -> Facts:
    """The same, from every statement again: nothing that was remembered counts. Raises as `facts_of` does."""
    return replay(str(patient), _read(patient, [row for row in _rows_from(patient, None) if row[1] in _KINDS]))


def attested_follow_ups(patient: uuid.UUID) -> list[Follow]:
    """Every follow-up of a patient that a signed statement began, ended where another says so."""
    return list(facts_of(patient).follows)


def forget() -> None:
    """Drop what this process remembers."""
    with _lock:
        _memory.clear()


def _rows_from(patient: uuid.UUID, known: _Known | None) -> list[tuple[int, str, bytes]]:
    """(entry, kind, body) of the statements about a patient from the mark on; without one, of grounds and the last."""
    name = patient if connection.features.has_native_uuid_field else patient.hex
    with connection.cursor() as cursor:
        if known is not None:
            cursor.execute(f"{_ROWS} AND entry >= %s ORDER BY entry", [name, known.mark])
            return [(entry, kind, _bytes(body)) for entry, kind, body in cursor.fetchall()]
        marks = ", ".join(["%s"] * len(KINDS))
        last = "SELECT max(entry) FROM register_statement WHERE subject = %s"
        query = f"{_ROWS} AND (kind IN ({marks}) OR entry = ({last})) ORDER BY entry"
        cursor.execute(query, [name, *KINDS, name])
        return [(entry, kind, _bytes(body)) for entry, kind, body in cursor.fetchall()]


def _bytes(body: object) -> bytes:
    """Of a row that somebody made into something else: nothing, which verifies nowhere."""
    return bytes(body) if isinstance(body, bytes | memoryview) else b""


_ROWS: Final = "SELECT entry, kind, body FROM register_statement WHERE subject = %s"


def _read(patient: uuid.UUID, rows: Iterable[tuple[int, str, bytes]]) -> list[Said]:
    said = []
    record: RecordKey | None = None
    for entry, kind, body in rows:
        record = record or care_key(patient)
        said.append(_verified(patient, Statement(entry=entry, kind=kind, body=body), record))
    return said


def read_statement(row: Statement) -> Journaled | None:
    """One statement about a patient, verified and opened; None when its signature or seal does not hold."""
    if row.subject is None:
        return None
    try:
        Sign1.parse(bytes(row.body), limit=LIMITS.journal, what="statement").verify(platform().signer.public_key)
        said = open_statement(row, care_key(row.subject))
    except (EgideError, TypeError):
        return None
    return said if said.kind == row.kind else None


def _verified(patient: uuid.UUID, row: Statement, record: RecordKey) -> Said:
    try:
        statement = Sign1.parse(bytes(row.body), limit=LIMITS.journal, what="statement")
        statement.verify(platform().signer.public_key)
        opened = open_statement(row, record)
    except (EgideError, TypeError):
        return Said(row.kind, None)
    if opened.kind != row.kind or statement.claims.get(2) != f"urn:uuid:{patient}":
        return Said(opened.kind if opened.kind in NARROWING else row.kind, None)
    return Said(row.kind, opened.personal or {})


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()


def _remember(patient: uuid.UUID, known: _Known) -> None:
    with _lock:
        _memory[patient] = known
        _memory.move_to_end(patient)
        if len(_memory) > _PATIENTS:
            _memory.popitem(last=False)
