"""Browsers, their clock, and people who sign in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from django.test import Client

from egide.cloud.people.establishments import home
from egide.cloud.people.models import Account
from egide.cloud.people.offices import seat
from egide.cloud.people.service import create_account, make_link
from egide.cloud.portal import live
from egide.cloud.signin import clock
from egide.cloud.signin.enrolment import open_secret
from egide.cloud.signin.onetime import unused_codes
from egide.cloud.signin.workstations import COOKIE
from tests.cloud.conftest import NOW
from tests.cloud.signin.authenticator import Passkey
from tests.support.ward import Ward

Browse = Callable[[], Client]
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
PHONE = "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36"


@dataclass(slots=True)
class Hands:
    """The clock's hands."""

    now_ms: int = NOW

    def on(self, ms: int) -> None:
        self.now_ms += ms


@pytest.fixture(autouse=True)
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    """It is NOW, until a test moves the hands."""
    moved = Hands()
    live.forget()
    monkeypatch.setattr(clock, "now_ms", lambda: moved.now_ms)
    monkeypatch.setattr(live, "now_ms", lambda: moved.now_ms)
    return moved


def browser(**more: Any) -> Client:
    """A clean browser that speaks English."""
    headers = {"accept-language": "en", "host": "localhost", "user-agent": more.pop("agent", FIREFOX)}
    return Client(headers=headers, **more)


@pytest.fixture
def alice(ward: Ward) -> Account:
    return ward.patient("Alice Moreau")


@pytest.fixture
def bruno(ward: Ward) -> Account:
    return ward.patient("Bruno Petit")


def enter_by_link(account: Account, *, client: Client | None = None) -> Client:
    client = client or browser()
    assert client.post("/sign-in", {"code": make_link(account, clock.now_ms())}).status_code == 302
    return client


def enrol(client: Client, **how: Any) -> Passkey:
    """Make a passkey in an open session, and keep the recovery codes."""
    key = Passkey(**how)
    answer = client.post("/security/passkeys", {"credential": key.make(ask_new(client)), "name": "Mon téléphone"})
    assert answer.status_code == 302, answer.content
    assert answer.headers["Location"] in ("/security/codes", "/security")
    client.post("/security/codes")
    return key


def ask_new(client: Client) -> str:
    answer = client.post("/security/passkeys/options")
    assert answer.status_code == 200
    return answer.content.decode()


def ask(client: Client) -> str:
    return client.post("/sign-in/passkey/options").content.decode()


def present(client: Client, key: Passkey, **over: Any) -> Any:
    """Sign in with a passkey."""
    return client.post("/sign-in/passkey", {"credential": key.use(ask(client), **over)})


def is_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def enrol_app(client: Client, account: Account) -> str:
    """Set up a code app; its secret."""
    client.get("/security/app")
    secret = open_secret(account, client.session["signin.totp"])
    assert client.post("/security/app", {"code": digits(secret)}).status_code == 302
    client.post("/security/codes")
    return secret


def digits(secret: str, *, step: int = 0) -> str:
    counter = clock.now_ms() // 30_000 + step
    return str(totp.format_hotp_value(totp.hotp_value(secret, counter)))


def recovery_codes(account: Account) -> list[str]:
    return unused_codes(account)


def factor_count(account: Account) -> int:
    return int(Authenticator.objects.filter(user=account).count())


@pytest.fixture
def adele(ward: Ward) -> Account:
    account = create_account("operator", "Adèle Mine", NOW - 1_000)
    seat(account, home(NOW - 1_000), "administrator", by=(account, account), now_ms=NOW - 1_000, how="ceremony")
    return account


@pytest.fixture
def marked(adele: Account) -> Callable[[], Client]:
    """A browser on one shared workstation, with nobody signed in; each call is another browser of that computer."""
    first = enter_by_link(adele)
    form = {"label": "Nurses' desk", "place": str(home(NOW).pk)}
    assert first.post("/desk/workstations", form).status_code == 302
    cookie = first.cookies[COOKIE].value
    first.post("/sign-out")

    def another() -> Client:
        client = browser()
        client.cookies[COOKIE] = cookie
        return client

    return another


@pytest.fixture
def nurse(ward: Ward) -> tuple[Account, Passkey]:
    account = create_account("professional", "Nora Nuit", NOW - 1_000)
    return account, enrol(enter_by_link(account))


@pytest.fixture
def doctor(ward: Ward) -> tuple[Account, Passkey]:
    account = create_account("professional", "Dora Jour", NOW - 1_000)
    return account, enrol(enter_by_link(account))
