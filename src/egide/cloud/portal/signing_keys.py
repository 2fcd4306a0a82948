"""The passkeys of sign-in, as those that may sign a consent: the one place where the two parts meet."""

from __future__ import annotations

import contextlib
import hashlib
import uuid
from collections.abc import Iterator, Sequence

from allauth.mfa.models import Authenticator
from fido2.webauthn import AttestedCredentialData

from egide.cloud.consent.credentials import credentials_of, enrol_credential, retire_credential_by_hash
from egide.cloud.consent.signing import Passkey
from egide.cloud.people.models import Account
from egide.cloud.signin.attested import fingerprint, standing
from egide.cloud.signin.notices import tell
from egide.errors import MalformedError
from egide.trust.webauthn import PasskeyKey

__all__ = ["NONE", "READY", "UNABLE", "SigninPasskeys", "able", "enter_passkeys", "on_factors_ended"]

#: Whether an account can sign: yes; its passkeys only sign in (RS256, or retired for signing); it has none.
READY, UNABLE, NONE = "ready", "unable", "none"


class SigninPasskeys:
    """`consent.signing.Passkeys`, over what sign-in keeps: a passkey counts when a signed statement names its key."""

    def of(self, account: uuid.UUID) -> Sequence[Passkey]:
        return [Passkey(data.credential_id, count) for data, count, _ in _standing(Account.objects.get(pk=account))]

    def used(self, account: uuid.UUID, credential_id: bytes, count: int, *, copied: bool, now_ms: int) -> None:
        owner = Account.objects.get(pk=account)
        for data, _, row in _standing(owner):
            if data.credential_id == credential_id:
                row.data["counter"] = count
                row.save(update_fields=["data"])
        if copied:
            tell(owner, "copied-key", now_ms=now_ms)


def able(account: Account) -> str:
    """READY, UNABLE or NONE, for a page to say so before it asks. Nothing is written."""
    ended = {each.credential.id_sha256 for each in credentials_of(account.pk) if each.ended is not None}
    found = NONE
    for data, _, _ in _standing(account):
        found = UNABLE if found == NONE else found
        with contextlib.suppress(MalformedError):
            PasskeyKey(_cose(data))
            if hashlib.sha256(data.credential_id).digest() not in ended:
                return READY
    return found


def _retire_gone(account: Account, *, now_ms: int) -> None:
    """Say in the register that a passkey which sign-in retired signs no more; what it signed before stands."""
    marks = {hashlib.sha256(data.credential_id).digest() for data, _, _ in _standing(account)}
    for each in credentials_of(account.pk):
        if each.ended is None and each.credential.id_sha256 not in marks:
            retire_credential_by_hash(account, each.credential.id_sha256, now_ms=now_ms)


def on_factors_ended(sender: object, account: Account, now_ms: int, **_: object) -> None:  # noqa: ARG001
    """Sign-in took something away. Should this not run, the next asking says the same (`enter_passkeys`)."""
    _retire_gone(account, now_ms=now_ms)


def enter_passkeys(account: Account, *, rp: str, now_ms: int) -> int:
    """Enter in the register what sign-in knows, before a signature is asked for; return how many may sign.

    A passkey that is new there is enrolled for signing, one that is gone is retired. One of another algorithm than
    ES256 and EdDSA signs in, and is left out.
    """
    _retire_gone(account, now_ms=now_ms)
    known = {each.credential.id_sha256 for each in credentials_of(account.pk)}
    for data, count, _ in _standing(account):
        if hashlib.sha256(data.credential_id).digest() not in known:
            with contextlib.suppress(MalformedError):
                enrol_credential(account, data.credential_id, _cose(data), rp=rp, count=count, now_ms=now_ms)
    return sum(1 for each in credentials_of(account.pk) if each.ended is None)


def _standing(account: Account) -> Iterator[tuple[AttestedCredentialData, int, Authenticator]]:
    """Credential, counter and row of each passkey that a signed statement names and none retired."""
    good = standing(account)
    for row in Authenticator.objects.filter(user=account, type=Authenticator.Type.WEBAUTHN).order_by("pk"):
        if fingerprint(row) in good:
            yield row.wrap().authenticator_data.credential_data, int(row.data.get("counter", 0)), row


def _cose(data: AttestedCredentialData) -> bytes:
    """The key as the authenticator wrote it: after the model, the identifier's length, and the identifier."""
    return bytes(data)[18 + len(data.credential_id):]
