"""What a process tells its open pages, and when it stops."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from django.db import OperationalError, connection
from django.http import HttpRequest
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext

from egide.cloud.consent.restrictions import restrict
from egide.cloud.consent.service import end_follow_up, start_follow_up
from egide.cloud.keys.records import care_key
from egide.cloud.people.models import Account
from egide.cloud.register.journal import append_statement, open_statement
from egide.cloud.register.models import Statement
from egide.cloud.release.deciding import Ask, Settled
from egide.cloud.release.journal import journal_of
from egide.cloud.release.stream import Watch, begin_watch, standing
from egide.cloud.signin.models import OpenSession
from egide.cloud.signin.sessions import end_all, number_of, renew_key
from egide.cloud.ward import hub
from egide.cloud.ward.hub import CLOSED, END, NEWS, Hub, Stream, Told
from egide.cloud.ward.views.stream import HUB
from egide.cloud.ward.views.stream import _begin as begin_stream
from egide.errors import AccessDeniedError
from tests.cloud.conftest import NOW
from tests.cloud.ward.conftest import Enter
from tests.support.caring import caring
from tests.support.cast import Cast
from tests.support.ward import spot


@dataclass(slots=True)
class Page:
    """A browser that listens, with a hub of its own."""

    client: Client
    account: Account
    hub: Hub = field(default_factory=Hub)
    heard: list[Told] = field(default_factory=list)
    stream: Stream | None = None

    def open(self, *patients: Account) -> Page:
        watches = {p.pk: begin_watch(ask_of(self.account, p), now_ms=NOW) for p in patients}
        self.stream = Stream(
            session=number_of(self.client.session.session_key), account=self.account, until_ms=None, watches=watches,
            tell=self.heard.append,
        )
        self.hub.join(self.stream)
        self.hub.look(now_ms=NOW)
        return self

    def after(self, ms: int) -> list[Told]:
        self.heard.clear()
        self.hub.look(now_ms=NOW + ms)
        return self.heard


def ask_of(reader: Account, patient: Account) -> Ask:
    purpose = "PATRQT" if reader == patient else "TREAT"
    return Ask(reader=reader, patient=patient, since_ms=0, until_ms=2**53, purpose=purpose, channel="stream")


@pytest.fixture
def page(cast: Cast, enter: Enter) -> Page:
    return Page(enter(cast.bob), cast.bob).open(cast.alice)


def test_a_new_measurement_is_told_once_and_only_to_who_watches(cast: Cast, page: Page) -> None:
    """What came for somebody else is not told; a look with nothing new says nothing."""
    assert page.after(400) == []
    other = cast.ward.thing("Balance", cast.charlie)
    other.send(spot("29463-7", "kg", "80.0"), t0_ms=NOW, received_ms=NOW)
    assert page.after(800) == []
    cast.scale.send(spot("29463-7", "kg", "72.0"), t0_ms=NOW, received_ms=NOW)
    assert page.after(1_200) == [Told(NEWS, str(cast.alice.pk))]
    assert page.after(1_600) == []


def test_an_ended_follow_up_closes_at_the_next_look_and_nothing_more_is_told(cast: Cast, page: Page) -> None:
    """Within a second: a look every 400 ms. The end is journaled for the patient."""
    end_follow_up(cast.bob, cast.alice, now_ms=NOW + 100)
    assert page.after(400) == [Told(CLOSED, str(cast.alice.pk))]
    cast.scale.send(spot("29463-7", "kg", "72.0"), t0_ms=NOW, received_ms=NOW)
    assert page.after(800) == []
    row = Statement.objects.filter(kind="stream-end").order_by("-entry")[0]
    said = open_statement(row, care_key(cast.alice.pk)).personal or {}
    assert (said["reader"], said["why"]) == (str(cast.bob.pk), "no-longer-allowed")


def test_a_ground_that_reaches_its_end_closes_though_nobody_signs_anything(cast: Cast, enter: Enter) -> None:
    """An emergency lasts four hours: one look later its page is closed."""
    from egide.cloud.consent.emergency import break_glass
    from egide.cloud.consent.rules import EMERGENCY_MS

    caring(cast.diane, now_ms=NOW - 2)
    break_glass(cast.diane, cast.alice, reason="collapsed", families=None, now_ms=NOW - 1)
    page = Page(enter(cast.diane), cast.diane)
    ask = Ask(reader=cast.diane, patient=cast.alice, since_ms=0, until_ms=2**53, purpose="ETREAT", channel="stream")
    here = number_of(page.client.session.session_key)
    watches = {cast.alice.pk: begin_watch(ask, now_ms=NOW)}
    page.hub.join(Stream(session=here, account=cast.diane, until_ms=None, watches=watches, tell=page.heard.append))
    page.hub.look(now_ms=NOW)
    page.hub.look(now_ms=NOW + EMERGENCY_MS - 1_000)
    assert page.after(EMERGENCY_MS - 600) == []
    assert page.after(EMERGENCY_MS + 100) == [Told(CLOSED, str(cast.alice.pk))]


def test_what_is_restricted_never_came(cast: Cast, page: Page) -> None:
    """A weight that Bob must not see is not even told to have come; a heart rate is."""
    restrict(cast.alice, families=["weight"], who=cast.bob, now_ms=NOW)
    page.after(400)
    cast.scale.send(spot("29463-7", "kg", "72.0"), t0_ms=NOW, received_ms=NOW)
    assert page.after(800) == []
    cast.watch.send(spot("8867-4", "/min", "70"), t0_ms=NOW, received_ms=NOW)
    assert page.after(1_200) == [Told(NEWS, str(cast.alice.pk))]


@pytest.fixture
def asked(page: Page, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Of which patients the door was asked, from now on."""
    found: list[str] = []

    def counted(watches: Sequence[Watch], *, now_ms: int) -> list[Settled | None]:
        found.extend(str(watch.ask.patient.pk) for watch in watches)
        return standing(watches, now_ms=now_ms)

    monkeypatch.setattr(hub, "standing", counted)
    return found


def test_what_the_door_said_is_asked_again_when_something_was_signed_and_every_five_minutes(
    page: Page, cast: Cast, asked: list[str]
) -> None:
    """Not for each measurement; about the patient, and about the reader, at the very next look."""
    for n in range(3):
        cast.scale.send(spot("29463-7", "kg", "72.0"), t0_ms=NOW + n, received_ms=NOW + n)
        assert page.after(400 * (n + 1)) == [Told(NEWS, str(cast.alice.pk))]
    assert asked == []
    append_statement("dismissal", cast.bob.pk, {}, now_ms=NOW)
    page.after(2_000)
    assert len(asked) == 1
    restrict(cast.alice, families=["weight"], who=cast.bob, now_ms=NOW)
    page.after(2_400)
    assert len(asked) == 2
    page.after(2_000 + 299_900)
    assert len(asked) == 2
    page.after(2_000 + 300_000)
    assert len(asked) == 3


def test_what_was_signed_about_one_patient_asks_again_about_that_patient_alone(
    cast: Cast, enter: Enter, asked: list[str]
) -> None:
    """The other watches of the page stand as they were; an establishment that is declared may be about anybody."""
    start_follow_up(cast.bob, cast.charlie, now_ms=NOW - 1)
    both = Page(enter(cast.bob), cast.bob).open(cast.alice, cast.charlie)
    asked.clear()
    restrict(cast.charlie, families=["weight"], now_ms=NOW)
    assert both.after(400) == [Told(NEWS, str(cast.charlie.pk))]
    assert asked == [str(cast.charlie.pk)]
    append_statement("establishment", None, {}, now_ms=NOW)
    both.after(800)
    assert sorted(asked[1:]) == sorted(str(p.pk) for p in (cast.alice, cast.charlie))


def test_a_look_that_failed_misses_nothing(cast: Cast, page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database went away just after a withdrawal: the look that comes back closes the page all the same."""
    end_follow_up(cast.bob, cast.alice, now_ms=NOW + 100)

    def gone(*_: object, **__: object) -> None:
        raise OperationalError("gone")

    with monkeypatch.context() as broken:
        broken.setattr(hub, "standing", gone)
        with pytest.raises(OperationalError):
            page.after(400)
    assert page.after(800) == [Told(CLOSED, str(cast.alice.pk))]


def test_a_look_asks_the_database_as_often_for_many_patients_as_for_few(cast: Cast, enter: Enter) -> None:
    """With nothing new, with news of all of them, and when the door is asked about all of them."""

    def counts(patients: int) -> list[int]:
        mine = [cast.ward.patient(f"Patient {patients} {n}") for n in range(patients)]
        for patient in mine:
            start_follow_up(cast.bob, patient, now_ms=NOW - 1)
        page = Page(enter(cast.bob), cast.bob).open(*mine)
        page.after(100)
        found = [_queries(lambda: page.after(200))]
        for patient in mine:
            cast.ward.thing("Balance", patient).send(spot("29463-7", "kg", "80.0"), t0_ms=NOW, received_ms=NOW)
        found.append(_queries(lambda: page.after(300)))
        assert len(page.heard) == patients
        return [*found, _queries(lambda: page.after(400_000))]

    few, many = counts(2), counts(7)
    assert many == few
    assert max(many) <= 12


def _queries(look: Callable[[], object]) -> int:
    with CaptureQueriesContext(connection) as queries:
        look()
    return len(queries)


def test_a_session_that_ends_anywhere_ends_its_stream(cast: Cast, page: Page) -> None:
    """Signed out in another tab, or the account closed: the stream is over, and journaled as such."""
    page.client.logout()
    assert page.after(400) == [Told(END)]
    assert len(page.hub) == 0
    row = Statement.objects.filter(kind="stream-end").order_by("-entry")[0]
    assert (open_statement(row, care_key(cast.alice.pk)).personal or {})["why"] == "signed-out"


def test_a_session_whose_key_changes_keeps_its_stream(cast: Cast, page: Page) -> None:
    """A factor shown in one tab reloads no other; and what ends the session still ends the stream."""
    before = OpenSession.objects.get(account=cast.bob).session_key
    request = HttpRequest()
    request.session = page.client.session
    renew_key(request)
    assert OpenSession.objects.get(account=cast.bob).session_key != before
    assert page.after(400) == []
    end_all(cast.bob)
    assert page.after(800) == [Told(END)]


def test_a_shared_workstation_that_locks_ends_its_stream(cast: Cast, page: Page) -> None:
    """By itself after five minutes, though nobody asked for anything; a session elsewhere goes on."""
    OpenSession.objects.filter(account=cast.bob).update(active_ms=NOW)
    assert page.after(299_600) == []
    assert page.after(300_000) == [Told(END)]
    assert len(page.hub) == 0


def test_a_closed_account_hears_nothing_more(cast: Cast, page: Page) -> None:
    """Whatever its session says."""
    Account.objects.filter(pk=cast.bob.pk).update(is_active=False)
    assert page.after(400) == [Told(END)]


def test_beginning_and_end_are_in_the_patients_journal(cast: Cast, page: Page) -> None:
    """A line of the stream's own kind at its beginning; one statement at its end, however often it is left."""
    line = journal_of(cast.alice)[0]
    assert (line.channel, line.reader, line.decision) == ("stream", str(cast.bob.pk), "yes")
    assert page.stream is not None
    page.hub.leave(page.stream, why="page-closed", now_ms=NOW + 10)
    page.hub.leave(page.stream, why="page-closed", now_ms=NOW + 20)
    assert Statement.objects.filter(kind="stream-end").count() == 1


def test_who_has_no_ground_begins_no_watch(cast: Cast) -> None:
    """The door refuses, and the patient reads of it."""
    with pytest.raises(AccessDeniedError):
        begin_watch(ask_of(cast.diane, cast.alice), now_ms=NOW)
    assert journal_of(cast.alice)[0].decision == "no"


def test_a_stream_is_for_who_signed_in_and_about_patients(cast: Cast, enter: Enter) -> None:
    """Nobody: refused. No patient, something that is no id, more than sixty: malformed."""
    assert Client().get(f"/stream?p={cast.alice.pk}").status_code == 403
    client = enter(cast.bob)
    many = "&".join(f"p={uuid.uuid4()}" for _ in range(61))
    for query in ("", "?p=", "?p=alice", f"?{many}"):
        assert client.get(f"/stream{query}").status_code == 400, query


def test_a_patient_whom_the_door_refuses_is_told_as_closed(cast: Cast) -> None:
    """One stream for several: what is refused, or no patient at all, closes alone and looks the same."""
    from asgiref.sync import async_to_sync

    unknown = uuid.uuid4()

    async def listen() -> list[bytes]:
        client = AsyncClient()
        await client.aforce_login(cast.bob)
        answer = await client.get(f"/stream?p={cast.alice.pk}&p={cast.charlie.pk}&p={unknown}")
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        body = answer.streaming_content  # type: ignore[attr-defined]
        found = [await anext(body) for _ in range(3)]
        await body.aclose()
        return found

    ready, first, second = async_to_sync(listen)()
    assert b"event: ready" in ready
    assert first == f"event: closed\ndata: {cast.charlie.pk}\n\n".encode()
    assert second == f"event: closed\ndata: {unknown}\n\n".encode()


def test_a_page_that_goes_before_its_stream_was_read_leaves_no_watch_without_an_end(cast: Cast) -> None:
    """The answer is made and its body never asked for: nothing began, nothing has to end."""
    from asgiref.sync import async_to_sync

    async def go() -> None:
        client = AsyncClient()
        await client.aforce_login(cast.bob)
        answer = await client.get(f"/stream?p={cast.alice.pk}")
        await answer.streaming_content.aclose()  # type: ignore[attr-defined]

    async_to_sync(go)()
    assert [line for line in journal_of(cast.alice) if line.channel == "stream"] == []


def test_a_page_that_goes_while_its_stream_begins_has_its_end(cast: Cast) -> None:
    """What leaves before it joined is ended as it joins: one beginning, one end, nobody listening."""
    mine = Stream(session=None, account=cast.bob, until_ms=None, watches={}, tell=lambda told: None)
    before = len(HUB)
    HUB.leave(mine, why="page-closed", now_ms=NOW)
    assert begin_stream(mine, {cast.alice.pk: ask_of(cast.bob, cast.alice)}) == []
    assert [line.channel for line in journal_of(cast.alice)] == ["stream"]
    assert Statement.objects.filter(kind="stream-end").count() == 1
    assert len(HUB) == before
