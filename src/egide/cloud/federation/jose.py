"""Signed and encrypted tokens (RFC 7515 to 7519), by joserfc, under our own rules. Pure.

- Only asymmetric signatures: never `none`, never a MAC, whatever the token's header says.
- A key is the provider's published one, of the algorithm's own type; keys inside a token are not looked at.
- What is encrypted must hold what is signed.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any, Final

from joserfc import jwe, jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from egide.cloud.federation.metadata import read_json
from egide.errors import ConfigError, ProviderError

__all__ = ["MAX_TOKEN", "SIGNATURES", "Jwk", "decrypt", "is_encrypted", "open_signed", "read_keys", "type_of"]

MAX_TOKEN: Final = 64 * 1024
#: algorithm -> the type of key, and its curve
SIGNATURES: Final[dict[str, tuple[str, str]]] = {
    "RS256": ("RSA", ""), "RS384": ("RSA", ""), "RS512": ("RSA", ""),
    "PS256": ("RSA", ""), "PS384": ("RSA", ""), "PS512": ("RSA", ""),
    "ES256": ("EC", "P-256"), "ES384": ("EC", "P-384"), "ES512": ("EC", "P-521"),
}  # fmt: skip
_WRAPS: Final = ("RSA-OAEP", "RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A256KW")
_CONTENTS: Final = ("A128GCM", "A256GCM", "A128CBC-HS256", "A256CBC-HS512")
_MAX_KEYS: Final = 32
_LEAST_RSA: Final = 2_048


@dataclass(frozen=True, slots=True, kw_only=True)
class Jwk:
    """A public key of a provider that may sign."""

    kid: str
    kind: str
    curve: str
    alg: str
    key: RSAKey | ECKey


def read_keys(data: bytes) -> tuple[Jwk, ...]:
    """The keys of a JWK set that may sign; others (symmetric, for encryption, of odd kinds, too short) are left out.

    Raises:
        ProviderError: not a JWK set.
    """
    found = read_json(data, "the provider's key set").get("keys")
    if not isinstance(found, list) or len(found) > _MAX_KEYS:
        raise ProviderError("the provider's key set has another form", step="keys")
    return tuple(key for key in map(_read_key, found) if key is not None)


def _read_key(found: object) -> Jwk | None:
    if not isinstance(found, dict) or found.get("use", "sig") != "sig":
        return None
    try:
        public = {name: found[name] for name in ("kty", "n", "e", "crv", "x", "y") if name in found}
        key: RSAKey | ECKey
        if found.get("kty") == "RSA" and len(_base64(public["n"])) * 8 >= _LEAST_RSA:
            key = RSAKey.import_key(public)
        elif found.get("kty") == "EC":
            key = ECKey.import_key(public)
        else:
            return None
        return Jwk(
            kid=str(found.get("kid", "")), kind=str(found["kty"]), curve=str(found.get("crv", "")),
            alg=str(found.get("alg", "")), key=key,
        )  # fmt: skip
    except (JoseError, ValueError, KeyError, TypeError, AttributeError):
        return None


def is_encrypted(token: str) -> bool:
    return token.count(".") == 4


def open_signed(token: str, keys: tuple[Jwk, ...]) -> dict[str, Any]:
    """The claims of a signed token.

    Raises:
        ProviderError: it does not hold (step form, alg, header, key, signature).
    """
    header = _header(token, parts=3)
    alg = header.get("alg")
    if not isinstance(alg, str) or alg not in SIGNATURES:
        raise ProviderError("the token is not signed as we ask", step="alg")
    if "crit" in header or "b64" in header:
        raise ProviderError("the token has a header that we do not know", step="header")
    kind, curve = SIGNATURES[alg]
    fit = [k for k in keys if k.kind == kind and k.curve == curve and k.alg in {"", alg}]
    kid = header.get("kid")
    chosen = [k for k in fit if kid is None or k.kid == kid]
    if len(chosen) != 1:
        raise ProviderError("no key, or more than one, is the token's", step="key")
    registry = jws.JWSRegistry(algorithms=[alg], strict_check_header=False)
    registry.max_header_length = registry.max_payload_length = MAX_TOKEN
    try:
        opened = jws.deserialize_compact(token, chosen[0].key, registry=registry)
    except (JoseError, ValueError, TypeError, KeyError) as err:
        raise ProviderError("the token's signature does not verify", step="signature") from err
    return read_json(opened.payload, "the token")


def type_of(token: str) -> str | None:
    """What a signed token's header says it is, in small letters; None when it says nothing.

    Raises:
        ProviderError: the header is none, or its type is not text.
    """
    header = _header(token, parts=3)
    if "typ" not in header:
        return None
    kind = header["typ"]
    if not isinstance(kind, str):
        raise ProviderError("the token's type is not one", step="typ")
    return kind.casefold().removeprefix("application/")


def decrypt(token: str, pem: bytes) -> str:
    """The signed token inside an encrypted one.

    Raises:
        ProviderError: it cannot be opened, or holds something else. ConfigError: our key is not one.
    """
    header = _header(token, parts=5)
    if header.get("alg") not in _WRAPS or header.get("enc") not in _CONTENTS or "zip" in header or "crit" in header:
        raise ProviderError("the token is not encrypted as we ask", step="enc")
    key = _private(pem)
    registry = jwe.JWERegistry(algorithms=[*_WRAPS, *_CONTENTS], strict_check_header=False)
    registry.max_ciphertext_length = registry.max_protected_header_length = MAX_TOKEN
    try:
        plain = (jwe.decrypt_compact(token, key, registry=registry).plaintext or b"").decode("ascii")
    except (JoseError, ValueError, TypeError, KeyError) as err:
        raise ProviderError("the token cannot be decrypted", step="enc") from err
    if plain.count(".") != 2:
        raise ProviderError("what was encrypted is not a signed token", step="nested")
    return plain


def _private(pem: bytes) -> RSAKey | ECKey | OKPKey:
    for kind in (RSAKey, ECKey, OKPKey):
        try:
            key: RSAKey | ECKey | OKPKey = kind.import_key(pem)
        except (JoseError, ValueError, TypeError):
            continue
        if key.is_private:
            return key
    raise ConfigError("a provider's decryption key is not a private key")


def _header(token: str, *, parts: int) -> dict[str, Any]:
    pieces = token.split(".")
    if len(token) > MAX_TOKEN or len(pieces) != parts or not token.isascii():
        raise ProviderError("the token has another form", step="form")
    try:
        return read_json(_base64(pieces[0]), "the token's header")
    except ValueError as err:
        raise ProviderError("the token's header cannot be decoded", step="form") from err


def _base64(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
