"""Apps, who let them in, and a browser that goes through an authorization as a person does."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.test import Client

from egide.cloud.fhir import views
from egide.cloud.people.models import Account
from egide.cloud.signin import clock
from egide.cloud.signin.sessions import CONFIRMED
from egide.cloud.smart.consenting import lines_of
from egide.cloud.smart.models import App
from egide.cloud.smart.registry import Description, approve_app, register_app
from egide.cloud.smart.words import UNTIL
from tests.cloud.conftest import NOW
from tests.cloud.ward.conftest import Offices, offices
from tests.support.cast import Cast

__all__ = ["offices"]

BASE = "http://testserver/fhir"
BACK = "https://app.example/callback"
OWN = "launch/patient patient/Observation.rs patient/Device.r offline_access"


@pytest.fixture(autouse=True)
def at(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The clock of every part: tests move it by changing its one entry."""
    hand = [NOW]
    monkeypatch.setattr(clock, "now_ms", lambda: hand[0])
    monkeypatch.setattr(views, "_now_ms", lambda: hand[0], raising=False)
    return hand


@dataclass(slots=True, kw_only=True)
class Registry:
    """Registers apps and lets them in, by the two people that it takes."""

    offices: Offices

    def described(self, **said: Any) -> App:
        usual: dict[str, Any] = {
            "name": "Carnet", "about": "Shows my measurements.", "scopes": OWN, "redirect_uris": BACK,
            "origins": "https://app.example",
        }  # fmt: skip
        return register_app(Description(**usual | said), self.offices.here, by=self.offices.maker, now_ms=NOW)

    def let_in(self, **said: Any) -> App:
        app = self.described(**said)
        approve_app(app, by=self.offices.dpo, now_ms=NOW)
        return app


@pytest.fixture
def registry(offices: Offices) -> Registry:
    return Registry(offices=offices)


@dataclass(slots=True, kw_only=True)
class Flow:
    """One person, one app, one authorization: each step can be made otherwise."""

    app: App
    reader: Account
    client: Client
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    state: str = "a-state"

    def address(self, **said: str | None) -> str:
        asked: dict[str, str | None] = {
            "response_type": "code", "client_id": self.app.client_id, "redirect_uri": BACK, "scope": self.app.scopes,
            "state": self.state, "aud": BASE, "code_challenge": challenge(self.verifier),
            "code_challenge_method": "S256",
        }  # fmt: skip
        return "/fhir/auth/authorize?" + urlencode({k: v for k, v in (asked | said).items() if v is not None})

    def form(self, **said: Any) -> dict[str, Any]:
        from egide.cloud.consent.families import FAMILIES

        lines = [line.key for line in lines_of(self.app.scopes.split())]
        usual = {"say": "yes", "scope": lines, "family": list(FAMILIES), "until": next(iter(UNTIL)), "stay": "1"}
        return {k: v for k, v in (usual | said).items() if v is not None}

    def code(self, form: dict[str, Any] | None = None, **said: str | None) -> str:
        """Say yes; the code."""
        answer = self.client.post(self.address(**said), form or self.form())
        assert answer.status_code == 303, answer.content
        told = parse_qs(urlsplit(answer.headers["Location"]).query)
        assert told["state"] == [self.state]
        assert told["iss"] == [BASE]
        return told["code"][0]

    def exchange(self, code: str, **said: str | None) -> tuple[int, dict[str, Any]]:
        asked: dict[str, str | None] = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "client_id": self.app.client_id,
            "code_verifier": self.verifier,
        }  # fmt: skip
        return ask("token", **asked | said)

    def tokens(self, form: dict[str, Any] | None = None, **said: str | None) -> dict[str, Any]:
        status, told = self.exchange(self.code(form, **said))
        assert status == 200, told
        return told

    def refresh(self, token: str, **said: str | None) -> tuple[int, dict[str, Any]]:
        asked = {"grant_type": "refresh_token", "refresh_token": token, "client_id": self.app.client_id}
        return ask("token", **asked | said)


def challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def ask(where: str, **said: str | None) -> tuple[int, dict[str, Any]]:
    """Post to one of the server's addresses, without a cookie."""
    answer = Client().post(f"/fhir/auth/{where}", {k: v for k, v in said.items() if v is not None})
    return answer.status_code, json.loads(answer.content or b"{}")


def read(path: str, token: str, **headers: str) -> tuple[int, dict[str, Any]]:
    answer = Client().get(f"/fhir/{path}", headers={"Authorization": f"Bearer {token}"} | headers)
    return answer.status_code, json.loads(answer.content)


def signed_in(account: Account, *, at: str = "testserver") -> Client:
    """A browser in which this person signed in, and just showed a factor."""
    client = Client(headers={"host": at})
    client.force_login(account)
    session = client.session
    session[CONFIRMED] = clock.now_ms()
    session.save()
    return client


@pytest.fixture
def own(cast: Cast, registry: Registry) -> Flow:
    """Alice and a public app that reads her own record."""
    return Flow(app=registry.let_in(), reader=cast.alice, client=signed_in(cast.alice))
