"""Factors come and go; each time a signed statement says so, in the same transaction as the row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from allauth.mfa.utils import decrypt, encrypt
from django.dispatch import Signal
from fido2 import cbor as fido_cbor
from fido2.webauthn import AuthenticatorData

from egide.cloud.people.models import Account
from egide.cloud.register.journal import append_statement
from egide.cloud.signin.adapter import about
from egide.cloud.signin.attested import MAIN, fingerprint, standing
from egide.cloud.signin.errors import FactorError
from egide.cloud.signin.notices import tell
from egide.cloud.signin.onetime import counter_of
from egide.cloud.signin.spent import spend
from egide.errors import NotFoundError, RefusedError, SealError

__all__ = [
    "MAX_NAME", "MAX_PASSKEYS", "Factor", "add_passkey", "add_totp", "factors_ended", "factors_of", "new_secret",
    "open_secret", "remove", "renew_codes", "retire_all",
]  # fmt: skip

#: Sent with `account` and `now_ms` once factors of an account ended: for those who let a passkey do more than sign in.
factors_ended: Final = Signal()
MAX_PASSKEYS: Final = 10
MAX_NAME: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """One factor that counts, as its owner sees it."""

    id: int
    kind: str
    name: str
    added_ms: int
    used_ms: int | None


def factors_of(account: Account) -> list[Factor]:
    """Passkeys, code app and recovery codes, in the order in which they were added."""
    good = standing(account)
    rows = Authenticator.objects.filter(user=account).order_by("created_at", "pk")
    return [_factor(account, row) for row in rows if fingerprint(row) in good]


def add_passkey(
    account: Account, credential: dict[str, Any], made: AuthenticatorData, *, name: str, now_ms: int
) -> None:
    """Enrol a passkey whose ceremony was checked. Raises RefusedError when there are too many."""
    if Authenticator.objects.filter(user=account, type=Authenticator.Type.WEBAUTHN).count() >= MAX_PASSKEYS:
        raise RefusedError("an account has ten passkeys at most")
    if made.credential_data is None:
        raise FactorError("this passkey is not accepted")
    with about(account):
        sealed = encrypt(_clean(name))
    row = Authenticator(
        user=account,
        type=Authenticator.Type.WEBAUTHN,
        data={"name": sealed, "credential": credential, "counter": made.counter},
    )
    facts = {
        "credential": made.credential_data.credential_id,
        "key": fido_cbor.encode(dict(made.credential_data.public_key)),
    }
    _enrol(account, row, facts, now_ms)


def new_secret(account: Account) -> str:
    """A secret for a code app, sealed: it may wait in a session until its first code."""
    with about(account):
        return str(encrypt(totp.generate_totp_secret()))


def open_secret(account: Account, sealed: str) -> str:
    with about(account):
        return str(decrypt(sealed))


def add_totp(account: Account, sealed: str, code: str, *, now_ms: int) -> None:
    """Enrol a code app that showed a right code. Raises FactorError, RefusedError when there is one already."""
    if Authenticator.objects.filter(user=account, type=Authenticator.Type.TOTP).exists():
        raise RefusedError("there is a code app already: remove it first")
    counter = counter_of(open_secret(account, sealed), code, now_ms=now_ms)
    spend("totp", f"{account.pk} {counter}", until_ms=now_ms + 120_000, now_ms=now_ms)
    row = Authenticator(user=account, type=Authenticator.Type.TOTP, data={"secret": sealed})
    _enrol(account, row, {}, now_ms)


def renew_codes(account: Account, *, now_ms: int) -> None:
    """Ten new recovery codes; those before are worth nothing from now on."""
    for row in Authenticator.objects.filter(user=account, type=Authenticator.Type.RECOVERY_CODES):
        _retire(account, row, now_ms)
    with about(account):
        data = {"seed": encrypt(RecoveryCodes.generate_seed()), "used_mask": 0}
    row = Authenticator(user=account, type=Authenticator.Type.RECOVERY_CODES, data=data)
    _say(account, row, {}, now_ms)
    tell(account, "factor", now_ms=now_ms, detail=row.type)


def remove(account: Account, factor_id: int, *, now_ms: int) -> None:
    """Retire a factor of this account's. With the last passkey or code app go the recovery codes.

    Raises:
        NotFoundError: this account has no such factor.
    """
    row = Authenticator.objects.filter(user=account, pk=factor_id).first()
    if row is None or row.type not in MAIN:
        raise NotFoundError("no such factor")
    _retire(account, row, now_ms)
    if not Authenticator.objects.filter(user=account, type__in=MAIN).exists():
        retire_all(account, now_ms=now_ms)
    else:
        factors_ended.send(Account, account=account, now_ms=now_ms)
    tell(account, "factor-end", now_ms=now_ms, detail=row.type)


def retire_all(account: Account, *, now_ms: int) -> None:
    """Every factor goes, those too that a statement names and no row holds."""
    for row in Authenticator.objects.filter(user=account):
        _retire(account, row, now_ms)
    for mark, factor in standing(account).items():
        append_statement("factor-end", account.pk, {"factor": factor, "id": mark}, now_ms=now_ms)
    factors_ended.send(Account, account=account, now_ms=now_ms)


def _enrol(account: Account, row: Authenticator, facts: dict[str, Any], now_ms: int) -> None:
    _say(account, row, facts, now_ms)
    tell(account, "factor", now_ms=now_ms, detail=row.type)
    if not Authenticator.objects.filter(user=account, type=Authenticator.Type.RECOVERY_CODES).exists():
        renew_codes(account, now_ms=now_ms)


def _say(account: Account, row: Authenticator, facts: dict[str, Any], now_ms: int) -> None:
    said = {"factor": str(row.type), "id": fingerprint(row), **facts}
    append_statement("factor", account.pk, said, now_ms=now_ms, also=row.save)


def _retire(account: Account, row: Authenticator, now_ms: int) -> None:
    said = {"factor": str(row.type), "id": fingerprint(row)}

    def forget() -> None:
        Authenticator.objects.filter(pk=row.pk).delete()

    append_statement("factor-end", account.pk, said, now_ms=now_ms, also=forget)


def _factor(account: Account, row: Authenticator) -> Factor:
    name = ""
    if row.type == Authenticator.Type.WEBAUTHN:
        try:
            name = open_secret(account, row.data["name"])
        except (SealError, KeyError):
            name = ""
    return Factor(
        id=row.pk,
        kind=row.type,
        name=name,
        added_ms=int(row.created_at.timestamp() * 1000),
        used_ms=int(row.last_used_at.timestamp() * 1000) if row.last_used_at else None,
    )


def _clean(name: str) -> str:
    clean = " ".join(name.split())[:MAX_NAME]
    return clean if clean.isprintable() else ""
