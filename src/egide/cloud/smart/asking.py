"""One request for an authorization, checked before anybody is shown anything (SMART App Launch 2.2, RFC 9700).

1 each parameter once · 2 app, address to come back to, PKCE by S256, scopes (oauthlib, validator.py) · 3 `aud` is our
base · 4 a state · 5 the launch, where there is one · 6 for whom: oneself, or whom one represents or follows
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from django.http import HttpRequest
from oauth2_provider.exceptions import FatalClientError, OAuthToolkitError
from oauth2_provider.oauth2_backends import get_oauthlib_core

from egide.cloud.people.models import Account
from egide.cloud.smart.addresses import base_at
from egide.cloud.smart.contexts import Person, people_of, use_launch
from egide.cloud.smart.models import App
from egide.cloud.smart.registry import standing
from egide.cloud.smart.scoping import data_scopes
from egide.errors import MalformedError, RefusedError

__all__ = ["Asked", "TurnedBackError", "come_back", "read_request"]

_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_LONGEST_STATE: Final = 500


class TurnedBackError(RefusedError):
    """The app learns of it, at its own address, by an error of OAuth."""

    code = "app-request-refused"

    def __init__(self, address: str) -> None:
        super().__init__("the app's request is refused")
        self.address = address


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request that holds. `people`: for whom it may be; empty where it is about nobody in particular."""

    app: App
    scopes: tuple[str, ...]
    redirect_uri: str
    state: str
    audience: str
    credentials: dict[str, Any]
    people: tuple[Person, ...]
    launch: str

    def back(self, **said: str) -> str:
        return come_back(self.redirect_uri, self.audience, self.state, **said)


def come_back(redirect_uri: str, issuer: str, state: str, **said: str) -> str:
    """The app's address, with an answer; `iss` says whose (RFC 9207)."""
    parts = urlsplit(redirect_uri)
    query = [*parse_qsl(parts.query, keep_blank_values=True), *said.items()]
    query += [("state", state), ("iss", issuer)] if state else [("iss", issuer)]
    return urlunsplit(parts._replace(query=urlencode(query)))


def read_request(request: HttpRequest, reader: Account, *, now_ms: int) -> Asked:
    """What the address asks for.

    Raises:
        MalformedError: no app that is let in, or not an address of its own: nobody is sent anywhere.
        TurnedBackError: anything else: the app is told.
    """
    if any(len(values) > 1 for _, values in request.GET.lists()):
        raise MalformedError("a parameter is given twice")
    base, state = base_at(request), request.GET.get("state", "")
    core = get_oauthlib_core()
    try:
        scopes, credentials = core.validate_authorization_request(request)
    except FatalClientError as err:
        raise MalformedError("this app, or the address that it would come back to, is not one that was let in") from err
    except OAuthToolkitError as err:
        found = err.oauthlib_error
        raise TurnedBackError(come_back(request.GET["redirect_uri"], base, state, error=found.error)) from err
    redirect_uri = credentials["redirect_uri"]

    def turn_back(error: str, why: str) -> TurnedBackError:
        return TurnedBackError(come_back(redirect_uri, base, state, error=error, error_description=why))

    if "redirect_uri" not in request.GET:
        raise MalformedError("an app says where it comes back to")
    if request.GET.get("aud", "").removesuffix("/") != base:
        raise turn_back("invalid_request", "aud is this server's FHIR base")
    if not 1 <= len(state) <= _LONGEST_STATE:
        raise turn_back("invalid_request", "state is missing")
    by_query = request.GET.get("response_mode", "query") == "query"
    if not _CHALLENGE.fullmatch(credentials.get("code_challenge") or "") or not by_query:
        raise turn_back("invalid_request", "code_challenge is 43 characters, response_mode is query")
    app, launch = standing(credentials["client_id"]), request.GET.get("launch", "")
    try:
        left, people = _for_whom(scopes, app, reader, launch, now_ms)
    except RefusedError as err:
        raise turn_back("invalid_request", "launch is not one that can be used") from err
    if not data_scopes(left):
        raise turn_back("invalid_scope", "nothing that is asked for can be given to this person")
    if _needs_patient(left) and not people:
        raise turn_back("access_denied", "there is no record that this person may open")
    return Asked(
        app=app, scopes=left, redirect_uri=redirect_uri, state=state, audience=base, credentials=credentials,
        people=people, launch=launch,
    )  # fmt: skip


def _for_whom(
    scopes: list[str], app: App, reader: Account, launch: str, now_ms: int
) -> tuple[tuple[str, ...], tuple[Person, ...]]:
    """The scopes that are left for this reader, and the records that there are to choose from."""
    left = [one for one in scopes if one != "launch" or launch]
    if reader.role != Account.Role.PROFESSIONAL:  # their own record has patient/ scopes, under a grant of theirs
        left = [one for one in left if not one.startswith("user/")]
    if not _needs_patient(left) and not launch:
        return tuple(left), ()
    found = people_of(reader, now_ms=now_ms)
    if launch:
        patient = use_launch(launch, app, reader, now_ms=now_ms, spend=False)
        if "launch" not in left:
            raise RefusedError("a launch needs its scope")
        found = [one for one in found if one.account.pk == patient]
    return tuple(left), tuple(found)


def _needs_patient(scopes: list[str] | tuple[str, ...]) -> bool:
    return any(one.startswith("patient/") or one in ("launch", "launch/patient") for one in scopes)
