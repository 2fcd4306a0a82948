"""The list of patients: order, names, what is journaled, what is not betrayed."""

from __future__ import annotations

import pytest
from django.test import Client

from egide.cloud.consent.follow_ups import oppose
from egide.cloud.consent.restrictions import restrict
from egide.cloud.consent.service import end_follow_up, start_follow_up
from egide.cloud.register.models import Statement
from egide.cloud.release.journal import journal_of
from egide.cloud.ward.roster import roster
from tests.cloud.conftest import NOW
from tests.cloud.ward.conftest import Enter
from tests.support.cast import Cast
from tests.support.ward import HOUR_MS, spot


def test_who_needs_attention_stands_first(cast: Cast, enter: Enter) -> None:
    """Zoé's hourly thermometer stopped ten hours ago: she stands above Alice, who has one doubtful value."""
    zoe = cast.ward.patient("Zoé Tardy")
    start_follow_up(cast.bob, zoe, now_ms=NOW - HOUR_MS)
    thing = cast.ward.thing("Thermo", zoe)
    for hour in range(16, 9, -1):
        thing.send(spot("8310-5", "Cel", "37.0"), t0_ms=NOW - hour * HOUR_MS)
    lines = roster(cast.bob, now_ms=NOW)
    assert [(line.name, line.reasons[0].code) for line in lines] == [
        ("Zoé Tardy", "silent"),
        ("Alice Moreau", "doubtful"),
    ]
    page = enter(cast.bob).get("/patients").content.decode()
    assert page.index("Zoé Tardy") < page.index("Alice Moreau")
    assert "outside what is usually possible" in page
    assert "out of reach or not worn" in page


def test_a_clone_is_the_first_reason_of_all(cast: Cast) -> None:
    """Two envelopes of one number: contested, above anything doubtful."""
    seq = cast.scale.seq
    data = cast.scale.sign(spot("29463-7", "kg", "55.5"), t0_ms=NOW - HOUR_MS, seq=seq)
    cast.scale.deliver(data, NOW - HOUR_MS + 1_000)
    (line,) = roster(cast.bob, now_ms=NOW)
    assert line.reasons[0].code == "contested"


def test_an_object_that_stopped_is_told_with_its_plausible_reasons(cast: Cast) -> None:
    """Five hours after the last of everything, the hourly sensor and the watch are silent; the cuff is not."""
    (line,) = roster(cast.bob, now_ms=NOW + 5 * HOUR_MS)
    quiet = {r.model for r in line.reasons if r.code == "silent"}
    assert "Glucosense 2" in quiet
    assert "Tensio Bras" not in quiet
    assert all("reach" in r.because for r in line.reasons if r.code == "silent")


def test_each_listing_is_in_each_patients_journal(cast: Cast, enter: Enter) -> None:
    """One line a patient, of the list's own kind."""
    enter(cast.bob).get("/patients")
    line = journal_of(cast.alice)[0]
    assert (line.reader, line.decision, line.channel) == (str(cast.bob.pk), "yes", "list")


def test_a_follow_up_that_ended_takes_the_name_away_at_once(cast: Cast, enter: Enter) -> None:
    """Neither name nor count stays, and nothing is asked of the door."""
    end_follow_up(cast.bob, cast.alice, now_ms=NOW - 1)
    before = Statement.objects.count()
    page = enter(cast.bob).get("/patients").content.decode()
    assert "Alice" not in page
    assert "You follow nobody for now" in page
    assert Statement.objects.count() == before


def test_a_row_that_nobody_signed_for_shows_no_name(cast: Cast) -> None:
    """A follow-up written into the table by hand is no ground: the door refuses, the list is empty."""
    from egide.cloud.consent.models import FollowUp

    FollowUp.objects.create(patient=cast.charlie, professional=cast.diane, since_ms=NOW - HOUR_MS)
    assert roster(cast.diane, now_ms=NOW) == []


def test_every_list_says_that_a_record_may_be_incomplete(cast: Cast, enter: Enter) -> None:
    """Whether anything was restricted or not: the sentence is always there."""
    client = enter(cast.bob)
    assert "A record may be incomplete" in client.get("/patients").content.decode()


def test_a_name_is_sought_in_a_forms_body_and_without_accents(cast: Cast, enter: Enter) -> None:
    """Nobody's name stands in an address."""
    client = enter(cast.bob)
    assert "Alice Moreau" in client.post("/patients", {"name": "ALICE  mor"}).content.decode()
    page = client.post("/patients", {"name": "nobody"}).content.decode()
    assert "Alice Moreau" not in page
    assert "Nobody in your list has that name" in page
    assert "Alice Moreau" in client.get("/patients?name=nobody").content.decode()


@pytest.mark.parametrize("path", ["/patients", "/patients/lines"])
def test_only_professionals_have_a_list(cast: Cast, enter: Enter, path: str) -> None:
    """Patients are refused, who is not signed in is sent to sign in."""
    assert enter(cast.alice).get(path).status_code == 403
    assert Client().get(path).status_code == 302


def test_what_is_restricted_was_never_measured_to_the_list(cast: Cast, enter: Enter) -> None:
    """A doubtful weight that Bob must not see changes not a byte of his list: as if it had never been sent."""
    client = enter(cast.bob)
    restrict(cast.alice, families=["weight"], who=cast.bob, now_ms=NOW - 1)
    before = client.get("/patients/lines").content
    cast.scale.send(spot("29463-7", "kg", "999.9"), t0_ms=NOW - HOUR_MS)
    assert client.get("/patients/lines").content == before


def test_an_object_that_measures_only_what_is_hidden_is_not_counted(cast: Cast, enter: Enter) -> None:
    """Nor is one that nothing came from: the number of objects is that of those whose readings are shown."""
    client = enter(cast.bob)
    restrict(cast.alice, families=["temperature"], who=cast.bob, now_ms=NOW - 1)
    before = roster(cast.bob, now_ms=NOW)[0].objects
    cast.ward.thing("Thermo", cast.alice).send(spot("8310-5", "Cel", "37.0"), t0_ms=NOW - HOUR_MS)
    (line,) = roster(cast.bob, now_ms=NOW)
    assert line.objects == before > 1
    assert f"{before} objects" in client.get("/patients").content.decode()


def test_silence_is_told_on_true_data(cast: Cast) -> None:
    """An object whose readings Bob must not see works: it is not called silent because of that."""
    restrict(cast.alice, families=["glucose"], who=cast.bob, now_ms=NOW - 1)
    (line,) = roster(cast.bob, now_ms=NOW)
    assert "Glucosense 2" not in {r.model for r in line.reasons}


def test_a_patient_who_opposes_leaves_the_list_at_once(cast: Cast) -> None:
    """Opposition narrows: the row stays in the table and shows nothing."""
    oppose(cast.alice, now_ms=NOW - 1)
    assert roster(cast.bob, now_ms=NOW) == []
