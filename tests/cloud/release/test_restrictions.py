"""To a reader whom the patient restricts, what is restricted was never measured.

Two patients live the same days. One measured everything and restricts some of it; the other restricts the same and
never measured it. Whatever the reader asks, both answers are the same.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egide.cloud.consent import emergency
from egide.cloud.consent.attested import facts_of, forget
from egide.cloud.consent.facts import Window
from egide.cloud.consent.families import FAMILIES, family_of
from egide.cloud.consent.representation import keep_secret, represent
from egide.cloud.consent.restrictions import lift_restriction, restrict, restrictions_of
from egide.cloud.consent.service import start_follow_up
from egide.cloud.intake.pipeline import Pipeline
from egide.cloud.people.models import Account
from egide.cloud.people.service import create_account
from egide.cloud.register.models import Statement
from egide.cloud.release.door import Ask, Column, entry_of, release
from egide.cloud.release.journal import journal_of
from egide.cloud.vault.models import Envelope
from egide.errors import AccessDeniedError, EgideError, NotFoundError, RefusedError
from egide.measure.readings import Readings, Series
from tests.support.caring import caring
from tests.support.thing import DAY, NOW, Thing, incoming

HOUR = 3_600_000
BEGIN = NOW - 20 * HOUR
#: A code of each of four families, with its unit: the last is one that nobody knows.
METRICS = (("8867-4", "/min"), ("99504-3", "mg/dL"), ("8480-6", "mm[Hg]"), ("x-unknown", "1"))


@dataclass(frozen=True)
class Sent:
    """An envelope's series: (metric, how many values, one every so many ms), from an hour of the day on."""

    hour: int
    series: tuple[tuple[int, int], ...]


EVERY_MS = 600_000
sent = st.lists(
    st.builds(
        Sent,
        hour=st.integers(0, 15),
        series=st.lists(
            st.tuples(st.integers(0, 3), st.integers(1, 6)), min_size=1, max_size=3, unique_by=lambda s: s[0]
        ).map(tuple),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda s: s.hour,
)
bounds = st.none() | st.integers(0, 18).map(lambda h: BEGIN + h * HOUR)
windows = st.tuples(
    st.none() | st.frozensets(st.sampled_from(("heart", "glucose", "pressure", "other")), min_size=1), bounds, bounds
).filter(lambda w: w[1] is None or w[2] is None or w[1] < w[2])
asks = st.tuples(
    st.lists(st.sampled_from([m[0] for m in METRICS]), max_size=2).map(tuple), st.integers(0, 18), st.integers(0, 19)
)


def hidden(window: tuple[Any, Any, Any], code: str, at_ms: int) -> bool:
    families, since, until = window
    return (
        (families is None or family_of(code) in families)
        and (since is None or since <= at_ms)
        and (until is None or at_ms < until)
    )


def readings(envelope: Sent, window: tuple[Any, Any, Any] | None) -> Readings | None:
    """What an object would have sent; with a window, had it never measured what lies in it."""
    t0 = BEGIN + envelope.hour * HOUR
    made, first = [], None
    for metric, count in envelope.series:
        code, unit = METRICS[metric]
        offsets = [n * EVERY_MS for n in range(count)]
        kept = [o for o in offsets if window is None or not hidden(window, code, t0 + o)]
        if not kept:
            continue
        first = kept[0] if first is None else min(first, kept[0])
        values = tuple(60 + 90 * (o // EVERY_MS % 2) + o // EVERY_MS for o in kept)  # now and then a leap
        made.append(Series(code=code, unit=unit, times=tuple(kept), exponent=0, values=values))
    return Readings(t0_ms=t0, series=tuple(made)) if made else None


def person(envelopes: list[Sent], window: tuple[Any, Any, Any], *, measured: bool) -> Account:
    """A patient who restricts that window, and did or did not measure what lies in it."""
    patient = create_account("patient", f"P {os.urandom(6).hex()}", NOW)
    meter = Thing.enrol(patient)
    data = [readings(e, None if measured else window) for e in envelopes]
    batch = [incoming(meter.envelope(r)) for r in data if r is not None]
    if batch:
        assert not any(a.code for a in Pipeline("worker-1").process(batch))
    restrict(patient, families=window[0], data_since_ms=window[1], data_until_ms=window[2], now_ms=NOW)
    return patient


def shown(columns: list[Column]) -> list[tuple[Any, ...]]:
    """All of a column but random numbers: entries become places in the order of what was shown."""
    order = {entry: place for place, entry in enumerate(dict.fromkeys(sorted(c.entry for c in columns)))}
    return [
        (order[c.entry], c.position, c.code, c.unit, c.exponent, c.times_ms, c.values, c.trust, c.flags, c.first,
         c.correction_ms, c.doubts)
        for c in columns
    ]  # fmt: skip


def asked(reader: Account, patient: Account, wanted: tuple[tuple[str, ...], int, int], purpose: str) -> Any:
    """The answer as the reader gets it, or the refusal's code."""
    codes, since, until = wanted
    ask = Ask(
        reader=reader, patient=patient, since_ms=BEGIN + since * HOUR, until_ms=BEGIN + until * HOUR, purpose=purpose,
        channel="portal", codes=codes,
    )  # fmt: skip
    try:
        answer = release(ask, now_ms=NOW)
    except AccessDeniedError as err:
        return (err.code, str(err))
    return shown(answer.columns)


def test_answers_are_the_same_with_and_without_the_data(opened_platform: object) -> None:
    """Same columns, counts, places, doubts and refusals; the journal takes as many lines of the same size."""
    doctor = create_account("professional", "Dr Charlie", NOW)
    met: Counter[str] = Counter()

    @settings(max_examples=100)
    @given(envelopes=sent, window=windows, wanted=asks)
    def compare(envelopes: list[Sent], window: tuple[Any, Any, Any], wanted: Any) -> None:
        with_data, without = (lived(doctor, envelopes, window, wanted, measured=m) for m in (True, False))
        assert with_data.answers == without.answers
        assert (with_data.lines, with_data.sizes) == (without.lines, without.sizes)
        met["hidden"] += with_data.own != without.own
        met["left"] += bool(with_data.answers[1])
        met["both"] += bool(with_data.answers[1]) and with_data.own != without.own
        met["doubtful"] += any(column[-1] for column in with_data.answers[1])

    compare()
    assert min(met[word] for word in ("hidden", "left", "both", "doubtful")) >= 10, met


@dataclass(frozen=True)
class Lived:
    """What the reader got and left behind, and what the patient sees."""

    answers: list[Any]
    lines: list[Any]
    sizes: list[int]
    own: list[Any]


def lived(
    doctor: Account, envelopes: list[Sent], window: tuple[Any, Any, Any], wanted: Any, *, measured: bool
) -> Lived:
    """The reader asks twice, for something and for everything."""
    patient = person(envelopes, window, measured=measured)
    start_follow_up(doctor, patient, now_ms=NOW)
    before = Statement.objects.filter(subject=patient.pk).order_by("-entry")[0].entry
    answers = [asked(doctor, patient, w, "TREAT") for w in (wanted, ((), 0, 19))]
    written = Statement.objects.filter(entry__gt=before).order_by("entry")
    sizes = [len(bytes(s.body)) for s in written]
    lines = [replace(n, entry=0) for n in journal_of(patient)]
    return Lived(answers, lines, sizes, asked(patient, patient, ((), 0, 19), "PATRQT"))


@pytest.fixture
def mixed(pipeline: Pipeline, meter: Thing) -> Thing:
    """One envelope with a pulse and a pressure, and one with glucose alone."""
    pulse = Series(code="8867-4", unit="/min", times=0, exponent=0, values=(71,))
    high = Series(code="8480-6", unit="mm[Hg]", times=0, exponent=0, values=(131,))
    both = Readings(t0_ms=NOW - 2 * HOUR, series=(pulse, high))
    assert not any(a.code for a in pipeline.process([incoming(meter.envelope(both)), incoming(meter.envelope())]))
    return meter


def columns(reader: Account, patient: Account, purpose: str = "TREAT", **changes: Any) -> list[Column]:
    ask = Ask(
        reader=reader, patient=patient, since_ms=NOW - DAY, until_ms=NOW + DAY, purpose=purpose, channel="portal"
    )
    return release(replace(ask, **changes), now_ms=changes.pop("at_ms", NOW)).columns


def test_what_is_left_is_numbered_as_if_the_rest_had_not_been_there(
    mixed: Thing, alice: Account, charlie: Account
) -> None:
    """The pressure that was second in its envelope is first; the patient sees it second."""
    start_follow_up(charlie, alice, now_ms=NOW)
    restrict(alice, families=["heart"], now_ms=NOW)
    assert [(c.code, c.position) for c in columns(charlie, alice)] == [("8480-6", 0), ("99504-3", 0)]
    assert [c.position for c in columns(alice, alice, "PATRQT")] == [0, 1, 0]


def test_a_restriction_names_a_person_and_leaves_the_others(
    mixed: Thing, alice: Account, charlie: Account
) -> None:
    """Until it is lifted; an empty answer looks like nothing measured."""
    dora = create_account("professional", "Dora", NOW)
    for who in (charlie, dora):
        start_follow_up(who, alice, now_ms=NOW)
    key = restrict(alice, families=None, who=charlie, now_ms=NOW)
    assert columns(charlie, alice) == []
    assert len(columns(dora, alice)) == 3
    assert restrictions_of(alice)[0].id == key
    line = journal_of(alice)[1]
    assert (line.reader, line.decision, line.hidden) == (str(charlie.pk), "yes", 1)
    lift_restriction(alice, key, now_ms=NOW)
    assert len(columns(charlie, alice)) == 3
    with pytest.raises(RefusedError):
        lift_restriction(alice, key, now_ms=NOW)
    with pytest.raises(NotFoundError):
        lift_restriction(alice, "nothing", now_ms=NOW)
    with pytest.raises(RefusedError):
        restrict(alice, families=None, who=alice, now_ms=NOW)


def test_a_period_is_hidden_from_within_a_series(mixed: Thing, alice: Account, charlie: Account) -> None:
    """Values before and after stay, with their doubts, and are counted as if they were all."""
    start_follow_up(charlie, alice, now_ms=NOW)
    restrict(
        alice, families=["glucose"], data_since_ms=NOW - HOUR, data_until_ms=NOW - HOUR + 600_000, now_ms=NOW
    )
    sugar = columns(charlie, alice, codes=("99504-3",))[0]
    assert (sugar.first, sugar.values) == (0, tuple(range(102, 112)))
    cut = columns(charlie, alice, codes=("99504-3",), since_ms=NOW - HOUR + 900_000)[0]
    assert (cut.first, cut.values) == (1, tuple(range(103, 112)))


def test_doubts_stay_with_their_values(pipeline: Pipeline, meter: Thing, alice: Account, charlie: Account) -> None:
    """A value in another unit is still doubtful once its neighbour is hidden."""
    series = Series(code="14745-4", unit="mmol/L", times=60_000_000, exponent=0, values=(5, 110, 6))
    pipeline.process([incoming(meter.envelope(Readings(t0_ms=NOW - HOUR, series=(series,))))])
    start_follow_up(charlie, alice, now_ms=NOW)
    restrict(alice, families=None, data_until_ms=NOW - HOUR + 1, now_ms=NOW)
    (left,) = columns(charlie, alice)
    assert left.values == (110, 6)
    assert left.doubts[0] == "unit"


def entry(patient: Account, number: int) -> int:
    """The number of one of a patient's envelopes, in the order of arrival."""
    found = Envelope.objects.filter(pairing__patient=patient).order_by("entry").values_list("entry", flat=True)
    return int(found[number])


def test_signed_bytes_are_the_patients_alone(
    mixed: Thing, alice: Account, charlie: Account
) -> None:
    """They cannot be cut: one that is missing, or of which there are fewer, would tell what is hidden."""
    start_follow_up(charlie, alice, now_ms=NOW)

    def whole(reader: Account, number: int, purpose: str = "TREAT") -> bool:
        ask = Ask(
            reader=reader, patient=alice, since_ms=0, until_ms=2 * NOW, purpose=purpose, channel="portal",
            entry=entry(alice, number),
        )  # fmt: skip
        try:
            entry_of(release(ask, now_ms=NOW))
        except EgideError:
            return False
        return True

    assert not whole(charlie, 0)
    assert not whole(charlie, 1)
    restrict(alice, families=["heart"], who=charlie, now_ms=NOW)
    assert not whole(charlie, 0)
    assert not whole(charlie, 1)
    assert whole(alice, 0, "PATRQT")
    dora = caring(create_account("professional", "Dora", NOW), now_ms=NOW)
    emergency.break_glass(dora, alice, reason="x", families=["glucose"], now_ms=NOW)
    assert not whole(dora, 0, "ETREAT")
    assert not whole(dora, 1, "ETREAT")  # read on the spot, restricted or not


def test_an_emergency_sees_through_unless_that_was_refused(mixed: Thing, alice: Account, charlie: Account) -> None:
    """And sees through again once the patient takes the refusal back."""
    restrict(alice, families=["heart"], now_ms=NOW)
    emergency.break_glass(caring(charlie, now_ms=NOW), alice, reason="unconscious", families=None, now_ms=NOW)
    assert len(columns(charlie, alice, "ETREAT")) == 3
    for _ in range(2):
        emergency.refuse_opening(alice, now_ms=NOW)
    assert Statement.objects.filter(kind="emergency-refusal").count() == 1
    assert len(columns(charlie, alice, "ETREAT")) == 2
    emergency.accept_opening(alice, now_ms=NOW)
    assert len(columns(charlie, alice, "ETREAT")) == 3
    with pytest.raises(RefusedError):
        emergency.accept_opening(alice, now_ms=NOW)


def test_a_secret_and_a_restriction_add_up_for_a_representative(
    mixed: Thing, alice: Account, charlie: Account
) -> None:
    """Neither opens what the other hides."""
    rita = create_account("relative", "Rita", NOW)
    represent(alice, rita, nature="mandate", deed="notary", recorded_by=charlie, now_ms=NOW)
    assert len(columns(rita, alice, "FAMRQT")) == 3
    keep_secret(alice, ["heart"], now_ms=NOW)
    restrict(alice, families=["pressure"], who=rita, now_ms=NOW)
    assert [c.code for c in columns(rita, alice, "FAMRQT")] == ["99504-3"]


def test_the_facts_of_a_restriction_are_as_they_were_signed(alice: Account) -> None:
    """Families, period, and nothing beside."""
    restrict(alice, families=sorted(FAMILIES), data_since_ms=5, now_ms=NOW)
    forget()
    (held,) = facts_of(alice.pk).restrictions
    assert held.data == Window(families=frozenset(FAMILIES), since_ms=5)
