"""Each act, through its service and out of the door: what it opens, from when, and what closes it again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from egide.cloud.consent import emergency, follow_ups, grants, representation
from egide.cloud.consent.facts import Window
from egide.cloud.consent.families import FAMILIES, families_of, family_of, require_families
from egide.cloud.consent.grants import ForbiddenUseError
from egide.cloud.consent.models import Ground
from egide.cloud.consent.overview import who_may_see
from egide.cloud.consent.restrictions import restrict
from egide.cloud.intake.pipeline import Pipeline
from egide.cloud.people.models import Account, Establishment
from egide.cloud.people.offices import seat
from egide.cloud.people.service import create_account
from egide.cloud.register.models import Statement
from egide.cloud.release.door import Ask, release, why
from egide.cloud.release.journal import journal_of
from egide.errors import AccessDeniedError, NotFoundError, RefusedError
from egide.measure.catalogue import CATALOGUE
from egide.measure.readings import Readings, Series
from tests.support.thing import DAY, NOW, Thing, incoming

HOUR = 3_600_000
PULSE, SUGAR = "8867-4", "99504-3"


@pytest.fixture
def stored(pipeline: Pipeline, meter: Thing) -> Thing:
    """An hour of glucose, and one pulse two hours ago."""
    pulse = Series(code=PULSE, unit="/min", times=0, exponent=0, values=(71,))
    answers = pipeline.process(
        [incoming(meter.envelope()), incoming(meter.envelope(Readings(t0_ms=NOW - 2 * HOUR, series=(pulse,))))]
    )
    assert not any(a.code for a in answers)
    return meter


@pytest.fixture
def rita(opened_platform: object) -> Account:
    """Alice's mother."""
    return create_account("relative", "Rita Martin", NOW)


@pytest.fixture
def dora(opened_platform: object) -> Account:
    """Another professional."""
    return create_account("professional", "Dora Blanc", NOW)


def codes(reader: Account | None, patient: Account, purpose: str, *, at_ms: int = NOW, **changes: Any) -> set[str]:
    """The metrics that a reader gets; none when the door says no."""
    ask = Ask(
        reader=reader, patient=patient, since_ms=NOW - DAY, until_ms=NOW + DAY, purpose=purpose, channel="portal"
    )
    try:
        return {c.code for c in release(replace(ask, **changes), now_ms=at_ms).columns}
    except AccessDeniedError:
        return set()


def begin(patient: Account, doctor: Account, **changes: Any) -> str:
    said: dict[str, Any] = {
        "responsible": doctor, "prescription": "telemonitoring of diabetes", "operator": "Hospital",
        "recorded_by": doctor, "now_ms": NOW,
    }  # fmt: skip
    return follow_ups.begin_follow_up(patient, **{**said, **changes})


BOTH = {PULSE, SUGAR}


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


def parent(patient: Account, who: Account, by: Account, **changes: Any) -> str:
    said: dict[str, Any] = {
        "nature": "parent", "deed": "family record book", "recorded_by": by, "now_ms": NOW, "adult_ms": NOW + DAY
    }
    return representation.represent(patient, who, **{**said, **changes})


def test_a_parent_reads_until_the_child_is_of_age(
    stored: Thing, alice: Account, rita: Account, charlie: Account
) -> None:
    """By itself, to the millisecond."""
    parent(alice, rita, charlie)
    assert codes(rita, alice, "FAMRQT", at_ms=NOW + DAY - 1) == BOTH
    assert codes(rita, alice, "FAMRQT", at_ms=NOW + DAY) == set()
    assert journal_of(alice)[0].reason == "of-age"
    (line,) = who_may_see(alice, now_ms=NOW)
    assert (line.detail, line.until_ms) == ("parent", NOW + DAY)


def test_an_adolescent_s_secret_was_never_measured_for_a_parent(
    stored: Thing, alice: Account, rita: Account, charlie: Account
) -> None:
    """Not refused: absent; told again, it is there."""
    parent(alice, rita, charlie)
    for _ in range(2):
        representation.keep_secret(alice, ["heart", "sleep"], now_ms=NOW)
    assert Statement.objects.filter(kind="secret").count() == 1
    assert codes(rita, alice, "FAMRQT") == {SUGAR}
    assert who_may_see(alice, now_ms=NOW)[0].hidden == (Window(families=frozenset({"heart", "sleep"})),)
    assert release(_ask(rita, alice, codes=(PULSE,)), now_ms=NOW).columns == []
    representation.tell_secret(alice, ["sleep"], now_ms=NOW + 1)
    assert codes(rita, alice, "FAMRQT", at_ms=NOW + 1) == {SUGAR}
    assert representation.secrets_of(alice, now_ms=NOW + 1) == {"heart"}
    representation.tell_secret(alice, ["heart"], now_ms=NOW + 2)
    assert codes(rita, alice, "FAMRQT", at_ms=NOW + 2) == BOTH
    with pytest.raises(RefusedError):
        representation.tell_secret(alice, ["heart"], now_ms=NOW + 2)


def _ask(reader: Account, patient: Account, **changes: Any) -> Ask:
    ask = Ask(
        reader=reader, patient=patient, since_ms=0, until_ms=NOW + DAY, purpose="FAMRQT", channel="portal"
    )
    return replace(ask, **changes)


def test_a_court_suspends_at_once(stored: Thing, alice: Account, rita: Account, charlie: Account) -> None:
    """And another decision lifts it; ending is for good."""
    key = parent(alice, rita, charlie)
    paper: dict[str, Any] = {"decision": "family judge, 12 May", "recorded_by": charlie}
    representation.suspend_representation(alice, key, now_ms=NOW + 1, **paper)
    assert codes(rita, alice, "FAMRQT", at_ms=NOW + 1) == set()
    assert journal_of(alice)[0].reason == "suspended"
    assert who_may_see(alice, now_ms=NOW + 1)[0].state == "suspended"
    with pytest.raises(RefusedError):
        representation.suspend_representation(alice, key, now_ms=NOW + 1, **paper)
    representation.resume_representation(alice, key, now_ms=NOW + 2, **paper)
    assert codes(rita, alice, "FAMRQT", at_ms=NOW + 2) == BOTH
    with pytest.raises(RefusedError):
        representation.resume_representation(alice, key, now_ms=NOW + 2, **paper)
    representation.end_representation(alice, key, now_ms=NOW + 3)
    assert codes(rita, alice, "FAMRQT", at_ms=NOW + 3) == set()
    with pytest.raises(RefusedError):
        representation.end_representation(alice, key, now_ms=NOW + 3)
    with pytest.raises(NotFoundError):
        representation.end_representation(alice, "nothing", now_ms=NOW + 3)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"nature": "friend"}, id="no-such-nature"),
        pytest.param({"adult_ms": None}, id="a-parent-without-the-birthday"),
        pytest.param({"deed": ""}, id="no-deed"),
        pytest.param({"adult_ms": NOW}, id="of-age-already"),
        pytest.param({"until_ms": NOW - 1}, id="over-already"),
    ],
)
def test_a_representation_needs_its_nature_its_deed_and_its_dates(
    alice: Account, rita: Account, charlie: Account, changes: dict[str, Any]
) -> None:
    """Nor does anybody write down their own right, or represent themselves."""
    with pytest.raises(RefusedError):
        parent(alice, rita, charlie, **changes)
    for who, by in ((rita, rita), (alice, charlie)):
        with pytest.raises(RefusedError):
            parent(alice, who, by)
    assert representation.representations_of(alice) == ()


def test_death_closes_all_but_care(stored: Thing, alice: Account, rita: Account, charlie: Account) -> None:
    """From the recorded instant."""
    parent(alice, rita, charlie)
    begin(alice, charlie)
    representation.record_death(alice, at_ms=NOW, recorded_by=charlie, now_ms=NOW + 1)
    assert codes(rita, alice, "FAMRQT", at_ms=NOW + 1) == set()
    assert codes(alice, alice, "PATRQT", at_ms=NOW + 1) == set()
    assert codes(charlie, alice, "TREAT", at_ms=NOW + 1) == BOTH
    states = {line.ground: line.state for line in who_may_see(alice, now_ms=NOW + 1)}
    assert states == {"care-team": "open", "representative": "closed-by-death"}
    for at_ms, by in ((NOW + 9, charlie), (NOW, alice)):
        with pytest.raises(RefusedError):
            representation.record_death(alice, at_ms=at_ms, recorded_by=by, now_ms=NOW + 1)


def glass(reader: Account, patient: Account, **changes: Any) -> str:
    said: dict[str, Any] = {"reason": "found unconscious", "families": None, "now_ms": NOW}
    return emergency.break_glass(reader, patient, **{**said, **changes})


def test_breaking_the_glass_opens_one_record_for_four_hours(
    stored: Thing, alice: Account, bob: Account, charlie: Account, dora: Account
) -> None:
    """For who broke it, to treat the emergency, on the spot."""
    glass(charlie, alice)
    assert codes(charlie, alice, "ETREAT") == BOTH
    assert codes(charlie, alice, "ETREAT", at_ms=NOW + 4 * HOUR - 1) == BOTH
    assert codes(charlie, alice, "ETREAT", at_ms=NOW + 4 * HOUR) == set()
    assert codes(charlie, alice, "TREAT") == set()
    assert codes(charlie, bob, "ETREAT") == set()
    assert codes(dora, alice, "ETREAT") == set()
    assert codes(charlie, alice, "ETREAT", export=True) == set()
    assert codes(charlie, alice, "ETREAT", channel="proof") == set()
    assert journal_of(alice)[0].reason == "no-export"


def test_an_emergency_names_its_families_and_period_and_ends_early(
    stored: Thing, alice: Account, charlie: Account
) -> None:
    """What it does not name stays closed."""
    key = glass(charlie, alice, families=["heart"], data_since_ms=NOW - DAY)
    assert codes(charlie, alice, "ETREAT") == {PULSE}
    restrict(alice, families=["heart"], now_ms=NOW)
    (line,) = who_may_see(alice, now_ms=NOW)
    assert (line.ground, line.detail, line.hidden) == ("emergency", "found unconscious", ())
    emergency.refuse_opening(alice, now_ms=NOW)
    assert who_may_see(alice, now_ms=NOW)[0].hidden == (Window(families=frozenset({"heart"})),)
    assert codes(charlie, alice, "ETREAT", codes=(SUGAR,)) == set()
    emergency.close_emergency(alice, key, now_ms=NOW + 1)
    assert codes(charlie, alice, "ETREAT", at_ms=NOW + 1) == set()
    with pytest.raises(RefusedError):
        emergency.close_emergency(alice, key, now_ms=NOW + 1)


def test_only_a_professional_with_a_reason_breaks_the_glass(alice: Account, rita: Account, charlie: Account) -> None:
    """Nobody else, and never without words."""
    for who in (rita, alice):
        with pytest.raises(AccessDeniedError):
            glass(who, alice)
    with pytest.raises(RefusedError):
        glass(charlie, alice, reason="  ")
    with pytest.raises(RefusedError):
        glass(charlie, charlie)


def test_a_second_person_reviews_within_a_day_or_it_is_overdue(alice: Account, charlie: Account, dora: Account) -> None:
    """Neither who broke it, nor twice; until then it is listed."""
    key = glass(charlie, alice)
    assert emergency.overdue_reviews(now_ms=NOW + DAY - 1) == []
    (late,) = emergency.overdue_reviews(now_ms=NOW + DAY)
    assert (late.emergency, late.reader, late.reason) == (key, str(charlie.pk), "found unconscious")
    said: dict[str, Any] = {"verdict": "justified", "note": "it was so", "now_ms": NOW + DAY}
    for reviewer, changes in ((charlie, {}), (alice, {}), (dora, {"verdict": "fine"}), (dora, {"note": ""})):
        with pytest.raises(RefusedError):
            emergency.review_emergency(alice, key, reviewer=reviewer, **{**said, **changes})
    emergency.review_emergency(alice, key, reviewer=dora, **said)
    assert emergency.overdue_reviews(now_ms=NOW + 9 * DAY) == []
    (done,) = emergency.reviews(alice)
    assert (done.verdict, done.reviewer, done.reviewed_ms) == ("justified", str(dora.pk), NOW + DAY)
    with pytest.raises(RefusedError):
        emergency.review_emergency(alice, key, reviewer=dora, **said)
    with pytest.raises(NotFoundError):
        emergency.review_emergency(alice, "nothing", reviewer=dora, **said)


def test_a_review_that_somebody_hides_is_overdue_again(alice: Account, charlie: Account, dora: Account) -> None:
    """The list is read from the statements: no row decides."""
    key = glass(charlie, alice)
    Ground.objects.all().delete()
    assert [r.emergency for r in emergency.overdue_reviews(now_ms=NOW + DAY)] == [key]
    emergency.review_emergency(alice, key, reviewer=dora, verdict="unjustified", note="no", now_ms=NOW)
    row = Statement.objects.get(kind="emergency-review")
    Statement.objects.filter(pk=row.pk).update(body=bytes(row.body)[:-1] + b"\0")
    assert [r.emergency for r in emergency.overdue_reviews(now_ms=NOW + DAY)] == [key]


def test_those_concerned_are_told_of_an_emergency(
    alice: Account, rita: Account, charlie: Account, dora: Account
) -> None:
    """The patient, representatives in force, the doctor who answers; not who is suspended."""
    begin(alice, dora)
    key = parent(alice, rita, charlie)
    assert emergency.to_be_told(alice, now_ms=NOW) == (alice.pk, rita.pk, dora.pk)
    representation.suspend_representation(alice, key, decision="judge", recorded_by=charlie, now_ms=NOW)
    assert emergency.to_be_told(alice, now_ms=NOW) == (alice.pk, dora.pk)


def test_why_is_told_without_opening_or_journaling_anything(stored: Thing, alice: Account, charlie: Account) -> None:
    """For the patient and the officer: the same decision as the door's."""
    before = Statement.objects.count()
    decision = why(_ask(charlie, alice, purpose="TREAT"), now_ms=NOW)
    assert (decision.allowed, decision.reason) == (False, "no-ground")
    assert Statement.objects.count() == before


def test_every_code_of_the_catalogue_is_in_exactly_one_family() -> None:
    """And one that nobody knows is in the family of others."""
    listed = [code for codes_ in FAMILIES.values() for code in codes_]
    assert sorted(listed) == sorted(CATALOGUE)
    assert family_of("never-seen") == "other"
    assert families_of(["8867-4", "x"]) == {"heart", "other"}
    assert (len(FAMILIES), require_families(None)) == (13, None)
