"""The door out: who gets what, on which ground, and what the patient's journal says of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from egide.cloud.consent.models import FollowUp
from egide.cloud.consent.policy import Verdict
from egide.cloud.consent.restrictions import restrict
from egide.cloud.consent.service import end_follow_up, start_follow_up
from egide.cloud.intake.models import Event
from egide.cloud.intake.pipeline import Pipeline
from egide.cloud.keys.records import care_key
from egide.cloud.people.models import Account
from egide.cloud.register.journal import append_statement
from egide.cloud.register.publishing import publish
from egide.cloud.release import deciding, door, journal
from egide.cloud.release.door import Ask, release
from egide.cloud.release.export import entries
from egide.cloud.release.journal import journal_of, journal_page
from egide.cloud.release.proof import platform_anchors, release_proof
from egide.cloud.vault.models import Envelope, Flag
from egide.errors import AccessDeniedError, NotFoundError, RefusedError, SealError, UnavailableError
from egide.measure.readings import Readings, Series
from egide.trust.envelope import Clock
from egide.trust.evidence import verify_evidence
from tests.support.thing import DAY, NOW, Thing, glucose, incoming

HOUR = 3_600_000


def ask(reader: Account | None, patient: Account, purpose: str, **changes: object) -> Ask:
    base = Ask(
        reader=reader, patient=patient, since_ms=NOW - DAY, until_ms=NOW + DAY, purpose=purpose, channel="cli"
    )
    return replace(base, **changes)  # type: ignore[arg-type]


@pytest.fixture
def stored(pipeline: Pipeline, meter: Thing) -> Thing:
    """Two envelopes of Alice's meter: an hour of glucose, and a temperature with two decimals."""
    series = Series(code="8310-5", unit="Cel", times=0, exponent=-2, values=(3650,))
    warm = Readings(t0_ms=NOW - 2 * HOUR, series=(series,))
    answers = pipeline.process([incoming(meter.envelope()), incoming(meter.envelope(warm))])
    assert not any(a.code for a in answers)
    return meter


def test_a_patient_reads_their_own_record_exactly(stored: Thing, alice: Account) -> None:
    """Every value as it was signed, in the order of time, with its trust."""
    answer = release(ask(alice, alice, "PATRQT"), now_ms=NOW)
    warm, sugar = answer.columns
    assert (warm.values, warm.exponent, warm.unit) == ((3650,), -2, "Cel")
    assert sugar.values == tuple(range(100, 112))
    assert sugar.times_ms == tuple(NOW - HOUR + 300_000 * i for i in range(12))
    assert (sugar.trust, sugar.flags, sugar.correction_ms) == (4, frozenset(), 0)
    assert sugar.object_id == str(stored.row.pk)


def test_a_period_and_a_metric_cut_what_is_released(stored: Thing, alice: Account) -> None:
    """[since, until): the first instant is in, the last is out; other metrics stay behind."""
    cut = ask(
        alice, alice, "PATRQT", codes=("99504-3",), since_ms=NOW - HOUR + 300_000, until_ms=NOW - HOUR + 900_000
    )
    (column,) = release(cut, now_ms=NOW).columns
    assert (column.values, column.first) == ((101, 102), 1)
    empty = ask(alice, alice, "PATRQT", since_ms=NOW - HOUR + 1, until_ms=NOW - HOUR + 2)
    assert release(empty, now_ms=NOW).columns == []


def test_who_follows_reads_to_treat_until_the_follow_up_ends(stored: Thing, alice: Account, charlie: Account) -> None:
    """From its beginning until just before its end."""
    start_follow_up(charlie, alice, now_ms=NOW)
    start_follow_up(charlie, alice, now_ms=NOW + 1)
    assert FollowUp.objects.count() == 1
    assert len(release(ask(charlie, alice, "TREAT"), now_ms=NOW).columns) == 2
    with pytest.raises(AccessDeniedError):
        release(ask(charlie, alice, "TREAT"), now_ms=NOW - 1)
    end_follow_up(charlie, alice, now_ms=NOW + HOUR)
    assert len(release(ask(charlie, alice, "TREAT"), now_ms=NOW + HOUR - 1).columns) == 2
    with pytest.raises(AccessDeniedError):
        release(ask(charlie, alice, "TREAT"), now_ms=NOW + HOUR)
    with pytest.raises(RefusedError):
        end_follow_up(charlie, alice, now_ms=NOW + HOUR)
    with pytest.raises(RefusedError):
        start_follow_up(alice, charlie, now_ms=NOW)


def test_one_step_beside_the_ground_is_refused(
    stored: Thing, alice: Account, bob: Account, charlie: Account
) -> None:
    """Another patient, another purpose, nobody, a closed account: each a no that the patient's journal shows."""
    start_follow_up(charlie, alice, now_ms=NOW)
    closed = Account.objects.get(pk=alice.pk)
    closed.is_active = False
    refused = [
        ask(bob, alice, "PATRQT"), ask(alice, alice, "TREAT"), ask(charlie, alice, "HMARKT"),
        ask(charlie, alice, "PATRQT"), ask(None, alice, "PATRQT"), ask(closed, alice, "PATRQT"),
        ask(Account(pk=charlie.pk, role="operator"), alice, "TREAT"),
    ]  # fmt: skip
    for one in refused:
        with pytest.raises(AccessDeniedError):
            release(one, now_ms=NOW)
    lines = journal_of(alice)
    assert [line.decision for line in lines] == ["no"] * len(refused)
    assert {line.reader for line in lines} == {"", str(bob.pk), str(alice.pk), str(charlie.pk)}


def test_the_journal_says_who_when_what_and_why(stored: Thing, alice: Account, charlie: Account) -> None:
    """Everything of an answer, latest first; another patient's journal stays empty."""
    start_follow_up(charlie, alice, now_ms=NOW)
    answer = release(ask(charlie, alice, "TREAT", codes=("8310-5",)), now_ms=NOW + 5)
    line = journal_of(alice)[0]
    assert (line.entry, line.at_ms, line.reader, line.role) == (
        answer.journal_entry, NOW + 5, str(charlie.pk), "professional",
    )  # fmt: skip
    assert (line.purpose, line.codes, line.decision, line.ground) == ("TREAT", ("8310-5",), "yes", "care-team")


def test_rules_and_policies_must_both_say_yes(
    stored: Thing, alice: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disagreement is a no, and somebody in charge sees that there was one: nothing personal in it."""
    none = Verdict(frozenset(), frozenset())
    monkeypatch.setattr(deciding, "judge", lambda *_, **__: none)
    with pytest.raises(AccessDeniedError):
        release(ask(alice, alice, "PATRQT"), now_ms=NOW)
    event = Event.objects.get()
    assert (event.kind, event.detail) == ("policy-disagreement", "patient PATRQT")
    assert journal_of(alice)[0].reason == "policies-disagree"


def test_what_is_held_is_not_released(pipeline: Pipeline, meter: Thing, alice: Account) -> None:
    """A reading outside its pairing's window is nobody's until it is attributed."""
    pipeline.process([incoming(meter.envelope(glucose(at_ms=NOW - 41 * DAY)))])
    assert Envelope.objects.get().flags & Flag.HELD
    assert release(ask(alice, alice, "PATRQT", since_ms=0), now_ms=NOW).columns == []


def test_doubts_and_flags_come_with_the_reading(pipeline: Pipeline, meter: Thing, alice: Account) -> None:
    """A wrong unit and a dead clock are shown on the reading, also when the period cuts it."""
    series = Series(code="14745-4", unit="mmol/L", times=60_000_000, exponent=0, values=(5, 110, 6))
    sent = meter.envelope(
        Readings(t0_ms=1_000, series=(series,)), iat=1, clock=Clock(meter.boot, 1_000, False)
    )
    pipeline.process([incoming(sent)])
    (column,) = release(ask(alice, alice, "PATRQT"), now_ms=NOW).columns
    assert column.flags == {"clock"}
    assert column.doubts[1] == "unit"
    (cut,) = release(ask(alice, alice, "PATRQT", since_ms=column.times_ms[1]), now_ms=NOW).columns
    assert (cut.values, cut.first) == ((110, 6), 1)
    assert cut.doubts[0] == "unit"


def test_an_altered_row_is_never_shown(stored: Thing, alice: Account) -> None:
    """One byte of the sealed record, or another's record in its place, and nothing comes out."""
    row = Envelope.objects.order_by("entry").first()
    assert row is not None
    whole = bytes(row.sealed)
    Envelope.objects.filter(pk=row.pk).update(sealed=whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(SealError):
        release(ask(alice, alice, "PATRQT"), now_ms=NOW)


def test_a_proof_verifies_against_the_platforms_anchors(stored: Thing, alice: Account, bob: Account) -> None:
    """Released as a reading is, journaled as one, and whole; without a checkpoint there is none yet."""
    entry = Envelope.objects.order_by("entry").values_list("entry", flat=True)[0]
    asked: dict[str, Any] = {"patient": alice, "entry": entry, "now_ms": NOW + 10}
    with pytest.raises(UnavailableError):
        release_proof(reader=alice, purpose="PATRQT", **asked)
    assert publish(now_ms=NOW) is not None
    with pytest.raises(AccessDeniedError):
        release_proof(reader=bob, purpose="PATRQT", **asked)
    report = verify_evidence(release_proof(reader=alice, purpose="PATRQT", **asked), platform_anchors())
    assert report.anchored
    with pytest.raises(NotFoundError):
        release_proof(reader=alice, purpose="PATRQT", patient=alice, entry=entry + 1000, now_ms=NOW)
    assert [line.channel for line in journal_of(alice)] == ["proof"] * 4


def test_only_whole_envelopes_leave_as_they_were_signed(
    stored: Thing, pipeline: Pipeline, alice: Account, charlie: Account
) -> None:
    """All of them for the patient but what is held; none for anybody else, whether something is hidden or not."""
    pipeline.process([incoming(stored.envelope(glucose(at_ms=NOW - 41 * DAY)))])
    start_follow_up(charlie, alice, now_ms=NOW)
    for reader, purpose, given in ((alice, "PATRQT", 2), (charlie, "TREAT", 0)):
        assert len(list(door.entries_of(release(ask(reader, alice, purpose, since_ms=0), now_ms=NOW)))) == given
    held = Envelope.objects.order_by("-entry")[0].entry
    with pytest.raises(NotFoundError):
        door.entry_of(release(ask(alice, alice, "PATRQT", since_ms=0, entry=held), now_ms=NOW))
    restrict(alice, families=["heart"], now_ms=NOW)
    assert list(door.entries_of(release(ask(charlie, alice, "TREAT"), now_ms=NOW))) == []
    assert len(list(entries(release(ask(alice, alice, "PATRQT", since_ms=0), now_ms=NOW)))) == 2
    with pytest.raises(AccessDeniedError):
        list(entries(release(ask(charlie, alice, "TREAT"), now_ms=NOW)))


def test_a_journal_is_read_page_by_page(stored: Thing, alice: Account, charlie: Account, monkeypatch: Any) -> None:
    """Latest first, with or without one's own looks; a page that reads far enough says where to go on."""
    start_follow_up(charlie, alice, now_ms=NOW)
    for reader, purpose in ((charlie, "TREAT"), *((alice, "PATRQT"),) * 5):
        release(ask(reader, alice, purpose), now_ms=NOW)
    whole = journal_page(alice)
    assert ([line.purpose for line in whole.lines], whole.older) == (["PATRQT"] * 5 + ["TREAT"], None)
    first = journal_page(alice, count=2)
    assert (first.lines, first.older) == (whole.lines[:2], whole.lines[1].entry)
    assert journal_page(alice, before=first.older).lines == whole.lines[2:]
    assert [line.reader for line in journal_page(alice, others=True).lines] == [str(charlie.pk)]
    monkeypatch.setattr(journal, "_BATCH", 2)
    monkeypatch.setattr(journal, "_FAR", 4)
    far = journal_page(alice, others=True)
    assert (far.lines, far.older) == ((), whole.lines[3].entry)
    old = {"decision": "yes"}  # as written before a line said whose look it was
    personal = {"reader": str(alice.pk), "role": "patient", "purpose": "PATRQT", "codes": [], "since": 0, "until": 1,
                "channel": "cli", "ground": "self"}  # fmt: skip
    append_statement(journal.KIND, alice.pk, old, now_ms=NOW, personal=personal, sealed_for=care_key(alice.pk))
    assert journal_page(alice, others=True, count=1).lines == ()
    assert journal_page(alice, count=1).lines[0].grounds == ()
