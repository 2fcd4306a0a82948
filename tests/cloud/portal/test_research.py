"""A patient takes part in a research project from a page, and leaves from a page: by a yes of their own."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from egide.cloud.consent import projects
from egide.cloud.consent.attested import facts_of
from egide.cloud.consent.facts import runs
from egide.cloud.consent.projects import Project, Terms
from egide.cloud.keys.records import care_key
from egide.cloud.people.establishments import home
from egide.cloud.people.models import Account, Establishment, Registration
from egide.cloud.people.offices import seat
from egide.cloud.people.service import create_account
from egide.cloud.register.journal import open_statement
from egide.cloud.register.models import Statement
from egide.cloud.signin.notices import is_unread
from tests.cloud.conftest import NOW
from tests.cloud.portal.conftest import Enter, confirmed
from tests.support.cast import Cast
from tests.support.ward import DAY_MS

TERMS = Terms(
    title="Sommeil et sucre", purpose="Savoir si la nuit calme le sucre.", ethics="CPP Ouest II, 2026-114",
    families=frozenset({"glucose"}), past_days=None, until_ms=NOW + 90 * DAY_MS,
)  # fmt: skip


def seated(name: str, office: str, place: Establishment) -> Account:
    account = create_account("operator", name, NOW - 1)
    seat(account, place, office, by=(account, account), now_ms=NOW - 1, how="test")
    return account


@pytest.fixture
def researcher(cast: Cast) -> Account:
    return seated("René Cherche", "researcher", home(NOW - 1))


@pytest.fixture
def project(researcher: Account) -> Project:
    """Declared where Alice is known."""
    place = home(NOW - 1)
    proposal = projects.propose_project(researcher, place, TERMS, now_ms=NOW)
    return projects.approve_project(proposal, by=seated("Denis Port", "dpo", place), now_ms=NOW)


def mark_of(page: str) -> str:
    found = re.search(r'name="text" value="([0-9a-f]{64})"', page)
    assert found is not None
    return found[1]


def test_a_project_says_who_what_what_for_until_when_and_that_a_no_changes_nothing(
    cast: Cast, enter: Enter, project: Project
) -> None:
    """Before anything is chosen, with no factor asked for; and looking at it says nothing to anybody."""
    Registration.objects.get_or_create(
        patient=cast.alice, establishment=home(NOW), until_ms=None, defaults={"since_ms": NOW}
    )
    client, said = enter(cast.alice), Statement.objects.count()
    path = f"/me/research/{project.id}"
    assert f'href="{path}"' in client.get("/me/research").content.decode()
    page = client.get(path).content.decode()
    for words in (
        "René Cherche", "Glucose", "Savoir si la nuit calme le sucre.", "CPP Ouest II, 2026-114",
        "Everything measured so far, and what comes", "If you say no, nothing changes for your care.",
    ):  # fmt: skip
        assert words in page
    assert "<form" not in page.split("<main")[1].split("</main>")[0]
    assert Statement.objects.count() == said


def test_taking_part_asks_for_a_factor_and_keeps_the_words_that_were_read(
    cast: Cast, enter: Enter, project: Project, researcher: Account
) -> None:
    """Without the factor nothing is entered; then the statement holds the sentences, and the page says it is so."""
    path = f"/me/research/{project.id}/join"
    client = enter(cast.alice)
    assert client.post(path, {"text": "0" * 64}).status_code in (302, 303)
    assert not facts_of(cast.alice.pk).participations
    page = confirmed(client).get(path).content.decode()
    assert "I take part in the research project “Sommeil et sucre”." in page
    answer = client.post(path, {"text": mark_of(page)})
    assert answer["Location"].endswith("?done=joined")
    (part,) = facts_of(cast.alice.pk).participations
    assert (part.project, part.declared, part.until_ms) == (TERMS.title, project.id, TERMS.until_ms)
    row = Statement.objects.get(kind="research", subject=cast.alice.pk)
    personal = open_statement(row, care_key(cast.alice.pk)).personal
    assert personal is not None
    assert "René Cherche" in personal["shown"]
    assert "CPP Ouest II, 2026-114" in personal["shown"]
    assert is_unread(researcher, "shared")
    assert f"/patients/{cast.alice.pk}" in enter(researcher).get("/shared").content.decode()
    assert "You take part since" in client.get(answer["Location"]).content.decode()
    assert client.get(path)["Location"].endswith(path.removesuffix("/join"))


def test_a_yes_to_other_words_is_no_yes(cast: Cast, enter: Enter, project: Project) -> None:
    """The text that is agreed to is the one that was shown."""
    client = confirmed(enter(cast.alice))
    answer = client.post(f"/me/research/{project.id}/join", {"text": "0" * 64})
    assert answer.status_code == 400
    assert "Nothing was done" in answer.content.decode()
    assert not facts_of(cast.alice.pk).participations


def test_leaving_works_at_once_without_a_factor_and_one_may_come_back(
    cast: Cast, enter: Enter, project: Project
) -> None:
    """From the project's page, in any session; the page says how to take part again."""
    taken = projects.join_project(cast.alice, project, shown="Je participe.", now_ms=NOW)
    client, leave = enter(cast.alice), f"/me/sharing/research/{taken}/leave"
    assert f'href="{leave}"' in client.get(f"/me/research/{project.id}").content.decode()
    assert "say yes once more" in client.get(leave).content.decode()
    assert client.post(leave).status_code == 302
    assert not runs(facts_of(cast.alice.pk).participations[0], NOW + 1)
    assert "I want to take part" in client.get(f"/me/research/{project.id}").content.decode()


def test_a_project_that_is_closed_or_that_nobody_declared_is_joined_by_nobody(
    cast: Cast, enter: Enter, project: Project, researcher: Account
) -> None:
    """Its page says so; a proposal has no page at all; nor has anybody but a patient."""
    waiting = projects.propose_project(researcher, home(NOW), replace(TERMS, title="Autre"), now_ms=NOW)
    client = confirmed(enter(cast.alice))
    assert client.get(f"/me/research/{waiting.pk}").status_code == 404
    assert confirmed(enter(cast.bob)).get(f"/me/research/{project.id}").status_code == 403
    projects.close_project(project, by=researcher, now_ms=NOW)
    assert "Nobody joins this project any more." in client.get(f"/me/research/{project.id}").content.decode()
    assert client.get(f"/me/research/{project.id}/join").status_code == 404
    assert client.post(f"/me/research/{project.id}/join", {"text": "x"}).status_code == 404


def test_the_researcher_s_page_shows_that_record_and_no_more(
    cast: Cast, enter: Enter, project: Project, researcher: Account
) -> None:
    """The family that the project asked for, once somebody takes part; nothing before, and nothing after."""
    client, path = enter(researcher), f"/patients/{cast.alice.pk}"
    assert client.get(path).status_code == 403
    taken = projects.join_project(cast.alice, project, shown="Je participe.", now_ms=NOW)
    page = client.get(path)
    assert page.status_code == 200
    body = page.content.decode()
    assert "99504-3" in body
    assert "8480-6" not in body
    enter(cast.alice).post(f"/me/sharing/research/{taken}/leave")
    assert client.get(path).status_code == 403
