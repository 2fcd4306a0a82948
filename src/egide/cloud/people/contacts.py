"""How a person is reached. Sealed; found by the exact value, through a keyed blind index.

Whoever changes how somebody is reached can have their messages: each change is a statement that says who made it, which
the person can read. The statement holds no value.
"""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from django.db import IntegrityError
from django.db.models import QuerySet

from egide.cloud.keys.columns import blind_index, open_text, seal_text
from egide.cloud.keys.records import care_key
from egide.cloud.people.models import Account, Contact
from egide.cloud.people.proofing import require_desk
from egide.cloud.register.journal import append_statement
from egide.cloud.register.models import Statement
from egide.errors import RefusedError, TooManyTriesError

__all__ = ["Reach", "add_contact", "contacts_of", "forget_contact", "who_has"]

_EMAIL: Final = re.compile(r"[^\s@<>\"',;:()\[\]\\]{1,64}@([\w.-]{3,253})")
_LABEL: Final = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_PHONE: Final = re.compile(r"\+[1-9][0-9]{6,14}")
MAX_CONTACTS: Final = 10
#: Of one's own contacts: a code goes to each that is to get messages, and nobody points our codes at many strangers.
MAX_CHANGES: Final = 6
_DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """A contact, opened."""

    id: uuid.UUID
    kind: str
    value: str


def add_contact(account: Account, kind: str, value: str, *, by: Account, now_ms: int) -> Contact:
    """Keep a contact; the same one twice is kept once.

    Raises:
        RefusedError: not an e-mail address or a phone number, or ten are kept already.
        TooManyTriesError: one's own contacts were changed six times within a day.
        AccessDeniedError: `by` is neither this person nor at a desk where they are known.
    """
    _require_may(account, by, now_ms)
    clean = _clean(kind, value)
    index = blind_index(clean, f"contact {kind}")
    kept = Contact.objects.filter(account=account, value_index=index).first()
    if kept is not None:
        return kept
    if Contact.objects.filter(account=account).count() >= MAX_CONTACTS:
        raise RefusedError("ten contacts are kept at most")
    if by.pk == account.pk:
        _require_seldom(account, now_ms)
    made = Contact(id=uuid.uuid4(), account=account, kind=kind, value_index=index, since_ms=now_ms)
    made.sealed_value = seal_text(clean, _context(made.id, account.pk))
    try:
        _say(account, made.id, kind, "added", by, now_ms, lambda: made.save(force_insert=True))
    except IntegrityError:  # the same one, added at the same instant: that one is kept, and said
        return Contact.objects.get(account=account, value_index=index)
    return made


def contacts_of(account: Account) -> list[Reach]:
    """Opened. Raises SealError when a row was altered, or moved to another account."""
    rows = Contact.objects.filter(account=account).order_by("since_ms", "id")
    return [
        Reach(id=row.pk, kind=row.kind, value=open_text(bytes(row.sealed_value), _context(row.pk, account.pk)))
        for row in rows
    ]


def forget_contact(account: Account, contact: uuid.UUID, *, by: Account, now_ms: int) -> None:
    """Delete a contact.

    Raises AccessDeniedError as `add_contact` does; RefusedError: this person has no such contact.
    """
    _require_may(account, by, now_ms)
    kept = Contact.objects.filter(account=account, pk=contact)
    row = kept.first()
    if row is None:
        raise RefusedError("there is no such contact")
    _say(account, row.pk, row.kind, "forgotten", by, now_ms, lambda: _delete(kept))


def who_has(kind: str, value: str) -> list[Account]:
    """The accounts with exactly that contact: several people of one household may share it."""
    index = blind_index(_clean(kind, value), f"contact {kind}")
    return [row.account for row in Contact.objects.filter(value_index=index).select_related("account")]


def _require_may(account: Account, by: Account, now_ms: int) -> None:
    if by.pk != account.pk:
        require_desk(account, by=by, now_ms=now_ms)


def _require_seldom(account: Account, now_ms: int) -> None:
    """By the statements, which forgetting a contact does not take away."""
    said = Statement.objects.filter(kind="contact", subject=account.pk, at_ms__gt=now_ms - _DAY_MS)
    if said.count() >= MAX_CHANGES:
        raise TooManyTriesError("contacts change six times a day at most")


def _say(
    account: Account, contact: uuid.UUID, kind: str, act: str, by: Account, now_ms: int, also: Callable[[], None]
) -> None:
    said = {"contact": str(contact), "kind": kind, "act": act, "by": str(by.pk)}
    if account.role == Account.Role.PATIENT:
        key = care_key(account.pk)
        append_statement("contact", account.pk, {}, now_ms=now_ms, personal=said, sealed_for=key, also=also)
    else:
        append_statement("contact", account.pk, said, now_ms=now_ms, also=also)


def _delete(rows: QuerySet[Contact]) -> None:
    rows.delete()


def _clean(kind: str, value: str) -> str:
    """One form for each: an address in small letters, a number as +33612345678."""
    text = unicodedata.normalize("NFKC", value).strip()
    if kind == Contact.Kind.EMAIL and text.isprintable() and _is_email(text.casefold()):
        return text.casefold()
    if kind == Contact.Kind.PHONE:
        digits = re.sub(r"[\s.\-()]", "", text)
        if re.fullmatch(r"0[1-9][0-9]{8}", digits, re.ASCII):  # as it is dialled in France
            digits = f"+33{digits[1:]}"
        if _PHONE.fullmatch(digits):
            return digits
    raise RefusedError("this is not an e-mail address, nor a phone number")


def _is_email(text: str) -> bool:
    """Each part of the domain is one that a name server can have, as it is written there."""
    found = _EMAIL.fullmatch(text)
    if found is None:
        return False
    try:
        labels = found[1].encode("idna").decode("ascii").split(".")
    except UnicodeError:
        return False
    return len(labels) > 1 and len(labels[-1]) > 1 and all(_LABEL.fullmatch(label) for label in labels)


def _context(contact: uuid.UUID, account: uuid.UUID) -> bytes:
    return b"people.contact.value " + contact.bytes + account.bytes
