"""What the owner of an account is told: somebody signed in, a factor came or went, their journal has news.

It is read after signing in. Outside, by the ways that the person turned on, goes "you have a message" and no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.db import transaction
from django.utils.translation import gettext as _

from egide.cloud.messages import outbox
from egide.cloud.people.models import Account
from egide.cloud.signin import clock
from egide.cloud.signin.devices import device_words
from egide.cloud.signin.models import Notice

__all__ = ["KINDS", "Told", "is_unread", "mark_read", "notices_of", "tell", "unread"]

#: Everything that anybody is ever told. A test sends each of them outside and compares what leaves.
KINDS: Final = (
    "sign-in", "factor", "factor-end", "recovery-code", "copied-key", "recovery-asked", "recovery-approved",
    "recovery-stopped", "recovery-done", "wrong-codes", "emergency", "team", "shared", "journal", "journal-week",
    "answer", "question", "correction", "desk", "object-kept", "review-overdue", "project-waits",
    "merge-waits", "grant-ending", "grant-over", "hours",
)  # fmt: skip

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


def tell(account: Account, kind: str, *, now_ms: int, detail: str = "", due_ms: int | None = None) -> None:
    """Add a notice, and queue a message outside for it, in one transaction; notices older than a year go.

    With `due_ms`, both wait until then: nobody sees the notice before.
    """
    at_ms = now_ms if due_ms is None else max(now_ms, due_ms)
    with transaction.atomic():
        Notice.objects.filter(account=account, at_ms__lte=now_ms - _KEPT_MS).delete()
        Notice.objects.create(account=account, kind=kind, detail=detail[:48], at_ms=at_ms)
        outbox.queue(account, now_ms=now_ms, due_ms=at_ms)


def unread(account: Account) -> int:
    return Notice.objects.filter(account=account, read_ms=None, at_ms__lte=clock.now_ms()).count()


def is_unread(account: Account, kind: str) -> bool:
    """Whether a notice of this kind waits to be read."""
    return Notice.objects.filter(account=account, kind=kind, read_ms=None).exists()


def mark_read(account: Account, *, now_ms: int) -> None:
    Notice.objects.filter(account=account, read_ms=None, at_ms__lte=now_ms).update(read_ms=now_ms)


def notices_of(account: Account) -> Sequence[Told]:
    """The latest, newest first."""
    due = Notice.objects.filter(account=account, at_ms__lte=clock.now_ms())
    rows = due.order_by("-at_ms", "-pk")[:_SHOWN]
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
        case "wrong-codes":
            return _("Several wrong codes were tried for this account, and none opened it. Not you? Add a passkey.")
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
        case "correction":
            return _(
                "Measurements were entered in one file and belong to another. Where you saw them, they are struck."
            )
        case "shared":
            return _("Somebody shares measurements with you. They are among what is shared with you.")
        case "team":
            return _("Somebody was let into your follow-up. “Who may see” says whom, and lets you say no.")
        case "journal":
            return _looked(row.detail)
        case "journal-week":
            return _("This week your measurements were seen in a way that you asked about. Your journal says by whom.")
        case "desk":
            return _(
                "At the desk, a choice was written down for you, as you said it. “Who may see” says which, and by whom."
            )
        case "object-kept":
            return _("What one of your objects measures is kept otherwise from now on. The object’s page says how.")
        case "answer":
            return _("The data protection officer answered you. The answer stands in your journal, beside the line.")
        case "review-overdue":
            return _("An emergency access was not reviewed within a day. It waits for a second person.")
        case "project-waits":
            return _("A research project waits for your decision. It is under “Data protection”.")
        case "merge-waits":
            return _("A proposal about two files of one person waits for a second person. It is under “Merged files”.")
        case "grant-ending":
            return _(
                "Something that you share ends by itself within three days. “Who may see” says what, and with whom."
            )
        case "grant-over":
            return _("Something that you shared has ended by itself. “Who may see” says who still sees what.")
        case "hours":
            return _("The hours in which your measurements are watched have changed. Your first page says which.")
        case "question":
            return _("Somebody asks about a line of their journal: it waits at your desk.")
        case _:
            return _("This account was opened anew at the desk; earlier passkeys and codes no longer work.")


def _looked(what: str) -> str:
    """A rule of the journal came true: never by whom, which is the journal's to say."""
    match what:
        case "new":
            return _("Somebody saw your measurements for the first time. Your journal says who, when and why.")
        case "emergency":
            return _("Your record was opened in an emergency. Your journal says by whom, when and why.")
        case "export":
            return _("A copy of your measurements was taken away. Your journal says by whom, when and why.")
        case "outside":
            return _("Somebody outside your care team saw your measurements. Your journal says who, when and why.")
        case _:
            return _("A person whom you asked about saw your measurements. Your journal says when and why.")


def factor_words(factor: str) -> str:
    """A kind of factor in words."""
    named = {"webauthn": _("a passkey"), "totp": _("a code app"), "recovery_codes": _("recovery codes")}
    return named.get(factor) or PROVIDERS.get(factor, "")
