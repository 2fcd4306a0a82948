"""Which factors an account has, by the platform's signed statements. Rows carry material; they are never a ground.

Whoever can write in the tables can add a passkey of their own to anybody, or take all of them away so that a link is
enough again: neither changes what the register says.
"""

from __future__ import annotations

import hashlib
import uuid
from typing import Final

from allauth.mfa.models import Authenticator
from django.core.exceptions import ValidationError

from egide.cloud.keys.models import RecordKey
from egide.cloud.people.models import Account
from egide.cloud.register.journal import Journaled, open_statement
from egide.cloud.register.models import Statement
from egide.cloud.register.platform import platform
from egide.errors import EgideError, MalformedError
from egide.trust.cose import CWT, PublicKey, Sign1
from egide.trust.limits import LIMITS

__all__ = ["KINDS", "MAIN", "fingerprint", "has_factor", "standing", "verified"]

KINDS: Final = ("factor", "factor-end")
#: With one of these a link alone no longer signs in; recovery codes stand behind them.
MAIN: Final = frozenset({"webauthn", "totp"})


def fingerprint(row: Authenticator) -> bytes:
    """What a statement says of a factor: SHA-256 over its public key, or over its sealed secret.

    A row that cannot be read has a fingerprint that no statement has.
    """
    try:
        if row.type == Authenticator.Type.WEBAUTHN:
            data = bytes(row.wrap().authenticator_data.credential_data)
        else:
            data = str(row.data["secret" if row.type == Authenticator.Type.TOTP else "seed"]).encode()
    except (ValueError, TypeError, KeyError, AttributeError, ValidationError):
        return b""
    return hashlib.sha256(row.type.encode() + b"\0" + data).digest()


def standing(account: Account) -> dict[bytes, str]:
    """Fingerprint and kind of every factor that was enrolled and not retired.

    A statement whose signature does not hold says nothing.
    """
    found: dict[bytes, str] = {}
    rows = list(Statement.objects.filter(subject=account.pk, kind__in=KINDS).order_by("entry"))
    if not rows:
        return found
    key = platform().signer.public_key
    for row in rows:
        try:
            said = verified(row, account.pk, key)
        except (EgideError, TypeError):
            continue
        mark, factor = said.facts.get("id"), said.facts.get("factor")
        if not isinstance(mark, bytes) or not isinstance(factor, str):
            continue
        if said.kind == "factor":
            found[mark] = factor
        else:
            found.pop(mark, None)
    return found


def verified(row: Statement, subject: uuid.UUID, key: PublicKey, record: RecordKey | None = None) -> Journaled:
    """What a statement says of `subject`. Raises EgideError: not signed by the platform, or about another."""
    signed = Sign1.parse(bytes(row.body), limit=LIMITS.journal, what="statement")
    signed.verify(key)
    claims = signed.header.get(CWT)
    said = open_statement(row, record)
    if not isinstance(claims, dict) or claims.get(2) != f"urn:uuid:{subject}" or said.kind != row.kind:
        raise MalformedError("a statement lies in another's place")
    return said


def has_factor(account: Account) -> bool:
    """Whether a link alone is no longer enough."""
    return any(factor in MAIN for factor in standing(account).values())
