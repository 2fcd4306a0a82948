"""A list asks the door about many at once, and is answered as one by one."""

from __future__ import annotations

import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from egide.cloud.consent.follow_ups import oppose
from egide.cloud.consent.restrictions import restrict
from egide.cloud.consent.service import end_follow_up, start_follow_up
from egide.cloud.keys.records import create_record_key
from egide.cloud.people.models import Account
from egide.cloud.people.service import create_account
from egide.cloud.register.models import Statement
from egide.cloud.register.store import leaves_at, nodes_of, split_entry
from egide.cloud.release.door import Ask, release
from egide.cloud.release.journal import journal_of
from egide.cloud.release.lists import release_each
from egide.cloud.vault.models import Envelope
from egide.errors import AccessDeniedError, NotFoundError, SealError
from tests.cloud.conftest import NOW
from tests.support.cast import Cast
from tests.support.ward import HOUR_MS, spot


def ask_of(reader: Account, patient: Account) -> Ask:
    return Ask(
        reader=reader, patient=patient, since_ms=NOW - 24 * HOUR_MS, until_ms=NOW + 1, purpose="TREAT", channel="list"
    )


def more_patients(cast: Cast, count: int) -> list[Account]:
    """Followed by Bob, with a thermometer each."""
    found = []
    for n in range(count):
        patient = cast.ward.patient(f"Patient {n}")
        start_follow_up(cast.bob, patient, now_ms=NOW - 2 * HOUR_MS)
        thing = cast.ward.thing("Thermo", patient)
        for hour in (3, 2, 1):
            thing.send(spot("8310-5", "Cel", "37.0"), t0_ms=NOW - hour * HOUR_MS)
        found.append(patient)
    return found


def test_each_is_answered_as_if_asked_alone(cast: Cast) -> None:
    """Allowed, restricted, opposed, ended, never followed: the same columns on the same ground, or the same no."""
    plain, hidden, opposed, ended = more_patients(cast, 4)
    restrict(hidden, families=["temperature"], who=cast.bob, now_ms=NOW - 1)
    restrict(cast.alice, families=["glucose"], who=cast.bob, now_ms=NOW - 1)
    oppose(opposed, now_ms=NOW - 1)
    end_follow_up(cast.bob, ended, now_ms=NOW - 1)
    asks = [ask_of(cast.bob, p) for p in (cast.alice, plain, hidden, opposed, ended, cast.charlie)]
    answers = release_each(asks, now_ms=NOW)
    assert [answer is not None for answer in answers] == [True, True, True, False, False, False]
    for ask, answer in zip(asks, answers, strict=True):
        if answer is None:
            with pytest.raises(AccessDeniedError):
                release(ask, now_ms=NOW)
            continue
        alone = release(ask, now_ms=NOW)
        assert (answer.columns, answer.decision, answer.ask) == (alone.columns, alone.decision, alone.ask)
    assert answers[1] is not None
    assert answers[1].columns
    assert answers[2] is not None
    assert answers[2].columns == []


def test_each_answer_is_in_its_own_patient_s_journal_yes_or_no(cast: Cast) -> None:
    """One entry a patient; the answer names it."""
    (other,) = more_patients(cast, 1)
    before = Statement.objects.count()
    yes, no = release_each([ask_of(cast.bob, other), ask_of(cast.bob, cast.charlie)], now_ms=NOW)
    assert Statement.objects.count() == before + 2
    line = journal_of(other)[0]
    assert yes is not None
    assert (line.entry, line.decision, line.reader) == (yes.journal_entry, "yes", str(cast.bob.pk))
    assert no is None
    assert journal_of(cast.charlie)[0].decision == "no"


def test_nothing_is_opened_before_the_journal_is_written(cast: Cast) -> None:
    """A record that cannot be opened leaves its line all the same."""
    (other,) = more_patients(cast, 1)
    Envelope.objects.filter(pairing__patient=other).update(sealed=b"x" * 80)
    before = Statement.objects.count()
    with pytest.raises(SealError):
        release_each([ask_of(cast.bob, other)], now_ms=NOW)
    assert Statement.objects.count() == before + 1


def test_a_row_moved_to_another_patient_s_pairing_is_not_theirs(cast: Cast) -> None:
    """An envelope belongs to the record that it is sealed to, in a list too."""
    one, other = more_patients(cast, 2)
    row = Envelope.objects.filter(pairing__patient=one).order_by("entry")[0]
    Envelope.objects.filter(pk=row.pk).update(pairing=Envelope.objects.filter(pairing__patient=other)[0].pairing)
    answers = release_each([ask_of(cast.bob, one), ask_of(cast.bob, other)], now_ms=NOW)
    assert [len(a.columns) for a in answers if a is not None] == [2, 3]


def test_more_patients_ask_no_more_of_the_database(cast: Cast) -> None:
    """Whether anything was said since, what is written, what is opened: all of them together."""
    asks = [ask_of(cast.bob, patient) for patient in more_patients(cast, 6)]
    release_each(asks, now_ms=NOW)
    spent = []
    for some in (asks[:2], asks):
        with CaptureQueriesContext(connection) as asked:
            release_each(some, now_ms=NOW)
        spent.append(len(asked))
    assert spent[0] == spent[1]
    assert spent[1] <= 20


def test_records_of_several_establishments_ask_no_more_of_the_database(cast: Cast) -> None:
    """Where the people of each team work is read for all teams at once."""
    asks = []
    for n, patient in enumerate(more_patients(cast, 5)):
        create_record_key(patient.pk, now_ms=NOW, establishment=uuid.uuid4())
        start_follow_up(create_account("professional", f"Colleague {n}", NOW), patient, now_ms=NOW - 1)
        asks.append(ask_of(cast.bob, patient))
    release_each(asks, now_ms=NOW)
    spent = []
    for some in (asks[:2], asks):
        with CaptureQueriesContext(connection) as asked:
            release_each(some, now_ms=NOW)
        spent.append(len(asked))
    assert spent[0] == spent[1]


def test_nobody_is_asked_about_nobody() -> None:
    """An empty list touches nothing."""
    assert release_each([], now_ms=NOW) == []


def test_leaves_read_together_are_those_of_the_tiles(cast: Cast) -> None:
    """The same hashes as one by one; an entry that is not there is said."""
    rows = list(Envelope.objects.all())
    one_by_one = {row.entry: nodes_of(split_entry(row.entry)[0])(0, split_entry(row.entry)[1]) for row in rows}
    assert leaves_at(one_by_one) == one_by_one
    few = dict(list(one_by_one.items())[:3])
    assert len(one_by_one) > 8 > len(few)  # a tile that is read whole, and one that is not
    assert leaves_at(few) == few
    assert leaves_at([]) == {}
    with pytest.raises(NotFoundError):
        leaves_at([rows[0].entry + 1_000_000])
