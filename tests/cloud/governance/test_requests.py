"""Requests of the rights: who may ask and answer, until when, and what is signed."""

from __future__ import annotations

from datetime import date

import pytest

from egide.cloud.governance import requests
from egide.cloud.governance.desk import requests_for
from egide.cloud.governance.duties import duties
from egide.cloud.governance.erasing import decide, plan
from egide.cloud.governance.erasure import erasures_of
from egide.cloud.governance.models import Destruction, Request
from egide.cloud.governance.retention import decide_destruction, propose_destruction
from egide.cloud.keys.models import RecordKey
from egide.cloud.keys.records import ESTABLISHMENT, care_key, create_record_key
from egide.cloud.people.establishments import create_establishment
from egide.cloud.people.models import Account
from egide.cloud.people.offices import seat
from egide.cloud.people.service import create_account
from egide.cloud.register.journal import open_statement
from egide.cloud.register.models import Statement
from egide.errors import AccessDeniedError, KeyMissingError, RefusedError
from tests.support.thing import DAY, NOW

HOUR = 3_600_000


def steps(request: Request) -> list[str]:
    return [step.step for step in requests.story(request)]


@pytest.mark.parametrize("kind", ["access", "portability", "rectify", "restrict", "oppose", "erase"])
def test_each_right_can_be_asked_followed_and_taken_back(alice: Account, kind: str) -> None:
    """By the patient alone, from a session, without anybody's leave."""
    request = requests.ask(alice, kind, by=alice, now_ms=NOW, text="parce que", about="7")
    assert (request.state, request.duties) == ("open", duties().version)
    (first,) = requests.story(request)
    assert (first.by, first.text, first.about, first.via) == (str(alice.pk), "parce que", "7", "portal")
    requests.withdraw(request, by=alice, now_ms=NOW + 1)
    assert (request.state, steps(request)) == ("withdrawn", ["asked", "withdrawn"])


def test_what_was_written_is_sealed_to_the_record(alice: Account) -> None:
    """The register's row tells a number and a step; the words only open with the patient's key."""
    requests.ask(alice, "rectify", by=alice, now_ms=NOW, text="mon fils a essayé le lecteur")
    row = Statement.objects.get(kind="right")
    assert b"lecteur" not in bytes(row.body)
    assert set(open_statement(row).facts) == {"request", "step"}
    assert open_statement(row).personal is None


def test_asking_twice_for_the_whole_record_is_one_request(alice: Account) -> None:
    """Two taps are one request; two corrections are two."""
    first, second = (requests.ask(alice, "access", by=alice, now_ms=NOW) for _ in range(2))
    assert first.pk == second.pk
    for text in ("une", "deux"):
        requests.ask(alice, "rectify", by=alice, now_ms=NOW, text=text)
    assert Request.objects.count() == 3


def test_requests_without_end_are_refused(alice: Account) -> None:
    """Thirty wait at most; when one is taken back there is room again."""
    made = [requests.ask(alice, "rectify", by=alice, now_ms=NOW, text=str(n)) for n in range(requests.MAX_OPEN)]
    with pytest.raises(RefusedError):
        requests.ask(alice, "rectify", by=alice, now_ms=NOW, text="one more")
    requests.withdraw(made[0], by=alice, now_ms=NOW)
    assert requests.ask(alice, "rectify", by=alice, now_ms=NOW, text="one more").state == "open"


@pytest.mark.parametrize(
    ("kind", "text"),
    [("anything", ""), ("rectify", "  "), ("access", "x" * 2_001), ("access", "a\x00b")],
    ids=["no-such-right", "a-correction-of-nothing", "too-long", "not-text"],
)
def test_what_is_not_a_request_is_refused(alice: Account, kind: str, text: str) -> None:
    """And nothing is written."""
    with pytest.raises(RefusedError):
        requests.ask(alice, kind, by=alice, now_ms=NOW, text=text)
    assert not Statement.objects.filter(kind="right").exists()


def test_the_desk_asks_for_a_patient_and_a_stranger_does_not(alice: Account, bob: Account, doctor: Account) -> None:
    """Whoever holds an office of the establishment, by name; another patient, or a professional of nowhere, may not."""
    request = requests.ask(alice, "oppose", by=doctor, now_ms=NOW, text="à voix haute", via="desk")
    assert requests.story(request)[0].by == str(doctor.pk)
    for stranger in (bob, create_account("professional", "Nobody", NOW)):
        with pytest.raises(AccessDeniedError):
            requests.ask(alice, "oppose", by=stranger, now_ms=NOW)
        with pytest.raises(AccessDeniedError):
            requests.withdraw(request, by=stranger, now_ms=NOW)


def test_an_answer_is_given_by_who_answers_and_says_why(alice: Account, dpo: Account, bob: Account) -> None:
    """A no without a reason is refused; a closed request stays as it was answered."""
    request = requests.ask(alice, "restrict", by=alice, now_ms=NOW)
    with pytest.raises(AccessDeniedError):
        requests.answer(request, "granted", by=bob, text="", now_ms=NOW)
    for outcome, text in (("refused", ""), ("partly", " "), ("open", "x"), ("withdrawn", "x")):
        with pytest.raises(RefusedError):
            requests.answer(request, outcome, by=dpo, text=text, now_ms=NOW)
    requests.answer(request, "refused", by=dpo, text="le masquage est déjà en place", now_ms=NOW + HOUR)
    assert (request.state, request.closed_ms, steps(request)) == ("refused", NOW + HOUR, ["asked", "refused"])
    with pytest.raises(RefusedError):
        requests.answer(request, "granted", by=dpo, text="", now_ms=NOW + HOUR)
    with pytest.raises(RefusedError):
        requests.withdraw(request, by=alice, now_ms=NOW + HOUR)


def test_a_record_is_not_given_before_two_days(alice: Account, dpo: Account) -> None:
    """One millisecond before is too early."""
    request = requests.ask(alice, "access", by=alice, now_ms=NOW)
    with pytest.raises(RefusedError):
        requests.answer(request, "granted", by=dpo, text="", now_ms=NOW + 48 * HOUR - 1)
    requests.answer(request, "granted", by=dpo, text="", now_ms=NOW + 48 * HOUR)
    assert request.state == "granted"


def test_more_time_is_taken_once_with_a_reason(alice: Account, dpo: Account) -> None:
    """And never for a medical record."""
    request = requests.ask(alice, "rectify", by=alice, now_ms=NOW, text="x")
    first = request.due_ms
    with pytest.raises(RefusedError):
        requests.put_off(request, by=dpo, text="", now_ms=NOW)
    requests.put_off(request, by=dpo, text="le laboratoire répond lentement", now_ms=NOW)
    request.refresh_from_db()
    assert request.due_ms > first + 50 * DAY
    with pytest.raises(RefusedError):
        requests.put_off(request, by=dpo, text="encore", now_ms=NOW)
    with pytest.raises(RefusedError):
        requests.put_off(requests.ask(alice, "access", by=alice, now_ms=NOW), by=dpo, text="x", now_ms=NOW)


def test_what_is_late_is_said_and_what_is_answered_is_not(alice: Account, dpo: Account) -> None:
    """At the very instant that it is due."""
    request = requests.ask(alice, "access", by=alice, now_ms=NOW)
    mine = requests_for(dpo, now_ms=NOW)
    assert list(requests.overdue(mine, now_ms=request.due_ms - 1)) == []
    assert list(requests.overdue(mine, now_ms=request.due_ms)) == [request]
    requests.answer(request, "granted", by=dpo, text="", now_ms=request.due_ms)
    assert list(requests.overdue(mine, now_ms=request.due_ms)) == []


def test_a_desk_sees_its_own_establishment_only(alice: Account, dpo: Account) -> None:
    """The same office elsewhere has another list, and can neither answer nor ask here."""
    elsewhere = create_establishment("clinic", "Clinique du Parc", now_ms=NOW)
    other = create_account("professional", "Other", NOW)
    seat(other, elsewhere, "dpo", by=(other, other), now_ms=NOW - 1, how="test")
    request = requests.ask(alice, "restrict", by=alice, now_ms=NOW)
    assert request.establishment == ESTABLISHMENT
    assert list(requests_for(dpo, now_ms=NOW)) == [request]
    assert list(requests_for(other, now_ms=NOW)) == []
    for act in (
        lambda: requests.answer(request, "granted", by=other, text="", now_ms=NOW),
        lambda: requests.put_off(request, by=other, text="x", now_ms=NOW),
        lambda: requests.ask(alice, "oppose", by=other, now_ms=NOW),
    ):
        with pytest.raises(AccessDeniedError):
            act()


# -------------------------------------------------------------------------------------------------------------- erase


@pytest.fixture
def classes(alice: Account) -> None:
    for klass in ("personal", "research"):
        create_record_key(alice.pk, now_ms=NOW, klass=klass)


def test_an_erasure_is_decided_class_by_class(alice: Account, dpo: Account, classes: None) -> None:
    """Personal and research go; care is refused with its article and end date; each is told and signed."""
    request = requests.ask(alice, "erase", by=alice, now_ms=NOW)
    with pytest.raises(RefusedError):
        requests.answer(request, "granted", by=dpo, text="", now_ms=NOW)  # nobody grants an erasure with a click
    entry = decide(request, by=dpo, now_ms=NOW + DAY, text="voici", birth=date(2020, 5, 1))
    assert request.state == "partly"
    told = {klass: (decision, until) for klass, decision, _, until in requests.story(request)[-1].classes}
    assert told == {"personal": ("erased", ""), "research": ("erased", ""), "care": ("kept", "2048-05-01")}
    assert "R1112-7" in next(line[2] for line in requests.story(request)[-1].classes if line[0] == "care")
    assert [e.entry for e in erasures_of(alice.pk)] == [entry]
    assert care_key(alice.pk).wrapped is not None


def test_a_record_of_care_alone_is_refused_with_its_reasons(alice: Account, dpo: Account) -> None:
    """Nothing is erased, no epoch is opened, and the answer is a no that can be traced."""
    request = requests.ask(alice, "erase", by=alice, now_ms=NOW)
    assert decide(request, by=dpo, now_ms=NOW) is None
    assert request.state == "refused"
    assert erasures_of(alice.pk) == []
    (care,) = plan(alice, now_ms=NOW)
    assert care.instead == ("restrict", "oppose", "rectify")
    assert care.term is not None
    assert not care.term.sure  # nobody has said when Alice was born


def test_nobody_answers_their_own_request(doctor: Account, alice: Account, classes: None) -> None:
    """And a patient erases nothing of anybody's."""
    request = requests.ask(alice, "erase", by=alice, now_ms=NOW)
    with pytest.raises(AccessDeniedError):
        decide(request, by=alice, now_ms=NOW)
    assert RecordKey.objects.filter(erased_ms=None).count() == 3


# ------------------------------------------------------------------------------------------------------------ destroy

BORN = date(1960, 1, 1)
AFTER = NOW + 21 * 366 * DAY


def test_a_care_record_is_destroyed_by_two_people_after_its_term(alice: Account, dpo: Account, doctor: Account) -> None:
    """Proposed by one, decided by another, with the archives' reference; then nobody opens it."""
    row = propose_destruction(alice, by=dpo, now_ms=AFTER, birth=BORN)
    assert propose_destruction(alice, by=doctor, now_ms=AFTER, birth=BORN).pk == row.pk
    with pytest.raises(RefusedError):
        decide_destruction(row, by=dpo, approve=True, now_ms=AFTER, archives="AD 2048-12")
    with pytest.raises(RefusedError):
        decide_destruction(row, by=doctor, approve=True, now_ms=AFTER, archives=" ")
    entry = decide_destruction(row, by=doctor, approve=True, now_ms=AFTER, archives="AD 2048-12")
    assert entry is not None
    facts = open_statement(Statement.objects.get(entry=entry)).facts
    assert (facts["by"], facts["archives"]) == ([str(dpo.pk), str(doctor.pk)], "AD 2048-12")
    with pytest.raises(KeyMissingError):
        care_key(alice.pk)
    assert Destruction.objects.get().entry == entry
    with pytest.raises(RefusedError):
        decide_destruction(row, by=doctor, approve=True, now_ms=AFTER, archives="AD 2048-12")


@pytest.mark.parametrize(
    ("at_ms", "birth"), [(NOW + 19 * 365 * DAY, BORN), (AFTER, None), (AFTER, date(2025, 1, 1))],
    ids=["before-the-term", "birth-not-known", "before-the-28th-birthday"],
)  # fmt: skip
def test_nothing_is_destroyed_while_the_law_asks_to_keep_it(
    alice: Account, dpo: Account, at_ms: int, birth: date | None
) -> None:
    """What is not sure counts as not yet."""
    with pytest.raises(RefusedError):
        propose_destruction(alice, by=dpo, now_ms=at_ms, birth=birth)
    assert not Destruction.objects.exists()


def test_a_destruction_that_is_refused_changes_nothing(alice: Account, dpo: Account, doctor: Account) -> None:
    """One no is enough, and it is signed."""
    row = propose_destruction(alice, by=dpo, now_ms=AFTER, birth=BORN)
    assert decide_destruction(row, by=doctor, approve=False, now_ms=AFTER) is None
    assert care_key(alice.pk).wrapped is not None
    assert (row.approved, row.decided_by) == (False, doctor.pk)
