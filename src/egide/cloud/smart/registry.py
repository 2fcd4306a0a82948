"""Apps are let in by two people: a maker or an administrator registers, an officer of the same establishment approves.

Nobody registers from outside: there is no dynamic registration. The statement of the register describes the app by a
hash; whoever changes the row afterwards has an app that nobody approved.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from egide.cloud.consent.grants import require_sector
from egide.cloud.consent.rules import PURPOSES
from egide.cloud.people.authority import require_steering
from egide.cloud.people.establishments import place_of
from egide.cloud.people.models import Account, Establishment
from egide.cloud.people.offices import holder_of, require_office
from egide.cloud.register.journal import append_statement
from egide.cloud.smart.assertions import read_public_keys
from egide.cloud.smart.attested import APP, APP_END, barred_sector, description_hash, stands
from egide.cloud.smart.models import App
from egide.cloud.smart.scoping import CONTEXT, data_scopes, read_scopes
from egide.cloud.smart.tokens import end_app
from egide.errors import MalformedError, NotFoundError, RefusedError

__all__ = [
    "DECIDERS", "PROPOSERS", "Description", "app_named", "approve_app", "end", "refuse_app", "register_app", "standing",
]  # fmt: skip

PROPOSERS: Final = ("maker", "administrator")
DECIDERS: Final = ("security-officer", "dpo")
_SERVICE_PURPOSES: Final = frozenset({"TREAT", "CAREMGT"}) | PURPOSES["research"]
_MOST_ADDRESSES: Final = 10
_LONGEST: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What a registrant says of an app. Addresses and scopes are separated by spaces."""

    name: str
    about: str
    scopes: str
    redirect_uris: str = ""
    origins: str = ""
    launch_uri: str = ""
    jwks: str = ""
    service: bool = False
    purpose: str = ""
    group: str = ""
    responsible: Account | None = None


def register_app(said: Description, establishment: Establishment, *, by: Account, now_ms: int) -> App:
    """Register an app, which opens nothing until somebody else approves it.

    Raises:
        AccessDeniedError: no office that registers apps there. MalformedError: a description that cannot be.
        ForbiddenUseError: an insurer's, an employer's, a bank's.
    """
    require_office(by, *PROPOSERS, now_ms=now_ms, establishment=establishment)
    require_sector(establishment, barred_sector(establishment))
    keys = read_public_keys(said.jwks) if said.jwks.strip() else ""
    app = App(
        name=_text(said.name, 60), about=_text(said.about, _LONGEST),
        kind=App.Kind.SERVICE if said.service else App.Kind.PERSON,
        client_type=App.CLIENT_CONFIDENTIAL if keys else App.CLIENT_PUBLIC, jwks=keys, establishment=establishment,
        authorization_grant_type=App.GRANT_CLIENT_CREDENTIALS if said.service else App.GRANT_AUTHORIZATION_CODE,
        scopes=" ".join(_scopes(said)), hash_client_secret=False, registered_by=by, registered_ms=now_ms,
    )  # fmt: skip
    if said.service:
        _service(app, said, keys, now_ms)
    else:
        _person(app, said)
    app.save(force_insert=True)
    return app


def approve_app(app: App, *, by: Account, now_ms: int) -> None:
    """Let the app in, as it is described now.

    Raises:
        AccessDeniedError: no officer there. RefusedError: whoever registered it, or it was decided already.
        ForbiddenUseError: an insurer's, an employer's, a bank's.
    """
    _require_other(app, by, now_ms)
    require_sector(app.establishment, barred_sector(app.establishment))
    facts = {
        "app": app.client_id, "description": description_hash(app), "establishment": str(app.establishment_id),
        "by": [str(app.registered_by_id), str(by.pk)], "kind": str(app.kind),
    }  # fmt: skip

    def keep() -> None:
        _decide(app, by, now_ms, approved=True)

    append_statement(APP, app.subject, facts, now_ms=now_ms, also=keep)


def refuse_app(app: App, *, by: Account, now_ms: int) -> None:
    """Refuse it, or take back one's own. Raises as `approve_app` does."""
    if by.pk != app.registered_by_id:
        _require_other(app, by, now_ms)
    _decide(app, by, now_ms, approved=False)


def end(app: App, *, by: Account, now_ms: int) -> None:
    """From now on the app is let in nowhere, and what it held is worth nothing. One person suffices: it narrows.

    Raises:
        AccessDeniedError: neither an officer there nor who registered it. RefusedError: it was not let in.
    """
    if by.pk == app.registered_by_id:
        require_office(by, *PROPOSERS, now_ms=now_ms, establishment=app.establishment)
    else:
        require_steering(holder_of(by, now_ms=now_ms), place_of(app.establishment))
    if not app.approved or app.ended_ms is not None:
        raise RefusedError("this app is not let in")

    def keep() -> None:
        App.objects.filter(pk=app.pk).update(ended_ms=now_ms)
        end_app(app, now_ms=now_ms)

    append_statement(APP_END, app.subject, {"app": app.client_id, "by": str(by.pk)}, now_ms=now_ms, also=keep)
    app.ended_ms = now_ms


def app_named(client_id: str) -> App | None:
    """The app of this identifier, let in or not, for its name."""
    found: App | None = App.objects.filter(client_id=client_id).first()
    return found


def standing(client_id: str) -> App:
    """The app of this identifier, if it is let in now. Raises NotFoundError."""
    app = app_named(client_id)
    if app is None or not stands(app):
        raise NotFoundError("no such app")
    return app


def _require_other(app: App, by: Account, now_ms: int) -> None:
    holder, first = holder_of(by, now_ms=now_ms), holder_of(app.registered_by, now_ms=now_ms)
    require_steering(holder, place_of(app.establishment), DECIDERS)
    require_office(app.registered_by, *PROPOSERS, now_ms=now_ms, establishment=app.establishment)
    if holder.account == first.account or holder.name_index == first.name_index:
        raise RefusedError("an app needs two people")


def _decide(app: App, by: Account, now_ms: int, *, approved: bool) -> None:
    # The update is what decides: of two decisions at the same instant, one changes a row.
    waiting = App.objects.filter(pk=app.pk, approved=None)
    if not waiting.update(decided_by=by, decided_ms=now_ms, approved=approved):
        raise RefusedError("this app was decided already")
    app.decided_by, app.decided_ms, app.approved = by, now_ms, approved


def _person(app: App, said: Description) -> None:
    uris = said.redirect_uris.split()
    if not 1 <= len(uris) <= _MOST_ADDRESSES or not all(map(_is_address, uris)):
        raise MalformedError("an app has addresses to come back to, over HTTPS or on this machine alone")
    origins = said.origins.split()
    if len(origins) > _MOST_ADDRESSES or not all(map(_is_origin, origins)):
        raise MalformedError("an origin is https://, a name, and nothing behind it")
    launch = said.launch_uri.strip()
    if launch and not _is_address(launch):
        raise MalformedError("an app is opened over HTTPS, or on this machine alone")
    app.redirect_uris, app.allowed_origins, app.launch_uri = " ".join(uris), " ".join(origins), launch


def _service(app: App, said: Description, keys: str, now_ms: int) -> None:
    if not keys:
        raise MalformedError("a service shows who it is by keys of its own")
    if said.purpose not in _SERVICE_PURPOSES:
        raise MalformedError("a service has one purpose, of care or of research")
    if said.responsible is None:
        raise MalformedError("somebody answers for a service")
    require_office(said.responsible, "doctor", "researcher", "dpo", now_ms=now_ms, establishment=app.establishment)
    app.purpose, app.responsible = said.purpose, said.responsible
    app.group = _text(said.group, 64)


def _scopes(said: Description) -> tuple[str, ...]:
    found = read_scopes(said.scopes)
    levels = {scope.level for scope in data_scopes(found)}
    wanted = {"system"} if said.service else {"patient", "user"}
    if not levels or not levels <= wanted or (said.service and set(found) & set(CONTEXT)):
        raise MalformedError("an app of people asks for patient/ or user/, a service for system/")
    if any(set(scope.letters) - set("rs") for scope in data_scopes(found)):
        raise MalformedError("an app reads (r) and searches (s)")
    return found


def _text(text: str, most: int) -> str:
    clean = " ".join(text.split())
    if not 1 <= len(clean) <= most or not clean.isprintable():
        raise MalformedError("say it in words, not too many")
    return clean


def _is_address(text: str) -> bool:
    """An absolute address without a fragment, over HTTPS; plain HTTP for this machine alone (RFC 8252, 7.3)."""
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 (raises where it is no number)
    except ValueError:
        return False
    plain = len(text) <= _LONGEST and text.isascii() and text.isprintable() and not set(text) & set('#*\\<>"{}|^` ')
    if not plain or not parts.hostname or "@" in parts.netloc or ";" in parts.netloc:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_here(parts.hostname))


def _is_origin(text: str) -> bool:
    parts = urlsplit(text) if _is_address(text) else None
    return parts is not None and text == f"{parts.scheme}://{parts.netloc}" and text == text.lower()


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

