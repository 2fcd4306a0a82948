"""Offices as signed, remembered by each process for exactly as long as the database proves that nothing was signed.

The proof is the last statement about an office or an establishment: its number and its bytes, read by the same query
as the rows of those asked about. Statements are committed one after the other, in the order of their numbers, and each
has bytes of its own; so where the last one is the same, all are, and where it is another, or was rolled back, nothing
that was remembered counts. No clock decides. A dismissal that committed anywhere counts at the next read everywhere.
"""

from __future__ import annotations

import threading
import uuid
from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection

from egide.cloud.people.attested import (
    ESTABLISHMENT,
    KINDS,
    Appointment,
    attested_kinds,
    attested_offices_of,
)
from egide.cloud.people.models import Membership
from egide.cloud.register.platform import platform
from egide.trust.cose import PublicKey

__all__ = ["Seats", "forget", "seats_of"]

_ACCOUNTS: Final = 4_096  # remembered at most, by each process

_LAST: Final = " UNION ALL ".join(
    f"SELECT max(entry) AS entry FROM register_statement WHERE kind = '{kind}'"  # noqa: S608 (our own words)
    for kind in (*KINDS, ESTABLISHMENT)
)
_COLUMNS: Final = ("id", "account_id", "establishment_id", "office", "since_ms", "until_ms")
_ROWS: Final = (
    f"SELECT s.entry, s.body, {', '.join(f'm.{name}' for name in _COLUMNS)} "  # noqa: S608 (our own words)
    "FROM register_statement AS s LEFT JOIN people_membership AS m ON m.account_id IN ({marks}) "
    f"WHERE s.entry = (SELECT max(entry) FROM ({_LAST}) AS latest)"
)


@dataclass(frozen=True, slots=True)
class Seats:
    """What the tables and the signed statements say of some people, read together."""

    rows: Mapping[uuid.UUID, tuple[Membership, ...]]  # an index: each counts only as `said` has it
    said: Mapping[uuid.UUID, Mapping[str, Appointment]]  # as `attested_offices`
    trades: Mapping[str, str]  # as `attested_kinds`


@dataclass(frozen=True, slots=True)
class _Proof:
    """The last statement that says something of offices, and whose signature all of them bear."""

    entry: int
    body: bytes
    key: PublicKey


class _Memory:
    """What was read under one proof. Any other proof finds nothing here."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._proof: _Proof | None = None
        self._trades: Mapping[str, str] | None = None
        self._said: OrderedDict[uuid.UUID, Mapping[str, Appointment]] = OrderedDict()

    def known(
        self, proof: _Proof, accounts: Collection[uuid.UUID]
    ) -> tuple[dict[uuid.UUID, Mapping[str, Appointment]], Mapping[str, str] | None]:
        with self._lock:
            if proof != self._proof:
                return {}, None
            return {a: self._said[a] for a in accounts if a in self._said}, self._trades

    def keep(
        self, proof: _Proof, said: Mapping[uuid.UUID, Mapping[str, Appointment]], trades: Mapping[str, str]
    ) -> None:
        with self._lock:
            if proof != self._proof:
                self._said.clear()
            self._proof, self._trades = proof, trades
            self._said.update(said)
            while len(self._said) > _ACCOUNTS:
                self._said.popitem(last=False)

    def clear(self) -> None:
        with self._lock:
            self._proof = None


_memory = _Memory()


def seats_of(accounts: Collection[uuid.UUID]) -> Seats:
    """The offices of these accounts, as committed now: one query, and more only once something was signed."""
    asked = list(dict.fromkeys(accounts))
    proof, rows = _read(asked)
    if proof is None:  # nobody ever signed anything of an office
        return Seats(rows, {account: {} for account in asked}, {})
    said, trades = _memory.known(proof, asked)
    missing = [account for account in asked if account not in said]
    if missing or trades is None:
        # Read after the proof: at least as new as it says.
        fresh = attested_offices_of(missing)
        trades = attested_kinds() if trades is None else trades
        _memory.keep(proof, fresh, trades)
        said |= fresh
    return Seats(rows, said, trades)


def forget() -> None:
    """Drop what this process remembers."""
    _memory.clear()


def _read(accounts: list[uuid.UUID]) -> tuple[_Proof | None, dict[uuid.UUID, tuple[Membership, ...]]]:
    """The proof, and the rows of these accounts, of one moment."""
    rows: dict[uuid.UUID, tuple[Membership, ...]] = dict.fromkeys(accounts, ())
    if not accounts:
        return None, rows
    named = accounts if connection.features.has_native_uuid_field else [account.hex for account in accounts]
    with connection.cursor() as cursor:
        cursor.execute(_ROWS.format(marks=", ".join(["%s"] * len(named))), named)
        found = cursor.fetchall()
    if not found:
        return None, rows
    for _, _, *values in found:
        if values[0] is not None:
            row = Membership.from_db(connection.alias, _COLUMNS, [*map(_uuid, values[:3]), *values[3:]])
            rows[row.account_id] = (*rows[row.account_id], row)
    entry, body = found[0][:2]
    said = bytes(body) if isinstance(body, bytes | memoryview) else b""
    return _Proof(int(entry), said, platform().signer.public_key), rows


def _uuid(value: Any) -> uuid.UUID:
    return value if isinstance(value, uuid.UUID) else uuid.UUID(value)
