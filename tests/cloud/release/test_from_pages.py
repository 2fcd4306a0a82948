"""Read through sealed pages or from the envelopes alone: the answer is the same, value by value and mark by mark."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from egide.cloud.config.worker import alarm_once, page_once
from egide.cloud.consent.attested import forget
from egide.cloud.consent.restrictions import restrict
from egide.cloud.consent.service import start_follow_up
from egide.cloud.fleet.pairings import unpair
from egide.cloud.governance.erasure import erase_classes
from egide.cloud.intake.pipeline import Pipeline
from egide.cloud.keys.models import RecordKey
from egide.cloud.options import Options
from egide.cloud.people.models import Account
from egide.cloud.people.service import create_account
from egide.cloud.register.publishing import publish
from egide.cloud.release import from_pages
from egide.cloud.release.attribution import attribute_held
from egide.cloud.release.deciding import decide_ask
from egide.cloud.release.door import Ask, Column, open_columns, open_rolled, release, release_rolled
from egide.cloud.upkeep.fsck import fsck
from egide.cloud.upkeep.pages import check_pages
from egide.cloud.vault import pages_writing
from egide.cloud.vault.models import Envelope, Flag, Page
from egide.cloud.vault.pages_rolling import by_day, merge
from egide.cloud.vault.pages_writing import look_on, rebuild, status, write_due
from egide.errors import AccessDeniedError, KeyMissingError, MalformedError, RefusedError, SealError
from egide.measure.readings import Readings, Series
from tests.support.attributing import Sent, moved, professional
from tests.support.attributing import carol as carol
from tests.support.attributing import doctor as doctor
from tests.support.attributing import engineer as engineer
from tests.support.attributing import sent as sent
from tests.support.thing import DAY, NOW, Thing, glucose, incoming

HOUR = 3_600_000
EVER = 2**50
LATER = NOW + HOUR


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page for the few envelopes of a test, too."""
    monkeypatch.setattr(pages_writing, "LEAST", 1)
    monkeypatch.setattr(from_pages, "_FEW", 1)


def ask(patient: Account, reader: Account | None = None, **more: object) -> Ask:
    purpose = "PATRQT" if reader is None else "TREAT"
    base = Ask(reader=reader or patient, patient=patient, since_ms=0, until_ms=EVER, purpose=purpose, channel="test")
    return replace(base, **more)  # type: ignore[arg-type]


def both(wanted: Ask) -> tuple[list[Column], list[Column]]:
    """(through pages, from envelopes alone)."""
    decision = decide_ask(wanted, LATER)
    if not decision.allowed:
        return [], []
    return open_columns(wanted, decision), open_columns(wanted, decision, pages=False)


def from_page(patient: Account) -> int:
    """How many envelopes of this record its pages give to the patient."""
    wanted = ask(patient)
    paged = from_pages.read_pages(wanted, decide_ask(wanted, LATER))
    return len({column.entry for column in paged.columns}) if paged else 0


def damage() -> set[tuple[str, str]]:
    publish(now_ms=LATER)
    return {(f.kind, f.what) for f in fsck(now_ms=LATER).findings if not f.notice}


def fill(pipeline: Pipeline, thing: Thing, hours: range) -> None:
    """One envelope an hour, so many hours ago."""
    answers = pipeline.process([incoming(thing.envelope(glucose(90 + h, at_ms=NOW - h * HOUR))) for h in hours])
    assert not any(answer.code for answer in answers)


@pytest.fixture
def filled(pipeline: Pipeline, meter: Thing) -> Thing:
    """Two months of a few hours each, in pages."""
    fill(pipeline, meter, range(1, 12))
    fill(pipeline, meter, range(480, 490))
    rebuild(now_ms=NOW)
    return meter


# ------------------------------------------------------------------------------------------------------------- the same

METRICS = (("8867-4", "/min"), ("99504-3", "mg/dL"), ("8480-6", "mm[Hg]"), ("8462-4", "mm[Hg]"), ("x-unknown", "1"))
series = st.builds(
    lambda metric, count, period, base: Series(
        code=METRICS[metric][0], unit=METRICS[metric][1], exponent=-(base % 2),
        values=tuple(base + 37 * (i % 3) for i in range(count)),
        times=0 if count == 1 else period * 1000 if period % 2 else tuple(i * period for i in range(count)),
    ),
    metric=st.integers(0, 4), count=st.integers(1, 9), period=st.integers(60_000, 900_000), base=st.integers(20, 260),
)  # fmt: skip
envelope = st.tuples(st.integers(0, 1_200), st.lists(series, min_size=1, max_size=3))  # hours ago, what
#: What happens: an envelope; the same number again with another content; a clock far off; a page written; an end.
events = st.lists(
    st.one_of(
        st.tuples(st.just("send"), envelope),
        st.tuples(st.just("send"), envelope),
        st.tuples(st.just("twice"), envelope),
        st.tuples(st.just("again"), envelope),
        st.tuples(st.just("clock"), envelope),
        st.tuples(st.just("late"), envelope),
        st.tuples(st.just("unpair"), st.none()),
        st.tuples(st.just("attribute"), st.none()),
        st.tuples(st.just("write"), st.none()),
        st.tuples(st.just("rebuild"), st.none()),
    ),
    min_size=2,
    max_size=14,
)
bounds = st.none() | st.integers(0, 1_200).map(lambda h: NOW - h * HOUR)
limits = st.none() | st.tuples(
    st.none() | st.frozensets(st.sampled_from(("heart", "glucose", "pressure", "other")), min_size=1), bounds, bounds
).filter(lambda w: w[1] is None or w[2] is None or w[1] < w[2])
asked = st.tuples(
    st.lists(st.sampled_from([m[0] for m in METRICS]), max_size=2).map(tuple),
    st.integers(0, 1_200),
    st.integers(0, 600),
)


class History:
    """One patient, one object, and what happens to them."""

    def __init__(self, engineer: Account, doctor: Account) -> None:
        self.engineer = engineer
        self.patient = create_account("patient", f"P {os.urandom(6).hex()}", NOW)
        self.thing = Thing.enrol(self.patient, since_ms=NOW - 80 * DAY)
        self.pipeline = Pipeline("worker-1")
        start_follow_up(doctor, self.patient, now_ms=NOW)

    def live(self, kind: str, what: Any) -> None:
        """One event; whatever intake answers is fine."""
        if kind == "unpair":
            unpair(self.thing.pairing, NOW - 300 * HOUR)
            self.pipeline = Pipeline("worker-2")  # another worker, which remembers no window
        elif kind == "attribute":
            with suppress(RefusedError):  # nothing is held, or it was said already
                attribute_held(
                    self.thing.pairing, since_ms=NOW - 299 * HOUR, until_ms=NOW + HOUR, reason="Rendu.",
                    by=self.engineer, now_ms=NOW,
                )  # fmt: skip
        elif kind == "write":
            while look_on(now_ms=NOW):
                pass
            write_due(now_ms=LATER)
        elif kind == "rebuild":
            rebuild(now_ms=NOW)
        else:
            self._send(kind, *what)

    def _send(self, kind: str, hours: int, content: list[Series]) -> None:
        more: dict[str, Any] = {}
        if kind == "clock":
            more = {"iat": NOW // 1000 + 4_000}
        elif kind == "late":
            more = {"iat": NOW // 1000 - 20_000}
        elif kind == "twice" and self.thing.seq:
            more = {"seq": self.thing.seq}
        readings = Readings(t0_ms=NOW - hours * HOUR, series=tuple(content))
        data = incoming(self.thing.envelope(readings, **more), at_ms=NOW + self.thing.seq)
        self.pipeline.process([data] * (2 if kind == "again" else 1))


def test_pages_give_what_envelopes_give_whatever_happened(opened_platform: object) -> None:
    """Late, again, twice under one number, clocks corrected, held and attributed, restricted by metric and period: the
    patient and a restricted doctor read the same columns through pages, and `fsck` finds nothing in them."""
    care, doctor = professional("Ève Marin", "engineer"), create_account("professional", "Dr Émile Faure", NOW)
    met: Counter[str] = Counter()

    def look(patient: Account, codes: tuple[str, ...], since: int, span: int) -> None:
        met["given"] += from_page(patient)
        cut = {"since_ms": NOW - since * HOUR, "until_ms": NOW - (since - span) * HOUR}
        for reader in (None, doctor):
            for one in (ask(patient, reader), ask(patient, reader, codes=codes, **cut)):
                through, alone = both(one)
                assert through == alone
                decision = decide_ask(one, LATER)
                for code in {c.code for c in alone}:
                    rolled = open_rolled(replace(one, codes=(code,)), decision)
                    assert rolled == open_rolled(replace(one, codes=(code,)), decision, pages=False)
                    assert sum(r.count + r.odd for r in rolled) == sum(len(c.values) for c in alone if c.code == code)
                met["doubts"] += sum(len(c.doubts) for c in alone)
                met.update(flag for c in alone for flag in c.flags)

    @settings(max_examples=25)
    @given(history=events, limit=limits, wanted=asked)
    def compare(history: list[tuple[str, Any]], limit: Any, wanted: Any) -> None:
        with transaction.atomic():
            world = History(care, doctor)
            if limit is not None:
                families, since, until = limit
                restrict(world.patient, families=families, data_since_ms=since, data_until_ms=until, now_ms=NOW)
            for kind, what in [*history, ("write", None)]:
                world.live(kind, what)
            look(world.patient, *wanted)
            assert list(check_pages()) == []
            transaction.set_rollback(True)
        forget()

    compare()
    assert met["given"] > 50
    assert met["doubts"] > 50
    assert {"contested", "late", "clock", "attributed"} <= {word for word, n in met.items() if n}


def test_the_roll_ups_of_a_page_are_those_of_its_values(filled: Thing, alice: Account) -> None:
    """By hour, and by day in whatever zone; a mean is exact; fsck computes them again, from envelopes."""
    assert from_page(alice) == 21
    assert damage() == set()
    wanted = ask(alice, codes=("99504-3",))
    hours, columns = release_rolled(wanted, now_ms=LATER), release(wanted, now_ms=LATER).columns
    values = [value for column in columns for value in column.values]
    assert sum(r.count for r in hours) == len(values) == 21 * 12
    assert sum(r.total for r in hours) == sum(values)
    (whole,) = merge(hours, lambda _: 0)
    assert (whole.low, whole.high, whole.mean) == (min(values), max(values), Fraction(sum(values), len(values)))
    days = by_day(hours, lambda ms: (ms + HOUR) // DAY * DAY - HOUR)
    assert [r.count for r in days] == [
        sum(1 for c in columns for t in c.times_ms if r.start_ms <= t < r.start_ms + DAY) for r in days
    ]
    with pytest.raises(MalformedError):
        release_rolled(ask(alice), now_ms=LATER)
    with pytest.raises(AccessDeniedError):
        release_rolled(replace(wanted, purpose="HMARKT"), now_ms=LATER)


def test_what_came_since_is_read_from_its_envelope_until_its_month_is_written(
    filled: Thing, alice: Account, pipeline: Pipeline
) -> None:
    """And a month waits until many came, or for a quarter of an hour."""
    fill(pipeline, filled, range(12, 15))
    through, alone = both(ask(alice))
    assert through == alone
    assert len(alone) == 24
    assert from_page(alice) == 21
    look_on(now_ms=NOW)
    assert write_due(now_ms=NOW) == 0
    assert status()["waiting"] == 3
    assert write_due(now_ms=NOW + pages_writing.WAIT_MS) == 1
    assert from_page(alice) == 24
    assert status() | {"pages": 0} == {"pages": 0, "covered": 24, "envelopes": 24, "waiting": 0}


def test_without_the_key_that_opens_the_worker_hears_why_and_nothing_is_put_off(
    pipeline: Pipeline, meter: Thing, alice: Account, opened_platform: Options
) -> None:
    """What is due stays due: with the key, it is written at the next look."""
    fill(pipeline, meter, range(1, pages_writing.MANY + 1))
    kek = opened_platform.keys / "kek.json"
    away = kek.rename(kek.with_name("away.json"))
    try:
        with pytest.raises(KeyMissingError):
            page_once()
        with pytest.raises(KeyMissingError):
            alarm_once()
    finally:
        away.rename(kek)
    page_once()
    assert from_page(alice) == pages_writing.MANY


def test_a_month_that_cannot_be_written_is_said_by_its_code(
    pipeline: Pipeline, meter: Thing, alice: Account, caplog: pytest.LogCaptureFixture
) -> None:
    """A record whose wrapped key was altered: the log names the code, and nothing of the record."""
    fill(pipeline, meter, range(1, pages_writing.MANY + 1))
    RecordKey.objects.filter(subject=alice.pk).update(wrapped=bytes(48))
    page_once()
    assert caplog.messages == ["a page was not written: seal-broken"]


def test_the_worker_writes_pages_by_itself(pipeline: Pipeline, meter: Thing, alice: Account) -> None:
    """What came a quarter of an hour ago, or much at once; the second look has nothing to do."""
    fill(pipeline, meter, range(1, pages_writing.MANY + 1))
    page_once()
    assert from_page(alice) == pages_writing.MANY
    before = list(Page.objects.order_by("pk").values_list("pk", flat=True))
    page_once()
    assert list(Page.objects.order_by("pk").values_list("pk", flat=True)) == before
    assert damage() == set()


def test_a_clone_that_comes_later_contests_what_a_page_holds(
    filled: Thing, alice: Account, pipeline: Pipeline
) -> None:
    """The first of the two is marked as soon as the second is there, whatever its page said of it."""
    filled.seq = 3
    fill(pipeline, filled, range(2, 3))
    through, alone = both(ask(alice))
    assert through == alone
    assert sum("contested" in column.flags for column in through) == 2


def test_a_waveform_is_left_to_its_envelope(filled: Thing, alice: Account, pipeline: Pipeline) -> None:
    """A page holds what is read by the month."""
    wave = Series(code="x-wave", unit="mV", times=4_000, exponent=-3, values=tuple(range(1_000)))
    pipeline.process([incoming(filled.envelope(Readings(t0_ms=NOW - 3 * HOUR, series=(wave,))))])
    rebuild(now_ms=NOW)
    through, alone = both(ask(alice))
    assert through == alone
    assert len(alone) == 22
    assert from_page(alice) == 21


# ---------------------------------------------------------------------------------------------------------------- gone


def test_what_moves_to_another_record_leaves_the_pages_of_the_first_with_it(
    sent: Sent, alice: Account, carol: Account, engineer: Account, doctor: Account
) -> None:
    """In the same transaction: no page of the first patient holds a value of the second's, not even sealed."""
    rebuild(now_ms=NOW)
    assert from_page(alice) == 8
    moved(sent, carol, (engineer, doctor))
    assert from_page(alice) == 0
    assert not Page.objects.filter(record_key__subject=alice.pk, sealed__isnull=False).exists()
    for patient in (alice, carol):
        through, alone = both(ask(patient))
        assert through == alone
        assert len(alone) == 4
    look_on(now_ms=NOW)
    write_due(now_ms=NOW)
    assert (from_page(alice), from_page(carol)) == (4, 4)
    assert damage() == set()


def test_a_class_that_is_erased_takes_its_pages_along(filled: Thing, alice: Account) -> None:
    """Nobody opens them any more, and they are not kept."""
    erase_classes(alice.pk, [RecordKey.Class.CARE], now_ms=NOW)
    assert not Page.objects.exists()
    rebuild(now_ms=NOW)
    assert not Page.objects.filter(sealed__isnull=False).exists()
    with pytest.raises(AccessDeniedError):
        release(ask(alice), now_ms=LATER)


# ------------------------------------------------------------------------------------------------------------- attacks


def flip(page: Page) -> None:
    sealed = bytearray(page.sealed or b"")
    sealed[len(sealed) // 2] ^= 1
    Page.objects.filter(pk=page.pk).update(sealed=bytes(sealed))


def months(patient: Account, part: int) -> list[Page]:
    return list(Page.objects.filter(record_key__subject=patient.pk, part=part).order_by("month"))


def swap(one: Page, other: Page) -> None:
    Page.objects.filter(pk=one.pk).update(sealed=other.sealed)
    Page.objects.filter(pk=other.pk).update(sealed=one.sealed)


HARMS: dict[str, Callable[[Account, Account], None]] = {
    "cover-flipped": lambda alice, bob: flip(months(alice, 0)[0]),
    "values-flipped": lambda alice, bob: flip(months(alice, 1)[0]),
    "covers-of-two-months": lambda alice, bob: swap(*months(alice, 0)),
    "values-of-two-months": lambda alice, bob: swap(*months(alice, 1)),
    "cover-of-another-patient": lambda alice, bob: swap(months(alice, 0)[0], months(bob, 0)[0]),
    "values-of-another-patient": lambda alice, bob: swap(months(alice, 1)[0], months(bob, 1)[0]),
    "values-taken-away": lambda alice, bob: months(alice, 1)[0].delete() and None,
}


@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS)
def test_a_page_that_was_tampered_with_is_never_shown_and_is_named(
    harm: Callable[[Account, Account], None], filled: Thing, alice: Account, bob: Account, pipeline: Pipeline
) -> None:
    """Its reader gets what the envelopes say; `fsck` says that somebody wrote in the store."""
    fill(pipeline, Thing.enrol(bob), range(1, 12))
    rebuild(now_ms=NOW)
    assert damage() == set()
    harm(alice, bob)
    through, alone = both(ask(alice))
    assert through == alone
    assert len(alone) == 21
    assert {kind for kind, _ in damage()} == {"page"}
    assert rebuild(now_ms=NOW)
    assert damage() == set()


def test_a_page_that_is_put_back_shows_nothing_that_has_left(
    sent: Sent, alice: Account, carol: Account, engineer: Account, doctor: Account
) -> None:
    """An old copy of a page holds what moved away since: none of it is shown, and it is named."""
    rebuild(now_ms=NOW)
    old = list(Page.objects.all())
    moved(sent, carol, (engineer, doctor))
    Page.objects.all().delete()
    Page.objects.bulk_create(old)
    through, alone = both(ask(alice))
    assert through == alone
    assert len(alone) == 4
    assert ("page", "page-of-another-record") in damage()


def test_an_older_values_page_does_not_fit_a_newer_cover(
    filled: Thing, alice: Account, pipeline: Pipeline
) -> None:
    """Each part is bound to the cover that it was sealed with."""
    old = {page.pk: (page.month, page.part, bytes(page.sealed or b"")) for page in Page.objects.filter(part=1)}
    fill(pipeline, filled, range(12, 15))
    rebuild(now_ms=NOW)
    for month, part, sealed in old.values():
        Page.objects.filter(month=month, part=part).update(sealed=sealed)
    through, alone = both(ask(alice))
    assert through == alone
    assert len(alone) == 24
    assert {kind for kind, _ in damage()} == {"page"}


@pytest.mark.parametrize("column", ["flags", "received_ms", "pairing_id"])
def test_a_page_hides_no_tampering_of_the_envelopes_columns(filled: Thing, alice: Account, column: str) -> None:
    """A column that says something else than what was sealed refuses the reading, as it does without pages."""
    other = Thing.enrol(alice)
    row = Envelope.objects.order_by("entry")[0]
    value = other.pairing.pk if column == "pairing_id" else getattr(row, column) ^ int(Flag.LATE)
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE vault_envelope SET {column} = %s WHERE entry = %s", [value, row.entry])
    wanted = ask(alice)
    decision = decide_ask(wanted, LATER)
    for pages in (True, False):
        with pytest.raises(SealError):
            open_columns(wanted, decision, pages=pages)
