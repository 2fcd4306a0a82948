"""What an app may ask for, and what is left of what it asks: scopes are compared by meaning, not as words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from oauth2_provider.scopes import BaseScopes

from egide.cloud.fhir.scopes import Scope
from egide.errors import MalformedError

__all__ = ["CONTEXT", "RegisteredScopes", "data_scopes", "narrowed", "read_scopes", "within"]

#: Scopes that open nothing: what comes with the token. OpenID Connect's are not offered.
CONTEXT: Final = ("launch", "launch/patient", "offline_access", "online_access")
MOST: Final = 40


def read_scopes(text: str) -> tuple[str, ...]:
    """The scopes of a registration, each once, written our way.

    Raises:
        MalformedError: one is neither a context nor a SMART scope of version 2, or there are too many.
    """
    found = [one if one in CONTEXT else str(Scope.parse(one)) for one in text.split()]
    if len(found) > MOST:
        raise MalformedError("too many scopes")
    return tuple(dict.fromkeys(found))


def data_scopes(scopes: Iterable[str]) -> tuple[Scope, ...]:
    """Those that limit data. What is not a scope is none."""
    found = []
    for one in scopes:
        try:
            found.append(Scope.parse(one))
        except MalformedError:
            continue
    return tuple(found)


def narrowed(asked: Iterable[str], registered: Iterable[str]) -> tuple[str, ...]:
    """What of `asked` the registration lets through, in the order asked. What it does not know is left out."""
    known = tuple(registered)
    limits = data_scopes(known)
    kept: list[str] = []
    for one in list(asked)[: MOST * 2]:
        if one in CONTEXT:
            kept += [one] if one in known else []
            continue
        for scope in data_scopes([one]):
            kept += [str(part) for limit in limits if (part := _common(scope, limit)) is not None]
    return tuple(dict.fromkeys(kept))


def within(scopes: Iterable[str], limits: Iterable[str]) -> bool:
    """Whether each scope lets one do no more than one of `limits` alone."""
    known = tuple(limits)
    wide = data_scopes(known)
    for one in scopes:
        if one in CONTEXT and one in known:
            continue
        found = data_scopes([one])
        if not found or not any(_common(found[0], limit) == found[0] for limit in wide):
            return False
    return True


def _common(scope: Scope, limit: Scope) -> Scope | None:
    """What both let one do; None: nothing. Parameters all hold together, so both sides' narrow."""
    if scope.level != limit.level or (limit.type not in ("*", scope.type) and scope.type != "*"):
        return None
    letters = "".join(letter for letter in "cruds" if letter in scope.letters and letter in limit.letters)
    if not letters:
        return None
    kind = limit.type if scope.type == "*" else scope.type
    more = tuple(pair for pair in limit.parameters if pair not in scope.parameters)
    return replace(scope, type=kind, letters=letters, parameters=scope.parameters + more)


class RegisteredScopes(BaseScopes):  # type: ignore[misc]  # django-oauth-toolkit has no types
    """django-oauth-toolkit's way to ask: each app has its own, and none by default."""

    def get_all_scopes(self) -> Mapping[str, str]:
        return dict.fromkeys(CONTEXT, "")

    def get_available_scopes(self, application: Any = None, request: Any = None, *_: Any, **__: Any) -> list[str]:  # noqa: ARG002
        return application.scopes.split() if application is not None else []

    def get_default_scopes(self, application: Any = None, request: Any = None, *_: Any, **__: Any) -> list[str]:  # noqa: ARG002
        return []
