"""Accounts and the one-time link that signs in: no password exists anywhere.

The link's secret is 160 random bits, kept as its SHA-256, good for ten minutes and for one use.
"""

from __future__ import annotations

import base64
import os
import uuid
from typing import Final

from django.db import IntegrityError, transaction

from egide.cloud.keys.columns import blind_index, open_text, seal_text
from egide.cloud.keys.records import create_record_key
from egide.cloud.people import names, tokens
from egide.cloud.people.establishments import home
from egide.cloud.people.models import Account, Establishment, Registration, SignInLink
from egide.errors import AmbiguousNameError, NotFoundError, RefusedError, SignInError

__all__ = [
    "LINK_LIFE_MS",
    "create_account",
    "find",
    "find_all",
    "find_by_name",
    "link_address",
    "make_link",
    "name_of",
    "redeem_link",
]

LINK_LIFE_MS: Final = 10 * 60 * 1000
_USERNAME_BYTES: Final = 10
_INDEX: Final = "account name"


def create_account(role: str, name: str, now_ms: int, *, at: Establishment | None = None) -> Account:
    """Make an account with a random user name; a patient's comes with the key pair of their record.

    A patient is registered `at` an establishment: the one that runs the platform, when none is named.

    Raises:
        RefusedError: no such role, or a name that is empty, too long or holds control characters.
    """
    if role not in Account.Role.values:
        raise RefusedError("a role is patient, relative, professional or operator")
    clean = names.clean(name)
    account = Account(id=uuid.uuid4(), role=role, created_ms=now_ms, name_index=blind_index(clean, _INDEX))
    account.sealed_name = seal_text(clean, _context(account.id))
    account.set_unusable_password()
    with transaction.atomic():
        _save_with_random_username(account)
        if role == Account.Role.PATIENT:
            create_record_key(account.id, now_ms=now_ms)
            Registration.objects.create(patient=account, establishment=at or home(now_ms), since_ms=now_ms)
    return account


def name_of(account: Account) -> str:
    """The name, opened. Raises SealError when the row was altered or the key is another."""
    return open_text(bytes(account.sealed_name), _context(account.id))


def find_by_name(name: str) -> Account:
    """The account with exactly that name (letter case and spacing aside).

    Raises:
        NotFoundError: nobody has it. AmbiguousNameError: several people do.
    """
    found = list(Account.objects.filter(name_index=blind_index(names.clean(name), _INDEX))[:2])
    if not found:
        raise NotFoundError("no account has that name")
    if len(found) > 1:
        raise AmbiguousNameError("several accounts have that name")
    return found[0]


def find(who: str) -> Account:
    """The account with that user name, else with that name. Raises as `find_by_name` does."""
    return Account.objects.filter(username=who).first() or find_by_name(who)


def find_all(who: str) -> list[Account]:
    """The account with that user name, else those with that name. Raises RefusedError: this is no name."""
    named = Account.objects.filter(username=who).first()
    return [named] if named else list(Account.objects.filter(name_index=blind_index(names.clean(who), _INDEX)))


def make_link(account: Account, now_ms: int) -> str:
    """Make a one-time sign-in token (32 characters), and forget those that lapsed.

    Raises:
        SignInError: the account is closed.
    """
    if not account.is_active:
        raise SignInError("this account is closed")
    SignInLink.objects.filter(expires_ms__lte=now_ms).delete()
    token = tokens.new_token()
    SignInLink.objects.create(token_hash=tokens.digest(token), account=account, expires_ms=now_ms + LINK_LIFE_MS)
    return token


def link_address(base: str, token: str) -> str:
    """The address to open. The token lies after `#`: browsers never send that part, so no log can hold it."""
    return tokens.address(base, "sign-in", token)


def redeem_link(token: str, now_ms: int) -> Account:
    """Use a token, once.

    Raises:
        SignInError: unknown, lapsed or used (which of these is not said), or its account is closed.
    """
    fresh = SignInLink.objects.filter(
        token_hash=tokens.digest(tokens.typed(token)), used_ms=None, expires_ms__gt=now_ms, account__is_active=True
    )
    link = fresh.select_related("account").first()
    # The update is what decides: of two tries at the same instant, one changes a row.
    if link is None or not fresh.filter(pk=link.pk).update(used_ms=now_ms):
        raise SignInError("this sign-in code does not work")
    return link.account


def _save_with_random_username(account: Account) -> None:
    for _ in range(4):
        account.username = base64.b32encode(os.urandom(_USERNAME_BYTES)).decode().lower()
        try:
            with transaction.atomic():
                account.save(force_insert=True)
        except IntegrityError:
            continue
        return
    raise RefusedError("no user name is free")


def _context(account_id: uuid.UUID) -> bytes:
    return b"people.account.name " + account_id.bytes
