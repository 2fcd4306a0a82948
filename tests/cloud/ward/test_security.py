"""The security officer's acts: a line signed under an event, a refused message tried again, what revoking did."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from django.test import Client

from egide.cloud.config.worker import note_cut, note_disagreement
from egide.cloud.consent.emergency import break_glass
from egide.cloud.fleet.models import Pairing
from egide.cloud.fleet.service import pair, revoke_object
from egide.cloud.intake.models import Event, Refused
from egide.cloud.intake.pipeline import Pipeline
from egide.cloud.intake.steps import Incoming
from egide.cloud.people.service import create_account
from egide.cloud.register.models import Statement, Witness
from egide.cloud.vault.models import Envelope
from egide.cloud.ward import health, notes, quarantine, revocations, security
from egide.cloud.ward.desks import Seat, seat_of
from egide.errors import NotFoundError, RefusedError, UnavailableError
from tests.cloud.conftest import NOW
from tests.cloud.ward.conftest import Enter, Offices
from tests.support.caring import caring
from tests.support.cast import Cast
from tests.support.ward import DAY_MS, HOUR_MS, spot


@pytest.fixture
def seat(offices: Offices) -> Seat:
    return seat_of(offices.security, "security-officer", now_ms=NOW)


def to_the_pipeline(source: str, data: bytes) -> tuple[int, bytes]:
    """Intake itself, without the broker between."""
    answer = Pipeline().process([Incoming(data, source, NOW)])[0]
    return (403 if answer.code else 201), answer.data


def clone(cast: Cast) -> Event:
    """Two messages of the watch under one number."""
    cast.watch.deliver(cast.watch.sign(spot("8867-4", "/min", "55"), t0_ms=NOW - HOUR_MS, seq=1), NOW)
    return Event.objects.get(kind="clone")


def test_an_event_is_acknowledged_by_a_signed_line_and_stays(cast: Cast, offices: Offices, enter: Enter) -> None:
    """The reason is sealed in the statement, read back on the page with who signed it; the event is not changed."""
    event = clone(cast)
    client = enter(offices.security)
    assert "nobody has looked at" in client.get("/office/security").content.decode()
    form = {"about": f"event:{event.pk}", "reason": "Balance échangée entre deux chambres"}
    assert client.post("/office/security/note", form).status_code == 302
    page = client.get("/office/security").content.decode()
    for shown in ("Balance échangée entre deux chambres", "Sophie Garde", "No event waits to be looked at"):
        assert shown in page
    said = Statement.objects.filter(kind=notes.KIND).get()
    assert "échangée".encode() not in bytes(said.body)
    assert Event.objects.filter(pk=event.pk).exists()


def test_an_event_older_than_the_latest_hundred_is_signed_off_too(
    cast: Cast, offices: Offices, enter: Enter
) -> None:
    """A page narrowed to its object lists it; what another establishment's objects did is not found."""
    event = clone(cast)
    Event.objects.bulk_create(Event(at_ms=NOW + n, kind=Event.Kind.POLICY_DISAGREEMENT) for n in range(120))
    form = {"about": f"event:{event.pk}", "reason": "Balance échangée"}
    assert enter(offices.far_security).post("/office/security/note", form).status_code == 404
    client = enter(offices.security)
    assert f'value="event:{event.pk}"' in client.get(f"/office/security?object={event.object_id}").content.decode()
    assert client.post("/office/security/note", form).status_code == 302
    wrong = ("event:", "event:x", f"event:0{event.pk}", "event:" + "9" * 40, "flood::0", "refused:1", str(event.pk))
    for about in wrong:
        assert client.post("/office/security/note", {**form, "about": about}).status_code == 404


def test_a_line_that_was_altered_says_nothing(cast: Cast, offices: Offices, seat: Seat) -> None:
    """Neither a body that was edited nor a note moved under another event is believed."""
    event = clone(cast)
    about = f"event:{event.pk}"
    notes.say(seat, about, notes.SEEN, "Vu", now_ms=NOW)
    assert [note.reason for note in notes.notes_on([about])[about]] == ["Vu"]
    row = Statement.objects.get(kind=notes.KIND)
    row.body = bytes(row.body).replace(b"seen", b"kept")
    row.save()
    assert notes.notes_on([about]) == {}


@pytest.mark.parametrize("reason", ["", "  ", "x" * 301, "a\x00b"])
def test_a_line_needs_words(cast: Cast, offices: Offices, enter: Enter, reason: str) -> None:
    """Nothing is signed, and the page says what is missing."""
    event = clone(cast)
    answer = enter(offices.security).post("/office/security/note", {"about": f"event:{event.pk}", "reason": reason})
    assert answer.status_code == 400
    assert not Statement.objects.filter(kind=notes.KIND).exists()


def test_events_are_narrowed_by_time_kind_and_object(cast: Cast, offices: Offices, enter: Enter) -> None:
    """Each narrowing leaves what it names; what makes no sense narrows nothing, but an object's number that is none."""
    event = clone(cast)
    Event.objects.create(at_ms=NOW - 20 * DAY_MS, kind="policy-disagreement", detail="professional TREAT")
    client = enter(offices.security)

    def shows(query: str) -> set[str]:
        page = client.get(f"/office/security?{query}").content.decode()
        titles = {"clone": "<b>Two messages under one number", "rules": "<b>The rules and the policies disagreed"}
        return {key for key, title in titles.items() if title in page}

    assert shows("") == {"clone", "rules"}
    assert shows("period=7d") == {"clone"}
    assert shows("kind=policy-disagreement") == {"rules"}
    assert shows(f"object={event.object_id}") == {"clone"}
    assert shows("object=nonsense") == set()
    assert shows("kind=nonsense&period=nonsense") == {"clone", "rules"}


def test_the_week_counts_each_day_once(cast: Cast, offices: Offices, seat: Seat) -> None:
    """Seven days, the last one today; what is older is not among them."""
    clone(cast)
    for back in (0, 0, 2, 9):
        Refused.objects.create(at_ms=NOW - back * DAY_MS, code="malformed", digest=bytes(32), source="", sealed=b"x")
    days = security.week(seat, now_ms=NOW)
    assert len(days) == 7
    assert [day.refused for day in days] == [0, 0, 0, 0, 1, 0, 2]
    assert sum(day.events for day in days) == 1


@pytest.fixture
def unpaired(cast: Cast) -> bytes:
    """A message of the scale under a pairing that the platform does not know: refused, and in quarantine."""
    known = cast.scale.pairing
    cast.scale.pairing = Pairing(uuid=uuid.uuid4(), object=known.object, patient=known.patient, since_ms=NOW - DAY_MS)
    data = cast.scale.sign(spot("29463-7", "kg", "80.0"), t0_ms=NOW - HOUR_MS)
    assert cast.scale.deliver(data, NOW - 1_000).code == "pairing-unknown"
    return data


def mend(cast: Cast) -> None:
    """The pairing is made known."""
    wanted = cast.scale.pairing.uuid
    made = pair(cast.scale.row, cast.alice, NOW, since_ms=NOW - DAY_MS)
    Pairing.objects.filter(pk=made.pk).update(uuid=wanted)


def test_a_refused_message_is_accepted_once_its_cause_is_mended(
    cast: Cast, offices: Offices, seat: Seat, unpaired: bytes
) -> None:
    """It goes from the seal to intake, into the register, and out of quarantine; the try is a signed statement."""
    row = Refused.objects.get()
    before = Envelope.objects.count()
    outcome = quarantine.try_again(seat, [row.pk], "Avant", now_ms=NOW, send=to_the_pipeline)
    assert (outcome.stored, outcome.refused) == (0, ("pairing-unknown",))
    again = Refused.objects.get()
    assert again.pk != row.pk
    mend(cast)
    outcome = quarantine.try_again(seat, [again.pk], "Appairage réparé", now_ms=NOW, send=to_the_pipeline)
    assert (outcome.stored, outcome.refused) == (1, ())
    assert not Refused.objects.exists()
    assert Envelope.objects.count() == before + 1
    about = "refused:" + bytes(row.digest).hex()
    assert [(n.what, n.outcome) for n in notes.notes_on([about])[about]] == [
        ("again", "pairing-unknown"), ("again", "stored"),
    ]  # fmt: skip


def test_nothing_leaves_quarantine_while_intake_is_away(
    cast: Cast, offices: Offices, seat: Seat, unpaired: bytes
) -> None:
    """No statement, no change: it may be tried again."""

    def away(_source: str, _data: bytes) -> tuple[int, bytes]:
        raise UnavailableError("no intake worker answers")

    row = Refused.objects.get()
    with pytest.raises(UnavailableError):
        quarantine.try_again(seat, [row.pk], "Essai", now_ms=NOW, send=away)
    assert Refused.objects.get().pk == row.pk
    assert not Statement.objects.filter(kind=notes.KIND).exists()


def test_what_was_cut_short_or_altered_is_never_sent(cast: Cast, offices: Offices, seat: Seat, unpaired: bytes) -> None:
    """A seal that does not hold, and bytes that are not those of the hash, stay where they are."""

    def never(_source: str, _data: bytes) -> tuple[int, bytes]:
        raise AssertionError("sent")

    row = Refused.objects.get()
    Refused.objects.filter(pk=row.pk).update(digest=bytes(32))
    assert quarantine.try_again(seat, [row.pk], "x", now_ms=NOW, send=never).refused == (quarantine.CUT,)
    Refused.objects.filter(pk=row.pk).update(sealed=b"nothing")
    assert quarantine.try_again(seat, [row.pk], "x", now_ms=NOW, send=never).refused == (quarantine.BROKEN,)
    assert Refused.objects.filter(pk=row.pk).exists()


def test_the_desk_keeps_a_message_with_a_reason_and_shows_no_bytes_of_it(
    cast: Cast, offices: Offices, enter: Enter, unpaired: bytes
) -> None:
    """By reason and object; a choice without a reason, or a reason without a choice, changes nothing."""
    row = Refused.objects.get()
    client = enter(offices.security)
    page = client.get("/office/quarantine?code=pairing-unknown").content.decode()
    assert "a pairing that is not this object" in page
    assert "80.0" not in page
    assert decide(client, [], "Pour voir").status_code == 400
    assert decide(client, [row.pk], "").status_code == 400
    assert not Statement.objects.filter(kind=notes.KIND).exists()
    assert decide(client, [row.pk], "Objet au rebut").status_code == 302
    page = client.get("/office/quarantine").content.decode()
    assert "1 message stays." in page
    assert "Objet au rebut" in page
    assert "1 message stays." not in client.get("/office/quarantine").content.decode()


def decide(client: Client, ids: list[int], reason: str, act: str = "keep") -> Any:
    return client.post("/office/quarantine/decide", {"id": ids, "reason": reason, "act": act})


def refused(source: uuid.UUID, count: int, *, code: str = "pairing-unknown") -> list[Refused]:
    """So many more refused messages of an object."""
    return Refused.objects.bulk_create(
        Refused(at_ms=NOW + n, code=code, digest=bytes([n]) * 32, source=str(source), sealed=b"") for n in range(count)
    )


def test_all_of_a_list_are_decided_by_one_confirmation_and_signed_each(
    cast: Cast, offices: Offices, enter: Enter
) -> None:
    """More than the page shows: asked once, nothing before the yes; then a statement for each, none for the others."""
    wanted = refused(cast.scale.row.pk, quarantine.SHOWN + 3)
    refused(cast.scale.row.pk, 4, code="too-late")
    client = enter(offices.security)
    page = client.get("/office/quarantine?code=pairing-unknown").content.decode()
    assert "All 53 of this list" in page
    form = {"all": "yes", "code": "pairing-unknown", "reason": "Objet au rebut", "act": "keep"}
    sure = client.post("/office/quarantine/decide", form).content.decode()
    assert "Do 53 messages stay in quarantine?" in sure
    assert not Statement.objects.filter(kind=notes.KIND).exists()
    ids = re.findall(r'name="id" value="(\d+)"', sure)
    assert {int(each) for each in ids} == {row.pk for row in wanted}
    done = {"id": ids, "reason": "Objet au rebut", "act": "keep", "sure": "yes"}
    assert client.post("/office/quarantine/decide", done).status_code == 302
    assert Statement.objects.filter(kind=notes.KIND).count() == 53
    assert "53 messages stay." in client.get("/office/quarantine").content.decode()


def test_what_one_confirmation_decides_is_bounded_and_of_here(cast: Cast, offices: Offices, enter: Enter) -> None:
    """At most 200, said beforehand; an officer of elsewhere who asks for all has none of these."""
    refused(cast.scale.row.pk, quarantine.AT_ONCE + 5)
    form = {"all": "yes", "code": "", "reason": "Essai", "act": "again"}
    sure = enter(offices.security).post("/office/quarantine/decide", form).content.decode()
    assert "Give 200 messages to intake again?" in sure
    assert "At most 200 are decided at once" in sure
    far = enter(offices.far_security)
    assert far.post("/office/quarantine/decide", form).status_code == 400
    some = list(Refused.objects.values_list("pk", flat=True)[:3])
    assert far.post("/office/quarantine/decide", {"id": some, "reason": "x", "act": "again"}).status_code == 404


def test_another_establishments_officer_decides_nothing_here(
    cast: Cast, offices: Offices, enter: Enter, unpaired: bytes
) -> None:
    """Events, messages and revocations of here are not found there."""
    event = clone(cast)
    row = Refused.objects.get()
    far = seat_of(offices.far_security, "security-officer", now_ms=NOW)
    with pytest.raises(NotFoundError):
        quarantine.try_again(far, [row.pk], "x", now_ms=NOW, send=to_the_pipeline)
    with pytest.raises(NotFoundError):
        security.happening(far, f"event:{event.pk}", now_ms=NOW)
    with pytest.raises(RefusedError):
        quarantine.keep(far, [], "x", now_ms=NOW)
    client = enter(offices.far_security)
    assert client.post("/office/security/note", {"about": f"event:{event.pk}", "reason": "x"}).status_code == 404
    assert decide(client, [row.pk], "x").status_code == 404
    assert quarantine.lying(far) == []


def test_a_revocation_shows_when_it_took_hold(cast: Cast, offices: Offices, seat: Seat, enter: Enter) -> None:
    """The cut in seconds, as the worker wrote it; what was refused since; a late message would be said."""
    revoke_object(cast.scale.row, "stolen", NOW - 10_000)
    note_cut(str(cast.scale.row.pk), now_ms=NOW - 8_000)
    note_cut(str(cast.cuff.row.pk), now_ms=NOW - 8_000)
    assert Event.objects.filter(kind=Event.Kind.CUT).count() == 1
    late = cast.scale.sign(spot("29463-7", "kg", "80.0"), t0_ms=NOW - HOUR_MS)
    assert cast.scale.deliver(late, NOW).code == "certificate-revoked"
    found = revocations.revocations(seat)[0]
    assert (found.why, found.cut_after_s, found.refused, found.held) == ("stolen", 2.0, 1, True)
    page = enter(offices.security).get("/office/security").content.decode()
    assert "Its connection was cut 2.0 s after" in page
    assert "Nothing was taken in since." in page


def test_an_overdue_review_alarms_without_a_name(cast: Cast, offices: Offices, enter: Enter) -> None:
    """The desk counts it, and names neither the reader nor the patient."""
    doctor = caring(create_account("professional", "Dr Paul Loin", NOW - 40 * HOUR_MS), now_ms=NOW - 31 * HOUR_MS)
    break_glass(doctor, cast.alice, reason="Found unconscious", families=None, now_ms=NOW - 30 * HOUR_MS)
    page = enter(offices.security).get("/office/security").content.decode()
    assert "1 emergency access is overdue" in page
    assert not [text for text in ("Alice", "Bob Durand", "unconscious") if text in page]


def test_a_witness_that_disagrees_is_said_first_and_once_an_hour(cast: Cast, offices: Offices, enter: Enter) -> None:
    """In plain words on the health page, and as an event; a later cosignature would settle it."""
    Witness.objects.create(name="temoin.example", url="http://127.0.0.1:1", vkey="x")
    note_disagreement("temoin.example", now_ms=NOW - 1_000)
    note_disagreement("temoin.example", now_ms=NOW)
    assert Event.objects.filter(kind=Event.Kind.WITNESS_CONFLICT).count() == 1
    assert [one.answer for one in health.witnesses()] == ["disagrees"]
    page = enter(offices.security).get("/office/platform").content.decode()
    assert "it saw another register than this one" in page


def test_certificates_are_told_ninety_days_before_they_end(cast: Cast, offices: Offices) -> None:
    """In order today; to be renewed once 90 days or fewer are left; and once they have ended."""

    def state(now_ms: int) -> dict[str, str]:
        return {c.key: c.state for c in health.checks(now_ms=now_ms) if c.key.endswith("-until")}

    now = {c.key: c for c in health.checks(now_ms=NOW)}["tls-until"]
    assert now.at_ms is not None
    assert state(NOW)["tls-until"] == health.FINE
    assert state(now.at_ms - health.RENEW_MS - 1)["tls-until"] == health.FINE
    assert state(now.at_ms - health.RENEW_MS)["tls-until"] == health.WRONG
    assert state(now.at_ms + DAY_MS)["platform-until"] == health.WRONG
