"""What a provider's tokens must say before anybody is believed to be somebody. Pure: the time is an argument.

ID token (OpenID Connect Core 1.0, 3.1.3.7), in order:

1 form and decryption · 2 signature · 3 issuer · 4 audience, azp · 5 expiry, not-before, issue · 6 nonce · 7 at_hash
· 8 auth_time, when a new sign-in was asked for · 9 acr, against the levels that were asked for · 10 subject
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from typing import Any, Final

from egide.cloud.federation.fetch import Answer
from egide.cloud.federation.jose import Jwk, decrypt, is_encrypted, open_signed, type_of
from egide.cloud.federation.metadata import read_json
from egide.cloud.federation.providers import Assurance, Provider
from egide.errors import AssuranceError, ProviderError

__all__ = [
    "LOGOUT_EVENT", "Expected", "IdToken", "LogoutToken", "read_logout_token", "read_userinfo", "signed_part",
    "verify_id_token",
]  # fmt: skip

SKEW_S: Final = 60
OLDEST_S: Final = 10 * 60
LOGOUT_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
_LOGOUT_TYPE: Final = "logout+jwt"  # Back-Channel Logout 1.0, 2.4
_MAX_SUB: Final = 255  # Core 1.0, 2
_JWT: Final = frozenset({"application/jwt", "application/jose"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What this sign-in, and no other, must be answered with. `max_age_s`: how new the sign-in must be."""

    nonce: str
    access_token: str
    now_s: int
    max_age_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IdToken:
    """A verified one. Only `verify_id_token` makes it."""

    sub: str
    sid: str
    assurance: Assurance
    auth_time_s: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutToken:
    """A verified request to end sessions: of `sid`, else all of `sub`. `jti` is used once, until `expires_s`."""

    sub: str
    sid: str
    jti: str
    expires_s: int


def signed_part(provider: Provider, token: object) -> str:
    """The signed token, taken out of its encryption. Raises ProviderError, ConfigError."""
    if not isinstance(token, str):
        raise ProviderError("there is no token", step="form")
    if not is_encrypted(token):
        return token
    if provider.decrypt_pem is None:
        raise ProviderError("the token is encrypted to a key that we do not have", step="enc")
    return decrypt(token, provider.decrypt_pem)


def verify_id_token(provider: Provider, token: str, keys: tuple[Jwk, ...], expected: Expected) -> IdToken:
    """Who signed in, from the token's signed part.

    Raises:
        ProviderError: a step does not hold (`step` says which). AssuranceError: step 9.
    """
    claims = open_signed(token, keys)
    _require_issuer(provider, claims)
    _require_audience(provider, claims)
    _require_times(claims, expected.now_s)
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode(), expected.nonce.encode()):
        raise ProviderError("the token answers another sign-in", step="nonce")
    _require_at_hash(token, claims, expected.access_token)
    return IdToken(
        auth_time_s=_auth_time(claims, expected),
        assurance=_assurance(provider, claims),
        sub=_subject(claims),
        sid=_text(claims, "sid"),
    )


def read_userinfo(provider: Provider, answer: Answer, keys: tuple[Jwk, ...], sub: str) -> dict[str, Any]:
    """The claims of userinfo, of the same subject as the ID token: JSON, signed, or encrypted and signed.

    A provider whose decryption key we hold was told to encrypt, and a kind that signs was told to sign: less is
    refused. Raises ProviderError.
    """
    if answer.status != 200:
        raise ProviderError("the provider does not give who this is", step="userinfo")
    if answer.kind in _JWT:
        text = answer.body.decode("ascii", "replace").strip()
        if provider.decrypt_pem is not None and not is_encrypted(text):
            raise ProviderError("userinfo is not encrypted", step="userinfo")
        claims = open_signed(signed_part(provider, text), keys)
        _require_issuer(provider, claims)
        _require_audience(provider, claims)
    elif answer.kind == "application/json" and not provider.kind.signed and provider.decrypt_pem is None:
        claims = read_json(answer.body, "userinfo")
    else:
        raise ProviderError("userinfo is not signed, or not of a form that we know", step="userinfo")
    if not hmac.compare_digest(_subject(claims).encode(), sub.encode()):
        raise ProviderError("userinfo is of somebody else", step="sub")
    return claims


def read_logout_token(provider: Provider, token: str, keys: tuple[Jwk, ...], *, now_s: int) -> LogoutToken:
    """A back-channel logout token (Back-Channel Logout 1.0, 2.6). The caller refuses a `jti` that it saw before.

    Raises:
        ProviderError: a step does not hold.
    """
    signed = signed_part(provider, token)
    claims = open_signed(signed, keys)
    if type_of(signed) not in {None, _LOGOUT_TYPE}:  # many leave it out; a token that says it is another is another
        raise ProviderError("the token says that it is something else", step="typ")
    _require_issuer(provider, claims)
    _require_audience(provider, claims)
    _require_times(claims, now_s)
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(LOGOUT_EVENT), dict):
        raise ProviderError("the token asks for something else", step="events")
    if "nonce" in claims:
        raise ProviderError("an ID token is not a logout token", step="nonce")
    sid, jti = _text(claims, "sid"), _text(claims, "jti")
    sub = _subject(claims) if "sub" in claims else ""
    if not jti or not (sub or sid):
        raise ProviderError("the logout token names nobody, or has no number", step="form")
    return LogoutToken(sub=sub, sid=sid, jti=jti, expires_s=_whole(claims, "exp") + SKEW_S)


def _require_issuer(provider: Provider, claims: dict[str, Any]) -> None:
    if claims.get("iss") != provider.issuer:
        raise ProviderError("the token is of another issuer", step="iss")


def _require_audience(provider: Provider, claims: dict[str, Any]) -> None:
    """For us and for nobody else: an audience beside us is one that we do not trust."""
    if claims.get("aud") not in (provider.client_id, [provider.client_id]):
        raise ProviderError("the token is for another client", step="aud")
    if claims.get("azp", provider.client_id) != provider.client_id:
        raise ProviderError("the token was given to another client", step="azp")


def _require_times(claims: dict[str, Any], now_s: int) -> None:
    if _whole(claims, "exp") + SKEW_S <= now_s:
        raise ProviderError("the token has expired", step="exp")
    if not now_s - OLDEST_S - SKEW_S <= _whole(claims, "iat") <= now_s + SKEW_S:
        raise ProviderError("the token was made long ago, or in the future", step="iat")
    if "nbf" in claims and _whole(claims, "nbf") > now_s + SKEW_S:
        raise ProviderError("the token is not valid yet", step="nbf")


def _require_at_hash(token: str, claims: dict[str, Any], access_token: str) -> None:
    """Core 1.0, 3.1.3.6: may be absent, never wrong."""
    if "at_hash" not in claims:
        return
    header = read_json(base64.urlsafe_b64decode(token.partition(".")[0] + "==="), "the token's header")
    digest = hashlib.new("sha" + str(header["alg"])[2:], access_token.encode()).digest()
    half = base64.urlsafe_b64encode(digest[: len(digest) // 2]).decode().rstrip("=")
    if not hmac.compare_digest(_text(claims, "at_hash").encode(), half.encode()):
        raise ProviderError("the tokens do not belong together", step="at_hash")


def _auth_time(claims: dict[str, Any], expected: Expected) -> int | None:
    if "auth_time" not in claims and expected.max_age_s is None:
        return None
    at_s = _whole(claims, "auth_time")
    if at_s > expected.now_s + SKEW_S:
        raise ProviderError("the sign-in is in the future", step="auth_time")
    if expected.max_age_s is not None and at_s + expected.max_age_s + SKEW_S < expected.now_s:
        raise ProviderError("the sign-in at the provider is too old", step="auth_time")
    return at_s


def _assurance(provider: Provider, claims: dict[str, Any]) -> Assurance:
    """The level that acr says. One that is above what was asked for serves too."""
    acr = _text(claims, "acr")
    level = provider.kind.levels.get(acr, Assurance.UNKNOWN)
    if provider.acr and acr not in provider.acr and (level is Assurance.UNKNOWN or level < provider.least):
        raise AssuranceError("the provider is less sure than we ask")
    return level


def _subject(claims: dict[str, Any]) -> str:
    sub = _text(claims, "sub")
    if not 0 < len(sub) <= _MAX_SUB or not sub.isascii() or not sub.isprintable():
        raise ProviderError("the token names nobody", step="sub")
    return sub


def _text(claims: dict[str, Any], name: str) -> str:
    value = claims.get(name, "")
    if not isinstance(value, str):
        raise ProviderError("a claim has another form", step=name)
    return value


def _whole(claims: dict[str, Any], name: str) -> int:
    """Seconds since 1970; some providers write them with a fraction."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e11:
        raise ProviderError("a time is missing or has another form", step=name)
    return int(value)
