"""Codes of an app, recovery codes, and guessing."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from egide.cloud.people.models import Account
from egide.cloud.people.service import make_link
from egide.cloud.signin import attested, clock, onetime
from egide.cloud.signin.models import Attempt, Notice
from egide.cloud.signin.tries import MAX_FROM_ADDRESS, MAX_TRIES, WARN_TRIES, WINDOW_MS
from tests.cloud.signin.conftest import (
    Hands,
    browser,
    digits,
    enrol,
    enrol_app,
    enter_by_link,
    is_in,
    present,
    recovery_codes,
)

pytestmark = pytest.mark.django_db


def enter(client: Client, username: str, code: str) -> int:
    return int(client.post("/sign-in/code", {"username": username, "code": code}).status_code)


def test_a_user_name_and_a_code_sign_in(alice: Account, hands: Hands) -> None:
    """For who has no passkey: the random user name and the app's digits."""
    secret = enrol_app(enter_by_link(alice), alice)
    hands.on(60_000)
    client = browser()
    assert enter(client, f" {alice.username[:8]} {alice.username[8:].upper()}", digits(secret)) == 302
    assert is_in(client)


def test_a_wrong_code_costs_the_same_whoever_it_is_for(
    alice: Account, bruno: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many queries, statements verified and codes made for nobody's name, so that time does not tell who exists."""
    enrol_app(enter_by_link(alice), alice)
    work: Counter[str] = Counter()
    for module, name in ((attested, "open_statement"), (onetime, "compare_user_code")):
        real = getattr(module, name)

        def counting(*args: Any, _real: Any = real, _name: str = name, **more: Any) -> Any:
            work[_name] += 1
            return _real(*args, **more)

        monkeypatch.setattr(module, name, counting)
    done = []
    for name in (alice.username, bruno.username, "nobodywhoisknown"):
        client = browser()
        client.get("/sign-in")
        work.clear()
        with CaptureQueriesContext(connection) as queries:
            assert enter(client, name, "000000") == 400
        done.append((len(queries), dict(work)))
    assert done[0][1] == {"open_statement": 2, "compare_user_code": 3}
    assert done[1] == done[2]
    assert done[0][1] == done[1][1]
    assert abs(done[0][0] - done[1][0]) <= 1


def test_after_a_link_the_code_alone_is_asked(alice: Account, hands: Hands) -> None:
    """The link said who; the app says that it is them."""
    secret = enrol_app(enter_by_link(alice), alice)
    hands.on(60_000)
    client = browser()
    client.post("/sign-in", {"code": make_link(alice, clock.now_ms())})
    assert b'name="username"' not in client.get("/sign-in/second").content
    assert client.post("/sign-in/code", {"code": digits(secret)}).status_code == 302
    assert is_in(client)


def test_secrets_lie_sealed_in_rows_and_sessions(alice: Account) -> None:
    """Neither the app's key nor the codes' seed is readable, nor works in another person's row."""
    client = enter_by_link(alice)
    client.get("/security/app")
    waiting = client.session["signin.totp"]
    secret = enrol_app(client, alice)
    rows = json.dumps([row.data for row in Authenticator.objects.filter(user=alice)])
    tables = rows + json.dumps(waiting) + "".join(Session.objects.values_list("session_data", flat=True))
    assert secret not in tables
    for code in recovery_codes(alice):
        assert code not in tables


def test_a_sealed_secret_opens_for_nobody_else(alice: Account, bruno: Account, hands: Hands) -> None:
    """An app's row copied to another account does not open it."""
    secret = enrol_app(enter_by_link(alice), alice)
    enrol_app(enter_by_link(bruno), bruno)
    copied = Authenticator.objects.get(user=alice, type="totp").data
    Authenticator.objects.filter(user=bruno, type="totp").update(data=copied)
    hands.on(60_000)
    assert enter(browser(), bruno.username, digits(secret)) == 400


@pytest.mark.parametrize("step", [-1, 0, 1])
def test_a_code_is_good_once(alice: Account, hands: Hands, step: int) -> None:
    """Seen over a shoulder and typed again, within its window or in another process, it opens nothing."""
    secret = enrol_app(enter_by_link(alice), alice)
    hands.on(120_000)
    code = digits(secret, step=step)
    assert enter(browser(), alice.username, code) == 302
    assert enter(browser(), alice.username, code) == 400
    hands.on(30_000)
    assert enter(browser(), alice.username, code) == 400


@pytest.mark.parametrize("step", [-2, 2, 100])
def test_a_code_of_another_time_is_refused(alice: Account, hands: Hands, step: int) -> None:
    """One step around now, no more."""
    secret = enrol_app(enter_by_link(alice), alice)
    hands.on(600_000)
    assert enter(browser(), alice.username, digits(secret, step=step)) == 400


def test_a_stolen_recovery_code_works_once_and_is_told(alice: Account) -> None:
    """Whoever comes second is out, and the owner reads that a code was used."""
    inside = enter_by_link(alice)
    enrol(inside)
    code = recovery_codes(alice)[3]
    assert enter(browser(), alice.username, code) == 302
    assert enter(browser(), alice.username, code) == 400
    Authenticator.objects.filter(user=alice, type="recovery_codes").update(
        data=Authenticator.objects.get(user=alice, type="recovery_codes").data | {"used_mask": 0}
    )
    assert enter(browser(), alice.username, code) == 400  # nor when somebody rewinds the row
    assert code.replace(" ", "") not in "".join(recovery_codes(alice)[:3])
    assert b"A recovery code was used" in inside.get("/security").content


def test_new_recovery_codes_end_the_old_ones(alice: Account) -> None:
    """And are shown once."""
    inside = enter_by_link(alice)
    enrol(inside)
    old = recovery_codes(alice)[0]
    assert inside.post("/security/codes/renew").status_code == 302
    new = recovery_codes(alice)[0]
    assert new.encode() in inside.get("/security/codes").content
    inside.post("/security/codes")
    assert inside.get("/security/codes").status_code == 302
    assert enter(browser(), alice.username, old) == 400
    assert enter(browser(), alice.username, new) == 302


def test_nobody_learns_who_has_an_account(alice: Account, bruno: Account, hands: Hands) -> None:
    """Unknown, without an app, with a wrong code, then too many tries: the same answers for all."""
    enrol_app(enter_by_link(alice), alice)
    hands.on(60_000)
    answers = []
    for name in (alice.username, bruno.username, "nobodyatallhere2"):
        Attempt.objects.all().delete()
        client = browser()
        one = [client.post("/sign-in/code", {"username": name, "code": "123456"}) for _ in range(MAX_TRIES + 1)]
        answers.append([(a.status_code, _without_token(a.content)) for a in one])
    assert answers[0] == answers[1] == answers[2]
    assert answers[0][0][0] == 400
    assert answers[0][-1][0] == 429


def _without_token(page: bytes) -> bytes:
    return b"\n".join(line for line in page.splitlines() if b"csrfmiddlewaretoken" not in line)


def test_stuffing_locks_nobody_else_out(alice: Account, hands: Hands) -> None:
    """Thousands may guess at Alice's name: her own browser, her passkey and her link still open."""
    inside = enter_by_link(alice)
    key = enrol(inside)
    secret = enrol_app(inside, alice)
    hands.on(60_000)
    guesser = browser()
    statuses = [enter(guesser, alice.username, f"{n:06}") for n in range(MAX_TRIES + 5)]
    assert statuses[-1] == 429
    assert enter(guesser, alice.username, digits(secret)) == 429  # even a lucky guess
    inside.post("/sign-out")
    assert enter(inside, alice.username, digits(secret)) == 302
    assert present(browser(), key).status_code == 302


def test_an_address_that_tries_many_names_is_slowed(alice: Account, hands: Hands) -> None:
    """Lists of stolen names and codes: after thirty wrong ones, this address waits; others do not."""
    secret = enrol_app(enter_by_link(alice), alice)
    hands.on(60_000)
    guesser = browser(REMOTE_ADDR="192.0.2.7")
    statuses = [enter(guesser, f"somebody{n}", "000000") for n in range(MAX_FROM_ADDRESS + 1)]
    assert statuses[-2:] == [400, 429]
    assert enter(browser(REMOTE_ADDR="192.0.2.7"), alice.username, digits(secret)) == 429
    assert enter(browser(REMOTE_ADDR="192.0.2.8"), alice.username, digits(secret)) == 302
    hands.on(WINDOW_MS + 30_000)
    assert enter(browser(REMOTE_ADDR="192.0.2.7"), alice.username, digits(secret)) == 302


def test_the_owner_is_told_of_several_wrong_codes(alice: Account, bruno: Account, hands: Hands) -> None:
    """Whoever typed them: a stranger, or somebody at a session found open. Once in a quarter of an hour, not more."""
    inside = enter_by_link(alice)
    enrol_app(inside, alice)
    hands.on(60_000)
    told = Notice.objects.filter(account=alice, kind="wrong-codes")
    stranger = browser()
    for n in range(WARN_TRIES - 1):
        enter(stranger, alice.username, f"{n:06}")
    assert not told.exists()
    for n in range(WARN_TRIES):
        enter(stranger, alice.username, f"{n:06}")
    assert told.count() == 1
    assert b"Several wrong codes were tried" in inside.get("/security").content
    hands.on(WINDOW_MS + 1)
    for _ in range(WARN_TRIES):
        assert inside.post("/security/confirm", {"code": "000000"}).status_code == 400
    assert told.count() == 2
    assert not Notice.objects.filter(account=bruno).exists()


def test_several_wrong_codes_cost_the_same_whoever_they_are_for(alice: Account, hands: Hands) -> None:
    """At the try that tells the owner, and after: as many queries for a name that nobody has, and nothing is kept."""
    enrol_app(enter_by_link(alice), alice)
    hands.on(60_000)
    before = Notice.objects.count()
    done = []
    for name in ("nobodywhoisknown", alice.username):
        client, costs = browser(), []
        client.get("/sign-in")
        for n in range(WARN_TRIES + 2):
            with CaptureQueriesContext(connection) as queries:
                assert enter(client, name, f"{n:06}") == 400
            costs.append(len(queries))
        done.append(costs)
        assert Notice.objects.count() == before + (name == alice.username)
    assert all(abs(one - other) <= 1 for one, other in zip(*done, strict=True)), done


def test_tries_tell_neither_names_nor_addresses(alice: Account) -> None:
    """What is counted is a keyed hash."""
    enter(browser(REMOTE_ADDR="192.0.2.7"), alice.username, "000000")
    kept = b"".join(bytes(row.bucket) for row in Attempt.objects.all())
    assert len(kept) == 64
    assert alice.username.encode() not in kept
    assert b"192.0.2.7" not in kept


def test_a_forged_cookie_makes_no_browser_known(alice: Account) -> None:
    """Only our signature does."""
    guesser = browser()
    guesser.cookies["egide_known"] = "eyJuIjoiYSIsImEiOltdfQ:1abc:forged"
    statuses = [enter(guesser, alice.username, "000000") for _ in range(MAX_TRIES + 1)]
    assert statuses[-1] == 429


def test_a_refused_sign_in_is_logged_without_anybody(alice: Account, caplog: pytest.LogCaptureFixture) -> None:
    """A line with a code for each; no name, no code that was typed, no address."""
    caplog.set_level("INFO", logger="egide.signin")
    client = browser()
    assert enter(client, alice.username, "123456") == 400
    assert client.post("/sign-in/passkey", {"credential": "{}"}).status_code == 400
    lines = [record.getMessage() for record in caplog.records if record.name == "egide.signin"]
    assert lines == ["sign-in-refused code factor-refused", "sign-in-refused webauthn factor-refused"]
