"""Clients of the portal, and its clock."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from egide.cloud.people.models import Account
from egide.cloud.portal import live
from egide.cloud.signin import clock
from egide.cloud.signin.factors import mark_confirmed
from tests.cloud.conftest import NOW

Enter = Callable[[Account], Client]


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages believe that it is NOW, and remember nothing of another test."""
    live.forget()
    monkeypatch.setattr(live, "now_ms", lambda: NOW)


def confirmed(client: Client) -> Client:
    """As if a factor had just been presented in this browser."""
    session = client.session
    mark_confirmed(session, now_ms=clock.now_ms())
    session.save()
    return client


@pytest.fixture
def enter() -> Enter:
    """A browser in which somebody has signed in, speaking English so that tests read well."""

    def open_for(account: Account) -> Client:
        client = Client(headers={"accept-language": "en"})
        client.force_login(account)
        return client

    return open_for
