"""Passkeys that may sign for an account: enrolled and retired by statements of the register, never by a row.

The statements are public facts only (docs/spec/consent.md), so that a proof shows them; they name the account and the
hash of the credential's identifier, and no person.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from egide.cloud.people.models import Account
from egide.cloud.register.journal import append_statement, open_statement
from egide.cloud.register.models import Statement
from egide.cloud.register.platform import platform
from egide.errors import EgideError, MalformedError, RefusedError
from egide.trust.cose import PublicKey, Sign1
from egide.trust.grant import CREDENTIAL, CREDENTIAL_END, Credential, credential_end_facts
from egide.trust.limits import LIMITS
from egide.trust.webauthn import PasskeyKey

__all__ = [
    "Enrolled", "credentials_of", "enrol_credential", "in_force", "retire_credential", "retire_credential_by_hash",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled:
    """A credential, the entry that enrolled it, and the one that retired it, if any did."""

    credential: Credential
    entry: int
    ended: int | None = None


def enrol_credential(
    account: Account, credential_id: bytes, key: bytes, *, rp: str, count: int, now_ms: int,
    also: Callable[[], None] | None = None,
) -> int:  # fmt: skip
    """Enter a passkey that may sign for an account, at latest just before it signs; return the entry's number.

    `key` is the COSE_Key that the authenticator gave, `count` its counter then; `also` writes rows in the same
    transaction. Whether the authenticator is who it says is the caller's to have verified.

    Raises:
        MalformedError: a key of another algorithm than ES256 and EdDSA: it can sign in, and cannot sign.
        RefusedError: this credential was entered before, for this account.
    """
    credential = Credential(
        account=_uri(account.pk), id_sha256=hashlib.sha256(credential_id).digest(), key=PasskeyKey(key), rp=rp,
        count=count,
    )  # fmt: skip
    if any(each.credential.id_sha256 == credential.id_sha256 for each in credentials_of(account.pk)):
        raise RefusedError("this passkey was enrolled before: a retired one does not come back")
    return append_statement(CREDENTIAL, account.pk, credential.facts(), now_ms=now_ms, also=also)


def retire_credential(
    account: Account, credential_id: bytes, *, now_ms: int, also: Callable[[], None] | None = None
) -> int:
    """From this entry on the passkey signs nothing; what it signed before stands. Raises RefusedError: not in force."""
    return retire_credential_by_hash(account, hashlib.sha256(credential_id).digest(), now_ms=now_ms, also=also)


def retire_credential_by_hash(
    account: Account, id_sha256: bytes, *, now_ms: int, also: Callable[[], None] | None = None
) -> int:
    """The same, for who no longer has the identifier."""
    if in_force(account.pk, id_sha256) is None:
        raise RefusedError("there is no such passkey in force")
    return append_statement(CREDENTIAL_END, account.pk, credential_end_facts(id_sha256), now_ms=now_ms, also=also)


def in_force(account: uuid.UUID, id_sha256: bytes) -> Enrolled | None:
    """The credential of this hash, unless it was retired or never enrolled for this account."""
    for each in credentials_of(account):
        if each.credential.id_sha256 == id_sha256 and each.ended is None:
            return each
    return None


def credentials_of(account: uuid.UUID) -> list[Enrolled]:
    """Every credential of an account, in the order of their enrolment, retired ones included.

    A row that says otherwise than the platform's signature says nothing. One that retires and cannot be read would
    let a retired passkey sign, so it makes every passkey of the account count as retired there.
    """
    found: dict[bytes, Enrolled] = {}
    rows = list(Statement.objects.filter(subject=account, kind__in=(CREDENTIAL, CREDENTIAL_END)).order_by("entry"))
    if not rows:
        return []
    key = platform().signer.public_key
    for row in rows:
        try:
            facts = _facts(row, account, key)
            if row.kind == CREDENTIAL:
                credential = Credential.of(_uri(account), facts)
                found.setdefault(credential.id_sha256, Enrolled(credential=credential, entry=row.entry))
                continue
            marks = [bytes(facts["id"])]
        except (EgideError, TypeError, KeyError):
            marks = list(found) if row.kind == CREDENTIAL_END else []
        for mark in marks:
            if (each := found.get(mark)) and each.ended is None:
                found[mark] = Enrolled(credential=each.credential, entry=each.entry, ended=row.entry)
    return list(found.values())


def _facts(row: Statement, account: uuid.UUID, key: PublicKey) -> dict[str, Any]:
    signed = Sign1.parse(bytes(row.body), limit=LIMITS.journal, what="statement")
    signed.verify(key)
    said = open_statement(row)
    if said.kind != row.kind or signed.claims.get(2) != _uri(account):
        raise MalformedError("a statement lies in another's place")
    return dict(said.facts)


def _uri(account: uuid.UUID) -> str:
    return f"urn:uuid:{account}"
