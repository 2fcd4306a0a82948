"""Who holds which office, and who steers whom, by signed statements in the register. Rows are an index, never a ground.

An appointment or a dismissal has no patient: its statement carries random ids only, and its subject is the account.
"""

from __future__ import annotations

import functools
import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from django.db import connection

from egide import cbor
from egide.cloud.register.models import Statement
from egide.cloud.register.platform import platform
from egide.errors import EgideError
from egide.trust.cose import PublicKey, Sign1
from egide.trust.limits import LIMITS

__all__ = [
    "KINDS", "Appointment", "attested_kinds", "attested_offices", "attested_offices_of", "attested_references",
]  # fmt: skip

APPOINTMENT: Final = "appointment"
DISMISSAL: Final = "dismissal"
KINDS: Final = (APPOINTMENT, DISMISSAL)
ESTABLISHMENT: Final = "establishment"
GROUP: Final = "group"
GROUP_MEMBER: Final = "group-member"
_GROUPS: Final = (ESTABLISHMENT, GROUP, GROUP_MEMBER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Appointment:
    """An office as signed: from `since_ms` until just before `until_ms`."""

    membership: str
    account: str
    establishment: str
    office: str
    since_ms: int
    until_ms: int | None


def attested_offices(account: uuid.UUID) -> dict[str, Appointment]:
    """Every office that a signed statement gave to this account, by membership id, ended where another says so.

    A statement whose signature does not hold says nothing; one moved to another account's row neither.
    """
    return attested_offices_of([account])[account]


def attested_offices_of(accounts: Collection[uuid.UUID]) -> dict[uuid.UUID, dict[str, Appointment]]:
    """The same of several accounts, in one query."""
    key, bodies = platform().signer.public_key, _bodies(accounts)
    return {account: _offices(account, bodies.get(account, ()), key) for account in accounts}


def _offices(account: uuid.UUID, bodies: Collection[bytes], key: PublicKey) -> dict[str, Appointment]:
    found: dict[str, Appointment] = {}
    for body in bodies:
        match _said(body, key):
            case (kind, {"account": who} as facts) if kind == APPOINTMENT and who == str(account):
                given = _appointment(facts)
                found.setdefault(given.membership, given)
            case (kind, {"membership": name, "until": int(until)}) if kind == DISMISSAL and name in found:
                held = found[name]
                found[name] = replace(held, until_ms=until if held.until_ms is None else min(held.until_ms, until))
    return found


def attested_references() -> dict[uuid.UUID, uuid.UUID]:
    """The reference establishment of each one that belongs to a group, as signed statements say."""
    references: dict[str, str] = {}
    member_of: dict[str, str | None] = {}
    key = platform().signer.public_key
    for body in Statement.objects.filter(kind__in=_GROUPS).order_by("entry").values_list("body", flat=True):
        match _said(_plain(body), key):
            case (kind, {"group": str(group), "reference": str(reference)}) if kind == GROUP:
                references[group] = reference
                member_of[reference] = group
            case (kind, {"establishment": str(place), "group": str() | None as group}) if kind != GROUP:
                member_of[place] = group
    return {uuid.UUID(place): uuid.UUID(references[group]) for place, group in member_of.items() if group in references}


def attested_kinds() -> Mapping[str, str]:
    """The kind of each establishment by its id, as it was declared. One query: read again once another is declared."""
    with connection.cursor() as cursor:  # raw: each read of a professional's asks this
        cursor.execute(
            "SELECT entry, body FROM register_statement WHERE kind = %s ORDER BY entry DESC LIMIT 1", [ESTABLISHMENT]
        )
        last = cursor.fetchone()
    return _kinds(last[0], _plain(last[1]), platform().signer.public_key) if last else {}


@functools.lru_cache(maxsize=4)
def _kinds(entry: int, _last: bytes, key: PublicKey) -> Mapping[str, str]:
    """Up to this entry, which has these bytes. What is written in the table afterwards says nothing."""
    found: dict[str, str] = {}
    rows = Statement.objects.filter(kind=ESTABLISHMENT, entry__lte=entry).order_by("entry")
    for body in rows.values_list("body", flat=True):
        match _said(_plain(body), key):
            case (_, {"establishment": str(place), "kind": str(kind)}):
                found.setdefault(place, kind)
    return found


def _bodies(accounts: Collection[uuid.UUID]) -> dict[uuid.UUID, list[bytes]]:
    """The statements about each account, oldest first."""
    found: defaultdict[uuid.UUID, list[bytes]] = defaultdict(list)
    if accounts:
        rows = Statement.objects.filter(subject__in=accounts, kind__in=KINDS).order_by("entry")
        for account, body in rows.values_list("subject", "body"):
            if account is not None:
                found[account].append(_plain(body))
    return found


def _plain(body: object) -> bytes:
    """The bytes of a column; none for one that was made into something else."""
    return bytes(body) if isinstance(body, bytes | memoryview) else b""


def _appointment(facts: dict[str, Any]) -> Appointment:
    return Appointment(
        membership=facts["membership"], account=facts["account"], establishment=facts["establishment"],
        office=facts["office"], since_ms=facts["since"], until_ms=facts["until"],
    )  # fmt: skip


@functools.lru_cache(maxsize=4096)
def _said(body: bytes, key: PublicKey) -> tuple[str, dict[str, Any]] | None:
    """(kind, facts) of a statement that this key signed. Remembered by its bytes: a read costs no signature check."""
    try:
        statement = Sign1.parse(body, limit=LIMITS.journal, what="statement")
        statement.verify(key)
        match cbor.decode(statement.payload or b"", limit=LIMITS.journal, what="statement"):
            case [str(kind), int(), dict(facts), *_] if kind in (*KINDS, *_GROUPS):
                return kind, facts
    except (EgideError, TypeError):
        pass
    return None
