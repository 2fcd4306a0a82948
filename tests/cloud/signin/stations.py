"""Shared workstations: who sits down at one, and how."""

from __future__ import annotations

from typing import Any

from django.test import Client

from egide.cloud.people.establishments import home
from egide.cloud.people.models import Account
from egide.cloud.people.offices import seat
from egide.cloud.people.service import create_account
from tests.cloud.conftest import NOW
from tests.cloud.signin.authenticator import Passkey
from tests.cloud.signin.conftest import present

IDLE_MS = 300_000
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
PAGE = {"Sec-Fetch-Mode": "navigate", "Accept": "text/html"}
FETCH = {"Sec-Fetch-Mode": "cors", "Accept": "*/*"}


def officer(name: str, office: str) -> Account:
    account = create_account("operator", name, NOW - 1_000)
    seat(account, home(NOW - 1_000), office, by=(account, account), now_ms=NOW - 1_000, how="ceremony")
    return account


def mark(client: Client, label: str = "Nurses' desk", **more: str) -> Any:
    return client.post("/desk/workstations", {"label": label, "place": str(home(NOW).pk), **more})


def seated(client: Client, who: tuple[Account, Passkey]) -> Client:
    assert present(client, who[1]).status_code == 302
    return client


def at(client: Client, path: str) -> int:
    return client.get(path, headers=PAGE).status_code
