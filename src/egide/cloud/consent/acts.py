"""One way to write down an act: a signed statement of the register, its personal part sealed for the patient."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final

from egide.cloud.consent.facts import Window
from egide.cloud.keys.records import care_key
from egide.cloud.people.models import Account
from egide.cloud.register.journal import append_statement
from egide.errors import RefusedError

__all__ = [
    "MAX_TEXT", "WAYS", "new_id", "require_patient", "require_period", "say", "text_of", "window_of", "window_said",
    "written_by",
]  # fmt: skip

MAX_TEXT: Final = 500
#: On what word somebody else writes an act down for the patient.
WAYS: Final = frozenset({"oral", "paper"})


def say(
    kind: str,
    patient: Account,
    personal: Mapping[str, Any],
    *,
    now_ms: int,
    facts: Mapping[str, Any] | None = None,
    also: Callable[[], None] | None = None,
) -> int:
    """Sign and append what was done to a patient's record; `also` writes the rows in the same transaction."""
    return append_statement(
        kind, patient.pk, facts or {}, now_ms=now_ms, personal=personal, sealed_for=care_key(patient.pk), also=also
    )


def written_by(patient: Account, given_by: Account | None, way: str) -> dict[str, str]:
    """Whose act it is: the patient's, or one that `given_by` wrote down for them, on what they said or signed.

    Raises RefusedError: another word than aloud or on paper.
    """
    if given_by is None or given_by.pk == patient.pk:
        return {"by": str(patient.pk)}
    if way and way not in WAYS:
        raise RefusedError("say on what word: aloud, or on paper")
    return {"by": str(given_by.pk), "way": way}


def new_id() -> str:
    """A random identifier for a ground."""
    return str(uuid.uuid4())


def require_patient(account: Account) -> None:
    """Raises RefusedError for anybody else: grounds are about a patient's record."""
    if account.role != Account.Role.PATIENT:
        raise RefusedError("this is about a patient's record, and the account is no patient's")


def require_period(since_ms: int | None, until_ms: int | None) -> None:
    """Raises RefusedError when it ends before it begins."""
    if since_ms is not None and until_ms is not None and until_ms <= since_ms:
        raise RefusedError("a period ends after it begins")


def text_of(text: str, *, needed: bool = True) -> str:
    """What a person wrote, without its outer spaces. Raises RefusedError: too long, or missing where it is needed."""
    clean = text.strip()
    if len(clean) > MAX_TEXT or (needed and not clean):
        raise RefusedError("say it in words, in 500 characters at most")
    return clean


def window_said(window: Window) -> dict[str, Any]:
    """A window as statements write it."""
    families = None if window.families is None else sorted(window.families)
    return {"families": families, "data_since": window.since_ms, "data_until": window.until_ms}


def window_of(said: Mapping[str, Any]) -> Window:
    """A window as read from a statement."""
    families = said["families"]
    return Window(
        families=None if families is None else frozenset(families),
        since_ms=said["data_since"],
        until_ms=said["data_until"],
    )
