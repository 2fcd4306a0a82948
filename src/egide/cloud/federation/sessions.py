"""Sessions that a provider opened: what is remembered on the way there, and how the provider ends them.

What is pending lies in the browser's session, sealed: neither state, nonce nor verifier is readable in the table.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable
from dataclasses import asdict
from typing import Final

from django.contrib.auth import logout
from django.contrib.sessions.backends.base import SessionBase
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from egide.cloud.federation.flow import LIFE_MS, Identity, Pending
from egide.cloud.federation.indexes import index_of
from egide.cloud.federation.models import FederatedSession, LinkedIdentity, SpentLogout
from egide.cloud.federation.providers import Provider
from egide.cloud.federation.tokens import LogoutToken
from egide.cloud.keys.columns import open_text, seal_text
from egide.cloud.people.sessions import end, kept
from egide.cloud.signin import sessions as signin
from egide.cloud.signin.life import LONGEST_MS
from egide.cloud.signin.models import OpenSession
from egide.errors import ProviderError, SealError, SignInLostError

__all__ = [
    "FederatedSessionMiddleware", "end_rows", "end_sessions", "follow_key", "id_token_of", "open_session",
    "opened_by_provider", "remember", "take",
]  # fmt: skip

_PENDING: Final = "federation-pending"
_SESSION: Final = "federation-session"
_AT_ONCE: Final = 5
_CONTEXT: Final = b"federation.pending"


def remember(session: SessionBase, pending: Pending) -> None:
    """Keep what was begun in this browser; the oldest of more than five are forgotten."""
    kept = [p for p in _pending(session) if pending.started_ms < p.started_ms + LIFE_MS]
    _keep(session, [*kept, pending][-_AT_ONCE:])


def take(session: SessionBase, state: str) -> Pending:
    """What this browser began under `state`, once. Raises SignInLostError."""
    every = _pending(session)
    found = [p for p in every if state and p.state == state]
    _keep(session, [p for p in every if p not in found])
    if not found:
        raise SignInLostError("no such sign-in was begun here")
    return found[0]


def _pending(session: SessionBase) -> list[Pending]:
    text = session.get(_PENDING)
    if not text:
        return []
    try:
        return [Pending(**p) for p in json.loads(open_text(bytes.fromhex(text), _CONTEXT))]
    except (SealError, ValueError, TypeError):
        return []


def _keep(session: SessionBase, pending: list[Pending]) -> None:
    if pending:
        session[_PENDING] = seal_text(json.dumps([asdict(p) for p in pending]), _CONTEXT).hex()
    else:
        session.pop(_PENDING, None)


def open_session(request: HttpRequest, row: LinkedIdentity, identity: Identity, *, now_ms: int) -> None:
    """Sign the account in, under a new session key, and remember which sign-in at the provider it rests on."""
    session_id = uuid.uuid4()
    FederatedSession.objects.filter(created_ms__lte=now_ms - LONGEST_MS).delete()
    request.session.flush()  # whoever was signed in here before is not any more, and the key is another
    signin.open_session(request, row.account, identity.provider, now_ms=now_ms)
    FederatedSession.objects.create(
        id=session_id,
        identity=row,
        session_key=kept(request.session.session_key),
        sid_index=index_of(identity.issuer, "sid", identity.sid) if identity.sid else None,
        sealed_id_token=seal_text(identity.id_token, _token_context(session_id)),
        created_ms=now_ms,
    )
    request.session[_SESSION] = str(session_id)


def id_token_of(request: HttpRequest) -> tuple[str, str] | None:
    """The key of the provider that opened this session, and its ID token; None when no provider did."""
    if not (session_id := request.session.get(_SESSION)):
        return None
    row = FederatedSession.objects.select_related("identity").filter(pk=session_id).first()
    if row is None:
        return None
    return row.identity.provider, open_text(bytes(row.sealed_id_token), _token_context(row.pk))


def opened_by_provider(request: HttpRequest) -> bool:
    return _SESSION in request.session


def end_sessions(provider: Provider, token: LogoutToken, *, now_s: int) -> int:
    """End what a logout token names: one sign-in, or all of a person. Returns how many sessions.

    Raises:
        ProviderError: the token was used before.
    """
    SpentLogout.objects.filter(expires_s__lte=now_s).delete()
    digest = hashlib.sha256(f"{provider.issuer} {token.jti}".encode()).digest()
    rows = FederatedSession.objects.filter(identity__provider=provider.key)
    if token.sid:
        rows = rows.filter(sid_index=index_of(provider.issuer, "sid", token.sid))
    if token.sub:
        rows = rows.filter(identity__subject_index=index_of(provider.issuer, "sub", token.sub))
    try:
        with transaction.atomic():
            SpentLogout.objects.create(token_hash=digest, expires_s=token.expires_s)
            return end_rows(rows)
    except IntegrityError as err:
        raise ProviderError("this logout token was used before", step="jti") from err


def end_rows(rows: QuerySet[FederatedSession]) -> int:
    """End these sessions; one whose key has changed meanwhile ends at its next request. Returns how many."""
    keys = list(rows.values_list("session_key", flat=True))
    rows.delete()
    OpenSession.objects.filter(session_key__in=keys).delete()
    end(keys)
    return len(keys)


def follow_key(sender: object, before: str, after: str, **_: object) -> None:  # noqa: ARG001 (a signal's)
    """A session has another key: the provider's logout still finds it."""
    FederatedSession.objects.filter(session_key=before).update(session_key=after)


class FederatedSessionMiddleware:
    """A session that a provider opened and has ended since, or whose link is gone, is nobody's."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        session_id = request.session.get(_SESSION)
        if session_id and not FederatedSession.objects.filter(pk=session_id).exists():
            logout(request)
        return self.get_response(request)


def _token_context(session_id: uuid.UUID) -> bytes:
    return b"federation.federatedsession.id_token " + session_id.bytes
