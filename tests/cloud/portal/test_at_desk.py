"""What a patient decides at the desk: written down by somebody named, told to the patient, and theirs to undo."""

from __future__ import annotations

import pytest
from django.test import Client

from egide.cloud.consent import grants, projects
from egide.cloud.consent.attested import facts_of
from egide.cloud.consent.facts import runs
from egide.cloud.consent.projects import Project, Terms
from egide.cloud.consent.representation import record_death, secrets_of
from egide.cloud.keys.records import care_key
from egide.cloud.people.establishments import home
from egide.cloud.people.models import Account
from egide.cloud.people.offices import seat
from egide.cloud.people.registrations import register_patient
from egide.cloud.people.service import create_account
from egide.cloud.register.journal import open_statement
from egide.cloud.register.models import Statement
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


def declared(title: str = "Sommeil et sucre") -> Project:
    """A project of this desk's establishment, by René Cherche, declared by somebody else."""
    place, founder = home(NOW), create_account("operator", "Founder", NOW - 1)
    people = [create_account("operator", name, NOW - 1) for name in (f"René {title}", f"Denis {title}")]
    for account, office in zip(people, ("researcher", "dpo"), strict=True):
        seat(account, place, office, by=(founder, founder), now_ms=NOW - 1, how="test")
    terms = Terms(
        title=title, purpose="Savoir si la nuit calme le sucre.", ethics="CPP Ouest II, 2026-114",
        families=frozenset({"glucose"}), past_days=None, until_ms=NOW + 90 * DAY_MS,
    )  # fmt: skip
    proposal = projects.propose_project(people[0], place, terms, now_ms=NOW)
    return projects.approve_project(proposal, by=people[1], now_ms=NOW)


def test_a_part_in_research_is_written_down_at_the_desk_after_its_words_were_read(
    cast: Cast, doctor: Account, enter: Enter
) -> None:
    """By who answers, with their factor and a word; the patient is told, reads by whom, and leaves when they like."""
    study, client = declared(), enter(doctor)
    path = desk(cast, f"/open/research/{study.id}")
    assert path in client.get(desk(cast)).content.decode()
    assert "/security/confirm" in client.get(path)["Location"]
    page = confirm(client).get(path)
    assert "I take part in the research project “Sommeil et sucre”." in page.content.decode()
    mark = page.context["act"].mark
    for wrong in ({"text": mark}, {"text": "0" * 64, "way": "oral"}, {"text": mark, "way": "mail"}):
        assert client.post(path, wrong).status_code == 400
    assert not facts_of(cast.alice.pk).participations
    assert client.post(path, {"text": mark, "way": "oral"}).status_code == 302
    (part,) = facts_of(cast.alice.pk).participations
    assert (part.declared, part.by, part.way) == (study.id, str(doctor.pk), "oral")
    mine = enter(cast.alice)
    assert "Written down at the desk by Dr Émile Faure" in mine.get(f"/me/research/{study.id}").content.decode()
    assert any("written down for you" in told.text for told in notices_of(cast.alice))
    assert confirm(client).get(path).status_code == 404


def test_somebody_leaves_a_project_at_the_desk_at_once_without_a_factor(
    cast: Cast, doctor: Account, enter: Enter
) -> None:
    """A nurse writes it down; the statement says who, on what word; a nurse opens nothing."""
    study = declared()
    part = projects.join_project(cast.alice, study, shown="Je participe.", now_ms=NOW)
    nurse = enter(staff("Nadia Roy", "nurse"))
    assert "They leave a research project" in nurse.get(desk(cast)).content.decode()
    assert nurse.post(narrow(cast, "leave"), {"part": part}).status_code == 400
    assert nurse.post(narrow(cast, "leave"), {"part": part, "way": "paper"}).status_code == 302
    assert not runs(facts_of(cast.alice.pk).participations[0], NOW + 1)
    row = Statement.objects.get(kind="research-end", subject=cast.alice.pk)
    said = open_statement(row, care_key(cast.alice.pk)).personal
    assert said is not None
    assert said["way"] == "paper"
    assert confirm(nurse).get(desk(cast, f"/open/research/{study.id}")).status_code == 403


def test_a_researcher_who_is_a_doctor_of_the_desk_writes_down_no_part_in_their_own_project(
    cast: Cast, doctor: Account, enter: Enter
) -> None:
    """Nor is anything written of a project that is not this place's to offer, nor for the dead."""
    study = declared()
    author = Account.objects.get(pk=study.researcher)
    Account.objects.filter(pk=author.pk).update(role=Account.Role.PROFESSIONAL)
    author.refresh_from_db()
    seat(author, home(NOW), "doctor", by=(doctor, doctor), now_ms=NOW - 1, how="test")
    client, path = confirm(enter(author)), desk(cast, f"/open/research/{study.id}")
    mark = client.get(path).context["act"].mark
    assert client.post(path, {"text": mark, "way": "oral"}).status_code == 400
    assert not facts_of(cast.alice.pk).participations
    projects.close_project(study, by=author, now_ms=NOW)
    assert client.get(path).status_code == 404
    open_one = desk(cast, f"/open/research/{declared('Autre').id}")
    record_death(cast.alice, at_ms=NOW - 1, recorded_by=doctor, now_ms=NOW)
    assert confirm(enter(doctor)).get(open_one).status_code == 404
