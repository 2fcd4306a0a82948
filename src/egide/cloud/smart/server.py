"""The grants that there are: a code with PKCE (S256), its refresh, and an app's own keys. No other exists here."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from oauth2_provider.oauth2_backends import OAuthLibCore
from oauthlib.oauth2 import (
    AuthorizationCodeGrant,
    AuthorizationEndpoint,
    BearerToken,
    ClientCredentialsGrant,
    IntrospectEndpoint,
    RefreshTokenGrant,
    ResourceEndpoint,
    RevocationEndpoint,
    TokenEndpoint,
)
from oauthlib.oauth2.rfc6749.grant_types.authorization_code import code_challenge_method_s256

from egide.cloud.fhir.base import address_of
from egide.cloud.smart.addresses import base_at
from egide.cloud.smart.tokens import ACCESS_S, SERVICE_S

__all__ = ["SmartCore", "SmartServer"]


class _CodeGrant(AuthorizationCodeGrant):  # type: ignore[misc]  # oauthlib has no types
    _code_challenge_methods = {"S256": code_challenge_method_s256}


def _lasts(request: Any) -> int:
    return SERVICE_S if request.grant_type == "client_credentials" else ACCESS_S


class SmartServer(
    AuthorizationEndpoint, IntrospectEndpoint, TokenEndpoint, ResourceEndpoint, RevocationEndpoint  # type: ignore[misc]
):  # fmt: skip
    """oauthlib's endpoints, with these grants alone: neither implicit, nor password, nor device."""

    def __init__(self, request_validator: Any, **_: Any) -> None:
        self.auth_grant = _CodeGrant(request_validator)
        self.credentials_grant = ClientCredentialsGrant(request_validator)
        self.refresh_grant = RefreshTokenGrant(request_validator)
        self.bearer = BearerToken(request_validator, expires_in=_lasts)
        AuthorizationEndpoint.__init__(
            self, default_response_type="code", response_types={"code": self.auth_grant}, default_token_type=self.bearer
        )
        TokenEndpoint.__init__(
            self, default_grant_type="authorization_code", default_token_type=self.bearer,
            grant_types={
                "authorization_code": self.auth_grant, "client_credentials": self.credentials_grant,
                "refresh_token": self.refresh_grant,
            },
        )  # fmt: skip
        ResourceEndpoint.__init__(self, default_token="Bearer", token_types={"Bearer": self.bearer})  # noqa: S106 (its kind)
        RevocationEndpoint.__init__(self, request_validator)
        IntrospectEndpoint.__init__(self, request_validator)


class SmartCore(OAuthLibCore):  # type: ignore[misc]  # django-oauth-toolkit has no types
    """Between Django and oauthlib: addresses are absolute, and a parameter given twice is none.

    What somebody's consent form says is ours: it is no parameter of the request.
    """

    def _get_escaped_full_path(self, request: Any) -> str:
        return address_of(request, super()._get_escaped_full_path(request))

    def extract_body(self, request: Any) -> list[tuple[str, str]]:
        if request.path.endswith("/authorize"):
            return []
        return [(key, values[-1]) for key, values in request.POST.lists() if len(values) == 1]

    def create_authorization_response(
        self, request: Any, scopes: list[str], credentials: dict[str, Any], allow: bool
    ) -> tuple[str, Any, Any, int]:
        """With `iss`, which is our FHIR base (RFC 9207)."""
        address, headers, body, status = super().create_authorization_response(request, scopes, credentials, allow)
        parts = urlsplit(address)
        query = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name != "iss"]
        address = urlunsplit(parts._replace(query=urlencode([*query, ("iss", base_at(request))])))
        return address, headers, body, status
