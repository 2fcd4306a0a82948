"""Who asks over FHIR: a person by the cookie of their session, or a program by a token. One function finds out.

What a program may ask for is the intersection of its scopes with what the door opens to it: a scope never opens
anything by itself, and nothing here is a ground.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpRequest

from egide.cloud.fhir.scopes import Scope
from egide.cloud.people.models import Account
from egide.errors import MalformedError, SignInError

__all__ = ["READERS", "Reader", "Scope", "reader_of"]

_LONGEST_PURPOSE: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Who reads, through what, and within which limits.

    `app` is empty for a person's own session. `scopes` is None where there is no limit beside the door's: no scope at
    all opens nothing. `purpose` is an HL7 PurposeOfUse code, empty where the request leaves it to what is usual (PATRQT
    for one's own record, TREAT for another's). `establishment` and `responsible` are who stands behind a program that
    asks for itself; `patient` is the one record that an app was launched with, where it was with one. `sector` is what
    the program's establishment is, where that is a kind that gets no health data.
    """

    account: Account | None = None
    app: str = ""
    scopes: tuple[Scope, ...] | None = ()
    purpose: str = ""
    establishment: uuid.UUID | None = None
    responsible: Account | None = None
    patient: uuid.UUID | None = None
    sector: str = ""

    def may(self, kind: str, interaction: str, resource: dict[str, Any] | None = None) -> bool:
        """Whether the scopes let this reader do `interaction` on resources of type `kind`.

        `resource` is the one in question; without it, whether there may be one at all.
        """
        if self.scopes is None:
            return True
        return any(scope.allows(self, kind, interaction, resource) for scope in self.scopes)


#: Each looks at a request and says who it is; None when it is not for it to say. Raises SignInError when the request
#: carries its kind of token and the token is not good. An app above this one appends its own.
READERS: list[Callable[[HttpRequest], Reader | None]] = []


def reader_of(request: HttpRequest) -> Reader:
    """Who makes this request: by its token when it carries one, else by the cookie of a session.

    Raises:
        SignInError: nobody signed in, or a token that nobody here gave.
        MalformedError: `_purpose` is no code.
    """
    for find in READERS:
        if (found := find(request)) is not None:
            return found
    if "Authorization" in request.headers:  # a token that is not good never falls back to a cookie
        raise SignInError("this authorization is not one that this server takes")
    if isinstance(request.user, Account):
        return Reader(account=request.user, scopes=None, purpose=_purpose(request))
    raise SignInError("sign in first")


def _purpose(request: HttpRequest) -> str:
    given = request.GET.get("_purpose", "")
    if request.method == "POST" and request.content_type == "application/x-www-form-urlencoded":
        given = request.POST.get("_purpose", given)
    if len(given) > _LONGEST_PURPOSE or not given.isascii():
        raise MalformedError("_purpose is an HL7 PurposeOfUse code")
    return given
