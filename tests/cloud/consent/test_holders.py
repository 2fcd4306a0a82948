"""Grants to more than one person: who belongs to a place or a team is read when they look; some trades get nothing."""

from __future__ import annotations

import pytest

from egide.cloud.consent import follow_ups, grants, policy, restrictions
from egide.cloud.consent.acts import say, window_said
from egide.cloud.consent.attested import facts_of
from egide.cloud.consent.facts import ACCOUNT, ESTABLISHMENT, TEAM, Care, Facts, Grant, Holder, Window
from egide.cloud.consent.grants import ForbiddenUseError
from egide.cloud.consent.rules import Question, decide
from egide.cloud.people.attested import attested_kinds
from egide.cloud.people.establishments import create_establishment
from egide.cloud.people.models import Account, Establishment
from egide.cloud.people.offices import dismiss, seat
from egide.cloud.register.models import Statement
from egide.cloud.release.door import why
from egide.errors import NotFoundError, RefusedError
from tests.cloud.consent.asking import BOTH, PULSE, an_ask, begin, codes
from tests.support.thing import DAY, NOW, Thing

NEVER = ("insurer", "employer", "bank")
EVERYTHING = {"families": None, "until_ms": None}


def doctor_at(place: Establishment, who: Account, *by: Account, now_ms: int = NOW) -> object:
    return seat(who, place, "doctor", by=(by[0], by[-1]), now_ms=now_ms, how="test")


def sign_anyway(patient: Account, holder: Holder) -> None:
    """A grant that no page and no service would write, signed all the same."""
    said = window_said(Window()) | {
        "id": "any", "holder_kind": holder.kind, "holder": holder.id, "purpose": "TREAT", "since": NOW,
        "until": None, "by": str(patient.pk), "signature": None,
    }  # fmt: skip
    say("grant", patient, said, now_ms=NOW)


# A place ------------------------------------------------------------------------------------------


def test_whoever_leaves_a_place_reads_nothing_of_what_it_was_given(
    stored: Thing, alice: Account, charlie: Account, dora: Account, rita: Account
) -> None:
    """And who comes after the grant reads: it is given to the place, on the day somebody looks."""
    clinic = create_establishment("clinic", "Clinique des Lilas", now_ms=NOW)
    grants.give_grant(alice, clinic, purpose="TREAT", now_ms=NOW, **EVERYTHING)  # type: ignore[arg-type]
    held = seat(charlie, clinic, "nurse", by=(dora, rita), now_ms=NOW + 1, how="test")
    assert codes(charlie, alice, "TREAT", at_ms=NOW + 1) == BOTH
    dismiss(held, by=charlie, now_ms=NOW + 2)
    assert codes(charlie, alice, "TREAT", at_ms=NOW + 2) == set()
    doctor_at(clinic, dora, charlie, rita, now_ms=NOW + 3)
    assert codes(dora, alice, "TREAT", at_ms=NOW + 3) == BOTH
    assert codes(dora, alice, "CAREMGT", at_ms=NOW + 3) == set()


# A team -------------------------------------------------------------------------------------------


def test_a_team_is_whoever_is_in_it_when_they_look(
    stored: Thing, alice: Account, charlie: Account, dora: Account
) -> None:
    """For another purpose than care; who joins later reads, who leaves does not, nor anybody once it ended."""
    follow_up = begin(alice, charlie)
    (care,) = follow_ups.follow_ups_of(alice)
    grants.give_grant(alice, care, families=["heart"], purpose="CAREMGT", now_ms=NOW, until_ms=None)
    assert codes(charlie, alice, "CAREMGT") == {PULSE}
    assert codes(dora, alice, "CAREMGT") == set()
    follow_ups.join_team(alice, follow_up, dora, part="nurse", now_ms=NOW + 1, until_ms=NOW + DAY)
    assert codes(dora, alice, "CAREMGT", at_ms=NOW + 1) == {PULSE}
    assert codes(dora, alice, "CAREMGT", at_ms=NOW + DAY) == set()
    follow_ups.leave_team(alice, follow_up, charlie, now_ms=NOW + 2)
    assert codes(charlie, alice, "CAREMGT", at_ms=NOW + 2) == set()
    follow_ups.close_follow_up(alice, follow_up, reason="over", now_ms=NOW + 3)
    assert codes(dora, alice, "CAREMGT", at_ms=NOW + 3) == set()


def test_a_patient_who_objects_may_still_give_a_team_one_family(
    stored: Thing, alice: Account, charlie: Account
) -> None:
    """The no is to what the law deems shared; what is given by name is given."""
    follow_up = begin(alice, charlie)
    follow_ups.oppose(alice, now_ms=NOW, follow_up=follow_up)
    assert codes(charlie, alice, "TREAT") == set()
    (care,) = follow_ups.follow_ups_of(alice)
    key = grants.give_grant(alice, care, families=["heart"], purpose="TREAT", now_ms=NOW, until_ms=None)
    assert codes(charlie, alice, "TREAT") == {PULSE}
    grants.withdraw_grant(alice, key, now_ms=NOW + 1)
    assert codes(charlie, alice, "TREAT", at_ms=NOW + 1) == set()


def test_a_restriction_can_name_a_team(stored: Thing, alice: Account, charlie: Account) -> None:
    """To each of its members, what it names was never measured."""
    begin(alice, charlie)
    (care,) = follow_ups.follow_ups_of(alice)
    restrictions.restrict(alice, who=care, families=["heart"], now_ms=NOW)
    assert codes(charlie, alice, "TREAT") == BOTH - {PULSE}


def test_only_a_team_that_follows_this_patient_can_be_granted_to(
    stored: Thing, alice: Account, bob: Account, charlie: Account
) -> None:
    """Not another patient's, nor one that is over; an id of nothing names nobody."""
    begin(alice, charlie)
    (care,) = follow_ups.follow_ups_of(alice)
    with pytest.raises(RefusedError):
        grants.give_grant(bob, care, purpose="CAREMGT", now_ms=NOW, **EVERYTHING)  # type: ignore[arg-type]
    follow_ups.close_follow_up(alice, care.id, reason="over", now_ms=NOW + 1)
    (over,) = follow_ups.follow_ups_of(alice)
    assert isinstance(over, Care)
    with pytest.raises(RefusedError):
        grants.give_grant(alice, over, purpose="CAREMGT", now_ms=NOW + 1, **EVERYTHING)  # type: ignore[arg-type]
    with pytest.raises(NotFoundError):
        grants.reader_of(bob, Holder(kind=TEAM, id=care.id))
    assert not Statement.objects.filter(kind="grant").exists()


# What nothing opens -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", NEVER)
def test_no_grant_is_given_to_such_a_place(alice: Account, kind: str) -> None:
    """By the kind that it was declared with; for a project neither."""
    place = create_establishment(kind, "Prévoyance du Midi", now_ms=NOW)
    with pytest.raises(ForbiddenUseError):
        grants.give_grant(alice, place, purpose="TREAT", now_ms=NOW, **EVERYTHING)  # type: ignore[arg-type]
    with pytest.raises(ForbiddenUseError):
        grants.join_research(alice, place, project="x", families=["heart"], now_ms=NOW, until_ms=NOW + DAY)
    assert not Statement.objects.filter(kind__in=("grant", "research")).exists()


@pytest.mark.parametrize("kind", NEVER)
def test_whoever_works_for_it_reads_nothing_whatever_was_signed(
    stored: Thing, alice: Account, charlie: Account, dora: Account, rita: Account, kind: str
) -> None:
    """To the place, to the person, and in a care team: a doctor of an insurer asks for the insurer."""
    place = create_establishment(kind, "Prévoyance du Midi", now_ms=NOW)
    sign_anyway(alice, Holder(kind=ESTABLISHMENT, id=str(place.pk)))
    grants.give_grant(alice, dora, purpose="SUPNWK", now_ms=NOW, **EVERYTHING)  # type: ignore[arg-type]
    begin(alice, dora)
    assert codes(dora, alice, "TREAT") == BOTH
    doctor_at(place, dora, charlie, rita)
    for purpose in ("TREAT", "SUPNWK"):
        assert codes(dora, alice, purpose) == set()
        assert why(an_ask(dora, alice, purpose=purpose), now_ms=NOW).reason == "sector-forbidden"


def test_who_also_cares_elsewhere_reads_as_such_and_nothing_that_the_insurer_was_given(
    stored: Thing, alice: Account, charlie: Account, dora: Account, rita: Account
) -> None:
    """What was given to the person counts; what was signed for the insurer opens nothing."""
    insurer = create_establishment("insurer", "Prévoyance du Midi", now_ms=NOW)
    clinic = create_establishment("clinic", "Clinique des Lilas", now_ms=NOW)
    sign_anyway(alice, Holder(kind=ESTABLISHMENT, id=str(insurer.pk)))
    doctor_at(insurer, dora, charlie, rita)
    doctor_at(clinic, dora, charlie, rita)
    assert codes(dora, alice, "TREAT") == set()
    assert why(an_ask(dora, alice, purpose="TREAT"), now_ms=NOW).reason == "sector-forbidden"
    grants.give_grant(alice, dora, families=["heart"], purpose="SUPNWK", now_ms=NOW, until_ms=None)
    assert codes(dora, alice, "SUPNWK") == {PULSE}


def test_the_trade_is_the_one_that_was_signed(
    stored: Thing, alice: Account, charlie: Account, dora: Account, rita: Account
) -> None:
    """A bank that became a clinic in the table is a bank at the door."""
    place = create_establishment("bank", "Banque du Midi", now_ms=NOW)
    sign_anyway(alice, Holder(kind=ESTABLISHMENT, id=str(place.pk)))
    doctor_at(place, dora, charlie, rita)
    Establishment.objects.filter(pk=place.pk).update(kind="clinic")
    assert codes(dora, alice, "TREAT") == set()
    another = create_establishment("clinic", "Clinique des Lilas", now_ms=NOW)
    assert attested_kinds() == {str(place.pk): "bank", str(another.pk): "clinic"}


@pytest.mark.parametrize("kind", [ACCOUNT, ESTABLISHMENT])
def test_the_policies_forbid_it_by_themselves(kind: str) -> None:
    """Cedar's own answer, without the rules: yes to a clinic, no to a bank, by where the reader works."""
    holder = Holder(kind=kind, id="r" if kind == ACCOUNT else "here")
    known = Facts(
        patient="p",
        grants=(Grant(id="g", patient="p", holder=holder, purpose="TREAT", data=Window(), since_ms=0, until_ms=None),),
    )
    at_clinic = Question(
        reader="r", role="professional", patient="p", purpose="TREAT", at_ms=1, establishments=frozenset({"here"})
    )
    at_bank = Question(
        reader="r", role="professional", patient="p", purpose="TREAT", at_ms=1, establishments=frozenset({"here"}),
        barred=frozenset({"here"}), sector="bank",
    )  # fmt: skip
    assert policy.judge(at_clinic, known, emergency=False).passed == {("grant", "g")}
    assert policy.judge(at_bank, known, emergency=False).passed == frozenset()
    assert decide(at_bank, known).reason == "sector-forbidden"


def test_a_grant_tells_who_gave_it(stored: Thing, alice: Account, charlie: Account) -> None:
    """The patient, or who wrote it down for them."""
    for by in (None, charlie):
        grants.give_grant(
            alice, charlie, families=None, purpose="TREAT", now_ms=NOW, until_ms=None, given_by=by
        )
    assert [grant.by for grant in facts_of(alice.pk).grants] == [str(alice.pk), str(charlie.pk)]
