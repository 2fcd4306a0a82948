"""Research projects at their desks: a researcher describes one, the data protection officer there declares it."""

from __future__ import annotations

from django.test import Client

from egide.cloud.consent import projects
from egide.cloud.consent.models import ProjectProposal
from egide.cloud.people.models import Account
from egide.cloud.signin.notices import is_unread, notices_of
from tests.cloud.conftest import NOW
from tests.cloud.ward.conftest import Enter, Offices, confirm
from tests.support.cast import Cast

SAID = {
    "title": "Sommeil et sucre", "purpose": "Savoir si la nuit calme le sucre.", "ethics": "CPP Ouest II, 2026-114",
    "family": ["glucose"], "past": "90", "until": "2027-03-01",
}  # fmt: skip
NEW, WAITING = "/office/research/new", "/office/privacy/projects"


def sure(enter: Enter, who: Account) -> Client:
    client = enter(who)
    confirm(client)
    return client


def test_what_a_researcher_describes_is_read_word_for_word_by_who_declares_it(
    cast: Cast, offices: Offices, enter: Enter
) -> None:
    """Then it is declared, and patients may join: two people, two pages."""
    client, officer = sure(enter, offices.researcher), sure(enter, offices.dpo)
    assert client.post(NEW, SAID).status_code == 302
    assert "not declared yet" in client.get("/office/research").content.decode()
    page = officer.get(WAITING).content.decode()
    for words in ("Sommeil et sucre", "Savoir si la nuit calme le sucre.", "CPP Ouest II, 2026-114", "René Cherche"):
        assert words in page
    proposal = ProjectProposal.objects.get()
    assert officer.post(f"{WAITING}/{proposal.pk}/approve").status_code == 302
    (project,) = projects.declared_projects().values()
    assert (project.terms.title, project.terms.past_days) == ("Sommeil et sucre", 90)
    assert project.terms.families == {"glucose"}
    assert f"/office/research/{project.id}" in client.get("/office/research").content.decode()


def test_declaring_asks_for_a_factor_and_refusing_does_not(cast: Cast, offices: Offices, enter: Enter) -> None:
    """Declaring widens; a refusal narrows."""
    one, two = (projects.propose_project(offices.researcher, offices.here, _terms(), now_ms=NOW) for _ in range(2))
    officer = enter(offices.dpo)
    officer.post(f"{WAITING}/{one.pk}/approve")
    assert not projects.declared_projects()
    assert officer.post(f"{WAITING}/{two.pk}/refuse").status_code == 302
    two.refresh_from_db()
    assert two.approved is False


def test_another_place_s_officer_sees_and_declares_nothing_of_here(
    cast: Cast, offices: Offices, enter: Enter
) -> None:
    """Which of absent and forbidden is not said."""
    proposal = projects.propose_project(offices.researcher, offices.here, _terms(), now_ms=NOW)
    far = sure(enter, offices.far_dpo)
    assert "Sommeil" not in far.get(WAITING).content.decode()
    assert far.post(f"{WAITING}/{proposal.pk}/approve").status_code == 404
    assert far.post(f"{WAITING}/{proposal.pk}/refuse").status_code == 404
    for who in (offices.administrator, offices.engineer, cast.bob, cast.alice):
        assert sure(enter, who).get(WAITING).status_code == 403
        assert sure(enter, who).post(NEW, SAID).status_code == 403
    assert not projects.declared_projects()


def test_a_form_that_leaves_something_unsaid_writes_nothing(cast: Cast, offices: Offices, enter: Enter) -> None:
    """It is shown again, with the reason."""
    client = sure(enter, offices.researcher)
    unsaid: list[dict[str, object]] = [
        {"title": ""}, {"family": []}, {"past": "ever"}, {"until": "soon"}, {"until": "2020-01-01"}
    ]  # fmt: skip
    for change in unsaid:
        answer = client.post(NEW, SAID | change)
        assert answer.status_code == 400
        assert "Nothing was proposed" in answer.content.decode()
    assert not ProjectProposal.objects.exists()


def test_a_researcher_reads_who_takes_part_in_their_own_projects_alone(
    cast: Cast, offices: Offices, enter: Enter
) -> None:
    """Names, each with the record that it opens; another researcher's project does not exist."""
    proposal = projects.propose_project(offices.researcher, offices.here, _terms(), now_ms=NOW)
    project = projects.approve_project(proposal, by=offices.dpo, now_ms=NOW)
    path = f"/office/research/{project.id}"
    client = enter(offices.researcher)
    assert "Nobody takes part for now." in client.get(path).content.decode()
    projects.join_project(cast.alice, project, shown="Je participe.", now_ms=NOW)
    assert f'href="/patients/{cast.alice.pk}"' in client.get(path).content.decode()
    assert enter(offices.far_researcher).get(path).status_code == 404
    assert enter(offices.dpo).get(path).status_code == 403
    assert client.post(f"{path}/close").status_code == 302
    assert "Nobody joins this project any more." in client.get(path).content.decode()


def test_who_may_declare_a_project_is_told_that_it_waits(cast: Cast, offices: Offices, enter: Enter) -> None:
    """By a notice, once while it is unread; on their home and their desk, with the count; and nobody elsewhere."""
    client = sure(enter, offices.researcher)
    for _ in range(2):
        assert client.post(NEW, SAID).status_code == 302
    told = [one.text for one in notices_of(offices.dpo)]
    assert told == ["A research project waits for your decision. It is under “Data protection”."]
    for somebody in (offices.far_dpo, offices.researcher, offices.administrator, cast.bob):
        assert not is_unread(somebody, "project-waits")
    officer = enter(offices.dpo)
    line = f'<a href="{WAITING}">2 research projects wait for you.</a>'
    assert line in officer.get("/").content.decode()
    assert "2 research projects wait for you." in officer.get("/office/privacy").content.decode()
    assert "research project" not in enter(offices.far_dpo).get("/").content.decode().split("<main")[1]
    for proposal in ProjectProposal.objects.all():
        projects.refuse_project(proposal, by=offices.dpo, now_ms=NOW)
    assert "Nothing waits for you." in officer.get("/").content.decode()


def _terms() -> projects.Terms:
    return projects.Terms(
        title="Sommeil", purpose="Savoir.", ethics="CPP", families=frozenset({"glucose"}), past_days=0,
        until_ms=NOW + 90 * 86_400_000,
    )  # fmt: skip
