"""Signing in with a passkey, and every way in which one that is not right is refused."""

from __future__ import annotations

import json

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.test import Client

from egide.cloud.people.models import Account
from egide.cloud.people.service import make_link
from egide.cloud.register.models import Statement
from egide.cloud.signin import clock
from egide.cloud.signin.attested import has_factor
from egide.cloud.signin.passkeys import CHALLENGE_LIFE_MS
from tests.cloud.signin.authenticator import Passkey
from tests.cloud.signin.conftest import Hands, ask, ask_new, browser, enrol, enter_by_link, is_in, present

pytestmark = pytest.mark.django_db


def test_a_passkey_made_on_the_invitation_signs_in_elsewhere(alice: Account) -> None:
    """No user name, no e-mail, no password: the passkey says who it is."""
    key = enrol(enter_by_link(alice))
    other = browser()
    assert present(other, key).headers["Location"] == "/"
    assert other.get("/me").status_code == 200
    assert EmailAddress.objects.count() == 0


def test_enrolling_and_removing_are_statements_of_the_register(alice: Account) -> None:
    """Whoever has the register sees which keys an account had, and when."""
    client = enter_by_link(alice)
    enrol(client)
    kinds = list(Statement.objects.filter(subject=alice.pk, kind__startswith="factor").values_list("kind", flat=True))
    assert kinds == ["factor", "factor"]  # the passkey, and the recovery codes behind it
    row = Authenticator.objects.get(user=alice, type="webauthn")
    assert client.post(f"/security/factors/{row.pk}/remove").status_code == 302
    assert Statement.objects.filter(subject=alice.pk, kind="factor-end").count() == 2
    assert not has_factor(alice)


def test_with_a_factor_a_link_alone_opens_nothing(alice: Account) -> None:
    """A stolen link waits for the factor, and shows nothing meanwhile."""
    key = enrol(enter_by_link(alice))
    client = browser()
    answer = client.post("/sign-in", {"code": make_link(alice, clock.now_ms())})
    assert answer.headers["Location"].startswith("/sign-in/second")
    assert not is_in(client)
    assert client.get("/me").status_code == 302
    assert b"One more step" in client.get("/sign-in/second").content
    assert present(client, key).status_code == 302
    assert is_in(client)


def test_a_name_of_a_passkey_lies_sealed(alice: Account) -> None:
    """It may say whose phone it is."""
    client = enter_by_link(alice)
    enrol(client)
    assert "téléphone" not in json.dumps(Authenticator.objects.get(user=alice, type="webauthn").data)
    assert "Mon téléphone" in client.get("/security").content.decode()


def test_an_assertion_is_good_once(alice: Account) -> None:
    """Replayed in the same browser or in another, it opens nothing."""
    key = enrol(enter_by_link(alice))
    client = browser()
    answer = key.use(ask(client))
    stolen = Client(headers={"host": "localhost"})
    stolen.cookies["sessionid"] = client.cookies["sessionid"].value
    assert client.post("/sign-in/passkey", {"credential": answer}).status_code == 302
    assert stolen.post("/sign-in/passkey", {"credential": answer}).status_code == 400
    again = browser()
    ask(again)
    assert again.post("/sign-in/passkey", {"credential": answer}).status_code == 400
    assert not is_in(again)


def test_a_challenge_is_good_once_even_if_the_session_forgot(alice: Account) -> None:
    """Two requests that read the session at the same instant: the table decides, not the session."""
    key = enrol(enter_by_link(alice))
    client = browser()
    options = ask(client)
    before = dict(client.session.items())
    assert client.post("/sign-in/passkey", {"credential": key.use(options)}).status_code == 302
    other = browser()
    ask(other)
    session = other.session
    session.update({k: v for k, v in before.items() if not k.startswith("_auth")})
    session.save()
    assert other.post("/sign-in/passkey", {"credential": key.use(options)}).status_code == 400


def test_a_challenge_lapses(alice: Account, hands: Hands) -> None:
    """Five minutes after it was asked, an answer comes too late."""
    key = enrol(enter_by_link(alice))
    client = browser()
    answer = key.use(ask(client))
    hands.on(CHALLENGE_LIFE_MS)
    assert client.post("/sign-in/passkey", {"credential": answer}).status_code == 400


@pytest.mark.parametrize(
    "over",
    [
        pytest.param({"origin": "http://evil.localhost"}, id="below-our-host"),
        pytest.param({"origin": "https://evil.example"}, id="another-site"),
        pytest.param({"origin": "http://localhost:9000"}, id="another-port"),
        pytest.param({"crossOrigin": True}, id="in-a-frame-of-another-site"),
        pytest.param({"type": "webauthn.create"}, id="another-ceremony"),
        pytest.param({"challenge": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}, id="another-challenge"),
        pytest.param({"rp": "evil.example"}, id="another-relying-party"),
    ],
)
def test_an_assertion_made_elsewhere_is_refused(alice: Account, over: dict[str, object]) -> None:
    """A phishing page, a frame, another service on this machine: none can pass on what it obtained."""
    key = enrol(enter_by_link(alice))
    client = browser()
    answer = present(client, key, **over)
    assert answer.status_code == 400
    assert b"factor-refused" in answer.content
    assert not is_in(client)


def test_a_passkey_that_did_not_verify_its_user_is_refused(alice: Account) -> None:
    """A key found on a table needs the finger or the PIN too."""
    key = enrol(enter_by_link(alice))
    key.verifies = False
    assert present(browser(), key).status_code == 400


def test_a_key_that_verifies_nobody_cannot_be_enrolled(alice: Account) -> None:
    """Nor one that was made on another page."""
    client = enter_by_link(alice)
    for key in (Passkey(verifies=False), Passkey(origin="https://evil.example")):
        sent = {"credential": key.make(ask_new(client))}
        assert client.post("/security/passkeys", sent).status_code == 400
    assert not has_factor(alice)


def test_a_copied_key_is_noticed(alice: Account) -> None:
    """A counter that does not go on: two devices hold the key, and the owner is told."""
    client = enter_by_link(alice)
    key = enrol(client, counter=5)
    key.counter = 6
    assert present(browser(), key).status_code == 302
    key.counter = 6
    assert present(browser(), key).status_code == 400
    assert b"copied" in client.get("/security").content


def test_somebody_else_s_passkey_opens_their_account_only(alice: Account, bruno: Account) -> None:
    """A user handle that names another account does not make the key theirs."""
    key = enrol(enter_by_link(alice))
    other = enrol(enter_by_link(bruno))
    key.handle = other.handle
    client = browser()
    assert present(client, key).status_code == 400
    assert not is_in(client)


def test_a_key_written_into_the_table_opens_nothing(alice: Account, bruno: Account) -> None:
    """Whoever can write rows cannot sign statements: no statement names the key, so it does not count."""
    mine = enrol(enter_by_link(bruno))
    enrol(enter_by_link(alice))
    planted = Authenticator.objects.get(user=bruno, type="webauthn")
    Authenticator.objects.create(user=alice, type="webauthn", data=planted.data)
    mine.handle = str(alice.pk.hex).encode()
    client = browser()
    assert present(client, mine).status_code == 400
    assert not is_in(client)


def test_rows_that_vanish_do_not_make_a_link_enough(alice: Account) -> None:
    """The register says that the account has a factor; an empty table does not unsay it."""
    enrol(enter_by_link(alice))
    Authenticator.objects.filter(user=alice).delete()
    client = browser()
    client.post("/sign-in", {"code": make_link(alice, clock.now_ms())})
    assert not is_in(client)


JUNK = ["", "{}", "[]", "null", '{"response":{}}', "{" * 5000, '{"id":1,"response":{"userHandle":3}}']


@pytest.mark.parametrize("junk", JUNK)
def test_junk_instead_of_a_passkey_is_refused_kindly(alice: Account, junk: str) -> None:
    """Never a server error, whatever is sent."""
    client = browser()
    ask(client)
    assert client.post("/sign-in/passkey", {"credential": junk}).status_code == 400
    inside = enter_by_link(alice)
    ask_new(inside)
    assert inside.post("/security/passkeys", {"credential": junk}).status_code == 400


def test_a_closed_account_s_passkey_is_refused(alice: Account) -> None:
    """Closing an account closes this door too."""
    key = enrol(enter_by_link(alice))
    Account.objects.filter(pk=alice.pk).update(is_active=False)
    assert present(browser(), key).status_code == 400
