"""Shared workstations: locked by the server, handed over without mixing."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest
from django.conf import settings
from django.test import Client

from egide.cloud.people.models import Account
from egide.cloud.signin import lock
from egide.cloud.signin.models import OpenSession
from tests.cloud.signin.authenticator import Passkey
from tests.cloud.signin.conftest import Hands, ask, browser, digits, enrol_app, is_in, present
from tests.cloud.signin.stations import FETCH, IDLE_MS, MINUTE_MS, PAGE, at, seated

pytestmark = pytest.mark.django_db


def test_after_five_minutes_the_server_refuses_every_page(
    marked: Callable[[], Client], nurse: tuple[Account, Passkey], hands: Hands
) -> None:
    """Back, a reload, another tab, a part of a page, the stream, the API: nothing, until a passkey."""
    client = seated(marked(), nurse)
    assert at(client, "/patients") == 200
    hands.on(IDLE_MS)
    for path in ("/patients", "/security", "/", "/patients/find", "/design", f"/patients/{uuid.uuid4()}", "/nowhere"):
        answer = client.get(path, headers=PAGE)
        assert (answer.status_code, answer.headers["Location"]) == (302, "/workstation/locked"), path
    for path in (
        "/patients/lines",
        f"/stream?p={uuid.uuid4()}",
        "/fhir/Observation",
        "/live",
        "/workstation/form/taken",
    ):
        answer = client.get(path, headers=FETCH)
        assert (answer.status_code, answer.content) == (423, b""), path
    assert client.post("/patients", {"name": "a"}, headers=PAGE).headers["Location"] == "/workstation/locked"
    screen = client.get("/workstation/locked", headers=PAGE)
    assert screen.status_code == 200
    assert "no-store" in screen.headers["Cache-Control"]


def test_the_lock_screen_says_nothing_of_anybody(
    marked: Callable[[], Client], nurse: tuple[Account, Passkey], hands: Hands
) -> None:
    """No name, no user name, no role, no desk, no place."""
    client = seated(marked(), nurse)
    client.get("/patients", headers=PAGE)
    client.post("/workstation/lock")
    page = client.get("/workstation/locked", headers=PAGE).content.decode()
    for word in ("Nora", nurse[0].username, str(nurse[0].pk), "patients", "Nurses", "ward"):
        assert word not in page, word


def test_a_touch_keeps_it_open_and_a_page_that_renews_itself_does_not(
    marked: Callable[[], Client], nurse: tuple[Account, Passkey], hands: Hands
) -> None:
    """Going to a page, or a touch that the page tells; not what scripts ask for."""
    client = seated(marked(), nurse)
    hands.on(4 * MINUTE_MS)
    client.get("/patients", headers=PAGE)
    hands.on(4 * MINUTE_MS)
    assert client.post("/workstation/touch", {"ago": "10"}, headers=FETCH).json()["left"] == 290
    hands.on(4 * MINUTE_MS)
    assert client.get("/patients/lines", headers=FETCH).status_code == 200
    assert client.get("/workstation/left", headers=FETCH).json()["left"] == 50
    hands.on(MINUTE_MS)
    assert client.get("/patients/lines", headers=FETCH).status_code == 423


def test_a_touch_that_comes_too_late_unlocks_nothing(
    marked: Callable[[], Client], nurse: tuple[Account, Passkey], hands: Hands
) -> None:
    """Nor one that says it was long ago, or in the future."""
    client = seated(marked(), nurse)
    hands.on(IDLE_MS)
    assert client.post("/workstation/touch", {"ago": "60"}, headers=FETCH).status_code == 423
    assert lock.locked_among(
        [OpenSession.objects.get(account=nurse[0], workstation__isnull=False).pk], now_ms=hands.now_ms
    )
    assert at(client, "/patients") == 302


@pytest.mark.parametrize("ago", ["-5", "999999", "0"])
def test_a_touch_is_never_later_than_now_nor_before_what_is_known(
    marked: Callable[[], Client], nurse: tuple[Account, Passkey], hands: Hands, ago: str
) -> None:
    """Whatever the page says of it."""
    client = seated(marked(), nurse)
    hands.on(2 * MINUTE_MS)
    left = client.post("/workstation/touch", {"ago": ago}, headers=FETCH).json()["left"]
    assert left == (240 if ago == "999999" else 300)
    assert client.post("/workstation/touch", {"ago": "x"}, headers=FETCH).status_code == 400


def test_pressing_lock_locks_every_tab_at_once(marked: Callable[[], Client], nurse: tuple[Account, Passkey]) -> None:
    """One session, however many tabs; twice is once."""
    client = seated(marked(), nurse)
    assert client.post("/workstation/lock", {"then": "lock"}).headers["Location"] == "/workstation/locked"
    assert client.post("/workstation/lock", {"then": "change"}).headers["Location"] == "/workstation/locked#change"
    assert at(client, "/patients") == 302


def test_the_setting_says_how_long(
    marked: Callable[[], Client], nurse: tuple[Account, Passkey], hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A minute, where a minute is set."""
    from dataclasses import replace

    monkeypatch.setattr(settings, "OPTIONS", replace(settings.OPTIONS, shared_idle_s=60))
    client = seated(marked(), nurse)
    hands.on(MINUTE_MS - 1)
    assert client.get("/patients/lines", headers=FETCH).status_code == 200
    hands.on(1)
    assert client.get("/patients/lines", headers=FETCH).status_code == 423


def test_its_owner_unlocks_and_comes_back_to_the_page(
    marked: Callable[[], Client], nurse: tuple[Account, Passkey], hands: Hands
) -> None:
    """By the same passkey, under another session key; the session goes on."""
    client = seated(marked(), nurse)
    client.get("/patients", headers=PAGE)
    client.get("/security", headers=PAGE)
    before = client.cookies["sessionid"].value
    hands.on(IDLE_MS)
    assert at(client, "/security") == 302
    assert present(client, nurse[1]).headers["Location"] == "/workstation/back"
    assert client.get("/workstation/back", headers=PAGE).headers["Location"] == "/security"
    assert client.cookies["sessionid"].value != before
    assert at(client, "/patients") == 200
    stolen = marked()
    stolen.cookies["sessionid"] = before
    assert stolen.get("/patients", headers=PAGE).headers["Location"].startswith("/sign-in")


def test_somebody_else_s_passkey_ends_the_session_that_was_locked(
    marked: Callable[[], Client], nurse: tuple[Account, Passkey], doctor: tuple[Account, Passkey], hands: Hands
) -> None:
    """The doctor comes to her own page, the nurse's session is nobody's, and nothing of it is in the doctor's."""
    client = seated(marked(), nurse)
    client.get("/security", headers=PAGE)
    client.session["of-the-nurse"] = "x"
    hers = client.cookies["sessionid"].value
    client.post("/workstation/lock", {"then": "change"})
    assert present(client, doctor[1]).headers["Location"] == "/workstation/back"
    assert client.get("/workstation/back", headers=PAGE).headers["Location"] == "/"
    assert client.session["_auth_user_id"] == str(doctor[0].pk)
    assert "of-the-nurse" not in client.session
    assert not OpenSession.objects.filter(account=nurse[0], workstation__isnull=False).exists()
    before = marked()
    before.cookies["sessionid"] = hers
    assert before.get("/patients", headers=PAGE).headers["Location"].startswith("/sign-in")


def test_each_comes_back_to_their_own_last_page_wherever_they_sit_down(
    marked: Callable[[], Client], nurse: tuple[Account, Passkey], doctor: tuple[Account, Passkey]
) -> None:
    """Two people in turns on one browser, then the nurse at another computer of the ward."""
    client = seated(marked(), nurse)
    client.get("/patients", headers=PAGE)
    client.post("/workstation/lock", {"then": "change"})
    seated(client, doctor).get("/security", headers=PAGE)
    client.post("/workstation/lock", {"then": "change"})
    seated(client, nurse)
    assert client.get("/workstation/back", headers=PAGE).headers["Location"] == "/patients"
    other = seated(marked(), doctor)
    assert other.get("/workstation/back", headers=PAGE).headers["Location"] == "/security"


def test_the_page_that_was_left_open_is_not_the_next_person_s(
    marked: Callable[[], Client], nurse: tuple[Account, Passkey]
) -> None:
    """The address of the sign-in page may name what the last person looked at: it is not followed."""
    client = marked()
    sent = {"credential": nurse[1].use(ask(client)), "next": f"/patients/{uuid.uuid4()}"}
    assert client.post("/sign-in/passkey", sent).headers["Location"] == "/workstation/back"


def test_a_wrong_passkey_leaves_it_locked(
    marked: Callable[[], Client], nurse: tuple[Account, Passkey], hands: Hands
) -> None:
    """And the page that says so is the lock screen, not one with the owner's menu."""
    client = seated(marked(), nurse)
    client.post("/workstation/lock")
    stranger = Passkey(handle=nurse[1].handle)
    answer = client.post("/sign-in/passkey", {"credential": stranger.use(ask(client))})
    assert answer.status_code == 400
    assert "This workstation is locked" in answer.content.decode()
    assert "My patients" not in answer.content.decode()
    assert at(client, "/patients") == 302


def test_a_code_unlocks_too(marked: Callable[[], Client], doctor: tuple[Account, Passkey], hands: Hands) -> None:
    """User name and six digits, for who has no passkey at hand."""
    secret = enrol_app(enter_by_link_with_key(doctor), doctor[0])
    hands.on(MINUTE_MS)
    client = seated(marked(), doctor)
    client.post("/workstation/lock")
    wrong = client.post("/sign-in/code", {"username": doctor[0].username, "code": "000000"})
    assert (wrong.status_code, at(client, "/patients")) == (400, 302)
    right = client.post("/sign-in/code", {"username": doctor[0].username, "code": digits(secret)})
    assert right.headers["Location"] == "/workstation/back"
    assert at(client, "/patients") == 200


def enter_by_link_with_key(who: tuple[Account, Passkey]) -> Client:
    client = browser()
    present(client, who[1])
    return client


def test_a_form_of_the_last_person_s_tab_does_nothing_under_the_next(
    marked: Callable[[], Client], nurse: tuple[Account, Passkey], doctor: tuple[Account, Passkey]
) -> None:
    """Its token went with the session: two people are never mixed in one act."""
    client = marked()
    client.handler.enforce_csrf_checks = False
    seated(client, nurse)
    token = client.get("/patients", headers=PAGE).context["csrf_token"]
    stale = str(token)
    client.post("/workstation/lock", {"then": "change"})
    seated(client, doctor)
    client.handler.enforce_csrf_checks = True
    assert client.post("/patients", {"name": "x", "csrfmiddlewaretoken": stale}, headers=PAGE).status_code == 400


def test_the_locked_session_can_be_ended_by_anybody_in_front_of_it(
    marked: Callable[[], Client], nurse: tuple[Account, Passkey]
) -> None:
    """It narrows: no factor."""
    client = seated(marked(), nurse)
    client.post("/workstation/lock")
    client.post("/sign-out")
    assert not is_in(client)
    assert client.get("/workstation/locked", headers=PAGE).headers["Location"] == "/sign-in"
