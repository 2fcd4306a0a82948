"""What the owner of an account is told: somebody signed in, a factor came or went, a recovery was asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _

from egide.cloud.people.models import Account
from egide.cloud.signin.devices import device_words
from egide.cloud.signin.models import Notice

__all__ = ["Told", "mark_read", "notices_of", "tell", "unread"]

#: Providers by which people sign in, by the names that they have in every language.
PROVIDERS: Final = {"psc": "Pro Santé Connect", "franceconnect": "FranceConnect", "sso": "OpenID Connect"}
_KEPT_MS: Final = 365 * 86_400_000
_SHOWN: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One notice in the reader's words."""

    text: str
    at_ms: int
    new: bool


def tell(account: Account, kind: str, *, now_ms: int, detail: str = "") -> None:
    """Add a notice; those older than a year go."""
    Notice.objects.filter(account=account, at_ms__lte=now_ms - _KEPT_MS).delete()
    Notice.objects.create(account=account, kind=kind, detail=detail[:48], at_ms=now_ms)


def unread(account: Account) -> int:
    return Notice.objects.filter(account=account, read_ms=None).count()


def mark_read(account: Account, *, now_ms: int) -> None:
    Notice.objects.filter(account=account, read_ms=None).update(read_ms=now_ms)


def notices_of(account: Account) -> Sequence[Told]:
    """The latest, newest first."""
    rows = Notice.objects.filter(account=account).order_by("-at_ms", "-pk")[:_SHOWN]
    return [Told(text=_words(row), at_ms=row.at_ms, new=row.read_ms is None) for row in rows]


def _words(row: Notice) -> str:
    match row.kind:
        case "sign-in":
            return _("Somebody signed in from a device that was not known here: %(device)s.") % {
                "device": device_words(row.detail)
            }
        case "factor":
            return _("Added: %(what)s.") % {"what": factor_words(row.detail)}
        case "factor-end":
            return _("Removed: %(what)s.") % {"what": factor_words(row.detail)}
        case "recovery-code":
            return _("A recovery code was used to sign in.")
        case "copied-key":
            return _("A passkey was refused: it seems to have been copied. Remove it and make another.")
        case "recovery-asked":
            return _("At the desk, somebody asked to open this account anew. If it was not you, stop it here.")
        case "recovery-approved":
            return _("A second person approved opening this account anew. If it was not you, stop it here.")
        case "emergency":
            return _("A record that concerns you was opened in an emergency. Its journal says by whom and why.")
        case "recovery-stopped":
            return _("Opening this account anew was stopped.")
        case _:
            return _("This account was opened anew at the desk; earlier passkeys and codes no longer work.")


def factor_words(factor: str) -> str:
    """A kind of factor in words."""
    named = {"webauthn": _("a passkey"), "totp": _("a code app"), "recovery_codes": _("recovery codes")}
    return named.get(factor) or PROVIDERS.get(factor, "")
