"""Those who act for a patient, death, and emergencies: what each opens, from when, and what closes it again."""

from __future__ import annotations

from typing import Any

import pytest

from egide.cloud.consent import emergency, follow_ups, representation, restrictions
from egide.cloud.consent.facts import Window
from egide.cloud.consent.grants import give_grant
from egide.cloud.consent.models import Ground
from egide.cloud.consent.overview import who_may_see
from egide.cloud.consent.restrictions import restrict
from egide.cloud.people.models import Account
from egide.cloud.register.models import Statement
from egide.cloud.release.door import release
from egide.cloud.release.journal import journal_of
from egide.errors import AccessDeniedError, NotFoundError, RefusedError
from tests.cloud.consent.asking import BOTH, HOUR, PULSE, SUGAR, an_ask, begin, codes, glass, parent
from tests.support.harm import flipped
from tests.support.thing import DAY, NOW, Thing


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
    assert release(an_ask(rita, alice, codes=(PULSE,)), now_ms=NOW).columns == []
    representation.tell_secret(alice, ["sleep"], now_ms=NOW + 1)
    assert codes(rita, alice, "FAMRQT", at_ms=NOW + 1) == {SUGAR}
    assert representation.secrets_of(alice, now_ms=NOW + 1) == {"heart"}
    representation.tell_secret(alice, ["heart"], now_ms=NOW + 2)
    assert codes(rita, alice, "FAMRQT", at_ms=NOW + 2) == BOTH
    with pytest.raises(RefusedError):
        representation.tell_secret(alice, ["heart"], now_ms=NOW + 2)


def test_a_secret_holds_on_whatever_ground_a_parent_reads(
    stored: Thing, alice: Account, rita: Account, charlie: Account
) -> None:
    """A grant opens nothing of it either, even while a court suspends the parent; to others it does."""
    key = parent(alice, rita, charlie)
    for who in (rita, charlie):
        give_grant(alice, who, families=None, purpose="SUPNWK", now_ms=NOW, until_ms=NOW + DAY)
    representation.keep_secret(alice, ["heart"], now_ms=NOW)
    assert codes(rita, alice, "SUPNWK") == {SUGAR}
    assert codes(charlie, alice, "SUPNWK") == BOTH
    representation.suspend_representation(alice, key, decision="judge", recorded_by=charlie, now_ms=NOW)
    assert codes(rita, alice, "SUPNWK") == {SUGAR}


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
    Statement.objects.filter(pk=row.pk).update(body=flipped(row.body))
    assert [r.emergency for r in emergency.overdue_reviews(now_ms=NOW + DAY)] == [key]


def test_those_concerned_are_told_of_an_emergency(
    alice: Account, rita: Account, charlie: Account, dora: Account
) -> None:
    """The patient, representatives in force, the doctor who answers; not who is suspended, hidden from or opposed."""
    begin(alice, dora)
    key = parent(alice, rita, charlie)
    assert emergency.to_be_told(alice, now_ms=NOW) == (alice.pk, rita.pk, dora.pk)
    hidden = restrictions.restrict(alice, families=None, who=rita, now_ms=NOW)
    assert emergency.to_be_told(alice, now_ms=NOW) == (alice.pk, dora.pk)
    restrictions.lift_restriction(alice, hidden, now_ms=NOW)
    follow_ups.oppose(alice, professional=dora, now_ms=NOW)
    assert emergency.to_be_told(alice, now_ms=NOW) == (alice.pk, rita.pk)
    follow_ups.lift_opposition(alice, professional=dora, now_ms=NOW)
    representation.suspend_representation(alice, key, decision="judge", recorded_by=charlie, now_ms=NOW)
    assert emergency.to_be_told(alice, now_ms=NOW) == (alice.pk, dora.pk)
