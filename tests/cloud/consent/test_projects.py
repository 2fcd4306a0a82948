"""Research projects: declared by two people, joined on the terms that were declared, read while the office lasts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from egide.cloud.consent import grants, policy, projects
from egide.cloud.consent.attested import facts_of
from egide.cloud.consent.grants import ForbiddenUseError
from egide.cloud.consent.models import Ground, ProjectProposal
from egide.cloud.consent.projects import (
    Project,
    Terms,
    approve_project,
    close_project,
    declared_projects,
    join_project,
    offered_to,
    project_of,
    propose_project,
    refuse_project,
    taking_part,
)
from egide.cloud.consent.rules import Question, decide
from egide.cloud.people.establishments import create_establishment, home
from egide.cloud.people.models import Account, Establishment, Membership, Registration
from egide.cloud.people.offices import dismiss, seat
from egide.cloud.people.second import SecondPersonError
from egide.cloud.people.service import create_account
from egide.cloud.register.models import Statement
from egide.cloud.release.door import why
from egide.errors import AccessDeniedError, NotFoundError, RefusedError
from tests.cloud.consent.asking import PULSE, an_ask, codes
from tests.support.thing import DAY, NOW, Thing

TERMS = Terms(
    title="Sommeil et cœur", purpose="Savoir si le cœur se repose la nuit.", ethics="CPP Ouest II, 2026-114",
    families=frozenset({"heart"}), past_days=0, until_ms=NOW + 90 * DAY,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A researcher and a data protection officer of one place, both without care."""

    place: Establishment
    researcher: Account
    office: Membership
    dpo: Account


def seated(role: str, name: str, office: str, place: Establishment) -> tuple[Account, Membership]:
    account = create_account(role, name, NOW - 1)
    return account, seat(account, place, office, by=(account, account), now_ms=NOW - 1, how="test")


@pytest.fixture
def desk(opened_platform: object) -> Desk:
    place = home(NOW - 1)
    researcher, office = seated("operator", "René Cherche", "researcher", place)
    return Desk(
        place=place, researcher=researcher, office=office, dpo=seated("operator", "Denis Port", "dpo", place)[0]
    )


def declared(desk: Desk, terms: Terms = TERMS, *, now_ms: int = NOW) -> Project:
    proposal = propose_project(desk.researcher, desk.place, terms, now_ms=now_ms)
    return approve_project(proposal, by=desk.dpo, now_ms=now_ms)


def test_a_project_is_what_two_people_signed(desk: Desk) -> None:
    """Before the second one it is nothing; after, it says word for word what was proposed."""
    proposal = propose_project(desk.researcher, desk.place, TERMS, now_ms=NOW)
    assert not declared_projects()
    project = approve_project(proposal, by=desk.dpo, now_ms=NOW + 1)
    assert project == Project(
        id=str(proposal.pk), establishment=str(desk.place.pk), researcher=str(desk.researcher.pk), terms=TERMS,
        declared_ms=NOW + 1,
    )  # fmt: skip
    with pytest.raises(RefusedError):
        approve_project(proposal, by=desk.dpo, now_ms=NOW + 2)
    assert Statement.objects.filter(kind="project").count() == 1


def test_nobody_declares_alone_or_without_the_office(desk: Desk) -> None:
    """Not the researcher, whatever else they are; not another place's officer, nor another office of this place."""
    proposal = propose_project(desk.researcher, desk.place, TERMS, now_ms=NOW)
    far = seated("operator", "Loin Port", "dpo", create_establishment("clinic", "Ailleurs", now_ms=NOW))[0]
    for who in (desk.researcher, far, seated("operator", "Adèle Mine", "administrator", desk.place)[0]):
        with pytest.raises(AccessDeniedError):
            approve_project(proposal, by=who, now_ms=NOW)
    seat(desk.researcher, desk.place, "dpo", by=(far, far), now_ms=NOW, how="test")
    with pytest.raises(SecondPersonError):
        approve_project(proposal, by=desk.researcher, now_ms=NOW)
    with pytest.raises(AccessDeniedError):
        propose_project(desk.dpo, desk.place, TERMS, now_ms=NOW)
    assert not declared_projects()


def test_what_was_refused_lapsed_or_lost_its_researcher_is_never_declared(desk: Desk) -> None:
    """A no is a no; thirty days are enough; and an office that ended proposes nothing."""
    refused, late, left = (propose_project(desk.researcher, desk.place, TERMS, now_ms=NOW) for _ in range(3))
    refuse_project(refused, by=desk.dpo, now_ms=NOW)
    dismiss(desk.office, by=desk.researcher, now_ms=NOW + 2)
    for proposal, at_ms in ((refused, NOW + 1), (late, NOW + 31 * DAY)):
        with pytest.raises((RefusedError, AccessDeniedError)):
            approve_project(proposal, by=desk.dpo, now_ms=at_ms)
    with pytest.raises(AccessDeniedError):
        approve_project(left, by=desk.dpo, now_ms=NOW + 2)
    assert not declared_projects()


@pytest.mark.parametrize(
    "change",
    [
        {"title": " "}, {"title": "x" * 121}, {"purpose": ""}, {"ethics": ""}, {"families": frozenset()},
        {"families": frozenset({"hearts"})}, {"until_ms": NOW}, {"until_ms": NOW + 6 * 366 * DAY}, {"past_days": -1},
    ],
    ids=["title", "long", "purpose", "ethics", "nothing", "no-family", "over", "far", "past"],
)  # fmt: skip
def test_a_project_that_leaves_something_unsaid_is_not_proposed(desk: Desk, change: dict[str, object]) -> None:
    """Who, what, what for, until when, on whose opinion: each is there before anybody is asked."""
    with pytest.raises(RefusedError):
        propose_project(desk.researcher, desk.place, replace(TERMS, **change), now_ms=NOW)  # type: ignore[arg-type]
    assert not ProjectProposal.objects.exists()


@pytest.mark.parametrize("kind", ["insurer", "employer", "bank"])
def test_no_insurer_employer_or_bank_has_a_project(desk: Desk, kind: str) -> None:
    """Nor by the title of a study."""
    place = create_establishment(kind, "Prévoyance du Midi", now_ms=NOW)
    researcher = seated("professional", "Anne Actuaire", "researcher", place)[0]
    with pytest.raises(ForbiddenUseError):
        propose_project(researcher, place, TERMS, now_ms=NOW)


def test_joining_opens_to_the_researcher_what_was_declared_and_leaving_closes_it(
    stored: Thing, alice: Account, bob: Account, desk: Desk
) -> None:
    """An operator by their office: that family, that purpose, of whoever takes part, until they leave."""
    project = declared(desk, replace(TERMS, past_days=None))
    assert codes(desk.researcher, alice, "HRESCH") == set()
    taken = join_project(alice, project, shown="Je participe.", now_ms=NOW)
    assert codes(desk.researcher, alice, "HRESCH") == {PULSE}
    for purpose in ("TREAT", "CAREMGT", "ETREAT", "SUPNWK"):
        assert codes(desk.researcher, alice, purpose) == set()
    assert codes(desk.researcher, bob, "HRESCH") == set()
    with pytest.raises(RefusedError):
        join_project(alice, project, shown="Je participe.", now_ms=NOW + 1)
    grants.leave_research(alice, taken, now_ms=NOW + 1)
    assert codes(desk.researcher, alice, "HRESCH", at_ms=NOW + 1) == set()
    assert taking_part(alice, project, now_ms=NOW + 1) is None
    join_project(alice, project, shown="Je participe.", now_ms=NOW + 2)
    assert taking_part(alice, project, now_ms=NOW + 2) is not None


def test_a_project_is_joined_once_and_left_altogether(
    alice: Account, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two at once: the second is taken back by the register's lock. Two that stand all the same are left together."""
    project = declared(desk)
    with monkeypatch.context() as racing:
        racing.setattr(projects, "taking_part", lambda *_, **__: None)  # as both were answered, before either was said
        first = join_project(alice, project, shown="Je participe.", now_ms=NOW)
        with pytest.raises(RefusedError):
            join_project(alice, project, shown="Je participe.", now_ms=NOW)
        assert [part.id for part in grants.research_of(alice)] == [first]
        racing.setattr(grants, "_same_project", lambda *_: [])  # as before this was asked
        join_project(alice, project, shown="Je participe.", now_ms=NOW)
    assert len(grants.research_of(alice)) == 2
    grants.leave_research(alice, first, now_ms=NOW + 1)
    assert taking_part(alice, project, now_ms=NOW + 1) is None


def test_only_what_is_measured_from_then_on_is_read_where_the_project_says_so(
    stored: Thing, alice: Account, desk: Desk
) -> None:
    """The period is of the data, and it is the project's."""
    join_project(alice, declared(desk), shown="Je participe.", now_ms=NOW)
    assert facts_of(alice.pk).participations[0].data.since_ms == NOW
    assert codes(desk.researcher, alice, "HRESCH") == set()


def test_a_researcher_s_office_is_what_reads_and_it_ends_with_it(
    stored: Thing, alice: Account, desk: Desk
) -> None:
    """Dismissed, or seated where nobody sees health data: nothing more, for the same words as to anybody."""
    join_project(alice, declared(desk, replace(TERMS, past_days=None)), shown="Je participe.", now_ms=NOW)
    apart = seat(desk.researcher, desk.place, "auditor", by=(desk.dpo, desk.dpo), now_ms=NOW, how="test")
    assert why(an_ask(desk.researcher, alice, purpose="HRESCH"), now_ms=NOW).reason == "other-role"
    dismiss(apart, by=desk.dpo, now_ms=NOW + 1)
    assert codes(desk.researcher, alice, "HRESCH", at_ms=NOW + 1) == {PULSE}
    dismiss(desk.office, by=desk.dpo, now_ms=NOW + 2)
    assert codes(desk.researcher, alice, "HRESCH", at_ms=NOW + 2) == set()


def test_a_professional_who_was_dismissed_everywhere_reads_for_no_study(
    stored: Thing, alice: Account, desk: Desk
) -> None:
    """A study is entrusted to somebody who works there."""
    who, office = seated("professional", "Dr Zoé Martin", "researcher", desk.place)
    terms = replace(TERMS, past_days=None)
    project = approve_project(propose_project(who, desk.place, terms, now_ms=NOW), by=desk.dpo, now_ms=NOW)
    join_project(alice, project, shown="Je participe.", now_ms=NOW)
    assert codes(who, alice, "HRESCH") == {PULSE}
    dismiss(office, by=who, now_ms=NOW + 1)
    assert codes(who, alice, "HRESCH", at_ms=NOW + 1) == set()


def test_nobody_joins_what_is_closed_over_or_without_its_researcher(
    alice: Account, charlie: Account, desk: Desk
) -> None:
    """Whoever takes part already goes on."""
    project = declared(desk)
    taken = join_project(alice, project, shown="Je participe.", now_ms=NOW)
    close_project(project, by=desk.researcher, now_ms=NOW + 1)
    closed = declared_projects()[project.id]
    for each, at_ms in ((closed, NOW + 1), (project, TERMS.until_ms)):
        with pytest.raises(RefusedError):
            join_project(charlie, each, shown="x", now_ms=at_ms)
    again = declared(desk, now_ms=NOW + 2)
    dismiss(desk.office, by=desk.dpo, now_ms=NOW + 3)
    with pytest.raises(RefusedError):
        join_project(charlie, again, shown="x", now_ms=NOW + 3)
    found = taking_part(alice, closed, now_ms=NOW + 4)
    assert found is not None
    assert found.id == taken


def test_a_project_is_offered_where_the_patient_is_known(alice: Account, desk: Desk) -> None:
    """And only while it can be joined."""
    project = declared(desk)
    Registration.objects.filter(patient=alice).update(until_ms=NOW)
    assert offered_to(alice, now_ms=NOW) == []
    Registration.objects.create(patient=alice, establishment=desk.place, since_ms=NOW)
    assert offered_to(alice, now_ms=NOW) == [project]
    assert offered_to(alice, now_ms=TERMS.until_ms) == []


def test_a_row_that_nobody_signed_for_is_no_project(alice: Account, desk: Desk) -> None:
    """An approved row in the table, or a statement of another key, declares nothing."""
    proposal = propose_project(desk.researcher, desk.place, TERMS, now_ms=NOW)
    ProjectProposal.objects.filter(pk=proposal.pk).update(approved=True, decided_ms=NOW, decided_by=desk.dpo)
    assert not declared_projects()
    project = declared(desk)
    row = Statement.objects.get(kind="project")
    Statement.objects.filter(pk=row.pk).update(body=bytes(row.body)[:-1] + bytes([bytes(row.body)[-1] ^ 1]))
    assert not declared_projects()
    assert not Ground.objects.exists()
    with pytest.raises(NotFoundError):
        project_of(project.id)


def test_an_operator_reads_for_a_study_alone_and_only_by_that_office(alice: Account, desk: Desk) -> None:
    """Rules and policies agree, on every purpose, with the office and without."""
    grants.join_research(
        alice, desk.researcher, project="x", families=["heart"], now_ms=NOW, until_ms=NOW + DAY
    )
    grants.give_grant(alice, desk.researcher, families=None, purpose="SUPNWK", now_ms=NOW, until_ms=NOW + DAY)
    facts = facts_of(alice.pk)
    for role in ("operator", "patient", "relative"):
        for researches in (False, True):
            for purpose in ("HRESCH", "TREAT", "ETREAT", "SUPNWK"):
                question = Question(
                    reader=str(desk.researcher.pk), role=role, patient=str(alice.pk), purpose=purpose, at_ms=NOW,
                    researches=researches,
                )  # fmt: skip
                decision = decide(question, facts)
                assert policy.agrees(decision, policy.judge(question, facts, emergency=False))
                if role == "operator":
                    assert decision.allowed is (researches and purpose == "HRESCH")
                elif purpose == "HRESCH":
                    assert not decision.allowed
