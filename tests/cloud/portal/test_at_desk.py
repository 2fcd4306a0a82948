"""What a patient decides at the desk: written down by somebody named, told to the patient, and theirs to undo."""

from __future__ import annotations

import pytest
from django.test import Client

from egide.cloud.consent import grants
from egide.cloud.consent.attested import facts_of
from egide.cloud.consent.representation import record_death, secrets_of
from egide.cloud.people.establishments import home
from egide.cloud.people.models import Account
from egide.cloud.people.offices import seat
from egide.cloud.people.registrations import register_patient
from egide.cloud.people.service import create_account
from egide.cloud.signin import clock
from egide.cloud.signin.factors import mark_confirmed
from egide.cloud.signin.notices import notices_of
from tests.cloud.conftest import NOW
from tests.cloud.portal.conftest import Enter
from tests.support.cast import Cast
from tests.support.ward import DAY_MS


def staff(name: str, office: str) -> Account:
    account = create_account("professional", name, NOW - DAY_MS)
    seat(account, home(NOW), office, by=(account, account), now_ms=NOW - 1, how="test")
    return account


@pytest.fixture
def doctor(cast: Cast) -> Account:
    """A doctor of the desk where Alice is known, who is not of her team."""
    account = staff("Dr Émile Faure", "doctor")
    register_patient(cast.alice, home(NOW), by=account, now_ms=NOW)
    return account


@pytest.fixture
def paul(cast: Cast) -> Account:
    return create_account("relative", "Paul Moreau", NOW - DAY_MS)


def confirm(client: Client) -> Client:
    session = client.session
    mark_confirmed(session, now_ms=clock.now_ms())
    session.save()
    return client


def desk(cast: Cast, name: str = "") -> str:
    return f"/desk/people/{cast.alice.pk}/said{name}"


def narrow(cast: Cast, name: str) -> str:
    return desk(cast, f"/{name}")


def grant_form(to: Account, **other: str) -> dict[str, str]:
    return {
        "who": to.username,
        "family": "glucose",
        "data": "all",
        "until": "30",
        "for": "SUPNWK",
        "way": "oral",
        **other,
    }


def test_a_grant_said_at_the_desk_opens_names_who_wrote_it_and_is_the_patients_to_stop(
    cast: Cast, doctor: Account, paul: Account, enter: Enter
) -> None:
    """It asks for the factor of who writes; the patient is told, and reads by whom and on what word."""
    client = enter(doctor)
    path = desk(cast, "/open/share")
    assert "/security/confirm" in client.post(path, grant_form(paul))["Location"]
    assert not grants.grants_of(cast.alice)
    assert confirm(client).post(path, grant_form(paul)).status_code == 302
    (given,) = grants.grants_of(cast.alice)
    assert (given.by, given.way, given.holder.id) == (str(doctor.pk), "oral", str(paul.pk))
    assert enter(paul).get(f"/patients/{cast.alice.pk}").status_code == 200
    mine = enter(cast.alice)
    assert "Written down at the desk by Dr Émile Faure, as you said it" in mine.get("/me/sharing").content.decode()
    assert any("written down for you" in told.text for told in notices_of(cast.alice))
    mine.post(f"/me/sharing/grants/{given.id}/withdraw")
    assert enter(paul).get(f"/patients/{cast.alice.pk}").status_code == 403


def test_nobody_at_the_desk_opens_a_record_to_themselves_nor_without_a_word(
    cast: Cast, doctor: Account, paul: Account, enter: Enter
) -> None:
    """Nor a nurse, nor somebody of no desk, nor for the dead."""
    client, path = confirm(enter(doctor)), desk(cast, "/open/share")
    assert client.post(path, grant_form(doctor)).status_code == 400
    for wrong in ({"way": ""}, {"way": "mail"}, {"family": "none"}, {"for": "MARKT"}, {"until": ""}, {"who": "nobody"}):
        assert client.post(path, grant_form(paul, **wrong)).status_code == 400
    nurse = confirm(enter(staff("Nadia Roy", "nurse")))
    assert nurse.get(desk(cast)).status_code == 200
    assert nurse.post(path, grant_form(paul)).status_code == 403
    assert confirm(enter(paul)).post(path, grant_form(paul)).status_code == 403
    assert confirm(enter(paul)).get(desk(cast)).status_code == 403
    record_death(cast.alice, at_ms=NOW - 1, recorded_by=doctor, now_ms=NOW)
    assert client.post(path, grant_form(paul)).status_code == 400
    assert not grants.grants_of(cast.alice)


def test_what_narrows_is_written_down_at_once_without_a_factor(
    cast: Cast, doctor: Account, paul: Account, enter: Enter
) -> None:
    """A withdrawal, an objection, something hidden, a secret: each signed with who wrote it and on what word."""
    given = grants.give_grant(cast.alice, paul, families=None, purpose="SUPNWK", now_ms=NOW - 1, until_ms=NOW + DAY_MS)
    client, word = enter(doctor), {"way": "paper"}
    assert client.post(narrow(cast, "hide"), {**word, "who": "everyone", "family": "weight"}).status_code == 302
    assert client.post(narrow(cast, "keep"), {**word, "family": "sleep"}).status_code == 302
    assert client.post(narrow(cast, "withdraw"), {**word, "grant": given}).status_code == 302
    assert client.post(narrow(cast, "oppose"), {**word, "who": str(cast.bob.pk)}).status_code == 302
    assert enter(cast.bob).get(f"/patients/{cast.alice.pk}").status_code == 403
    assert enter(paul).get(f"/patients/{cast.alice.pk}").status_code == 403
    facts = facts_of(cast.alice.pk)
    (hidden,), (secret,), (no,) = facts.restrictions, facts.secrets, facts.oppositions
    written = {(hidden.by, hidden.way), (secret.by, secret.way), (no.by, no.way)}
    assert written == {(str(doctor.pk), "paper")}
    assert secrets_of(cast.alice, now_ms=NOW) == {"sleep"}
    assert len([told for told in notices_of(cast.alice) if "written down for you" in told.text]) == 4
    mine = enter(cast.alice)
    words = "Written down at the desk by Dr Émile Faure, from a paper that you signed"
    assert mine.get("/me/sharing").content.decode().count(words) == 2
    assert words in mine.get("/me/sharing/secrets").content.decode()
    page = client.get(desk(cast)).content.decode()
    assert f'value="{cast.bob.pk}"' not in page.split("They hide something", 1)[0], "nobody objects twice"


def test_what_narrows_needs_a_word_and_a_choice(cast: Cast, doctor: Account, paul: Account, enter: Enter) -> None:
    """Nothing is written on no word, nor of nothing, nor for a patient of elsewhere."""
    client = enter(doctor)
    for name, form in (
        ("hide", {"who": "everyone", "family": "weight"}), ("hide", {"who": "everyone", "way": "oral"}),
        ("hide", {"who": str(paul.pk), "family": "weight", "way": "oral"}), ("keep", {"way": "oral"}),
        ("oppose", {"who": str(paul.pk), "way": "oral"}), ("withdraw", {"grant": "x", "way": "oral"}),
    ):  # fmt: skip
        assert client.post(narrow(cast, name), form).status_code == 400
    assert client.post(narrow(cast, "lift"), {"way": "oral"}).status_code == 404
    assert (
        enter(staff("Elsewhere", "researcher")).post(narrow(cast, "keep"), {"way": "oral", "all": "1"}).status_code
        == 403
    )
    facts = facts_of(cast.alice.pk)
    assert (facts.restrictions, facts.secrets, facts.oppositions) == ((), (), ())
