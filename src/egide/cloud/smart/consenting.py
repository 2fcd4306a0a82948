"""A person's yes to an app: what they left of it, the grant that it is, and the code that says so to the app."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from django.http import HttpRequest
from oauth2_provider.oauth2_backends import get_oauthlib_core

from egide.cloud.consent.facts import APP, runs
from egide.cloud.consent.grants import give_grant, grants_of, withdraw_grant
from egide.cloud.fhir.registry import RESOURCES
from egide.cloud.fhir.scopes import Scope
from egide.cloud.people.models import Account
from egide.cloud.people.sessions import kept
from egide.cloud.smart.asking import Asked
from egide.cloud.smart.attested import barred_sector
from egide.cloud.smart.contexts import use_launch
from egide.cloud.smart.models import App, Refresh, Token
from egide.cloud.smart.scoping import CONTEXT, data_scopes
from egide.cloud.smart.tokens import Context, end_authorization
from egide.cloud.smart.words import UNTIL, VITAL_SIGNS
from egide.errors import RefusedError

__all__ = ["Choice", "Line", "agree", "chosen_scopes", "lines_of", "stop"]

_DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that a person may leave in or out: a scope of the request, or one type of its `*`."""

    key: str
    scope: Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a person left in. No families: all that there are."""

    patient: Account | None
    scopes: tuple[str, ...]
    families: frozenset[str] | None
    days: str


def lines_of(scopes: Iterable[str]) -> list[Line]:
    """What a request is made of, each line with a name of its own. `*` is each type served now, so that a person may
    leave some of it out and gives none that was not named.
    """
    found: list[Line] = []
    for whole in data_scopes(scopes):
        parts = [replace(whole, type=kind) for kind in RESOURCES] if whole.type == "*" else [whole]
        found += [Line(key=f"s{len(found) + n}", scope=part) for n, part in enumerate(parts)]
    return found


def chosen_scopes(scopes: Sequence[str], picked: Iterable[str], *, vital_signs: bool, stay: bool) -> tuple[str, ...]:
    """The scopes that are left: those of the lines picked, narrower where the person said so.

    Raises RefusedError: nothing is left, or a line that the request has not.
    """
    lines, names = lines_of(scopes), set(picked)
    if not names or names - {line.key for line in lines}:
        raise RefusedError("choose what the app may read")
    data = [line.scope for line in lines if line.key in names]
    if vital_signs:
        data = [_vital(scope) for scope in data]
    context = [one for one in scopes if one in CONTEXT and (stay or not one.endswith("_access"))]
    return (*dict.fromkeys(str(scope) for scope in data), *context)


def _vital(scope: Scope) -> Scope:
    if scope.type != "Observation" or VITAL_SIGNS in scope.parameters:
        return scope
    return replace(scope, parameters=(*scope.parameters, VITAL_SIGNS))


def agree(request: HttpRequest, asked: Asked, reader: Account, choice: Choice, *, now_ms: int) -> str:
    """Write the person's yes down, and return the address at which the app hears of it.

    Raises:
        RefusedError: the launch was used meanwhile, or the grant cannot be.
    """
    if asked.launch:
        use_launch(asked.launch, asked.app, reader, now_ms=now_ms, spend=True)
    own = choice.patient is not None and choice.patient.pk == reader.pk
    ground = _grant(reader, asked.app, choice, now_ms) if own else ""
    context = Context(
        patient=choice.patient, ground=ground, session=kept(request.session.session_key), family=uuid.uuid4()
    )
    credentials = {
        name: asked.credentials[name]
        for name in ("client_id", "redirect_uri", "response_type", "state", "code_challenge", "code_challenge_method")
    }
    credentials |= {"context": context, "audience": asked.audience}
    core = get_oauthlib_core()
    address, *_ = core.create_authorization_response(request, list(choice.scopes), credentials, True)
    return str(address)


def _grant(patient: Account, app: App, choice: Choice, now_ms: int) -> str:
    """The patient's grant to this app. The last word holds for all of its authorizations. Raises ForbiddenUseError."""
    if choice.days not in UNTIL:
        raise RefusedError("say until when")
    before = _running(patient, app, now_ms)
    until = now_ms + int(choice.days) * _DAY_MS
    ground = give_grant(
        patient, app.client_id, families=choice.families, purpose="PATRQT", now_ms=now_ms, until_ms=until,
        sector=barred_sector(app.establishment),
    )  # fmt: skip
    for old in before:
        withdraw_grant(patient, old, now_ms=now_ms)
    for rows in (Token.objects, Refresh.objects):
        rows.filter(user=patient, application=app, ground__in=before).update(ground=ground)
    return ground


def _running(patient: Account, app: App, now_ms: int) -> list[str]:
    given = (g for g in grants_of(patient) if g.holder.kind == APP and g.holder.id == app.client_id)
    return [g.id for g in given if runs(g, now_ms)]


def stop(reader: Account, app: App, *, now_ms: int) -> None:
    """Take back what one let an app do, for oneself and for others. It narrows, so nothing is asked."""
    if reader.role == Account.Role.PATIENT:
        for ground in _running(reader, app, now_ms):
            withdraw_grant(reader, ground, now_ms=now_ms)
    end_authorization(reader, app, now_ms=now_ms)
