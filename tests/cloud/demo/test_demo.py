"""A demo lets anybody be anybody, so it answers its own machine alone, and opens no store but a demo's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from egide.cloud.config.initialise import require_kind
from egide.cloud.options import load
from egide.cloud.people.models import Account
from egide.cloud.people.service import create_account
from egide.cloud.register.models import Store
from egide.errors import ConfigError
from tests.cloud.conftest import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kek")]


@pytest.fixture
def alice(kek: None) -> Account:
    return create_account("patient", "Alice Moreau", NOW)


@pytest.fixture
def staged(kek: None) -> Iterator[None]:
    before, settings.OPTIONS = settings.OPTIONS, replace(settings.OPTIONS, demo=True)
    yield
    settings.OPTIONS = before


@pytest.fixture
def browser() -> Client:
    return Client(headers={"host": "localhost:8000", "accept-language": "en"})


def test_one_click_is_enough_to_be_somebody_else(staged: None, alice: Account, browser: Client) -> None:
    """And nothing of the one before goes with the next."""
    bob = create_account("professional", "Dr Bob Petit", NOW)
    page = browser.get(reverse("demo:cast")).content.decode()
    assert "Alice Moreau" in page
    assert "Dr Bob Petit" in page
    browser.post(reverse("demo:be"), {"who": str(alice.pk)})
    session = browser.session
    session["left"] = "behind"
    session.save()
    browser.post(reverse("demo:be"), {"who": str(bob.pk)})
    assert browser.session["_auth_user_id"] == str(bob.pk)
    assert "left" not in browser.session


def test_every_page_of_a_demo_says_that_it_is_one(staged: None, browser: Client) -> None:
    """So nobody takes its people for patients."""
    assert "nobody here is real" in browser.get(reverse("portal:sign-in")).content.decode()


def test_outside_a_demo_there_is_no_such_door(alice: Account, browser: Client) -> None:
    """Neither the page nor the act; and no page speaks of one."""
    assert browser.get(reverse("demo:cast")).status_code == 404
    assert browser.post(reverse("demo:be"), {"who": str(alice.pk)}).status_code == 404
    assert "_auth_user_id" not in browser.session
    assert "nobody here is real" not in browser.get(reverse("portal:sign-in")).content.decode()


@pytest.mark.parametrize("who", ["", "x", "00000000-0000-4000-8000-00000000dead"])
def test_nobody_cannot_be_played(staged: None, browser: Client, who: str) -> None:
    """404, and nobody is signed in."""
    assert browser.post(reverse("demo:be"), {"who": who}).status_code == 404
    assert "_auth_user_id" not in browser.session


def test_another_site_cannot_click_for_us(staged: None, alice: Account) -> None:
    """The button's form carries its own token."""
    strict = Client(enforce_csrf_checks=True, headers={"host": "localhost:8000"})
    assert strict.post(reverse("demo:be"), {"who": str(alice.pk)}).status_code == 400
    assert "_auth_user_id" not in strict.session


@pytest.mark.parametrize(
    ("headers", "address"),
    [
        pytest.param({"host": "egide.example"}, "127.0.0.1", id="another-host"),
        pytest.param({"host": "localhost.evil.example"}, "127.0.0.1", id="a-host-that-begins-like-ours"),
        pytest.param({"host": ""}, "127.0.0.1", id="no-host"),
        pytest.param({}, "192.0.2.7", id="another-machine"),
        pytest.param({"forwarded": "for=127.0.0.1"}, "127.0.0.1", id="forwarded"),
        pytest.param({"x-forwarded-for": "127.0.0.1"}, "127.0.0.1", id="x-forwarded-for"),
        pytest.param({"x-forwarded-host": "localhost"}, "127.0.0.1", id="x-forwarded-host"),
        pytest.param({"x-real-ip": "127.0.0.1"}, "127.0.0.1", id="x-real-ip"),
        pytest.param({"via": "1.1 front"}, "127.0.0.1", id="via"),
    ],
)
def test_a_demo_answers_its_own_machine_alone(
    staged: None, alice: Account, headers: dict[str, str], address: str
) -> None:
    """Whatever stands before it, or whoever reaches it by another name, gets a refusal and no page."""
    client = Client(headers={"host": "localhost:8000", **headers}, REMOTE_ADDR=address)
    for path in ("/", reverse("demo:cast"), "/fhir/metadata", "/healthz"):
        answer = client.get(path)
        assert answer.status_code == 403
        assert answer.content.startswith(b"egide: access-denied")


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:8000", "[::1]:8000", "[::1]"])
def test_its_own_names_are_answered(staged: None, host: str) -> None:
    """With a port or without."""
    assert Client(headers={"host": host}).get(reverse("demo:cast")).status_code == 200


@pytest.mark.parametrize(("made_for", "asked"), [(True, False), (False, True), (None, True)])
def test_neither_opens_the_other_s_store(made_for: bool | None, asked: bool) -> None:
    """What a store was made for is written in it; one that says nothing is not a demo's."""
    if made_for is not None:
        Store.objects.create(demo=made_for)
    with pytest.raises(ConfigError):
        require_kind(replace(settings.OPTIONS, demo=asked))
    require_kind(replace(settings.OPTIONS, demo=not asked))


@pytest.mark.parametrize(
    "setting", [{"EGIDE_LISTEN": "0.0.0.0", "EGIDE_PEOPLE_HTTPS": "1"}, {"EGIDE_HOSTS": "localhost,egide.example"}]
)
def test_a_demo_that_others_could_reach_does_not_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, setting: dict[str, str]
) -> None:
    """HTTPS in front changes nothing to that."""
    monkeypatch.setenv("EGIDE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("EGIDE_DEMO", "1")
    load.cache_clear()
    assert load().demo
    for name, value in setting.items():
        monkeypatch.setenv(name, value)
    load.cache_clear()
    with pytest.raises(ConfigError):
        load()
    load.cache_clear()
