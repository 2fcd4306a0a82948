"""Sessions: begun afresh, listed, ended, told of, and none that another person planted."""

from __future__ import annotations

import re

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from typer.testing import CliRunner

from egide.cli import app
from egide.cloud.people.models import Account
from egide.cloud.people.service import make_link
from egide.cloud.signin import clock, life
from egide.cloud.signin.models import Notice, OpenSession
from tests.cloud.signin.conftest import (
    PHONE,
    Hands,
    ask,
    browser,
    digits,
    enrol,
    enrol_app,
    enter_by_link,
    is_in,
    present,
)

pytestmark = pytest.mark.django_db
HOUR_MS = 3_600_000


@pytest.mark.parametrize("way", ["link", "passkey", "code"])
def test_a_session_planted_before_signing_in_is_worth_nothing(alice: Account, hands: Hands, way: str) -> None:
    """Session fixation: whoever gave the browser its cookie does not share what comes after."""
    inside = enter_by_link(alice)
    key, secret = enrol(inside), enrol_app(inside, alice)
    hands.on(60_000)
    victim = browser()
    ask(victim)
    planted = victim.cookies["sessionid"].value
    if way == "passkey":
        present(victim, key)
    elif way == "code":
        victim.post("/sign-in/code", {"username": alice.username, "code": digits(secret)})
    else:
        victim.post("/sign-in", {"code": make_link(alice, clock.now_ms())})
    attacker = browser()
    attacker.cookies["sessionid"] = planted
    assert victim.cookies["sessionid"].value != planted
    assert not is_in(attacker)
    assert attacker.get("/sign-in/second").headers["Location"] == "/sign-in"


@pytest.mark.parametrize(
    "address",
    ["/sign-in/passkey", "/sign-in/passkey/options", "/sign-in/code", "/security/passkeys",
     "/security/passkeys/options", "/security/codes/renew", "/security/sessions/end-others", "/security/confirm",
     "/security/factors/1/remove", "/security/recovery/stop", "/security/stay", "/welcome", "/desk/recovery"],
)  # fmt: skip
def test_a_form_of_another_site_does_nothing(alice: Account, address: str) -> None:
    """CSRF: without our token, every act is refused."""
    client = browser(enforce_csrf_checks=True)
    client.force_login(alice)
    answer = client.post(address, {"code": "123456"})
    assert answer.status_code == 400
    assert b"form-expired" in answer.content


@pytest.mark.parametrize("there", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_no_sign_in_leads_elsewhere(alice: Account, there: str, hands: Hands) -> None:
    """Open redirects: after a passkey, a code, a link or a confirmation one lands on a page of ours."""
    inside = enter_by_link(alice)
    key, secret = enrol(inside), enrol_app(inside, alice)
    hands.on(60_000)
    client = browser()
    sent = {"credential": key.use(ask(client)), "next": there}
    assert client.post("/sign-in/passkey", sent).headers["Location"] == "/"
    sent = {"username": alice.username, "code": digits(secret), "next": there}
    assert browser().post("/sign-in/code", sent).headers["Location"] == "/"
    hands.on(60_000)
    sent = {"code": digits(secret), "next": there}
    assert inside.post("/security/confirm", sent).headers["Location"] == "/security"
    assert there not in inside.get("/security/confirm", {"next": there}).content.decode()


def test_sessions_are_listed_in_plain_words(alice: Account) -> None:
    """What kind of device, the current one marked; not the browser's own text, and no address."""
    here = enter_by_link(alice)
    enter_by_link(alice, client=browser(agent=PHONE, REMOTE_ADDR="192.0.2.7"))
    page = here.get("/security").content.decode()
    assert "computer (Windows), Firefox</strong> · this session" in page
    assert "phone (Android), Chrome</strong></p>" in page
    kept = " ".join(f"{row.session_key} {row.device} {row.method}" for row in OpenSession.objects.all())
    assert "192.0.2.7" not in kept
    assert "Pixel" not in kept
    assert here.cookies["sessionid"].value not in kept


def test_one_session_is_ended_by_another(alice: Account) -> None:
    """At once: its next request is nobody's."""
    here, there = enter_by_link(alice), enter_by_link(alice, client=browser(agent=PHONE))
    address = re.search(r'action="(/security/sessions/[0-9a-f-]{36}/end)"', here.get("/security").content.decode())
    assert address is not None
    assert here.post(address[1]).status_code == 302
    assert there.get("/me").status_code == 302
    assert here.get("/me").status_code == 200


def test_all_other_sessions_end_together(alice: Account, bruno: Account) -> None:
    """Alice's, not Bruno's, and not the one in hand. No factor is asked: it narrows."""
    here = enter_by_link(alice)
    others = [enter_by_link(alice) for _ in range(3)]
    his = enter_by_link(bruno)
    assert here.post("/security/sessions/end-others").headers["Location"] == "/security"
    assert [c.get("/me").status_code for c in (*others, his, here)] == [302, 302, 302, 200, 200]


def test_a_session_opened_any_other_way_is_listed_and_ended_too(alice: Account) -> None:
    """A provider's sign-in, the demo's: what signs in through Django cannot forget to say so."""
    here, other = enter_by_link(alice), browser()
    other.force_login(alice)
    assert OpenSession.objects.filter(account=alice).count() == 2
    here.post("/security/sessions/end-others")
    assert other.get("/me").status_code == 302


def test_nobody_ends_another_person_s_session(alice: Account, bruno: Account) -> None:
    """The number of a session is not enough: it must be one's own."""
    his = enter_by_link(bruno)
    number = OpenSession.objects.get(account=bruno).number
    enter_by_link(alice).post(f"/security/sessions/{number}/end")
    assert his.get("/me").status_code == 200


def test_signing_out_leaves_no_session_behind(alice: Account) -> None:
    """Neither in Django's table nor in the list."""
    client = enter_by_link(alice)
    client.post("/sign-out")
    assert not OpenSession.objects.exists()
    assert not Session.objects.exists()


def test_a_sign_in_from_an_unknown_device_is_told(alice: Account) -> None:
    """In the sessions that are open; a browser that signed in before is not news."""
    here = enter_by_link(alice)
    key = enrol(here)
    here.post("/security/notices/read")
    assert b"(1<span" not in here.get("/security").content
    there = browser(agent=PHONE)
    present(there, key)
    page = here.get("/security").content
    assert b"(1<span" in page
    assert b"not known here: phone (Android), Chrome" in page
    there.post("/sign-out")
    present(there, key)
    assert Notice.objects.filter(account=alice, kind="sign-in", read_ms=None).count() == 1
    here.post("/security/notices/read")
    assert b"(1<span" not in here.get("/security").content


def test_a_session_ends_after_eight_hours_unless_its_owner_stays(alice: Account, hands: Hands) -> None:
    """And after a day at most, however often they stay."""
    left, stays = enter_by_link(alice), enter_by_link(alice)
    hands.on(life.LIFE_MS - 60_000)
    assert stays.post("/security/stay").content == str(life.LIFE_MS // 1000).encode()
    hands.on(60_000)
    assert left.get("/me").status_code == 302
    assert stays.get("/me").status_code == 200
    hands.on(life.LIFE_MS - 120_000)
    stays.post("/security/stay")
    hands.on(life.LIFE_MS - 1)
    stays.post("/security/stay")
    hands.on(120_001)
    assert stays.get("/me").status_code == 302


def test_looking_at_a_page_again_writes_nothing(alice: Account, hands: Hands) -> None:
    """A page that asks every two seconds takes no lock from intake; every five minutes it is noted that it is open."""
    client = enter_by_link(alice)
    client.get("/security")
    with CaptureQueriesContext(connection) as asked:
        client.get("/security")
    assert [q["sql"] for q in asked if not q["sql"].startswith("SELECT")] == []
    hands.on(300_000)
    client.get("/security")
    assert OpenSession.objects.get(account=alice).seen_ms == hands.now_ms


def test_pages_say_when_the_session_ends(alice: Account) -> None:
    """So that a script can warn in time; nothing inline, the policy stays strict."""
    client = enter_by_link(alice)
    answer = client.get("/me")
    assert b'data-left="28800" data-warn="120"' in answer.content
    assert b"Stay signed in" in client.get("/security/ending").content
    assert b"<script>" not in answer.content
    assert "unsafe" not in answer.headers["Content-Security-Policy"]


def test_pages_of_an_account_are_kept_by_no_browser(alice: Account) -> None:
    """Behind the back button of a shared computer there is nothing."""
    client = enter_by_link(alice)
    enrol(client)
    for address in ("/security", "/security/confirm", "/security/app", "/sign-in"):
        assert "no-store" in client.get(address).headers["Cache-Control"], address


@pytest.mark.parametrize("address", ["/security", "/security/confirm", "/security/app", "/security/codes"])
def test_pages_of_an_account_are_for_who_signed_in(address: str) -> None:
    """Others are shown the way in, and come back."""
    answer = Client().get(address)
    assert answer.headers["Location"].startswith("/sign-in?next=%2Fsecurity")


def test_who_runs_the_platform_ends_every_session_of_a_person(alice: Account, bruno: Account) -> None:
    """At the next request; somebody else's session lasts."""
    here, there, other = enter_by_link(alice), enter_by_link(alice), enter_by_link(bruno)
    said = CliRunner().invoke(app, ["person", "sign-out", alice.username])
    assert (said.exit_code, said.stdout) == (0, "2\n")
    assert [client.get("/security").status_code for client in (here, there, other)] == [302, 302, 200]


def test_behind_https_no_other_host_can_set_our_cookies(alice: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their names begin with __Host-, which browsers take from this host alone, over TLS, for the whole of it."""
    monkeypatch.setattr(settings, "SESSION_COOKIE_SECURE", True)
    monkeypatch.setattr(settings, "SESSION_COOKIE_NAME", "__Host-sessionid")
    client = enter_by_link(alice)
    for name in ("__Host-sessionid", "__Host-egide_known"):
        cookie = client.cookies[name]
        assert (cookie["secure"], cookie["path"], cookie["domain"]) == (True, "/", "")
    assert "egide_known" not in client.cookies
