"""What allauth's factors are made of here: sealed secrets, a neutral name, one relying party.

A secret is sealed to its account: copied into another person's row, it does not open.
"""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings

from egide.cloud.keys.columns import open_text, seal_text
from egide.cloud.people.models import Account
from egide.errors import SealError

__all__ = ["NAME", "SealedAdapter", "about"]

#: What an authenticator or a code app shows: nothing that tells of health or of a person.
NAME: Final = "Egide"
_account: ContextVar[uuid.UUID | None] = ContextVar("egide_signin_account", default=None)


@contextmanager
def about(account: Account) -> Iterator[None]:
    """Whose secrets are sealed and opened in the block; outside of one, none is."""
    token = _account.set(account.pk)
    try:
        yield
    finally:
        _account.reset(token)


def _context() -> bytes:
    account = _account.get()
    if account is None:
        raise SealError("a factor's secret is opened for one account only")
    return b"signin.factor " + account.bytes


class SealedAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth has no types
    """allauth's hooks, with our answers."""

    def encrypt(self, text: str) -> str:
        return base64.b64encode(seal_text(text, _context())).decode()

    def decrypt(self, encrypted_text: str) -> str:
        try:
            sealed = base64.b64decode(encrypted_text, validate=True)
        except (binascii.Error, ValueError) as err:
            raise SealError("a factor's secret was altered") from err
        return open_text(sealed, _context())

    def get_totp_issuer(self) -> str:
        return NAME

    def get_totp_label(self, user: Account) -> str:
        return short_name(user)

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        return {"id": settings.OPTIONS.public_host, "name": NAME}

    def get_public_key_credential_user_entity(self, user: Account) -> dict[str, Any]:
        handle = user_pk_to_url_str(user).encode()
        return {"id": handle, "display_name": short_name(user), "name": short_name(user)}


def short_name(account: Account) -> str:
    """Enough to tell two accounts of one household apart, and nothing else."""
    return f"{NAME} {account.username[:4]}"
