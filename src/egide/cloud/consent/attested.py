"""What the platform's signed statements say of a patient's record. Rows are an index, never a ground.

Each process remembers what it verified. Whether something was said since costs one query, however many the patients: a
withdrawal that committed anywhere counts at the next read everywhere.
"""

from __future__ import annotations

import hashlib
import threading
import uuid
from collections import OrderedDict, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from django.db import connection

from egide.cloud.consent.facts import Facts, Follow
from egide.cloud.consent.replay import KINDS, NARROWING, Said, replay
from egide.cloud.keys.models import RecordKey
from egide.cloud.keys.records import care_key, care_keys
from egide.cloud.register.journal import Journaled, open_statement
from egide.cloud.register.models import Statement
from egide.cloud.register.platform import platform
from egide.errors import EgideError, KeyMissingError
from egide.trust.cose import Sign1
from egide.trust.limits import LIMITS

__all__ = ["KINDS", "attested_follow_ups", "facts_afresh", "facts_of", "facts_of_each", "forget", "read_statement"]

_KINDS: Final = frozenset(KINDS)
_PATIENTS: Final = 4_096  # remembered at most, by each process
_AT_ONCE: Final = 200  # patients of one query

_SINCE: Final = (
    "WITH asked(subject, mark) AS (VALUES {asked}) SELECT s.subject, s.entry, s.kind, s.body "
    "FROM asked CROSS JOIN register_statement AS s WHERE s.subject = asked.subject AND s.entry >= asked.mark "
    "ORDER BY s.entry"
)
_GROUNDS: Final = (
    "SELECT subject, entry, kind, body FROM register_statement WHERE subject IN ({subjects}) AND kind IN ({kinds}) "
    "UNION SELECT s.subject, s.entry, s.kind, s.body FROM (SELECT max(entry) AS entry FROM register_statement "
    "WHERE subject IN ({subjects}) GROUP BY subject) AS latest JOIN register_statement AS s ON s.entry = latest.entry "
    "ORDER BY 2"
)

_Row = tuple[int, str, bytes]


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
    found = facts_of_each([patient]).get(patient)
    if found is None:
        raise KeyMissingError("this record has no key")
    return found


def facts_of_each(patients: Collection[uuid.UUID]) -> dict[uuid.UUID, Facts]:
    """The same of several patients, in one query where nothing new was said; one whose key was erased is left out."""
    asked = list(dict.fromkeys(patients))
    with _lock:
        known = {patient: _memory[patient] for patient in asked if patient in _memory}
    fresh = _rows_since({patient: one.mark for patient, one in known.items()})
    # What was remembered and never committed, or is no longer there, does not count.
    known = {patient: one for patient, one in known.items() if _still(one, fresh.get(patient, []))}
    found = {patient: one.facts for patient, one in known.items() if len(fresh[patient]) == 1}
    rest = [patient for patient in asked if patient not in found]
    if not rest:
        return found
    rows = _rows_of_grounds([patient for patient in rest if patient not in known])
    rows |= {patient: fresh[patient] for patient in rest if patient in known}
    return found | _learnt({patient: rows.get(patient, []) for patient in rest}, known)


def _still(one: _Known, rows: list[_Row]) -> bool:
    return bool(rows) and rows[0][0] == one.mark and _digest(rows[0][2]) == one.digest


def _learnt(rows: Mapping[uuid.UUID, list[_Row]], known: Mapping[uuid.UUID, _Known]) -> dict[uuid.UUID, Facts]:
    """What these patients' statements say, beside what is known of them; remembered from now on."""
    news = {patient: mine[1:] if patient in known else mine for patient, mine in rows.items()}
    grounds = {patient: [row for row in mine if row[1] in _KINDS] for patient, mine in news.items()}
    keys = care_keys([patient for patient, mine in grounds.items() if mine])
    found: dict[uuid.UUID, Facts] = {}
    for patient, mine in rows.items():
        if grounds[patient] and patient not in keys:
            continue
        before = known.get(patient)
        said = before.said if before else ()
        if grounds[patient]:
            said = (*said, *_read(patient, grounds[patient], keys[patient]))
        facts = before.facts if before and not grounds[patient] else replay(str(patient), said)
        if mine:
            _remember(patient, _Known(mine[-1][0], _digest(mine[-1][2]), said, facts))
        found[patient] = facts
    return found


def facts_afresh(patient: uuid.UUID) -> Facts:
    """The same, from every statement again: nothing that was remembered counts. Raises as `facts_of` does."""
    rows = [row for row in _rows_of_grounds([patient]).get(patient, []) if row[1] in _KINDS]
    return replay(str(patient), _read(patient, rows, care_key(patient)) if rows else ())


def attested_follow_ups(patient: uuid.UUID) -> list[Follow]:
    """Every follow-up of a patient that a signed statement began, ended where another says so."""
    return list(facts_of(patient).follows)


def forget() -> None:
    """Drop what this process remembers."""
    with _lock:
        _memory.clear()


def _rows_since(marks: Mapping[uuid.UUID, int]) -> dict[uuid.UUID, list[_Row]]:
    """The statements about each patient from a mark on, that of the mark included."""
    found: defaultdict[uuid.UUID, list[_Row]] = defaultdict(list)
    for some in _some(list(marks)):
        query = _SINCE.format(asked=", ".join(["(%s, %s)"] * len(some)))
        values = [value for patient in some for value in (_name(patient), marks[patient])]
        for row in _run(query, values):
            found[row[0]].append(row[1])
    return found


def _rows_of_grounds(patients: Collection[uuid.UUID]) -> dict[uuid.UUID, list[_Row]]:
    """The statements about each patient that say something of who may see, and the last one of all."""
    found: defaultdict[uuid.UUID, list[_Row]] = defaultdict(list)
    for some in _some(list(patients)):
        query = _GROUNDS.format(subjects=_marks(len(some)), kinds=_marks(len(KINDS)))
        names = [_name(patient) for patient in some]
        for patient, row in _run(query, [*names, *KINDS, *names]):
            found[patient].append(row)
    return found


def _run(query: str, values: Sequence[uuid.UUID | str | int]) -> Iterator[tuple[uuid.UUID, _Row]]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        rows = cursor.fetchall()
    for subject, entry, kind, body in rows:
        yield subject if isinstance(subject, uuid.UUID) else uuid.UUID(subject), (entry, kind, _bytes(body))


def _some(patients: list[uuid.UUID]) -> Iterator[list[uuid.UUID]]:
    for at in range(0, len(patients), _AT_ONCE):
        yield patients[at : at + _AT_ONCE]


def _name(patient: uuid.UUID) -> uuid.UUID | str:
    return patient if connection.features.has_native_uuid_field else patient.hex


def _marks(count: int) -> str:
    return ", ".join(["%s"] * count)


def _bytes(body: object) -> bytes:
    """Of a row that somebody made into something else: nothing, which verifies nowhere."""
    return bytes(body) if isinstance(body, bytes | memoryview) else b""


def _read(patient: uuid.UUID, rows: Iterable[_Row], record: RecordKey) -> list[Said]:
    return [_verified(patient, Statement(entry=entry, kind=kind, body=body), record) for entry, kind, body in rows]


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
