"""Somebody at the desk: a court's decision at once, a death, heirs, forms; and nobody of another desk."""

from __future__ import annotations

import re
from datetime import date

import pytest
from django.test import Client

from egide.cloud.consent.attested import facts_of
from egide.cloud.consent.follow_ups import begin_follow_up, record_agreement
from egide.cloud.consent.representation import keep_secret
from egide.cloud.governance.acting import adult_on, midnight_ms
from egide.cloud.governance.models import Request
from egide.cloud.governance.requests import story
from egide.cloud.people.establishments import create_establishment, home
from egide.cloud.people.identity import declare_identity
from egide.cloud.people.models import Account
from egide.cloud.people.offices import seat
from egide.cloud.people.registrations import register_patient
from egide.cloud.people.service import create_account
from egide.cloud.people.traits import Traits
from egide.cloud.release.door import Ask, release
from egide.cloud.signin import clock
from egide.errors import AccessDeniedError
from tests.cloud.governance.conftest import enter, officer
from tests.support.thing import DAY, NOW

YEAR = 366 * DAY


class Clock:
    now_ms = NOW


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    Clock.now_ms = NOW
    monkeypatch.setattr(clock, "now_ms", lambda: Clock.now_ms)


@pytest.fixture
def child(alice: Account, doctor: Account) -> Account:
    """Alice, fifteen, known here."""
    born = Traits(birth_name="Martin", given_names="Alice", birth_date="2011-02-28", sex="F")
    declare_identity(alice, born, by=alice, now_ms=NOW)
    register_patient(alice, home(NOW), by=doctor, now_ms=NOW)
    return alice


@pytest.fixture
def rita(opened_platform: object) -> Account:
    return create_account("relative", "Rita Martin", NOW)


def page(client: Client, child: Account) -> str:
    return re.sub(r"\s+", " ", client.get(f"/rights/desk/people/{child.pk}").content.decode())


def reads(who: Account, child: Account) -> bool:
    ask = Ask(
        reader=who, patient=child, since_ms=0, until_ms=Clock.now_ms, purpose="FAMRQT", channel="portal"
    )
    try:
        release(ask, now_ms=Clock.now_ms)
    except AccessDeniedError:
        return False
    return True


def written(doctor: Account, child: Account, rita: Account, **other: str) -> int:
    form = {"who": rita.username, "nature": "parent", "deed": "Family record book", **other}
    sent = enter(doctor, confirmed=True).post(f"/rights/desk/people/{child.pk}/open/represent", form)
    return sent.status_code


def test_a_person_is_found_by_name_and_birth_date(child: Account, doctor: Account) -> None:
    """The name alone lists nobody; the address that follows holds no name."""
    client = enter(doctor)
    assert client.post("/rights/desk/people", {"name": "Martin", "birth": ""}).status_code == 400
    sent = client.post("/rights/desk/people", {"name": "Martin", "birth": "2011-02-28"})
    assert sent["Location"] == f"/rights/desk/people/{child.pk}"
    assert "Nobody of your establishment" in client.post(
        "/rights/desk/people", {"name": "Martin", "birth": "2011-03-01"}
    ).content.decode()


def test_a_parent_is_written_down_until_the_18th_birthday_and_no_longer(
    child: Account, doctor: Account, rita: Account
) -> None:
    """The birthday comes from the identity and the duties; on that day the access has ended by itself."""
    assert written(doctor, child, rita) == 302
    (held,) = facts_of(child.pk).representations
    assert held.adult_ms == midnight_ms(date(2029, 2, 28))
    assert "as a parent" in page(enter(doctor), child).casefold()
    Clock.now_ms = held.adult_ms - 1
    assert reads(rita, child)
    Clock.now_ms = held.adult_ms
    assert not reads(rita, child)
    assert "over: the person is of age" in page(enter(doctor), child)


@pytest.mark.parametrize(
    "form", [{"who": "nobody"}, {"deed": " "}, {"nature": "uncle"}, {"until": "2001-01-01"}, {"until": "soon"}], ids=str
)
def test_nothing_is_written_down_half(child: Account, doctor: Account, rita: Account, form: dict[str, str]) -> None:
    """A code, a nature, a deed, and dates that can be."""
    assert written(doctor, child, rita, **form) == 400
    assert facts_of(child.pk).representations == ()


def test_an_adult_has_no_parent_here(alice: Account, doctor: Account, rita: Account) -> None:
    """Nor does somebody whose birth date nobody gave."""
    register_patient(alice, home(NOW), by=doctor, now_ms=NOW)
    assert written(doctor, alice, rita) == 400
    assert written(doctor, alice, rita, birth="1980-01-01") == 400
    assert written(doctor, alice, rita, birth="2011-02-28") == 302


def test_who_was_born_on_29_february_is_of_age_the_day_after_the_28th() -> None:
    """Not a day early."""
    assert (adult_on(date(2012, 2, 29)), adult_on(date(2011, 2, 28))) == (date(2030, 3, 1), date(2029, 2, 28))


def test_a_court_s_decision_suspends_at_once_and_another_lifts_it(
    child: Account, doctor: Account, rita: Account
) -> None:
    """Suspending needs the decision and no factor; lifting needs both."""
    written(doctor, child, rita)
    (held,) = facts_of(child.pk).representations
    where, form = f"/rights/desk/people/{child.pk}", {"id": held.id, "decision": "JAF Lyon 12/2026"}
    client = enter(doctor)
    assert client.post(f"{where}/suspend", {"id": held.id, "decision": ""}).status_code == 400
    assert reads(rita, child)
    assert client.post(f"{where}/suspend", form).status_code == 302
    assert not reads(rita, child)
    assert "/confirm" in client.post(f"{where}/open/resume", form)["Location"]
    assert not reads(rita, child)
    assert enter(doctor, confirmed=True).post(f"{where}/open/resume", form).status_code == 302
    assert reads(rita, child)
    assert client.post(f"{where}/end", {"id": held.id}).status_code == 302
    assert not reads(rita, child)


def test_the_desk_never_sees_what_an_adolescent_keeps(child: Account, doctor: Account, rita: Account) -> None:
    """The page is the same with and without a secret."""
    written(doctor, child, rita)
    client = enter(doctor)
    token = re.compile(r'name="csrfmiddlewaretoken" value="[^"]*"|data-left="\d+"')
    before = token.sub("", page(client, child))
    keep_secret(child, ["substances"], now_ms=NOW)
    assert token.sub("", page(client, child)) == before


def test_after_a_death_heirs_go_through_the_desk(child: Account, doctor: Account, rita: Account) -> None:
    """A tick and a factor; then nobody acts any more, and an heir's reason is part of their request."""
    written(doctor, child, rita)
    where = f"/rights/desk/people/{child.pk}"
    heir = {"who": "Rita Martin, mother, family record book", "reason": "causes"}
    assert enter(doctor).post(f"{where}/heir", heir).status_code == 400  # nobody died
    client = enter(doctor, confirmed=True)
    assert client.post(f"{where}/open/death", {"day": "2020-01-01"}).status_code == 400
    assert client.post(f"{where}/open/death", {"day": "2999-01-01", "sure": "yes"}).status_code == 400
    assert reads(rita, child)
    assert client.post(f"{where}/open/death", {"day": "2026-01-02", "sure": "yes"}).status_code == 302
    assert not reads(rita, child)
    assert "Died on 2 January 2026" in page(client, child)
    assert client.post(f"{where}/heir", {**heir, "reason": "curiosity"}).status_code == 400
    sent = client.post(f"{where}/heir", heir)
    row = Request.objects.get()
    assert sent["Location"] == f"/rights/desk/{row.pk}"
    (step,) = story(row)
    assert (row.kind, step.via) == ("access", "desk")
    assert step.text == "An heir asks: Rita Martin, mother, family record book. To know the causes of the death."


def test_the_patient_and_the_desk_download_the_same_agreement(child: Account, doctor: Account) -> None:
    """A sealed PDF under a neutral name; of what was agreed, and of nothing else."""
    key = begin_follow_up(
        child, responsible=doctor, prescription="diabetes", operator="Hospital", recorded_by=doctor, now_ms=NOW
    )
    assert "Nothing yet." in enter(child).get("/rights/forms").content.decode()
    assert enter(child).post("/rights/forms", {"form": f"care-agreement:{key}"}).status_code == 404
    record_agreement(child, key, agreed=True, how="oral", recorded_by=doctor, informed_ms=NOW, now_ms=NOW)
    own = enter(child).post("/rights/forms", {"form": f"care-agreement:{key}"})
    desk = enter(doctor).post(f"/rights/desk/people/{child.pk}/form", {"form": f"care-agreement:{key}"})
    for sent in (own, desk):
        assert sent.content.startswith(b"%PDF-")
        assert sent["Content-Disposition"] == 'attachment; filename="egide-form.pdf"'
        assert sent["Cache-Control"] == "private, no-store"
    assert enter(child).post("/rights/forms", {"form": f"mandate:{key}"}).status_code == 404
    assert enter(child).post("/rights/forms", {"form": f"care-agreement:{key}", "consent": "7"}).status_code == 404


def test_these_pages_are_closed_to_everybody_else(child: Account, bob: Account, doctor: Account, rita: Account) -> None:
    """Nobody, patients, relatives, another desk, no office; a nurse suspends, and writes nobody down."""
    far = create_account("professional", "Other", NOW)
    seat(far, create_establishment("clinic", "Parc", now_ms=NOW), "doctor", by=(far, far), now_ms=NOW - 1, how="x")
    none = create_account("professional", "No Office", NOW)
    where = f"/rights/desk/people/{child.pk}"
    posts = [f"{where}/{act}" for act in ("suspend", "end", "heir", "form", "nothing")]
    posts += [f"{where}/open/{act}" for act in ("represent", "resume", "death", "suspend")]
    for who in (bob, child, rita, far, none):
        client = enter(who, confirmed=True)
        assert client.get(where).status_code in (403, 404)
        assert {client.post(path).status_code for path in posts} <= {403, 404}
    assert "/sign-in" in Client().get(where)["Location"]
    nurse = officer("Nina Petit", "nurse")
    assert enter(nurse).get(where).status_code == 200
    assert {enter(nurse, confirmed=True).post(path).status_code for path in posts[5:]} <= {403, 404}
