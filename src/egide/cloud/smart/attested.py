"""Which apps count, by signed statements in the register. A row that says other than was approved opens nothing."""

from __future__ import annotations

import functools
import hashlib
import json
from typing import Any, Final

from egide import cbor
from egide.cloud.consent.rules import FORBIDDEN_SECTORS
from egide.cloud.people.attested import attested_kinds
from egide.cloud.people.models import Establishment
from egide.cloud.register.models import Statement
from egide.cloud.register.platform import platform
from egide.cloud.smart.models import App
from egide.errors import EgideError
from egide.trust.cose import PublicKey, Sign1
from egide.trust.limits import LIMITS

__all__ = ["APP", "APP_END", "barred_sector", "description_hash", "stands"]

APP: Final = "app"
APP_END: Final = "app-end"
_KINDS: Final = (APP, APP_END)


def description_hash(app: App) -> bytes:
    """SHA-256 of all that an approval is about."""
    said = {
        "client_id": app.client_id, "name": app.name, "about": app.about, "kind": str(app.kind),
        "client_type": app.client_type, "grant": app.authorization_grant_type, "redirect_uris": app.redirect_uris,
        "origins": app.allowed_origins, "launch_uri": app.launch_uri, "jwks": app.jwks, "scopes": app.scopes,
        "establishment": str(app.establishment_id), "purpose": app.purpose, "group": app.group,
        "responsible": str(app.responsible_id or ""), "skip": app.skip_authorization,
    }  # fmt: skip
    return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).digest()


def barred_sector(place: Establishment) -> str:
    """What an establishment is, as declared, where that gets no health data: an insurer, a bank; "" of any other."""
    kind = attested_kinds().get(str(place.pk), "")
    return kind if kind in FORBIDDEN_SECTORS else ""


def stands(app: App) -> bool:
    """Whether two people let this very description in, nobody ended it since, and its place may have health data."""
    if barred_sector(app.establishment):
        return False
    key = platform().signer.public_key
    let_in = False
    for row in Statement.objects.filter(subject=app.subject, kind__in=_KINDS).order_by("entry"):
        match _said(bytes(row.body), key, str(app.subject)):
            case (kind, facts) if kind == APP and facts.get("app") == app.client_id:
                let_in = facts.get("description") == description_hash(app)
            case (kind, _) if kind == APP_END:
                return False
            case None if row.kind == APP_END:  # where an end can no longer be read, nobody assumes that there was none
                return False
    return let_in


@functools.lru_cache(maxsize=1024)
def _said(body: bytes, key: PublicKey, subject: str) -> tuple[str, dict[str, Any]] | None:
    """(kind, facts) of a statement about this app that this key signed."""
    try:
        statement = Sign1.parse(body, limit=LIMITS.journal, what="statement")
        statement.verify(key)
        if statement.claims.get(2) != f"urn:uuid:{subject}":
            return None
        match cbor.decode(statement.payload or b"", limit=LIMITS.journal, what="statement"):
            case [str(kind), int(), dict(facts), *_] if kind in _KINDS:
                return kind, facts
    except (EgideError, TypeError):
        pass
    return None
