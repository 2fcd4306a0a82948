"""A registered system proves itself by a short token that it signs for one request (RFC 7515, RFC 7519).

    header  typ "egide-system+jwt", alg ES256, ES384, RS384 or PS384
    claims  iss = sub = urn:uuid:<the system's id>, aud = this server's FHIR address, iat, exp (5 minutes at most),
            jti, body = base64url of SHA-256 of the request's body as sent

A token that was seen by somebody else carries that one request and no other, and writing twice stores once: so nothing
has to be remembered of those that were used.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import uuid
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.http import HttpRequest
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from egide.cloud.fhir.base import base_of
from egide.cloud.fhir.reader import READERS, Reader
from egide.cloud.fhir.scopes import Scope
from egide.cloud.fhir.writing.body import raw_body
from egide.cloud.fhir.writing.registering import loaded, system_named
from egide.errors import SignInError

__all__ = ["TYPE", "install", "system_reader"]

TYPE: Final = "egide-system+jwt"
LONGEST_S: Final = 300
SKEW_S: Final = 60
_MOST: Final = 4_096
_ALGORITHMS: Final = {"ES256": "secp256r1", "ES384": "secp384r1", "RS384": "", "PS384": ""}
_SCOPES: Final = (Scope.parse("system/Observation.c"),)
_NO: Final = "this token is not one that a system of this server signed for this request"


def system_reader(request: HttpRequest) -> Reader | None:
    """The system that a request's token names; None for another kind of authorization.

    Raises:
        SignInError: such a token, and it does not hold: which step failed is not said.
    """
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or len(token) > _MOST or token.count(".") != 2:
        return None
    header = _part(token.partition(".")[0])
    if header is None or header.get("typ") != TYPE:
        return None
    claims = _part(token.split(".")[1]) or {}
    name = _name(claims.get("iss"))
    system = system_named(name) if name is not None else None
    if system is None or not system.key or "crit" in header or "b64" in header:
        raise SignInError(_NO)
    _require_signed(token, header.get("alg"), system.key)
    _require_said(request, claims)
    return Reader(app=f"urn:uuid:{system.id}", scopes=_SCOPES, purpose="TREAT", establishment=system.establishment)


def _require_signed(token: str, alg: Any, spki: bytes) -> None:
    key = loaded(spki)
    curve = key.curve.name if isinstance(key, ec.EllipticCurvePublicKey) else ""
    if not isinstance(alg, str) or _ALGORITHMS.get(alg, "none") != curve:
        raise SignInError(_NO)
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    jwk = ECKey.import_key(pem) if curve else RSAKey.import_key(pem)
    registry = jws.JWSRegistry(algorithms=[alg], strict_check_header=False)
    try:
        jws.deserialize_compact(token, jwk, registry=registry)
    except (JoseError, ValueError, TypeError, KeyError) as err:
        raise SignInError(_NO) from err


def _require_said(request: HttpRequest, claims: dict[str, Any]) -> None:
    issued, expires, now_s = claims.get("iat"), claims.get("exp"), _now_s()
    if type(issued) is not int or type(expires) is not int:
        raise SignInError(_NO)
    if not (issued <= now_s + SKEW_S and now_s - SKEW_S < expires <= issued + LONGEST_S):
        raise SignInError(_NO)
    digest = base64.urlsafe_b64encode(hashlib.sha256(raw_body(request)).digest()).rstrip(b"=")
    said = claims.get("body")
    if not isinstance(said, str) or not hmac.compare_digest(said.encode(), digest):
        raise SignInError(_NO)
    if claims.get("aud") != base_of(request) or claims.get("sub") != claims.get("iss") or not claims.get("jti"):
        raise SignInError(_NO)


def _name(issuer: Any) -> uuid.UUID | None:
    try:
        return uuid.UUID(issuer.removeprefix("urn:uuid:")) if isinstance(issuer, str) else None
    except ValueError:
        return None


def _part(encoded: str) -> dict[str, Any] | None:
    try:
        found = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _now_s() -> int:
    return int(time.time())


def install() -> None:
    """Put it among those who say who asks: first, before who takes every bearer token for its own. Once is enough."""
    if system_reader not in READERS:
        READERS.insert(0, system_reader)
