"""Shared workstations: who marks one, how long anybody stays at one, and what no browser keeps."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator

import pytest
from django.db import connection
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from egide.cloud.people.establishments import create_establishment
from egide.cloud.people.models import Account
from egide.cloud.people.offices import seat
from egide.cloud.people.service import create_account
from egide.cloud.register.models import Statement
from egide.cloud.signin.models import OpenSession, Workstation
from egide.cloud.signin.workstations import COOKIE, MAX_LABEL
from tests.cloud.conftest import NOW
from tests.cloud.signin.authenticator import Passkey
from tests.cloud.signin.conftest import Hands, browser, enrol, enter_by_link, is_in, present
from tests.cloud.signin.stations import FETCH, IDLE_MS, MINUTE_MS, PAGE, at, mark, seated
from tests.support.ward import Ward

pytestmark = pytest.mark.django_db


def test_an_officer_marks_a_computer_and_a_statement_says_so(adele: Account) -> None:
    """The cookie is signed, HttpOnly and Lax; the register tells who marked it, and not where it stands."""
    client = enter_by_link(adele)
    before = Statement.objects.count()
    mark(client)
    row = Workstation.objects.get()
    said = Statement.objects.get(kind="workstation")
    assert Statement.objects.count() == before + 1
    assert (said.subject, b"Nurses" in bytes(said.body)) == (row.pk, False)
    cookie = client.cookies[COOKIE]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
    assert str(row.pk) not in client.cookies["sessionid"].value
    page = client.get("/desk/workstations").content.decode()
    assert "Nurses&#x27; desk" in page
    assert "It is marked as shared." in page


@pytest.mark.parametrize("who", ["patient", "professional", "relative"])
def test_only_an_officer_marks_a_computer(ward: Ward, who: str) -> None:
    """Not even its own patients or nurses."""
    client = enter_by_link(create_account(who, "Quelqu'un", NOW - 1_000))
    assert client.get("/desk/workstations").status_code == 403
    assert mark(client).status_code == 403
    assert not Workstation.objects.exists()


def test_an_officer_of_elsewhere_neither_marks_nor_sees_nor_ends_one_here(adele: Account) -> None:
    """What exists here and what exists nowhere answer alike."""
    mark(enter_by_link(adele))
    far = create_account("operator", "Loin Mine", NOW - 1_000)
    place = create_establishment("clinic", "Clinique des Tilleuls", now_ms=NOW - 1_000)
    seat(far, place, "administrator", by=(far, far), now_ms=NOW - 1_000, how="ceremony")
    client = enter_by_link(far)
    enrol(client)
    assert mark(client).status_code == 404
    assert "Nurses" not in client.get("/desk/workstations").content.decode()
    for key in (Workstation.objects.get().pk, uuid.uuid4()):
        assert client.post(f"/desk/workstations/{key}/retire").status_code == 404
    assert Workstation.objects.get().ended_ms is None


@pytest.mark.parametrize("label", ["", "   ", "a\x00b"])
def test_a_computer_needs_words(adele: Account, label: str) -> None:
    """Empty ones and control characters are refused; too many are cut."""
    client = enter_by_link(adele)
    assert mark(client, label).status_code == 400
    mark(client, "x" * 200)
    assert f">{'x' * MAX_LABEL}<" in client.get("/desk/workstations").content.decode()


def test_no_longer_shared_widens_so_it_asks_for_a_factor(
    adele: Account, hands: Hands, nurse: tuple[Account, Passkey]
) -> None:
    """Then it is signed, every session there ends, and the next browser is an ordinary one."""
    client = enter_by_link(adele)
    key = enrol(client)
    mark(client)
    there = browser()
    there.cookies[COOKIE] = client.cookies[COOKIE].value
    seated(there, nurse)
    hands.on(2 * MINUTE_MS)
    address = f"/desk/workstations/{Workstation.objects.get().pk}/retire"
    here = present_again(client, key, hands)
    hands.on(4 * MINUTE_MS)
    assert there.get("/workstation/left").json()["left"] == 0
    hands.on(2 * MINUTE_MS)
    assert here.post(address).headers["Location"].startswith("/security/confirm")
    here = seated(browser(), (adele, key))
    assert here.post(address).status_code == 302
    assert Statement.objects.filter(kind="workstation-end").count() == 1
    assert not is_in(there) or there.get("/me").status_code == 302
    seated(there, nurse)
    assert "signin.shared" not in there.session
    there.get("/patients", headers=PAGE)
    assert there.cookies[COOKIE].value == ""


def present_again(client: Client, key: Passkey, hands: Hands) -> Client:
    other = browser()
    present(other, key)
    return other


def test_a_row_that_somebody_ended_by_hand_ends_nothing(
    marked: Callable[[], Client], nurse: tuple[Account, Passkey]
) -> None:
    """Neither a column nor a missing row makes a shared workstation an ordinary one: only a statement does."""
    Workstation.objects.update(ended_ms=NOW)
    assert "signin.shared" in seated(marked(), nurse).session
    OpenSession.objects.all().delete()
    Workstation.objects.all().delete()
    assert "signin.shared" in seated(marked(), nurse).session


def test_a_cookie_that_somebody_made_marks_nothing(ward: Ward, nurse: tuple[Account, Passkey]) -> None:
    """Unsigned, signed for something else, or no identifier: an ordinary browser."""
    for value in ("", "x", str(uuid.uuid4()), "IjEi:1abc:zzz"):
        client = browser()
        client.cookies[COOKIE] = value
        assert "signin.shared" not in seated(client, nurse).session


def test_a_session_there_ends_after_twelve_hours_at_most_and_with_the_browser(
    marked: Callable[[], Client], nurse: tuple[Account, Passkey], hands: Hands
) -> None:
    """Whoever stays can, twelve hours at most after the passkey. No cookie of a person outlives the browser."""
    client = seated(marked(), nurse)
    for name in ("sessionid", "csrftoken", "egide_known"):
        if name in client.cookies:
            assert client.cookies[name]["max-age"] == "", name
            assert client.cookies[name]["expires"] == "", name
    for _ in range(12 * 15 - 1):
        hands.on(4 * MINUTE_MS)
        assert client.post("/workstation/touch", {"ago": "0"}, headers=FETCH).status_code == 200
        client.post("/security/stay")
    hands.on(4 * MINUTE_MS)
    assert client.get("/patients", headers=PAGE).headers["Location"].startswith("/sign-in")


def test_an_ordinary_session_neither_locks_nor_pays(nurse: tuple[Account, Passkey], hands: Hands) -> None:
    """On one's own computer nothing changes: no lock, no extra query."""
    from django.test.utils import CaptureQueriesContext

    client = seated(browser(), nurse)
    hands.on(IDLE_MS * 3)
    assert at(client, "/patients") == 200
    with CaptureQueriesContext(connection) as asked:
        client.get("/security", headers=PAGE)
    assert [q["sql"] for q in asked if "workstation" in q["sql"] and "SELECT" not in q["sql"]] == []
    assert [q["sql"] for q in asked if "signin_kept" in q["sql"]] == []
    assert client.get("/workstation/left", headers=FETCH).json()["left"] == 0
    assert client.post("/workstation/form", {"form": "/patients", "fields": "[]"}).status_code == 404


def test_a_session_that_is_open_when_the_computer_is_marked_locks_too(
    marked: Callable[[], Client], nurse: tuple[Account, Passkey], hands: Hands
) -> None:
    """The cookie is enough, whenever it came."""
    client = seated(browser(), nurse)
    client.cookies[COOKIE] = marked().cookies[COOKIE].value
    assert at(client, "/patients") == 200
    hands.on(IDLE_MS)
    assert at(client, "/patients") == 302


def test_deleting_the_cookie_does_not_open_a_locked_session(
    marked: Callable[[], Client], nurse: tuple[Account, Passkey], hands: Hands
) -> None:
    """Once there, a session stays what it is."""
    client = seated(marked(), nurse)
    hands.on(IDLE_MS)
    del client.cookies[COOKIE]
    assert at(client, "/patients") == 302


@pytest.mark.parametrize("role", ["patient", "professional", "relative", "operator"])
def test_no_browser_keeps_any_page_of_who_is_signed_in(ward: Ward, role: str) -> None:
    """Every address without parameters, shared workstation or not: no-store, errors and redirects too."""
    client = enter_by_link(create_account(role, "Quelqu'un", NOW - 1_000))
    paths = list(_addresses(get_resolver().url_patterns, "/"))
    assert {"/", "/patients", "/me", "/security", "/desk/workstations"} <= set(paths)
    for path in paths:
        answer = client.get(path, headers=PAGE)
        assert "no-store" in answer.headers.get("Cache-Control", ""), (path, answer.status_code)


def _addresses(patterns: Iterable[URLPattern | URLResolver], before: str) -> Iterator[str]:
    for one in patterns:
        route = before + str(one.pattern)
        if "<" in route or route.startswith(("/demo/", "/sign-out")):
            continue
        if isinstance(one, URLResolver):
            yield from _addresses(one.url_patterns, route)
        else:
            yield route


@pytest.mark.parametrize("address", ["/workstation/back", "/desk/workstations"])
def test_nobody_signed_in_is_shown_the_way(ward: Ward, address: str) -> None:
    """Nothing is told to who is nobody."""
    assert Client().get(address).headers["Location"].startswith("/sign-in")
    assert Client().get("/workstation/left").json() == {"left": 0, "who": ""}
