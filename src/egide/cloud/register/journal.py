"""What the platform itself writes into the register: accesses, pairings, enrolments, revocations, epochs.

A statement is a COSE_Sign1 by the platform's key, with a random cti so that its leaf hides it:

    payload = [kind, at_ms, {public facts}, sealed personal facts or null]
"""

from __future__ import annotations

import hashlib
import os
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection

from egide import cbor
from egide.cloud.keys.models import RecordKey
from egide.cloud.keys.records import private_seed, seal_for
from egide.cloud.register.models import Statement
from egide.cloud.register.platform import platform
from egide.cloud.register.store import Register, appending, current_log, entry_number
from egide.errors import MalformedError
from egide.trust.cose import CONTENT_TYPE, CWT, X5T, Sign1, sign1
from egide.trust.genesis import JOURNAL_TYPE
from egide.trust.limits import LIMITS
from egide.trust.register.tree import leaf_hash
from egide.trust.seal import Suite, open_sealed

__all__ = [
    "FLEET_KINDS", "Journaled", "Saying", "append_statement", "append_statements", "fleet_version", "insert_statement",
    "open_statement", "sign_statement",
]

#: A statement of these kinds changes what intake may accept, or the keys that it seals to.
FLEET_KINDS: Final = (
    "enrolment", "pairing", "unpairing", "revocation", "genesis", "erasure", "attribution", "attribution-end",
)  # fmt: skip
_INFO: Final = b"egide journal v1 "
_local = threading.local()


@dataclass(frozen=True, slots=True, kw_only=True)
class Journaled:
    """A statement that was read back."""

    entry: int
    kind: str
    at_ms: int
    facts: Mapping[str, Any]
    personal: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Saying:
    """A statement to be made: `personal` is sealed to `sealed_for`."""

    kind: str
    subject: uuid.UUID
    at_ms: int
    facts: Mapping[str, Any]
    personal: Mapping[str, Any]
    sealed_for: RecordKey
    also: Callable[[], None] | None = None  # in the same transaction


def append_statements(sayings: Sequence[Saying]) -> list[int]:
    """Sign and append several statements, and commit them together; their entry numbers once they are durable."""
    if not sayings:
        return []
    bodies = []
    for one in sayings:
        sealed = seal_for(one.sealed_for, cbor.encode(dict(one.personal)), _INFO + one.kind.encode())
        bodies.append(sign_statement(one.kind, one.subject, one.facts, now_ms=one.at_ms, sealed=sealed))
    with appending():
        register = _register()
        first = register.append([leaf_hash(body) for body in bodies]).first
        entries = [entry_number(register.log_id, first + n) for n in range(len(bodies))]
        _insert(
            (entry, one.kind, one.subject, one.at_ms, body)
            for entry, one, body in zip(entries, sayings, bodies, strict=True)
        )
        for one in sayings:
            if one.also is not None:
                one.also()
    return entries


def append_statement(
    kind: str,
    subject: uuid.UUID | None,
    payload: Mapping[str, Any],
    *,
    now_ms: int,
    personal: Mapping[str, Any] | None = None,
    sealed_for: RecordKey | None = None,
    also: Callable[[], None] | None = None,
) -> int:
    """Sign, append and commit one statement; return its entry number once it is durable.

    `personal` is sealed to `sealed_for`. `also` runs in the same transaction: what the statement says and what the
    tables hold become true together.
    """
    sealed = None
    if personal is not None:
        if sealed_for is None:
            raise MalformedError("personal facts need a record to be sealed to")
        sealed = seal_for(sealed_for, cbor.encode(dict(personal)), _INFO + kind.encode())
    body = sign_statement(kind, subject, payload, now_ms=now_ms, sealed=sealed)
    with appending():
        register = _register()
        appended = register.append([leaf_hash(body)])
        entry = entry_number(register.log_id, appended.first)
        insert_statement(entry, kind, subject, now_ms, body)
        if also is not None:
            also()
    return entry


def sign_statement(
    kind: str, subject: uuid.UUID | None, facts: Mapping[str, Any], *, now_ms: int, sealed: bytes | None = None
) -> bytes:
    """A statement of the platform, signed and not yet in any log."""
    me = platform()
    return sign1(
        {
            CONTENT_TYPE: JOURNAL_TYPE,
            CWT: {1: me.uri, 2: f"urn:uuid:{subject}" if subject else me.uri, 6: now_ms // 1000, 7: os.urandom(16)},
            X5T: [-16, hashlib.sha256(me.chain[0]).digest()],
        },
        cbor.encode([kind, now_ms, dict(facts), sealed]),
        me.signer,
    )


def insert_statement(entry: int, kind: str, subject: uuid.UUID | None, at_ms: int, body: bytes) -> None:
    """Write a statement's row inside the caller's transaction."""
    _insert([(entry, kind, subject, at_ms, body)])


def _insert(rows: Iterable[tuple[int, str, uuid.UUID | None, int, bytes]]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO register_statement (entry, kind, subject, at_ms, body) VALUES (%s, %s, %s, %s, %s)",
            [(entry, kind, _uuid_column(subject), at_ms, body) for entry, kind, subject, at_ms, body in rows],
        )


def _register() -> Register:
    """This thread's register: its memory of the tail is used by one transaction at a time."""
    log = current_log()
    register: Register | None = getattr(_local, "register", None)
    if register is None or register.log_id != log.id:
        register = _local.register = Register(log.id)
    return register


def _uuid_column(value: uuid.UUID | None) -> uuid.UUID | str | None:
    if value is None or connection.features.has_native_uuid_field:
        return value
    return value.hex


def open_statement(row: Statement, key: RecordKey | None = None) -> Journaled:
    """Read a statement back; its personal facts only with the record's key pair (and the key provider).

    Raises:
        MalformedError, SealError: the row is damaged.
    """
    statement = Sign1.parse(bytes(row.body), limit=LIMITS.journal, what="statement")
    match cbor.decode(statement.payload or b"", limit=LIMITS.journal, what="statement"):
        case [str(kind), int(at_ms), dict(facts), bytes() | None as sealed]:
            personal = None
            if sealed is not None and key is not None:
                plain = open_sealed(Suite(key.suite), private_seed(key), sealed, _INFO + kind.encode())
                personal = cbor.decode(plain, limit=LIMITS.journal, what="statement")
            return Journaled(entry=row.entry, kind=kind, at_ms=at_ms, facts=facts, personal=personal)
    raise MalformedError("a statement has another form")


def fleet_version(*, since: int = 0) -> int:
    """The last entry, from number `since` on, that changed the fleet; 0 when none did: what one remembers holds."""
    marks = ", ".join(["%s"] * len(FLEET_KINDS))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT max(entry) FROM register_statement WHERE entry >= %s AND kind IN ({marks})",  # noqa: S608 (only marks)
            [since, *FLEET_KINDS],
        )
        return int(cursor.fetchone()[0] or 0)
