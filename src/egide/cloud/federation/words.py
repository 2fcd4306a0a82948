"""What a person reads: of an identity, of a sign-in that did not work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from egide.cloud.federation.models import LinkedIdentity
from egide.cloud.federation.providers import KINDS, Assurance
from egide.errors import (
    AssuranceError,
    EgideError,
    LinkRefusedError,
    NotFoundError,
    NotLinkedError,
    ProviderError,
    ProviderUnreachableError,
    RefusedError,
    SignInDeniedError,
    SignInLostError,
)

__all__ = ["Line", "Words", "known", "line", "of", "status_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What happened, and what to do, already in the reader's language."""

    happened: str
    now_do: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One provider on the page of identities."""

    key: str
    name: str
    linked: bool
    since_ms: int
    level: str


_SAID: Final[tuple[tuple[type[EgideError], str, str], ...]] = (
    (
        SignInLostError,
        gettext_noop("This sign-in was not begun in this browser, took more than ten minutes, or is finished already."),
        gettext_noop("Begin again from the sign-in page."),
    ),
    (
        SignInDeniedError,
        gettext_noop("The service where you sign in did not sign you in, or you turned back."),
        gettext_noop("Try again, or sign in another way."),
    ),
    (
        NotLinkedError,
        gettext_noop("This identity opens no account here. Nobody gets an account by signing in: it is given to them."),
        gettext_noop("Sign in as you were invited to, then link this identity to your account."),
    ),
    (
        LinkRefusedError,
        gettext_noop("This identity cannot be linked to your account: it opens another one, or is not for your role."),
        gettext_noop("Ask the person in charge of accounts."),
    ),
    (
        AssuranceError,
        gettext_noop("The service where you signed in is not sure enough of who you are."),
        gettext_noop("Sign in there by a stronger means."),
    ),
    (
        ProviderUnreachableError,
        gettext_noop("The service where you sign in does not answer."),
        gettext_noop("Try again in a minute, or sign in another way."),
    ),
    (
        ProviderError,
        gettext_noop("What the service where you signed in told us does not hold, so we did not believe it."),
        gettext_noop("Begin again. If it happens again, give the code below to the help desk."),
    ),
    (
        NotFoundError,
        gettext_noop("Nobody signs in by this service here."),
        gettext_noop("Sign in another way."),
    ),
)
_STATUS: Final = {
    ProviderUnreachableError.code: 503,
    NotFoundError.code: 404,
    NotLinkedError.code: 403,
    LinkRefusedError.code: 403,
    AssuranceError.code: 403,
}
_LEVELS: Final = {
    Assurance.UNKNOWN: gettext_noop("level not said"),
    Assurance.LOW: gettext_noop("low level (eIDAS)"),
    Assurance.SUBSTANTIAL: gettext_noop("substantial level (eIDAS)"),
    Assurance.HIGH: gettext_noop("high level (eIDAS)"),
}


def of(code: str) -> Words:
    """The words for an error's code."""
    happened, now_do = gettext_noop("Something broke on our side."), gettext_noop("Try again in a minute.")
    for kind, said, advice in _SAID:
        if kind.code == code:
            happened, now_do = said, advice
    return Words(happened=_(happened), now_do=_(now_do))


def known(code: str) -> bool:
    """Whether an error of ours has this code: any other word was typed into the address."""
    return _kind(code) is not None


def _kind(code: str) -> type[EgideError] | None:
    kinds = [EgideError]
    while kinds:
        kind = kinds.pop()
        if kind.code == code:
            return kind
        kinds += kind.__subclasses__()
    return None


def status_of(code: str) -> int:
    """The HTTP status of the page that says it."""
    if not any(kind.code == code for kind, _said, _advice in _SAID):
        return 400 if issubclass(_kind(code) or EgideError, RefusedError) else 500
    return _STATUS.get(code, 400)


def line(key: str, row: LinkedIdentity | None) -> Line:
    """One provider, linked or not."""
    return Line(
        key=key,
        name=KINDS[key].name if key in KINDS else key,
        linked=row is not None,
        since_ms=row.created_ms if row else 0,
        level=_(_LEVELS[Assurance(row.assurance)]) if row else "",
    )
