"""Who asks: a token that somebody gave, or a backend service with its own key (SMART Backend Services 2.2)."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from egide.client.origin import require_safe
from egide.errors import AccessDeniedError, ConfigError, MalformedError, UnavailableError

__all__ = ["Auth", "BackendService", "Bearer"]

_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LIFE_S: Final = 240  # of an assertion; the profile allows five minutes
_EARLY_S: Final = 60


class Auth(Protocol):
    """Gives the token of the next request."""

    def token(self, http: httpx.Client, base: str, /) -> str: ...


class Bearer:
    """A token that an app got by the App Launch, or an administrator by hand. It is never shown."""

    def __init__(self, token: str) -> None:
        if not token.isascii() or not token.isprintable() or " " in token or not token:
            raise ConfigError("a token is one word of printable ASCII")
        self._token = token

    def token(self, _http: httpx.Client, _base: str, /) -> str:
        return self._token

    def __repr__(self) -> str:
        return "Bearer(...)"


class BackendService:
    """A registered service: it signs an assertion with its private key, and gets a token of an hour at most.

    `key` is a PEM or JWK file of a P-384 or RSA key, or its bytes; `kid` its name in the key set that was registered.
    `scopes` are SMART's, for example "system/Observation.rs"; `clock` gives seconds since 1970.
    """

    def __init__(
        self, client_id: str, key: Path | bytes, *, kid: str, scopes: Sequence[str],
        clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._client_id, self._kid, self._scopes, self._clock = client_id, kid, " ".join(scopes), clock
        self._key, self._alg = _private(key)
        self._held, self._until = "", 0.0

    def token(self, http: httpx.Client, base: str, /) -> str:
        """The one held, or a new one shortly before it ends.

        Raises:
            AccessDeniedError: the server does not know the service, or refuses a scope.
            UnavailableError: it does not answer. MalformedError: it answers something else.
        """
        if time.monotonic() >= self._until:
            endpoint = _token_endpoint(http, base)
            answer = _post(http, endpoint, self._form(endpoint))
            self._held = answer["access_token"]
            self._until = time.monotonic() + max(0, int(answer["expires_in"]) - _EARLY_S)
        return self._held

    def _form(self, endpoint: str) -> dict[str, str]:
        now = int(self._clock())
        claims = {
            "iss": self._client_id, "sub": self._client_id, "aud": endpoint, "exp": now + _LIFE_S, "iat": now,
            "jti": secrets.token_urlsafe(24),
        }  # fmt: skip
        assertion = jwt.encode(
            {"alg": self._alg, "kid": self._kid, "typ": "JWT"}, claims, self._key, algorithms=[self._alg]
        )
        return {
            "grant_type": "client_credentials", "scope": self._scopes, "client_assertion_type": _ASSERTION,
            "client_assertion": assertion,
        }  # fmt: skip

    def __repr__(self) -> str:
        return f"BackendService({self._client_id!r})"


def _private(key: Path | bytes) -> tuple[ECKey | RSAKey, str]:
    try:
        data = key if isinstance(key, bytes) else key.read_bytes()
        made = _first_of(data)
    except (OSError, JoseError, ValueError, TypeError) as err:
        raise ConfigError("the service's private key cannot be read: a PEM or JWK of a P-384 or RSA key") from err
    if isinstance(made, ECKey) and made.is_private and made.curve_name == "P-384":
        return made, "ES384"
    if isinstance(made, RSAKey) and made.is_private:
        return made, "RS384"
    raise ConfigError("the service's key is a private key, P-384 or RSA")


def _first_of(data: bytes) -> ECKey | RSAKey:
    """A JWK says its kind; a PEM is tried as one, then as the other."""
    if data.lstrip().startswith(b"{"):
        jwk = json.loads(data)
        return RSAKey.import_key(jwk) if jwk.get("kty") == "RSA" else ECKey.import_key(jwk)
    try:
        return ECKey.import_key(data)
    except (JoseError, ValueError, TypeError):
        return RSAKey.import_key(data)


def _token_endpoint(http: httpx.Client, base: str) -> str:
    """As the server's configuration says, at the server's own origin."""
    try:
        answer = http.get(f"{base}/.well-known/smart-configuration", headers={"Accept": "application/json"})
        endpoint = str(answer.raise_for_status().json()["token_endpoint"])
    except httpx.TransportError as err:
        raise UnavailableError("the server does not answer") from err
    except (httpx.HTTPStatusError, ValueError, KeyError, TypeError) as err:
        raise MalformedError("the server does not say where tokens are given") from err
    require_safe(endpoint, base)
    return endpoint


def _post(http: httpx.Client, endpoint: str, form: Mapping[str, str]) -> dict[str, Any]:
    try:
        answer = http.post(endpoint, data=dict(form), headers={"Accept": "application/json"})
    except httpx.TransportError as err:
        raise UnavailableError("the server does not answer") from err
    if answer.status_code in {400, 401, 403}:
        raise AccessDeniedError("the server gives this service no token (its key, its identifier or its scopes)")
    if answer.status_code >= 500:
        raise UnavailableError("the server cannot give a token now")
    try:
        found = answer.raise_for_status().json()
        if isinstance(found["access_token"], str) and int(found["expires_in"]) > 0:
            return dict(found)
    except (httpx.HTTPStatusError, ValueError, KeyError, TypeError) as err:
        raise MalformedError("the server's answer is no token") from err
    raise MalformedError("the server's answer is no token")
