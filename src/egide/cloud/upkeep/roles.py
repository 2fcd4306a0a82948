"""What an account is, against what was signed of it: its role decides what a ground can give, and is only a column."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from uuid import UUID

from egide.cloud.people.models import Account
from egide.cloud.register.journal import open_statement
from egide.cloud.register.models import Statement
from egide.cloud.upkeep.columns import readable
from egide.cloud.upkeep.finding import Finding
from egide.errors import EgideError

__all__ = ["check_roles"]

_APPOINTMENT: Final = "appointment"
_PAIRING: Final = "pairing"  # its subject is the patient that an object measures


def check_roles() -> Iterator[Finding]:
    """Accounts of another role than the one that a pairing, or an appointment since it says so, was signed for."""
    said = _said()
    for account in readable(Account.objects.order_by("pk")).iterator(2_000):
        if said.get(account.pk, {account.role}) != {account.role}:
            yield Finding(kind="account", where=str(account.pk), what="another-role")


def _said() -> dict[UUID, set[str]]:
    """The roles that statements say, by account; one that cannot be read is said by the check of statements."""
    found: dict[UUID, set[str]] = {}
    for row in readable(Statement.objects.filter(kind__in=(_PAIRING, _APPOINTMENT)).order_by("entry")).iterator(2_000):
        if row.subject is None:
            continue
        try:
            role = str(Account.Role.PATIENT) if row.kind == _PAIRING else open_statement(row).facts.get("role")
        except EgideError:
            continue
        if isinstance(role, str):
            found.setdefault(row.subject, set()).add(role)
    return found
