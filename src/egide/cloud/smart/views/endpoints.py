"""What apps ask by themselves: tokens, what a token is worth, its end; and where all of that is."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST
from oauth2_provider.oauth2_backends import get_oauthlib_core

from egide.cloud.fhir.base import address_of
from egide.cloud.signin import clock
from egide.cloud.smart.assertions import ALGORITHMS
from egide.cloud.smart.scoping import CONTEXT
from egide.cloud.smart.tokens import forget_lapsed

__all__ = ["configuration", "introspect", "revoke", "token"]

CAPABILITIES: Final = (
    "launch-ehr", "launch-standalone", "client-public", "client-confidential-asymmetric", "context-ehr-patient",
    "context-standalone-patient", "context-banner", "permission-offline", "permission-online", "permission-patient",
    "permission-user", "permission-v2",
)  # fmt: skip


@require_http_methods(["GET", "HEAD"])
def configuration(request: HttpRequest) -> HttpResponse:
    """/.well-known/smart-configuration under the FHIR base (SMART 2.2, Conformance). It says nothing of anyone."""

    def at(name: str) -> str:
        return address_of(request, reverse(f"smart:{name}"))

    return JsonResponse({
        "authorization_endpoint": at("authorize"),
        "token_endpoint": at("token"),
        "introspection_endpoint": at("introspect"),
        "revocation_endpoint": at("revoke"),
        "management_endpoint": at("mine"),
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "grant_types_supported": ["authorization_code", "client_credentials"],
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": [*CONTEXT, "patient/*.rs", "user/*.rs", "system/*.rs"],
        "authorization_response_iss_parameter_supported": True,
        "capabilities": list(CAPABILITIES),
    })  # fmt: skip


@csrf_exempt  # no cookie counts here: a code, a refresh token or a signature does
@require_POST
def token(request: HttpRequest) -> HttpResponse:
    """Exchange a code, a refresh token or an assertion for an access token."""
    forget_lapsed(now_ms=clock.now_ms())
    _, headers, body, status = get_oauthlib_core().create_token_response(request)
    return _answer(headers, body, status)


@csrf_exempt
@require_POST
def revoke(request: HttpRequest) -> HttpResponse:
    """End a token, and all that the same authorization gave (RFC 7009)."""
    _, headers, body, status = get_oauthlib_core().create_revocation_response(request)
    return _answer(headers, body, status)


@csrf_exempt
@require_POST
def introspect(request: HttpRequest) -> HttpResponse:
    """What a token of the asking app's own is worth (RFC 7662)."""
    core = get_oauthlib_core()
    uri, method, body, headers = core._extract_params(request)
    found, text, status = core.server.create_introspect_response(uri, method, body, headers)
    return _answer(found, text, status)


def _answer(headers: dict[str, Any], body: str | None, status: int) -> HttpResponse:
    response = HttpResponse(body or "", status=status, content_type="application/json")
    for name, value in headers.items():
        response.headers[name] = value
    response.headers["Cache-Control"] = "no-store"
    return response
