"""How an app without a secret shows who it is: an assertion signed by its key (RFC 7523, SMART 2.2 asymmetric).

1 form, one algorithm of two · 2 the key that it names, of the algorithm's type, among those registered · 3 signature
· 4 issuer and subject are the app · 5 audience is our token address · 6 times · 7 a number that was not used before
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any, Final

from django.db import IntegrityError, transaction

from egide.cloud.federation.jose import open_signed, read_keys
from egide.cloud.smart.models import App, SpentAssertion
from egide.errors import MalformedError, ProviderError, SignInError

__all__ = ["ALGORITHMS", "TYPE", "claimed_issuer", "read_public_keys", "verify_assertion"]

ALGORITHMS: Final = ("RS384", "ES384")
TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LONGEST_S: Final = 5 * 60
SKEW_S: Final = 10
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_LONGEST_TEXT: Final = 255


def read_public_keys(text: str) -> str:
    """A JWK set as it is kept. Raises MalformedError: none, a private or a symmetric key, or one that cannot sign."""
    try:
        found = json.loads(text)
        keys = found["keys"]
        fit = all(isinstance(k, dict) and k.get("kid") and not _PRIVATE & set(k) for k in keys)
        kids = [k["kid"] for k in keys]
    except (ValueError, KeyError, TypeError, RecursionError) as err:
        raise MalformedError("this is not a JWK set") from err
    try:
        usable = [k for k in read_keys(text.encode()) if (k.kind, k.curve) in (("RSA", ""), ("EC", "P-384"))]
    except ProviderError as err:
        raise MalformedError("this is not a JWK set") from err
    if not keys or not fit or len(usable) != len(keys) or len(set(kids)) != len(kids):
        raise MalformedError("each key is public, has its own kid, and is of RSA or of P-384")
    return json.dumps(found, sort_keys=True)


def verify_assertion(app: App, text: str, *, audience: str, now_ms: int) -> None:
    """The assertion is this app's, for us, now, and for the first time.

    Raises:
        SignInError: it is not; which step failed is not said.
    """
    try:
        header = _header(text)
        if header.get("alg") not in ALGORITHMS or not isinstance(header.get("kid"), str):
            raise SignInError("this assertion is not accepted")
        claims = open_signed(text, read_keys(app.jwks.encode()))
    except ProviderError as err:
        raise SignInError("this assertion is not accepted") from err
    if claims.get("iss") != app.client_id or claims.get("sub") != app.client_id or not _is_for(claims, audience):
        raise SignInError("this assertion is not accepted")
    now_s = now_ms / 1000
    expires, begun = claims.get("exp"), [claims.get(name, now_s) for name in ("iat", "nbf")]
    if not isinstance(expires, int | float) or not _number(expires) or not all(_number(one) for one in begun):
        raise SignInError("this assertion is not accepted")
    if not now_s < expires <= now_s + LONGEST_S + SKEW_S or any(one > now_s + SKEW_S for one in begun):
        raise SignInError("this assertion is not accepted")
    _spend(app, claims.get("jti"), until_ms=int(expires * 1000) + 1000, now_ms=now_ms)


def _header(text: str) -> dict[str, Any]:
    try:
        head = text.split(".")[0]
        found = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (ValueError, RecursionError) as err:
        raise SignInError("this assertion is not accepted") from err
    if not isinstance(found, dict):
        raise SignInError("this assertion is not accepted")
    return found


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -(2**53) < value < 2**53


def _is_for(claims: dict[str, Any], audience: str) -> bool:
    said = claims.get("aud")
    return said == audience or (isinstance(said, list) and said == [audience])


def _spend(app: App, jti: object, *, until_ms: int, now_ms: int) -> None:
    """Use the assertion's number. The row that can be inserted decides, in every process."""
    if not isinstance(jti, str) or not 1 <= len(jti) <= _LONGEST_TEXT:
        raise SignInError("this assertion is not accepted")
    SpentAssertion.objects.filter(lapses_ms__lte=now_ms).delete()
    digest = hashlib.sha256(f"{app.client_id}\0{jti}".encode()).digest()
    try:
        with transaction.atomic():
            SpentAssertion.objects.create(digest=digest, lapses_ms=until_ms)
    except IntegrityError as err:
        raise SignInError("this assertion is not accepted") from err


def claimed_issuer(text: str) -> str:
    """Whom an assertion says it is of, before anything of it is believed; "" when it says nobody."""
    try:
        body = text.split(".")[1]
        found = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (ValueError, IndexError, RecursionError):
        return ""
    named = found.get("iss") if isinstance(found, dict) else None
    return named if isinstance(named, str) else ""
