"""A sign-in at a provider, there and back: authorization code with PKCE (RFC 7636, S256), state, nonce and iss.

There: `begin` makes the address to go to and what must be remembered. Back: `complete`, in order:

1 one answer, of this provider (RFC 9207) · 2 no error · 3 code for tokens, with the verifier · 4 ID token (tokens.py)
· 5 userinfo, of the same subject · 6 claims of the kind (claims.py)

Access tokens live for the length of `complete` and are in no address, table or log.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from egide.cloud.federation.claims import kept_claims
from egide.cloud.federation.directory import metadata_of, with_keys
from egide.cloud.federation.fetch import fetch
from egide.cloud.federation.metadata import Metadata, read_json
from egide.cloud.federation.providers import Assurance, Provider
from egide.cloud.federation.tokens import Expected, read_userinfo, signed_part, verify_id_token
from egide.errors import ProviderError, ProviderUnreachableError, SignInDeniedError, SignInLostError

__all__ = ["FRESH_S", "LIFE_MS", "Identity", "Pending", "begin", "complete"]

LIFE_MS: Final = 10 * 60 * 1000
FRESH_S: Final = 5 * 60
_MAX_CODE: Final = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A sign-in that was begun by one browser. `account`: who links an identity; empty: somebody signs in."""

    provider: str
    account: str
    where: str
    started_ms: int
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who signed in at the provider: believed. `claims` may be kept, sealed; `id_token` too, to sign out there."""

    provider: str
    issuer: str
    sub: str = field(repr=False)
    sid: str = field(repr=False)
    assurance: Assurance
    claims: dict[str, Any] | None = field(repr=False)
    id_token: str = field(repr=False)


def begin(provider: Provider, *, account: str, where: str, now_ms: int) -> tuple[str, Pending]:
    """The address to send the browser to, and what to remember of it.

    Raises:
        ProviderUnreachableError, ProviderError: its configuration cannot be had, or cannot be believed.
    """
    metadata = metadata_of(provider, now_ms)
    pending = Pending(
        provider=provider.key, account=account, where=where, started_ms=now_ms,
        state=secrets.token_urlsafe(32), nonce=secrets.token_urlsafe(32), verifier=secrets.token_urlsafe(48),
    )  # fmt: skip
    challenge = hashlib.sha256(pending.verifier.encode()).digest()
    asked = {
        "response_type": "code",
        "client_id": provider.client_id,
        "redirect_uri": provider.redirect_uri,
        "scope": provider.kind.scopes,
        "state": pending.state,
        "nonce": pending.nonce,
        "code_challenge": base64.urlsafe_b64encode(challenge).decode().rstrip("="),
        "code_challenge_method": "S256",
    }
    if provider.acr:
        asked["acr_values"] = " ".join(provider.acr)
    if (max_age := _max_age(provider, pending)) is not None:
        asked["max_age"] = str(max_age)
    joint = "&" if urlsplit(metadata.authorization).query else "?"
    return f"{metadata.authorization}{joint}{urlencode(asked)}", pending


def _max_age(provider: Provider, pending: Pending) -> int | None:
    """A new way to sign in is linked by a sign-in that is new, where the provider can be asked for one."""
    return FRESH_S if pending.account and provider.kind.fresh else None


def complete(provider: Provider, pending: Pending, answer: Mapping[str, str], *, now_ms: int) -> Identity:
    """Who came back, from the parameters of the callback's address.

    Raises:
        SignInLostError: begun too long ago, at another provider, or with another state. SignInDeniedError: step 2.
        ProviderError, AssuranceError: a step does not hold. ProviderUnreachableError: it does not answer.
    """
    fresh = pending.started_ms <= now_ms < pending.started_ms + LIFE_MS
    known = hmac.compare_digest(answer.get("state", "").encode(), pending.state.encode())
    if not (fresh and known and pending.provider == provider.key):
        raise SignInLostError("no such sign-in was begun here")
    metadata = metadata_of(provider, now_ms)
    code = _code(provider, metadata, answer)
    tokens = _exchange(provider, metadata, code, pending.verifier)
    access_token = _access_token(tokens)
    signed = signed_part(provider, tokens.get("id_token"))
    expected = Expected(
        nonce=pending.nonce, access_token=access_token, now_s=now_ms // 1000, max_age_s=_max_age(provider, pending)
    )
    who = with_keys(provider, now_ms, lambda keys: verify_id_token(provider, signed, keys, expected))
    given = fetch("GET", metadata.userinfo, headers={"Authorization": f"Bearer {access_token}"})
    claims = with_keys(provider, now_ms, lambda keys: read_userinfo(provider, given, keys, who.sub))
    return Identity(
        provider=provider.key, issuer=provider.issuer, sub=who.sub, sid=who.sid, assurance=who.assurance,
        claims=kept_claims(provider, claims), id_token=signed,
    )  # fmt: skip


def _code(provider: Provider, metadata: Metadata, answer: Mapping[str, str]) -> str:
    issuer = answer.get("iss", "" if metadata.says_issuer else provider.issuer)
    if issuer != provider.issuer:
        raise ProviderError("another provider answers", step="response-iss")
    if "error" in answer:
        raise SignInDeniedError("the provider did not sign this person in")
    code = answer.get("code", "")
    if not 0 < len(code) <= _MAX_CODE or not code.isascii() or not code.isprintable():
        raise ProviderError("the provider gives no code", step="code")
    return code


def _exchange(provider: Provider, metadata: Metadata, code: str, verifier: str) -> dict[str, Any]:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": provider.redirect_uri,
        "code_verifier": verifier,
    }
    headers = {"Accept": "application/json"}
    if metadata.secret_in_body:
        form |= {"client_id": provider.client_id, "client_secret": provider.secret}
    else:  # RFC 6749, 2.3.1: each half is form-encoded before it is joined
        pair = f"{quote(provider.client_id, safe='')}:{quote(provider.secret, safe='')}"
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    given = fetch("POST", metadata.token, headers=headers, form=form)
    if given.status >= 500:
        raise ProviderUnreachableError("the provider gives no tokens now")
    if given.status != 200 or given.kind != "application/json":
        raise ProviderError("the provider gives no tokens", step="token")
    return read_json(given.body, "the provider's tokens")


def _access_token(tokens: Mapping[str, Any]) -> str:
    token, kind = tokens.get("access_token"), tokens.get("token_type")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise ProviderError("the provider's token is of another type", step="token")
    if not isinstance(token, str) or not 0 < len(token) <= 16_384 or not token.isascii() or " " in token:
        raise ProviderError("the provider's token has another form", step="token")
    if not token.isprintable():
        raise ProviderError("the provider's token has another form", step="token")
    return token
