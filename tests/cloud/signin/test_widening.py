"""A factor again for what widens; never for what narrows. A first factor only on a fresh link."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from egide.cloud.people.models import Account
from egide.cloud.people.service import make_link
from egide.cloud.signin import clock
from egide.cloud.signin.attested import has_factor
from egide.cloud.signin.factors import CONFIRM_MS, FIRST_MS, confirmed_recently, widening
from egide.cloud.signin.models import OpenSession
from tests.cloud.signin.conftest import (
    Hands,
    browser,
    digits,
    enrol,
    enrol_app,
    enter_by_link,
    factor_count,
    is_in,
    present,
    recovery_codes,
)

pytestmark = pytest.mark.django_db


@widening
def grant(request: HttpRequest) -> HttpResponse:
    return HttpResponse("granted")


def asked(client: Any, account: Account, *, method: str = "get", **headers: str) -> HttpResponse:
    """Run a widening view in this browser's session."""
    request = getattr(RequestFactory(headers={"host": "localhost", **headers}), method)("/share?who=1")
    request.session, request.user = client.session, account
    return grant(request)


def test_a_factor_just_shown_lets_a_widening_act_through(alice: Account, hands: Hands) -> None:
    """For five minutes, then it is asked again, and leads back to the page."""
    key = enrol(enter_by_link(alice))
    client = browser()
    present(client, key)
    assert asked(client, alice).content == b"granted"
    hands.on(CONFIRM_MS)
    assert asked(client, alice).headers["Location"] == "/security/confirm?next=%2Fshare%3Fwho%3D1"
    options = client.post("/security/confirm/options").content.decode()
    sent = {"credential": key.use(options), "next": "/share?who=1"}
    assert client.post("/security/confirm", sent).headers["Location"] == "/share?who=1"
    assert asked(client, alice).content == b"granted"


def test_a_code_confirms_too(alice: Account, hands: Hands) -> None:
    """Once; a wrong one does not, and is counted in this session only."""
    client = enter_by_link(alice)
    secret = enrol_app(client, alice)
    hands.on(CONFIRM_MS)
    assert client.post("/security/confirm", {"code": "000000"}).status_code == 400
    assert client.post("/security/confirm", {"code": digits(secret)}).status_code == 302
    assert asked(client, alice).content == b"granted"
    hands.on(CONFIRM_MS)
    statuses = [client.post("/security/confirm", {"code": "000000"}).status_code for _ in range(12)]
    assert statuses[-1] == 429
    assert browser().post("/sign-in/code", {"username": alice.username, "code": digits(secret)}).status_code == 302


@pytest.mark.parametrize("way", ["passkey", "code"])
def test_a_factor_shown_again_gives_the_session_another_key(alice: Account, hands: Hands, way: str) -> None:
    """Whoever copied the cookie before cannot widen with it, nor read; the session stays one line, one's own."""
    client = enter_by_link(alice)
    key, secret = enrol(client), enrol_app(client, alice)
    hands.on(CONFIRM_MS)
    thief = browser()
    thief.cookies["sessionid"] = client.cookies["sessionid"].value
    assert thief.get("/security").status_code == 200
    number = OpenSession.objects.get(account=alice).number
    if way == "passkey":
        sent = {"credential": key.use(client.post("/security/confirm/options").content.decode())}
    else:
        sent = {"code": digits(secret)}
    assert client.post("/security/confirm", sent).status_code == 302
    assert thief.get("/security").status_code == 302
    assert asked(client, alice).content == b"granted"
    assert OpenSession.objects.get(account=alice).number == number
    assert client.get("/security").content.count(b"this session") == 1


def test_a_session_ended_while_a_factor_is_shown_stays_ended(alice: Account, hands: Hands) -> None:
    """The new key is not a way back for what its owner ended at the same instant."""
    client = enter_by_link(alice)
    secret = enrol_app(client, alice)
    hands.on(CONFIRM_MS)
    OpenSession.objects.filter(account=alice).delete()  # as `end_all` does first
    assert client.post("/security/confirm", {"code": digits(secret)}).status_code == 302
    assert not is_in(client)


def test_another_person_s_factor_confirms_nothing(alice: Account, bruno: Account, hands: Hands) -> None:
    """In Alice's session, Bruno's passkey is a stranger's."""
    client = enter_by_link(alice)
    enrol(client)
    his = enrol(enter_by_link(bruno))
    hands.on(CONFIRM_MS)
    options = client.post("/security/confirm/options").content.decode()
    assert client.post("/security/confirm", {"credential": his.use(options)}).status_code == 400
    assert asked(client, alice).status_code == 302


def test_an_old_session_cannot_widen(alice: Account, hands: Hands) -> None:
    """Yesterday's session, or one that a link opened, reads and closes; it opens nothing."""
    client = enter_by_link(alice)
    assert asked(client, alice).headers["Location"].startswith("/security/confirm")
    assert b"has none yet" in client.get("/security/confirm").content


def test_a_form_that_came_too_late_leads_back_to_its_page(alice: Account) -> None:
    """Not to the act itself, and never to another site."""
    client = enter_by_link(alice)
    answer = asked(client, alice, method="post", referer="http://localhost/share?step=2")
    assert answer.headers["Location"] == "/security/confirm?next=%2Fshare%3Fstep%3D2"
    answer = asked(client, alice, method="post", referer="https://evil.example/x")
    assert answer.headers["Location"] == "/security/confirm?next=%2F"


def test_in_a_demo_invented_people_are_not_asked(alice: Account, settings: Any) -> None:
    """Anybody may be anybody there; one that enrolled a factor is asked like everywhere."""
    settings.OPTIONS = dataclasses.replace(settings.OPTIONS, demo=True)
    client = enter_by_link(alice)
    assert asked(client, alice).content == b"granted"
    enrol(client)
    again = browser()
    again.post("/sign-in", {"code": make_link(alice, clock.now_ms())})
    assert is_in(again)  # the link is enough
    assert asked(again, alice).status_code == 302


def test_a_first_factor_is_made_on_a_fresh_link_only(alice: Account, hands: Hands) -> None:
    """Whoever finds a session open an hour later cannot make the account theirs."""
    client = enter_by_link(alice)
    hands.on(FIRST_MS)
    answer = client.post("/security/passkeys/options")
    assert answer.headers["Location"] == "/security#new-link"
    assert client.get("/security/app").status_code == 302
    assert b"Ask for a new link" in client.get("/security").content
    assert not has_factor(alice)


def test_a_second_factor_needs_the_first(alice: Account, hands: Hands) -> None:
    """Within five minutes of showing it; so do removing one and making new recovery codes."""
    client = enter_by_link(alice)
    enrol(client)
    hands.on(CONFIRM_MS)
    count = factor_count(alice)
    for address in ("passkeys/options", "passkeys", "app", "codes/renew", "factors/1/remove"):
        assert client.post(f"/security/{address}").headers["Location"].startswith("/security/confirm"), address
    assert factor_count(alice) == count
    client.post("/security/confirm", {"code": recovery_codes(alice)[0]})
    assert client.get("/security/app").status_code == 200


def test_nobody_removes_another_person_s_factor(alice: Account, bruno: Account) -> None:
    """The number of a factor in the address is not a right to it."""
    enrol(enter_by_link(bruno))
    his = bruno.pk
    client = enter_by_link(alice)
    enrol(client)
    numbers = list(range(1, 50))
    from allauth.mfa.models import Authenticator

    numbers += list(Authenticator.objects.filter(user_id=his).values_list("pk", flat=True))
    mine = set(Authenticator.objects.filter(user=alice).values_list("pk", flat=True))
    for number in set(numbers) - mine:
        assert client.post(f"/security/factors/{number}/remove").status_code == 404
    assert factor_count(bruno) == 2


def test_confirmation_is_not_carried_over(alice: Account) -> None:
    """A session that nobody confirmed is not confirmed, whatever else it holds."""
    client = enter_by_link(alice)
    request = RequestFactory().get("/")
    request.user = alice
    request.session = client.session
    for junk in (True, "now", None, clock.now_ms() + 1, clock.now_ms() - CONFIRM_MS):
        request.session["signin.confirmed"] = junk
        assert not confirmed_recently(request), junk
