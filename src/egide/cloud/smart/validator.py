"""django-oauth-toolkit's validator, held to our rules: hashed at rest, used once, for one audience, by keys alone.

What it decides about an app it reads from the register (App.is_usable).
"""

from __future__ import annotations

import re
import uuid
from typing import Any, Final

from django.db import transaction
from oauth2_provider.models import set_token_value
from oauth2_provider.oauth2_validators import OAuth2Validator
from oauthlib.oauth2.rfc6749 import errors

from egide.cloud.signin import clock
from egide.cloud.smart import tokens
from egide.cloud.smart.addresses import base_of, token_address
from egide.cloud.smart.assertions import TYPE, claimed_issuer, verify_assertion
from egide.cloud.smart.models import App, Code, Refresh, Token
from egide.cloud.smart.scoping import narrowed
from egide.errors import SignInError

__all__ = ["SmartValidator"]

_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_GRANTS: Final = {
    "authorization_code": App.GRANT_AUTHORIZATION_CODE,
    "refresh_token": App.GRANT_AUTHORIZATION_CODE,
    "client_credentials": App.GRANT_CLIENT_CREDENTIALS,
}


class _UsedTwiceError(Exception):
    """A code or a refresh token, at the same instant as somebody else."""


class SmartValidator(OAuth2Validator):  # type: ignore[misc]  # django-oauth-toolkit has no types
    """Every method answers oauthlib's question of the same name."""

    # Who the app is

    def client_authentication_required(self, request: Any, *_: Any, **__: Any) -> bool:
        if getattr(request, "client_assertion", None) or request.headers.get("Authorization"):
            return True
        if not request.client_id and request.grant_type == "refresh_token":
            request.client_id = _whose(request.refresh_token)
        self._load_application(request.client_id, request)
        return request.client is None or request.client.client_type != App.CLIENT_PUBLIC

    def authenticate_client(self, request: Any, *_: Any, **__: Any) -> bool:
        """By an assertion, and nothing else: nobody here has a secret."""
        text = getattr(request, "client_assertion", None)
        if not text or getattr(request, "client_assertion_type", None) != TYPE or _other_proof(request):
            return False
        named = request.client_id or claimed_issuer(text)
        app = self._load_application(named, request) if named else None
        if app is None or app.client_type != App.CLIENT_CONFIDENTIAL:
            return False
        try:
            verify_assertion(app, text, audience=token_address(request), now_ms=clock.now_ms())
        except SignInError:
            return False
        request.client_id = app.client_id
        return True

    def authenticate_client_id(self, client_id: str, request: Any, *_: Any, **__: Any) -> bool:
        """A public app, which proves nothing but its code's verifier; one that pretends to prove more is refused."""
        if getattr(request, "client_assertion", None) or _other_proof(request):
            return False
        app = self._load_application(client_id, request) if client_id else None
        return app is not None and app.client_type == App.CLIENT_PUBLIC

    def validate_grant_type(
        self, client_id: str, grant_type: str, client: App, request: Any, *_: Any, **__: Any  # noqa: ARG002
    ) -> bool:  # fmt: skip
        return bool(_GRANTS.get(grant_type) == client.authorization_grant_type)

    def validate_response_type(
        self, client_id: str, response_type: str, client: App, request: Any, *_: Any, **__: Any  # noqa: ARG002
    ) -> bool:  # fmt: skip
        return response_type == "code" and client.authorization_grant_type == App.GRANT_AUTHORIZATION_CODE

    def validate_scopes(
        self, client_id: str, scopes: list[str], client: App, request: Any, *_: Any, **__: Any  # noqa: ARG002
    ) -> bool:  # fmt: skip
        """What is left of what is asked, by the registration; nothing left is a refusal."""
        request.scopes = list(narrowed(scopes, client.scopes.split()))
        return bool(request.scopes)

    def is_pkce_required(self, client_id: str, request: Any) -> bool:  # noqa: ARG002
        return True

    # The code

    def save_authorization_code(
        self, client_id: str, code: dict[str, str], request: Any, *_: Any, **__: Any  # noqa: ARG002
    ) -> None:  # fmt: skip
        now, context = clock.now_ms(), request.context
        Code.objects.create(
            application=request.client, user=request.user, code=tokens.hash_of(code["code"]),
            expires=tokens.when(now + tokens.CODE_S * 1000), redirect_uri=request.redirect_uri,
            scope=" ".join(request.scopes), code_challenge=request.code_challenge,
            code_challenge_method=request.code_challenge_method, resource=[request.audience],
            patient=context.patient, ground=context.ground, session=context.session, family=context.family,
        )  # fmt: skip

    def validate_code(
        self, client_id: str, code: str, client: App, request: Any, *_: Any, **__: Any  # noqa: ARG002
    ) -> bool:  # fmt: skip
        """Its own app's, fresh, never used: a second use ends what the first one gave."""
        rows = Code.objects.select_related("user", "patient")
        row = rows.filter(code=tokens.hash_of(code), application=client).first()
        now = clock.now_ms()
        if row is None:
            return False
        if row.used_ms is not None:
            tokens.end_family(row.family, now_ms=now)
            return False
        if row.expires <= tokens.when(now) or not row.user.is_active:
            return False
        if not _VERIFIER.fullmatch(request.code_verifier or ""):
            return False
        request.code_row, request.user, request.scopes = row, row.user, row.scope.split()
        return True

    def get_code_challenge(self, code: str, request: Any) -> str:  # noqa: ARG002
        return str(request.code_row.code_challenge)

    def get_code_challenge_method(self, code: str, request: Any) -> str:  # noqa: ARG002
        return str(request.code_row.code_challenge_method)

    def confirm_redirect_uri(
        self, client_id: str, code: str, redirect_uri: str, client: App, request: Any, *_: Any, **__: Any  # noqa: ARG002
    ) -> bool:  # fmt: skip
        return not request.using_default_redirect_uri and redirect_uri == request.code_row.redirect_uri

    def get_default_redirect_uri(self, client_id: str, request: Any, *_: Any, **__: Any) -> str:  # noqa: ARG002
        raise errors.MissingRedirectURIError(request=request)

    def invalidate_authorization_code(self, client_id: str, code: str, request: Any, *_: Any, **__: Any) -> None:
        """Done where the tokens were kept, in the same transaction."""

    # Tokens

    def validate_refresh_token(self, refresh_token: str, client: App, request: Any, *_: Any, **__: Any) -> bool:
        row = tokens.live_refresh(refresh_token, client, now_ms=clock.now_ms())
        if row is None:
            return False
        request.refresh_row, request.user = row, row.user
        return True

    def get_original_scopes(self, refresh_token: str, request: Any, *_: Any, **__: Any) -> str:  # noqa: ARG002
        return str(request.refresh_row.scope)

    def rotate_refresh_token(self, request: Any) -> bool:  # noqa: ARG002
        return True

    def save_bearer_token(self, token: dict[str, Any], request: Any, *_: Any, **__: Any) -> None:
        """Keep what is given, use up what it is given for. Raises InvalidGrantError: somebody else did, just before."""
        now = clock.now_ms()
        try:
            with transaction.atomic():
                match request.grant_type:
                    case "client_credentials":
                        token.pop("refresh_token", None)
                        _keep(token, request, tokens.Context(family=uuid.uuid4()), base_of(request), now)
                    case "authorization_code":
                        _exchange(token, request, now)
                    case _:
                        _rotate(token, request, now)
        except _UsedTwiceError as err:
            row = getattr(request, "code_row", None) or request.refresh_row
            tokens.end_family(getattr(row, "family", None) or row.token_family, now_ms=now)
            raise errors.InvalidGrantError(request=request) from err

    def validate_bearer_token(self, token: str, scopes: Any, request: Any) -> bool:  # noqa: ARG002
        row = tokens.live_token(token, audience=base_of(request), now_ms=clock.now_ms()) if token else None
        if row is None:
            request.oauth2_error = {"error": "invalid_token"}
            return False
        request.client, request.user, request.access_token = row.application, row.user, row
        request.scopes = row.scope.split()
        return True

    def revoke_token(self, token: str, token_type_hint: str, request: Any, *_: Any, **__: Any) -> None:  # noqa: ARG002
        """One's own, with all that the same authorization gave; of another's, nothing is said (RFC 7009, 2.2)."""
        mine = {"token_checksum": tokens.hash_of(token), "application": request.client}
        found = Refresh.objects.filter(**mine).values_list("token_family", flat=True).first()
        found = found or Token.objects.filter(**mine).values_list("family", flat=True).first()
        tokens.end_family(found, now_ms=clock.now_ms())

    def introspect_token(
        self, token: str, token_type_hint: str, request: Any, *_: Any, **__: Any  # noqa: ARG002
    ) -> dict[str, Any] | None:  # fmt: skip
        """What an app that showed its key may know of a token of its own; None of any other (RFC 7662, 2.2)."""
        row = tokens.live_token(token, audience=base_of(request), now_ms=clock.now_ms())
        if row is None or row.application_id != request.client.pk or request.client.client_type == App.CLIENT_PUBLIC:
            return None
        said: dict[str, Any] = {
            "client_id": row.application.client_id, "scope": row.scope, "token_type": "Bearer", "aud": row.resource[0],
            "exp": int(row.expires.timestamp()), "iat": row.made_ms // 1000, "iss": base_of(request),
        }  # fmt: skip
        return said | ({"patient": str(row.patient_id)} if row.patient_id else {})


def _whose(refresh_token: str | None) -> str | None:
    """The public app whose refresh token this is, where the request does not name it: it is of no use to another."""
    public = Refresh.objects.filter(application__client_type=App.CLIENT_PUBLIC)
    rows = public.filter(token_checksum=tokens.hash_of(refresh_token or ""))
    found: str | None = rows.values_list("application__client_id", flat=True).first()
    return found


def _other_proof(request: Any) -> bool:
    """A secret, in the body or in the header: nobody has one."""
    return bool(getattr(request, "client_secret", None) or request.headers.get("Authorization"))


def _exchange(token: dict[str, Any], request: Any, now_ms: int) -> None:
    row: Code = request.code_row
    if not Code.objects.filter(pk=row.pk, used_ms=None).update(used_ms=now_ms):
        raise _UsedTwiceError
    context = tokens.Context(patient=row.patient, ground=row.ground, session=row.session, family=row.family)
    offline, online = "offline_access" in request.scopes, "online_access" in request.scopes
    if not (offline or online):
        token.pop("refresh_token", None)
    _keep(token, request, context, row.resource[0], now_ms)
    if "refresh_token" in token:
        until = now_ms + tokens.OFFLINE_MS
        _keep_refresh(
            token, request, context, resource=row.resource, scope=row.scope, until_ms=until, online=not offline
        )


def _rotate(token: dict[str, Any], request: Any, now_ms: int) -> None:
    row: Refresh = request.refresh_row
    tokens.one_at_a_time([row.user_id])
    if not Refresh.objects.filter(pk=row.pk, revoked=None).update(revoked=tokens.when(now_ms)):
        raise _UsedTwiceError
    Token.objects.filter(family=row.token_family).delete()
    context = tokens.Context(patient=row.patient, ground=row.ground, session=row.session, family=row.token_family)
    _keep(token, request, context, row.resource[0], now_ms)
    _keep_refresh(
        token, request, context, resource=row.resource, scope=row.scope, until_ms=row.until_ms, online=bool(row.session)
    )


def _keep(token: dict[str, Any], request: Any, context: tokens.Context, audience: str, now_ms: int) -> None:
    """The access token; its answer names the patient that the app was let in for."""
    row = Token(
        user=None if request.grant_type == "client_credentials" else request.user, application=request.client,
        scope=token["scope"], expires=tokens.when(now_ms + token["expires_in"] * 1000), resource=[audience],
        patient=context.patient, ground=context.ground, family=context.family, made_ms=now_ms,
    )  # fmt: skip
    set_token_value(row, token["access_token"])
    row.save(force_insert=True)
    if context.patient is not None:
        token["patient"] = str(context.patient.pk)
        token["need_patient_banner"] = True


def _keep_refresh(
    token: dict[str, Any], request: Any, context: tokens.Context, *, resource: list[str], scope: str, until_ms: int,
    online: bool,
) -> None:  # fmt: skip
    row = Refresh(
        user=request.user, application=request.client, token_family=context.family, resource=resource,
        scope=scope, patient=context.patient, ground=context.ground, session=context.session if online else "",
        until_ms=until_ms,
    )  # fmt: skip
    set_token_value(row, token["refresh_token"])
    row.save(force_insert=True)
