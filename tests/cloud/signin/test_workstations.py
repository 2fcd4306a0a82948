"""Shared workstations: locked by the server, handed over without mixing, and nothing given to the next person."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from egide.cloud.people.establishments import create_establishment, home
from egide.cloud.people.models import Account
from egide.cloud.people.offices import seat
from egide.cloud.people.service import create_account
from egide.cloud.register.models import Statement
from egide.cloud.signin import clock, lock
from egide.cloud.signin.kept import KEPT_MS, draft_of, keep_draft, last_page
from egide.cloud.signin.models import Kept, OpenSession, Workstation
from egide.cloud.signin.workstations import COOKIE, MAX_LABEL
from tests.cloud.conftest import NOW
from tests.cloud.signin.authenticator import Passkey
from tests.cloud.signin.conftest import Hands, ask, browser, digits, enrol, enrol_app, enter_by_link, is_in, present
from tests.support.ward import Ward

pytestmark = pytest.mark.django_db
IDLE_MS = 300_000
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
PAGE = {"Sec-Fetch-Mode": "navigate", "Accept": "text/html"}
FETCH = {"Sec-Fetch-Mode": "cors", "Accept": "*/*"}


@pytest.fixture
def adele(ward: Ward) -> Account:
    return officer("Adèle Mine", "administrator")


def officer(name: str, office: str) -> Account:
    account = create_account("operator", name, NOW - 1_000)
    seat(account, home(NOW - 1_000), office, by=(account, account), now_ms=NOW - 1_000, how="ceremony")
    return account


@pytest.fixture
def marked(adele: Account) -> Callable[[], Client]:
    """A browser on one shared workstation, with nobody signed in; each call is another browser of that computer."""
    first = enter_by_link(adele)
    assert mark(first).status_code == 302
    cookie = first.cookies[COOKIE].value
    first.post("/sign-out")

    def another() -> Client:
        client = browser()
        client.cookies[COOKIE] = cookie
        return client

    return another


def mark(client: Client, label: str = "Nurses' desk", **more: str) -> Any:
    return client.post("/desk/workstations", {"label": label, "place": str(home(NOW).pk), **more})


@pytest.fixture
def nurse(ward: Ward) -> tuple[Account, Passkey]:
    account = create_account("professional", "Nora Nuit", NOW - 1_000)
    return account, enrol(enter_by_link(account))


@pytest.fixture
def doctor(ward: Ward) -> tuple[Account, Passkey]:
    account = create_account("professional", "Dora Jour", NOW - 1_000)
    return account, enrol(enter_by_link(account))


def seated(client: Client, who: tuple[Account, Passkey]) -> Client:
    assert present(client, who[1]).status_code == 302
    return client


def at(client: Client, path: str) -> int:
    return client.get(path, headers=PAGE).status_code


# marking


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


# the lock


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


# unlocking, changing


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


# life and cookies


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


# no page is kept


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


# forms


REASON = [("reason", "Trouvée inconsciente chez elle"), ("every", "yes")]


def test_a_form_that_was_not_sent_comes_back_to_its_owner_alone(
    marked: Callable[[], Client], nurse: tuple[Account, Passkey], doctor: tuple[Account, Passkey]
) -> None:
    """Sealed in the table; given to nobody else, on the same page of the same computer."""
    address = f"/patients/{uuid.uuid4()}/emergency"
    client = seated(marked(), nurse)
    assert client.post("/workstation/form", {"form": address, "fields": json.dumps(REASON)}).status_code == 204
    kept = b"".join(bytes(row.sealed) + bytes(row.mark) for row in Kept.objects.all())
    assert "Trouvée".encode() not in kept
    assert address.encode() not in kept
    client.post("/workstation/lock", {"then": "change"})
    seated(client, doctor)
    assert client.post("/workstation/form/taken", {"form": address}).status_code == 204
    client.post("/workstation/lock", {"then": "change"})
    seated(client, nurse)
    given = client.post("/workstation/form/taken", {"form": address}).json()
    assert [tuple(pair) for pair in given["fields"]] == REASON
    client.post("/workstation/form/taken", {"form": address, "forget": "1"})
    assert client.post("/workstation/form/taken", {"form": address}).status_code == 204


def test_a_row_copied_to_another_account_does_not_open(
    nurse: tuple[Account, Passkey], doctor: tuple[Account, Passkey]
) -> None:
    """Whoever can write in the table gives nobody what another typed."""
    keep_draft(nurse[0], "/x", REASON, now_ms=NOW)
    keep_draft(doctor[0], "/x", [("reason", "autre")], now_ms=NOW)
    hers = Kept.objects.get(account=nurse[0])
    Kept.objects.filter(account=doctor[0]).update(sealed=hers.sealed)
    assert draft_of(doctor[0], "/x", now_ms=NOW) is None


def test_a_form_that_was_sent_is_kept_no_longer(marked: Callable[[], Client], nurse: tuple[Account, Passkey]) -> None:
    """But one that led to "show your passkey first" is: it was not sent yet."""
    client = seated(marked(), nurse)
    keep_draft(nurse[0], "/security/notices/read", REASON, now_ms=NOW)
    client.post("/security/notices/read", headers=PAGE)
    assert draft_of(nurse[0], "/security/notices/read", now_ms=NOW) is None
    address = f"/patients/{uuid.uuid4()}/emergency"
    keep_draft(nurse[0], address, REASON, now_ms=NOW)
    session = client.session
    session["signin.confirmed"] = 0
    session.save()
    assert client.post(address, headers=PAGE).headers["Location"].startswith("/security/confirm")
    assert draft_of(nurse[0], address, now_ms=NOW) is not None


def test_what_was_kept_is_forgotten_after_twelve_hours(nurse: tuple[Account, Passkey]) -> None:
    """And rows of before are deleted with the next one."""
    keep_draft(nurse[0], "/x", REASON, now_ms=NOW)
    assert draft_of(nurse[0], "/x", now_ms=NOW + KEPT_MS - 1) is not None
    assert draft_of(nurse[0], "/x", now_ms=NOW + KEPT_MS) is None
    keep_draft(nurse[0], "/y", REASON, now_ms=NOW + KEPT_MS)
    assert Kept.objects.count() == 1


@pytest.mark.parametrize(
    ("form", "fields"),
    [("https://evil.example/", "[]"), ("//evil.example", "[]"), ("", "[]"), ("/x?p=1", "[]"), ("/x", "nonsense"),
     ("/x", "[1]"), ("/x", '[["a", 1]]'), ("/x", json.dumps([["a", "b" * 20_000]]))],
)  # fmt: skip
def test_only_fields_of_a_form_of_ours_are_kept(
    marked: Callable[[], Client], nurse: tuple[Account, Passkey], form: str, fields: str
) -> None:
    """Of a size that a person types."""
    client = seated(marked(), nurse)
    assert client.post("/workstation/form", {"form": form, "fields": fields}).status_code == 400
    assert last_page(nurse[0], now_ms=clock.now_ms()) == ""
    assert not Kept.objects.exists()


@pytest.mark.parametrize(
    "address",
    ["/workstation/lock", "/workstation/touch", "/workstation/form", "/workstation/form/taken", "/desk/workstations"],
)
def test_a_form_of_another_site_does_nothing_here(nurse: tuple[Account, Passkey], address: str) -> None:
    """CSRF, here too."""
    client = browser(enforce_csrf_checks=True)
    client.force_login(nurse[0])
    assert client.post(address, {"form": "/x"}).status_code == 400


@pytest.mark.parametrize("address", ["/workstation/back", "/desk/workstations"])
def test_nobody_signed_in_is_shown_the_way(ward: Ward, address: str) -> None:
    """Nothing is told to who is nobody."""
    assert Client().get(address).headers["Location"].startswith("/sign-in")
    assert Client().get("/workstation/left").json() == {"left": 0, "who": ""}
