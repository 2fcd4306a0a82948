"""Signing in by a one-time link, and out."""

from __future__ import annotations

import dataclasses
import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from egide.cloud.people.models import Account
from egide.cloud.people.service import create_account, make_link
from tests.cloud.conftest import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kek")]


@pytest.fixture
def alice(kek: None) -> Account:
    return create_account("patient", "Alice Moreau", NOW)


def test_a_code_signs_in_once_and_gives_the_session_another_key(alice: Account) -> None:
    """The key that a browser had before signing in is worth nothing afterwards."""
    client = Client()
    client.get("/sign-in")
    session = client.session
    session["seen"] = "before"
    session.save()
    client.cookies["sessionid"] = session.session_key or ""
    before = session.session_key
    code = make_link(alice, NOW)
    answer = client.post("/sign-in", {"code": code})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    assert client.cookies["sessionid"].value != before
    again = Client().post("/sign-in", {"code": code})
    assert again.status_code == 400
    assert b"sign-in-refused" in again.content


def test_a_code_in_an_address_does_not_sign_in(alice: Account) -> None:
    """The secret travels in a form's body only."""
    client = Client()
    client.get("/sign-in", {"code": make_link(alice, NOW)})
    assert "sessionid" not in client.cookies


def test_signing_out_empties_the_table(alice: Account) -> None:
    """The cookie of a closed session opens nothing."""
    client = Client()
    client.post("/sign-in", {"code": make_link(alice, NOW)})
    kept = client.cookies["sessionid"].value
    assert Session.objects.count() == 1
    assert client.post("/sign-out").status_code == 200
    assert Session.objects.count() == 0
    client.cookies["sessionid"] = kept
    assert client.get("/me").status_code == 302


def test_signing_out_needs_a_form() -> None:
    """A link or an image on another site cannot sign anybody out."""
    assert Client().get("/sign-out").status_code == 405


def test_a_form_from_elsewhere_is_refused(alice: Account) -> None:
    """Without our token a form does nothing, and says so kindly."""
    client = Client(enforce_csrf_checks=True)
    answer = client.post("/sign-in", {"code": make_link(alice, NOW)})
    assert answer.status_code == 400
    assert b"form-expired" in answer.content


@pytest.mark.parametrize("there", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "me"])
def test_signing_in_never_leads_elsewhere(alice: Account, there: str) -> None:
    """`next` is one of our own paths, or the home page."""
    answer = Client().post("/sign-in", {"code": make_link(alice, NOW), "next": there})
    assert answer.headers["Location"] == "/"


def test_signing_in_leads_back_to_the_page_that_was_asked_for(alice: Account) -> None:
    """Who was stopped at a page goes on to it."""
    client = Client()
    stopped = client.get("/me?period=7d")
    assert stopped.headers["Location"] == "/sign-in?next=/me%3Fperiod%3D7d"
    answer = client.post("/sign-in", {"code": make_link(alice, NOW), "next": "/me?period=7d"})
    assert answer.headers["Location"] == "/me?period=7d"


def test_a_closed_account_is_out_at_once(alice: Account) -> None:
    """Closing an account closes its sessions."""
    client = Client()
    client.post("/sign-in", {"code": make_link(alice, NOW)})
    Account.objects.filter(pk=alice.pk).update(is_active=False)
    assert client.get("/me").status_code == 302


def test_signing_in_forgets_the_sessions_that_are_over(alice: Account) -> None:
    """Theirs and everybody's; those that last stay."""
    over, lasting = timezone.now() - timedelta(seconds=1), timezone.now() + timedelta(hours=1)
    Session.objects.create(session_key="over", session_data="", expire_date=over)
    Session.objects.create(session_key="lasting", session_data="", expire_date=lasting)
    Client().post("/sign-in", {"code": make_link(alice, NOW)})
    keys = set(Session.objects.values_list("session_key", flat=True))
    assert "over" not in keys
    assert "lasting" in keys
    assert len(keys) == 2


@pytest.mark.parametrize(("origin", "status"), [("https://egide.example", 302), ("https://evil.example", 400)])
def test_a_form_behind_https_signs_in(
    alice: Account, settings: Any, origin: str, status: int
) -> None:
    """What speaks HTTPS before us talks HTTP to us: the browser's origin is https, and is ours by its name."""
    options = dataclasses.replace(settings.OPTIONS, people_https=True, public_host="egide.example")
    settings.ALLOWED_HOSTS = ["egide.example"]
    settings.CSRF_TRUSTED_ORIGINS = options.people_origins()
    client = Client(enforce_csrf_checks=True, headers={"host": "egide.example"})
    form = client.get("/sign-in").content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form)
    assert token is not None
    answer = client.post(
        "/sign-in", {"code": make_link(alice, NOW), "csrfmiddlewaretoken": token[1]}, headers={"origin": origin}
    )
    assert answer.status_code == status
