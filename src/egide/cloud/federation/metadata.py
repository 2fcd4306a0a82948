"""What a provider says of itself (OpenID Connect Discovery 1.0), as far as we believe it. Pure.

Addresses that we fetch lie on the issuer's host or on that of the configuration: a document cannot send us to a
machine that the settings do not name.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from egide.cloud.federation.fetch import require_address
from egide.cloud.federation.providers import Provider
from egide.errors import ProviderError

__all__ = ["Metadata", "read_json", "read_metadata"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """Addresses and habits of one provider. `says_issuer`: its answers carry `iss` (RFC 9207)."""

    authorization: str
    token: str
    userinfo: str
    jwks: str
    end_session: str
    says_issuer: bool
    secret_in_body: bool


def read_json(data: bytes, what: str) -> dict[str, Any]:
    """A JSON object in which no name is twice. Raises ProviderError."""
    try:
        found = json.loads(data, object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as err:
        raise ProviderError(f"{what} cannot be decoded", step="form") from err
    if not isinstance(found, dict):
        raise ProviderError(f"{what} is not an object", step="form")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is twice")
    return found


def _no_constant(_name: str) -> None:
    raise ValueError("not a number of JSON")


def read_metadata(provider: Provider, data: bytes) -> Metadata:
    """The configuration in `data`.

    Raises:
        ProviderError: of another issuer (step issuer), an address that is not safe, or what we need is not offered.
    """
    found = read_json(data, "the provider's configuration")
    if found.get("issuer") != provider.issuer:
        raise ProviderError("the configuration is of another issuer", step="issuer")
    if "code" not in _texts(found, "response_types_supported", ["code"]):
        raise ProviderError("the provider offers no authorization code", step="metadata")
    if "S256" not in _texts(found, "code_challenge_methods_supported", ["S256"]):
        raise ProviderError("the provider offers no S256", step="metadata")
    methods = _texts(found, "token_endpoint_auth_methods_supported", ["client_secret_basic"])
    if not {"client_secret_basic", "client_secret_post"} & set(methods):
        raise ProviderError("the provider offers no client authentication of ours", step="metadata")
    ends = found.get("end_session_endpoint")
    return Metadata(
        authorization=require_address(found.get("authorization_endpoint"), plain_loopback=provider.plain_loopback),
        token=_ours(provider, found.get("token_endpoint")),
        userinfo=_ours(provider, found.get("userinfo_endpoint")),
        jwks=_ours(provider, found.get("jwks_uri")),
        end_session=require_address(ends, plain_loopback=provider.plain_loopback) if ends is not None else "",
        says_issuer=found.get("authorization_response_iss_parameter_supported") is True,
        secret_in_body="client_secret_basic" not in methods,
    )


def _ours(provider: Provider, address: object) -> str:
    """An address that we fetch ourselves."""
    checked = require_address(address, plain_loopback=provider.plain_loopback)
    if urlsplit(checked).netloc not in {urlsplit(provider.issuer).netloc, urlsplit(provider.discovery).netloc}:
        raise ProviderError("the configuration names a host that is not the provider's", step="host")
    return checked


def _texts(found: dict[str, Any], name: str, default: list[str]) -> list[str]:
    value = found.get(name, default)
    if not isinstance(value, list):
        raise ProviderError("the configuration has another form", step="metadata")
    return [text for text in value if isinstance(text, str)]
