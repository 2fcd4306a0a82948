"""Passkeys: allauth's ceremonies over fido2, with what they leave open closed.

Beyond what fido2 checks (type, challenge, relying party, presence, verification, signature): the origin is exactly
ours and no frame of another site stands around it; a challenge is good once and for five minutes; the key is one that
a signed statement names; a counter that goes back is a copied key.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final, NoReturn

from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal import auth
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from fido2.webauthn import AuthenticationResponse, AuthenticatorData, CollectedClientData, RegistrationResponse

from egide.cloud.people.models import Account
from egide.cloud.signin.attested import fingerprint, standing
from egide.cloud.signin.errors import FactorError
from egide.cloud.signin.notices import tell
from egide.cloud.signin.spent import spend

__all__ = ["CHALLENGE_LIFE_MS", "ask", "ask_new", "check", "check_new"]

CHALLENGE_LIFE_MS: Final = 5 * 60 * 1000
MAX_RESPONSE: Final = 16_384
_MADE: Final = "signin.challenge"
_BAD: Final = (ValueError, TypeError, KeyError, IndexError, AttributeError, AssertionError, ValidationError)


def ask_new(request: HttpRequest, account: Account, *, now_ms: int) -> str:
    """Options for `navigator.credentials.create`, as JSON: a discoverable key that verifies its user."""
    options = auth.begin_registration(account, passwordless=True)
    request.session[_MADE] = now_ms
    return json.dumps(options)


def check_new(request: HttpRequest, text: str, *, now_ms: int) -> tuple[dict[str, Any], AuthenticatorData]:
    """The credential as it is kept, and what the authenticator said of it. Raises FactorError."""
    _use_challenge(request, now_ms)
    try:
        sent = _parse(text)
        response = RegistrationResponse.from_dict(sent)
        _require_here(request, response.response.client_data)
        made = auth.complete_registration(sent)
        if not made.is_user_verified() or made.credential_data is None:
            raise ValueError("not verified")
        kept = {
            "id": sent["id"],
            "rawId": sent.get("rawId", sent["id"]),
            "type": "public-key",
            "response": {name: sent["response"][name] for name in ("clientDataJSON", "attestationObject")},
            "clientExtensionResults": {},
        }
    except _BAD as err:
        _refuse(err)
    finally:
        auth.clear_state()
    return kept, made


def ask(request: HttpRequest, account: Account | None, *, now_ms: int) -> str:
    """Options for `navigator.credentials.get`, as JSON; without an account, any passkey of the person's."""
    options = auth.begin_authentication(account)
    request.session[_MADE] = now_ms
    return json.dumps(options)


def check(request: HttpRequest, text: str, account: Account | None, *, now_ms: int) -> tuple[Account, Authenticator]:
    """Who signed, and with which passkey. Raises FactorError: which of the checks failed is not said."""
    _use_challenge(request, now_ms)
    try:
        sent = _parse(text)
        response = AuthenticationResponse.from_dict(sent)
        _require_here(request, response.response.client_data)
        who = account or auth.extract_user_from_response(sent)
        if not isinstance(who, Account) or not who.is_active:
            raise ValueError("no such account")
        row = auth.complete_authentication(who, sent)
        if not response.response.authenticator_data.is_user_verified():
            raise ValueError("not verified")
        if fingerprint(row) not in standing(who):
            raise ValueError("no statement names this key")
    except _BAD as err:
        _refuse(err)
    finally:
        auth.clear_state()
    _require_forward(who, row, response.response.authenticator_data.counter, now_ms)
    row.record_usage()
    return who, row


def _use_challenge(request: HttpRequest, now_ms: int) -> None:
    state = auth.get_state()
    made = request.session.pop(_MADE, None)
    if not state or made is None or not 0 <= now_ms - made < CHALLENGE_LIFE_MS:
        auth.clear_state()
        raise FactorError("nothing was asked, or too long ago")
    try:
        spend("challenge", state["challenge"], until_ms=made + CHALLENGE_LIFE_MS, now_ms=now_ms)
    except FactorError:
        auth.clear_state()
        raise


def _parse(text: str) -> dict[str, Any]:
    if len(text) > MAX_RESPONSE:
        raise ValueError("too long")
    sent = json.loads(text)
    if not isinstance(sent, dict) or not isinstance(sent.get("response"), dict):
        raise TypeError("not a credential")
    return sent


def _require_here(request: HttpRequest, client: CollectedClientData) -> None:
    """fido2 lets any host below ours in; a passkey is used on our very pages, and in no frame."""
    options = settings.OPTIONS
    ours = options.people_origins()
    if not ours:
        host: Callable[[], str] = request.get_host
        ours = [f"http://{host()}"] if host().partition(":")[0] == options.public_host else []
    if client.origin not in ours or client.cross_origin:
        raise ValueError("another origin")


def _require_forward(account: Account, row: Authenticator, counter: int, now_ms: int) -> None:
    """Raises FactorError when a key that counts did not count on (WebAuthn 3, section 6.1.1)."""
    before = int(row.data.get("counter", 0))
    if (before or counter) and counter <= before:
        tell(account, "copied-key", now_ms=now_ms)
        raise FactorError("this passkey was used elsewhere")
    if counter != before:
        row.data["counter"] = counter
        row.save(update_fields=["data"])


def _refuse(err: Exception) -> NoReturn:
    raise FactorError("this passkey is not accepted") from err
