"""The home page of who works here says what waits, and leads there; a patient's begins with their values."""

from __future__ import annotations

import re

from egide.cloud.consent.emergency import break_glass
from egide.cloud.consent.representation import represent
from egide.cloud.people.service import create_account
from egide.cloud.portal import questions
from egide.cloud.register.models import Statement
from egide.cloud.release.journal import journal_of
from tests.cloud.conftest import NOW
from tests.cloud.ward.conftest import Enter, Offices
from tests.support.cast import Cast
from tests.support.ward import DAY_MS, HOUR_MS, spot


def test_an_officer_s_home_says_what_waits_and_leads_there(cast: Cast, offices: Offices, enter: Enter) -> None:
    """A question of a patient's: one sentence with its link, told to nobody of another establishment."""
    client = enter(offices.dpo)
    assert "Nothing waits for you." in client.get("/").content.decode()
    enter(cast.bob).get(f"/patients/{cast.alice.pk}")
    questions.ask(cast.alice, journal_of(cast.alice)[0].entry, "question", "Why?", now_ms=NOW)
    before = Statement.objects.count()
    page = client.get("/").content.decode()
    assert '<a href="/office/privacy/questions">1 question about the journal waits.</a>' in page
    assert "Alice" not in page
    assert "Nothing waits for you." in enter(offices.far_dpo).get("/").content.decode()
    assert Statement.objects.count() == before


def test_a_second_person_s_home_says_that_an_emergency_waits(cast: Cast, offices: Offices, enter: Enter) -> None:
    """The officers who review it read so at once; who opened it does not review it."""
    break_glass(cast.diane, cast.alice, reason="found unconscious", families=None, now_ms=NOW - 1)
    assert "1 emergency waits for a review." in enter(offices.dpo).get("/").content.decode()
    assert "waits for a review" not in enter(cast.diane).get("/").content.decode()


def test_values_stand_above_the_service_s_own_counts(cast: Cast, enter: Enter) -> None:
    """What a patient comes for is first; the register and its fingerprint lie below, as how it works."""
    page = enter(cast.alice).get("/").content.decode()
    assert page.index('id="latest"') < page.index("How it works") < page.index("Fingerprint of the whole register")


def test_a_relative_is_led_to_what_opens(cast: Cast, enter: Enter) -> None:
    """No link of a father's ends in a refusal: neither a list of patients, nor a name to withhold."""
    father = create_account("relative", "Luc Moreau", NOW - DAY_MS)
    represent(
        cast.alice, father, nature="parent", deed="Livret", recorded_by=cast.bob, now_ms=NOW - DAY_MS,
        adult_ms=NOW + 900 * DAY_MS,
    )  # fmt: skip
    client = enter(father)
    assert "1 person shares measurements with you." in client.get("/").content.decode()
    record = client.get(f"/patients/{cast.alice.pk}").content.decode()
    assert '<a href="/shared">← Shared with me</a>' in record
    assert 'href="/patients"' not in record
    assert "/my-name" not in client.get(f"/patients/{cast.alice.pk}/why").content.decode()
    assert '<a href="/patients">← My patients</a>' in enter(cast.bob).get(f"/patients/{cast.alice.pk}").content.decode()


def test_a_refusal_leads_a_carer_to_the_emergency(cast: Cast, enter: Enter) -> None:
    """Whether or not there is such a record; a patient is not led there."""
    refused = enter(cast.diane).get(f"/patients/{cast.alice.pk}")
    assert (refused.status_code, b'href="/patients/find"' in refused.content) == (403, True)
    assert b"/patients/find" not in enter(cast.charlie).get(f"/patients/{cast.alice.pk}").content


def test_one_s_own_emergency_names_the_patient_while_it_is_open(cast: Cast, offices: Offices, enter: Enter) -> None:
    """Its link says whose record it opens; once over, nobody is named."""
    key = break_glass(cast.diane, cast.alice, reason="found unconscious", families=None, now_ms=NOW - 1)
    client = enter(cast.diane)
    assert f'<a href="/patients/{cast.alice.pk}">Alice Moreau</a>' in client.get("/emergencies").content.decode()
    client.post(f"/emergencies/{key}/close")
    assert "Alice Moreau" not in client.get("/emergencies").content.decode()


def test_a_table_tells_seconds_apart(cast: Cast, enter: Enter) -> None:
    """Two values of one minute are two times, not twice "just now"."""
    for second in (5, 9):
        cast.scale.send(spot("29463-7", "kg", "71.2"), t0_ms=NOW - second * 1000)
    page = enter(cast.alice).get("/me?metric=29463-7").content.decode()
    assert len(re.findall(r'role="rowheader"><time [^>]+>\d\d:\d\d:\d\d<', page)) >= 2
    assert 'role="rowheader"><time' in page
    assert ">just now</time></th>" not in page


def test_nothing_is_claimed_of_an_object_that_sent_nothing(cast: Cast, enter: Enter) -> None:
    """A degree of trust is shown from its first message on."""
    silent = cast.ward.thing("Thermo", cast.charlie)
    client = enter(cast.charlie)
    pages = ("/me/objects", f"/me/objects/{silent.row.pk}")
    assert not any(b"Signed by the object" in client.get(page).content for page in pages)
    silent.send(spot("8310-5", "Cel", "37.0"), t0_ms=NOW - 5_000)
    assert all(b"Signed by the object" in client.get(page).content for page in pages)


def test_the_first_chart_is_not_the_busiest(cast: Cast, enter: Enter) -> None:
    """A weight stands before pulse intervals, however many there are of these."""
    zoe = cast.ward.patient("Zoé Tardy")
    thing = cast.ward.thing("Montre", zoe)
    for minute in range(1, 9):
        thing.send(spot("80404-7", "ms", "800"), t0_ms=NOW - minute * 60_000)
    client = enter(zoe)
    assert client.get("/me").context["chosen"].key == "80404-7"
    thing.send(spot("29463-7", "kg", "71.2"), t0_ms=NOW - HOUR_MS)
    assert client.get("/me").context["chosen"].key == "29463-7"
