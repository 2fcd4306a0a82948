"""Codes that a person types: six digits of an app (RFC 6238), or one of their recovery codes. Each is good once."""

from __future__ import annotations

import uuid
from contextlib import suppress
from typing import Final

from allauth.core.internal.cryptokit import compare_user_code, normalize_user_code
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp

from egide.cloud.people.models import Account
from egide.cloud.register.journal import sign_statement
from egide.cloud.register.models import Statement
from egide.cloud.register.platform import platform
from egide.cloud.signin.adapter import about
from egide.cloud.signin.attested import fingerprint, standing, verified
from egide.cloud.signin.errors import FactorError
from egide.cloud.signin.spent import FOREVER_MS, spend

__all__ = ["check_code", "counter_of", "unused_codes"]

_NOBODY: Final = Account(id=uuid.UUID(int=0))
_USUAL: Final = 2  # statements about an account that has a code app: that, and its recovery codes
_PERIOD_MS: Final = 30_000
_AROUND: Final = (0, -1, 1)  # clocks differ: one step before or after (RFC 6238, section 5.2)


def check_code(account: Account | None, code: str, *, now_ms: int) -> str:
    """Use a code; says which kind it was, "totp" or "recovery_codes".

    Raises:
        FactorError: wrong, used, or nobody's (which is not said).
    """
    typed = normalize_user_code(code[:40])
    if not typed.isascii() or not typed.isdigit():
        raise FactorError("this code is not accepted")
    factor = Authenticator.Type.TOTP if len(typed) <= 6 else Authenticator.Type.RECOVERY_CODES
    who = account if account is not None and account.is_active else _NOBODY
    row = Authenticator.objects.filter(user_id=who.pk, type=factor).first()
    good = standing(who)
    if account is None or row is None or fingerprint(row) not in good:
        _as_if(typed, len(good), now_ms=now_ms)
        raise FactorError("this code is not accepted")
    with about(account):
        if factor == Authenticator.Type.TOTP:
            counter = counter_of(totp.decrypt(row.data["secret"]), typed, now_ms=now_ms)
            spend("totp", f"{account.pk} {counter}", until_ms=now_ms + 4 * _PERIOD_MS, now_ms=now_ms)
        else:
            if not row.wrap().validate_code(typed):
                raise FactorError("this code is not accepted")
            spend("recovery", f"{account.pk} {row.pk} {typed}", until_ms=FOREVER_MS, now_ms=now_ms)
    Authenticator.objects.get(pk=row.pk).record_usage()
    return str(factor)


def _as_if(typed: str, verified_before: int, *, now_ms: int) -> None:
    """The work that a wrong code of a code app costs, so that the time of an answer does not tell who has one."""
    key, body = platform().signer.public_key, sign_statement("factor", _NOBODY.pk, {}, now_ms=now_ms)
    for _ in range(verified_before, _USUAL):
        verified(Statement(entry=0, kind="factor", subject=_NOBODY.pk, at_ms=now_ms, body=body), _NOBODY.pk, key)
    with about(_NOBODY), suppress(FactorError):
        counter_of(totp.decrypt(totp.encrypt(totp.generate_totp_secret())), typed, now_ms=now_ms)


def counter_of(secret: str, code: str, *, now_ms: int) -> int:
    """The step that a code belongs to. Raises FactorError when it is none of those around now."""
    for step in _AROUND:
        counter = now_ms // _PERIOD_MS + step
        if compare_user_code(actual=code, expected=totp.format_hotp_value(totp.hotp_value(secret, counter))):
            return counter
    raise FactorError("this code is not accepted")


def unused_codes(account: Account) -> list[str]:
    """Recovery codes that were not used, in groups of four digits."""
    row = Authenticator.objects.filter(user=account, type=Authenticator.Type.RECOVERY_CODES).first()
    if row is None or fingerprint(row) not in standing(account):
        return []
    with about(account):
        codes: list[str] = row.wrap().get_unused_codes()
    return [" ".join(code[i : i + 4] for i in range(0, len(code), 4)) for code in codes]
