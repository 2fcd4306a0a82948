"""Each act, through its service and out of the door: what it opens, from when, and what closes it again."""

from __future__ import annotations

from typing import Any

import pytest

from egide.cloud.consent import follow_ups, grants
from egide.cloud.consent.families import FAMILIES, families_of, family_of, require_families
from egide.cloud.consent.grants import ForbiddenUseError
from egide.cloud.consent.models import Ground
from egide.cloud.consent.overview import who_may_see
from egide.cloud.people.models import Account, Establishment
from egide.cloud.people.offices import seat
from egide.cloud.register.models import Statement
from egide.cloud.release.door import why
from egide.cloud.release.journal import journal_of
from egide.errors import NotFoundError, RefusedError
from egide.measure.catalogue import CATALOGUE
from tests.cloud.consent.asking import BOTH, HOUR, PULSE, SUGAR, an_ask, begin, codes
from tests.support.thing import DAY, NOW, Thing


def test_a_follow_up_is_prescribed_told_agreed_and_read(stored: Thing, alice: Account, charlie: Account) -> None:
    """Who answers for it, what was said, how and by whom it was written down."""
    key = begin(alice, charlie, informed_ms=NOW - HOUR, agreed=True, how="oral")
    (care,) = follow_ups.follow_ups_of(alice)
    assert (care.id, care.responsible, care.agreed, care.how) == (key, str(charlie.pk), True, "oral")
    assert (care.prescription, care.operator) == ("telemonitoring of diabetes", "Hospital")
    assert codes(charlie, alice, "TREAT") == BOTH
    assert journal_of(alice)[0].grounds == (key,)
    follow_ups.close_follow_up(alice, key, reason="the treatment is over", now_ms=NOW + HOUR)
    assert codes(charlie, alice, "TREAT", at_ms=NOW + HOUR - 1) == BOTH
    assert codes(charlie, alice, "TREAT", at_ms=NOW + HOUR) == set()
    with pytest.raises(RefusedError):
        follow_ups.close_follow_up(alice, key, reason="again", now_ms=NOW + HOUR)
    with pytest.raises(RefusedError):
        follow_ups.join_team(alice, key, charlie, part="nurse", now_ms=NOW + HOUR)


def test_a_refusal_is_written_down_and_opens_nothing(stored: Thing, alice: Account, charlie: Account) -> None:
    """Refused at once, nobody joins; refused later, the team reads nothing from then on."""
    refused = begin(alice, charlie, agreed=False, how="oral")
    assert codes(charlie, alice, "TREAT") == set()
    with pytest.raises(RefusedError):
        follow_ups.join_team(alice, refused, charlie, part="doctor", now_ms=NOW)
    with pytest.raises(follow_ups.OpposedError):
        begin(alice, charlie)
    follow_ups.lift_opposition(alice, follow_up=refused, now_ms=NOW)
    later = begin(alice, charlie)
    assert codes(charlie, alice, "TREAT") == BOTH
    follow_ups.record_agreement(
        alice, later, agreed=True, how="paper", recorded_by=charlie, informed_ms=NOW, now_ms=NOW
    )
    assert codes(charlie, alice, "TREAT") == BOTH
    follow_ups.record_agreement(
        alice, later, agreed=False, how="oral", recorded_by=charlie, informed_ms=NOW, now_ms=NOW + 1
    )
    assert codes(charlie, alice, "TREAT", at_ms=NOW + 1) == set()


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"agreed": True, "how": "oral"}, id="agreed-to-what-was-not-told"),
        pytest.param({"agreed": True, "informed_ms": NOW}, id="nobody-says-how"),
        pytest.param({"agreed": False, "how": "by pigeon"}, id="in-no-known-way"),
        pytest.param({"prescription": " "}, id="no-prescription"),
        pytest.param({"operator": "x" * 501}, id="a-novel"),
    ],
)
def test_an_inclusion_that_is_not_traced_is_refused(alice: Account, charlie: Account, changes: dict[str, Any]) -> None:
    """Nothing is written then."""
    with pytest.raises(RefusedError):
        begin(alice, charlie, **changes)
    assert not Ground.objects.exists()
    assert follow_ups.follow_ups_of(alice) == ()


def test_roles_are_held_to(alice: Account, bob: Account, charlie: Account, rita: Account) -> None:
    """A patient answers for no follow-up; a professional has no record."""
    for patient, doctor in ((alice, bob), (charlie, charlie), (alice, rita)):
        with pytest.raises(RefusedError):
            begin(patient, doctor)


def test_a_team_has_replacements_with_their_dates(
    stored: Thing, alice: Account, charlie: Account, dora: Account
) -> None:
    """From the first day until the last, no sooner and no longer; once only at a time."""
    key = begin(alice, charlie)
    dates = {"since_ms": NOW + HOUR, "until_ms": NOW + 2 * HOUR}
    follow_ups.join_team(alice, key, dora, part="replacement", replaces=charlie, now_ms=NOW, **dates)
    with pytest.raises(RefusedError):
        follow_ups.join_team(alice, key, dora, part="nurse", now_ms=NOW + HOUR)
    seen = [codes(dora, alice, "TREAT", at_ms=NOW + n) for n in (HOUR - 1, HOUR, 2 * HOUR - 1, 2 * HOUR)]
    assert seen == [set(), BOTH, BOTH, set()]
    follow_ups.join_team(alice, key, dora, part="nurse", now_ms=NOW + 3 * HOUR)
    follow_ups.leave_team(alice, key, dora, now_ms=NOW + 4 * HOUR)
    assert codes(dora, alice, "TREAT", at_ms=NOW + 4 * HOUR) == set()
    with pytest.raises(RefusedError):
        follow_ups.leave_team(alice, key, dora, now_ms=NOW + 4 * HOUR)
    follow_ups.change_responsible(alice, key, dora, now_ms=NOW + HOUR)
    assert follow_ups.follow_ups_of(alice)[0].responsible == str(dora.pk)
    assert codes(charlie, alice, "TREAT", at_ms=NOW + 4 * HOUR) == BOTH
    line = next(n for n in who_may_see(alice, now_ms=NOW) if n.holder.id == str(dora.pk))
    assert (line.detail, line.replaces, line.state) == ("replacement", str(charlie.pk), "future")


def test_a_pause_stops_no_reading_and_is_known(stored: Thing, alice: Account, charlie: Account) -> None:
    """Nobody watches meanwhile; the relation goes on."""
    key = begin(alice, charlie)
    follow_ups.pause_follow_up(alice, key, reason="holiday", now_ms=NOW)
    (pause,) = follow_ups.follow_ups_of(alice)[0].pauses
    assert (pause.since_ms, pause.until_ms) == (NOW, None)
    assert codes(charlie, alice, "TREAT") == BOTH
    with pytest.raises(RefusedError):
        follow_ups.pause_follow_up(alice, key, now_ms=NOW + 1)
    follow_ups.resume_follow_up(alice, key, now_ms=NOW + HOUR)
    (pause,) = follow_ups.follow_ups_of(alice)[0].pauses
    assert pause.until_ms == NOW + HOUR
    with pytest.raises(RefusedError):
        follow_ups.resume_follow_up(alice, key, now_ms=NOW + HOUR)
    with pytest.raises(NotFoundError):
        follow_ups.pause_follow_up(alice, "nothing", now_ms=NOW)


@pytest.mark.parametrize("to", ["everybody", "follow-up", "professional"])
def test_opposition_closes_the_follow_up_at_once(
    stored: Thing, alice: Account, charlie: Account, dora: Account, to: str
) -> None:
    """To whom it was said, and to nobody else; taken back, they read again."""
    key = begin(alice, charlie)
    follow_ups.join_team(alice, key, dora, part="nurse", now_ms=NOW)
    said: dict[str, Any] = {}
    if to == "follow-up":
        said = {"follow_up": key}
    elif to == "professional":
        said = {"professional": charlie}
    for _ in range(2):
        follow_ups.oppose(alice, now_ms=NOW + 1, **said)
    assert Statement.objects.filter(kind="opposition").count() == 1
    assert codes(charlie, alice, "TREAT", at_ms=NOW + 1) == set()
    assert journal_of(alice)[0].reason == "opposed"
    assert codes(dora, alice, "TREAT", at_ms=NOW + 1) == (BOTH if to == "professional" else set())
    states = {line.holder.id: line.state for line in who_may_see(alice, now_ms=NOW + 1)}
    assert states[str(charlie.pk)] == "opposed"
    follow_ups.lift_opposition(alice, now_ms=NOW + 2, **said)
    assert codes(charlie, alice, "TREAT", at_ms=NOW + 2) == BOTH
    with pytest.raises(RefusedError):
        follow_ups.lift_opposition(alice, now_ms=NOW + 2, **said)


def test_a_grant_opens_what_it_names_and_nothing_beside(stored: Thing, alice: Account, rita: Account) -> None:
    """One family, one purpose, one person, until its end or its withdrawal."""
    key = grants.give_grant(
        alice, rita, families=["heart"], purpose="SUPNWK", now_ms=NOW, until_ms=NOW + DAY
    )
    assert codes(rita, alice, "SUPNWK") == {PULSE}
    assert codes(rita, alice, "FAMRQT") == set()
    assert codes(rita, alice, "SUPNWK", codes=(SUGAR,)) == set()
    assert journal_of(alice)[0].reason == "other-data"
    assert codes(rita, alice, "SUPNWK", at_ms=NOW + DAY) == set()
    (line,) = who_may_see(alice, now_ms=NOW)
    assert (line.ground, line.id, line.purposes, line.state) == ("grant", key, ("SUPNWK",), "open")
    grants.withdraw_grant(alice, key, now_ms=NOW + 1)
    assert codes(rita, alice, "SUPNWK", at_ms=NOW + 1) == set()
    assert who_may_see(alice, now_ms=NOW + 1) == []
    with pytest.raises(RefusedError):
        grants.withdraw_grant(alice, key, now_ms=NOW + 1)
    with pytest.raises(NotFoundError):
        grants.withdraw_grant(alice, "nothing", now_ms=NOW + 1)


def test_a_grant_is_of_a_period_of_the_data(stored: Thing, alice: Account, rita: Account) -> None:
    """[since, until) of when it was measured."""
    grants.give_grant(
        alice, rita, families=None, purpose="SUPNWK", now_ms=NOW, until_ms=None, data_until_ms=NOW - 90 * 60_000
    )
    assert codes(rita, alice, "SUPNWK") == {PULSE}
    assert codes(rita, alice, "SUPNWK", since_ms=NOW - HOUR) == set()


def test_everything_is_withdrawn_at_once(stored: Thing, alice: Account, rita: Account, charlie: Account) -> None:
    """Grants; the care team is kept unless opposed."""
    for who in (rita, charlie):
        grants.give_grant(alice, who, families=None, purpose="SUPNWK", now_ms=NOW, until_ms=NOW + DAY)
    begin(alice, charlie)
    assert len(grants.withdraw_everything(alice, now_ms=NOW + 1)) == 2
    assert grants.withdraw_everything(alice, now_ms=NOW + 1) == []
    assert codes(rita, alice, "SUPNWK", at_ms=NOW + 1) == set()
    assert codes(charlie, alice, "TREAT", at_ms=NOW + 1) == BOTH


def test_an_app_reads_for_itself_or_for_the_patient_who_granted_it(stored: Thing, alice: Account, bob: Account) -> None:
    """And only by its grant: the patient's own right does not pass to it."""
    grants.give_grant(alice, "app-7", families=["heart"], purpose="PATRQT", now_ms=NOW, until_ms=None)
    assert codes(None, alice, "PATRQT", app="app-7") == {PULSE}
    assert codes(alice, alice, "PATRQT", app="app-7") == {PULSE}
    assert codes(alice, alice, "PATRQT", app="app-8") == set()
    assert codes(bob, alice, "PATRQT", app="app-7") == set()
    assert codes(alice, alice, "PATRQT") == BOTH
    assert codes(None, alice, "PATRQT", app="app-7", sector="insurer") == set()


def test_an_establishment_reads_through_those_who_hold_an_office_of_care_there(
    stored: Thing, alice: Account, charlie: Account, rita: Account
) -> None:
    """Not through its engineers, nor through a relative."""
    clinic = Establishment.objects.create(kind=Establishment.Kind.CLINIC, created_ms=NOW)
    grants.give_grant(alice, clinic, families=None, purpose="TREAT", now_ms=NOW, until_ms=None)
    assert codes(charlie, alice, "TREAT") == set()
    seat(charlie, clinic, "engineer", by=(charlie, rita), now_ms=NOW, how="test")
    assert codes(charlie, alice, "TREAT") == set()
    seat(charlie, clinic, "doctor", by=(charlie, rita), now_ms=NOW, how="test")
    assert codes(charlie, alice, "TREAT") == BOTH


@pytest.mark.parametrize("purpose", ["HMARKT", "HPAYMT", "X-EMPLOYER", "X-BANK", "X-SALE", "X-GEOLOCATION"])
def test_no_grant_can_be_given_for_what_nothing_opens(alice: Account, charlie: Account, purpose: str) -> None:
    """Nor to those trades under another purpose."""
    ask: dict[str, Any] = {"families": None, "now_ms": NOW, "until_ms": None}
    with pytest.raises(ForbiddenUseError):
        grants.give_grant(alice, charlie, purpose=purpose, **ask)
    for sector in ("insurer", "employer", "bank"):
        with pytest.raises(ForbiddenUseError):
            grants.give_grant(alice, "app", purpose="TREAT", sector=sector, **ask)
        with pytest.raises(ForbiddenUseError):
            grants.join_research(
                alice, "app", project="x", families=["heart"], now_ms=NOW, until_ms=NOW + 1, sector=sector
            )


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"purpose": "HOPERAT"}, id="a-purpose-nobody-grants"),
        pytest.param({"families": []}, id="nothing"),
        pytest.param({"families": ["hart"]}, id="no-such-family"),
        pytest.param({"until_ms": NOW}, id="over-before-it-begins"),
        pytest.param({"data_since_ms": 5, "data_until_ms": 5}, id="an-empty-period"),
        pytest.param({"who": ""}, id="nobody"),
        pytest.param({"who": "x" * 65}, id="a-long-name"),
    ],
)
def test_a_grant_that_cannot_be_is_refused(alice: Account, charlie: Account, changes: dict[str, Any]) -> None:
    """And nothing is written."""
    said: dict[str, Any] = {
        "who": charlie, "families": ["heart"], "purpose": "TREAT", "now_ms": NOW, "until_ms": NOW + 1, **changes,
    }  # fmt: skip
    with pytest.raises(RefusedError):
        grants.give_grant(alice, said.pop("who"), **said)
    with pytest.raises(RefusedError):
        grants.give_grant(alice, alice, families=None, purpose="TREAT", now_ms=NOW, until_ms=None)
    assert not Statement.objects.filter(kind="grant").exists()


def test_research_reads_what_its_project_was_given(stored: Thing, alice: Account, dora: Account) -> None:
    """Named project, families and end; leaving takes effect on the next read."""
    key = grants.join_research(
        alice, dora, project="Heart and heat", families=["heart"], now_ms=NOW, until_ms=NOW + DAY
    )
    assert codes(dora, alice, "HRESCH") == {PULSE}
    assert codes(dora, alice, "TREAT") == set()
    (line,) = who_may_see(alice, now_ms=NOW)
    assert (line.ground, line.detail) == ("research", "Heart and heat")
    grants.leave_research(alice, key, now_ms=NOW + 1)
    assert codes(dora, alice, "HRESCH", at_ms=NOW + 1) == set()


def test_why_is_told_without_opening_or_journaling_anything(stored: Thing, alice: Account, charlie: Account) -> None:
    """For the patient and the officer: the same decision as the door's."""
    before = Statement.objects.count()
    decision = why(an_ask(charlie, alice, purpose="TREAT"), now_ms=NOW)
    assert (decision.allowed, decision.reason) == (False, "no-ground")
    assert Statement.objects.count() == before


def test_every_code_of_the_catalogue_is_in_exactly_one_family() -> None:
    """And one that nobody knows is in the family of others."""
    listed = [code for codes_ in FAMILIES.values() for code in codes_]
    assert sorted(listed) == sorted(CATALOGUE)
    assert family_of("never-seen") == "other"
    assert families_of(["8867-4", "x"]) == {"heart", "other"}
    assert (len(FAMILIES), require_families(None)) == (13, None)
