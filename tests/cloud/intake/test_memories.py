"""What intake remembers is bounded, and what it remembers of a patient serves all of their objects."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest

from egide.cloud.fleet.service import pair, unpair
from egide.cloud.intake import counters as counters_module
from egide.cloud.intake import freshness
from egide.cloud.intake.counters import Counters
from egide.cloud.intake.freshness import BootMemory, judge, require_in_force
from egide.cloud.intake.pipeline import Pipeline
from egide.cloud.people.models import Account
from egide.cloud.register.store import current_log, head_of
from egide.cloud.vault.models import Envelope, Flag
from egide.errors import CertificateExpiredError
from tests.support.thing import DAY, NOW, Thing, incoming, receipt_of


def test_two_pairings_with_a_patient_share_the_patient_s_key(pipeline: Pipeline, meter: Thing, alice: Account) -> None:
    """An object that came back to the same patient has two windows, and one key to seal to, read once."""
    unpair(meter.pairing, NOW - DAY)
    second = pair(meter.row, alice, NOW - DAY)
    admitted = pipeline.fleet.get(bytes(meter.certificate.sha256))
    assert admitted is not None
    first, again = (admitted.pairings[str(p.uuid)] for p in (meter.pairing, second))
    assert first.record == again.record
    assert first.record.patient == alice.pk
    assert pipeline.fleet.recipient_of(first) is pipeline.fleet.recipient_of(again)
    assert first.until_ms is not None
    assert first.covers(NOW - 3 * DAY, NOW - 2 * DAY)
    assert not first.covers(NOW - 2 * DAY, NOW)
    assert again.covers(NOW, NOW)


def test_what_is_remembered_of_unknown_certificates_is_bounded(pipeline: Pipeline) -> None:
    """Ten thousand strangers do not fill the memory: it is emptied with the next move of the register."""
    pipeline.fleet.refresh(1)
    for n in range(10_001):
        pipeline.fleet._known[n.to_bytes(32, "big")] = None
    pipeline.fleet.refresh(2**62)
    assert pipeline.fleet._known == {}


def test_boots_are_remembered_up_to_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest leaves; what stays is the earliest start that was heard."""
    monkeypatch.setattr(freshness, "_MAX_BOOTS", 3)
    boots = BootMemory()
    for key in range(5):
        assert boots.started(key, b"boot", 1_000, 10_000) == 9_000
    assert [key for key, _ in boots._start] == [2, 3, 4]
    assert boots.started(4, b"boot", 1_000, 12_000) == 9_000
    assert boots.started(4, b"boot", 1_000, 8_000) == 7_000
    assert boots.started(0, b"boot", 1_000, 99_000) == 98_000


@pytest.mark.parametrize(
    ("age_ms", "late", "clock"),
    [
        (0, False, False), (10 * 60_000, False, False), (10 * 60_000 + 1, True, False), (31 * DAY, True, False),
        (31 * DAY + 1, False, True), (-5 * 60_000, False, False), (-5 * 60_000 - 1, False, True),
    ],
)  # fmt: skip
def test_a_set_clock_is_believed_within_its_bounds(age_ms: int, late: bool, clock: bool) -> None:
    """Five minutes ahead, 31 days behind, ten minutes on time: to the millisecond."""
    timing = judge(
        iat_ms=NOW - age_ms, since_boot_ms=5_000, boot=b"b", synchronised=True, key=1, not_before_ms=0,
        received_ms=NOW, boots=BootMemory(),
    )  # fmt: skip
    assert (timing.late, timing.clock) == (late, clock)
    assert timing.correction_ms == (age_ms if clock else 0)


def test_a_clock_that_is_older_than_its_certificate_is_not_believed() -> None:
    """Nobody signs with a certificate that is yet to be: the time is corrected from the boot's."""
    told = {"since_boot_ms": 5_000, "key": 1, "received_ms": NOW, "not_before_ms": NOW - 1_000}
    for iat_ms, clock in ((NOW - 1_000, False), (NOW - 1_001, True)):
        timing = judge(iat_ms=iat_ms, boot=b"b", synchronised=True, boots=BootMemory(), **told)
        assert (timing.clock, timing.correction_ms) == (clock, 1_001 if clock else 0)


@pytest.mark.parametrize(("at", "held"), [(0, True), (-1, False), (DAY, True), (DAY + 1, False)])
def test_a_certificate_is_in_force_from_its_first_to_its_last_millisecond(at: int, held: bool) -> None:
    """With no grace: the offline verifier has none either."""
    if held:
        require_in_force(NOW + at, NOW, NOW + DAY)
    else:
        with pytest.raises(CertificateExpiredError):
            require_in_force(NOW + at, NOW, NOW + DAY)


def test_counters_are_forgotten_when_there_are_too_many(
    pipeline: Pipeline, meter: Thing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And asked for again: what is stored is still found."""
    data = meter.envelope()
    pipeline.process([incoming(data)])
    monkeypatch.setattr(counters_module, "_MOST", 0)
    (again,) = pipeline.process([incoming(data)])
    receipt_of(again, data)


def test_a_counter_is_read_with_its_entry_in_order(pipeline: Pipeline, meter: Thing) -> None:
    """Asked twice in one batch, a counter is still one entry; nothing asked, nothing found."""
    batch = [meter.envelope(seq=5), meter.envelope(seq=5), meter.envelope(seq=6)]
    pipeline.process([incoming(d) for d in batch])
    head, key = head_of(current_log().pk), meter.certificate.key_id
    counters = Counters()
    found = counters.known([(key, 5), (key, 5), (key, 6), (key, 7)], head)
    assert [len(found[key, seq]) for seq in (5, 6)] == [2, 1]
    assert (key, 7) not in found
    entries = deque(entry for _, entry in found[key, 5])
    assert list(entries) == sorted(entries)
    assert Counters().known([], head) == {}
    counters.add([(key, 4)], head)
    assert counters._largest == {key: 6}


def test_a_fleet_that_changes_before_the_lock_is_looked_at_again(
    pipeline: Pipeline, meter: Thing, alice: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pairing that ends between the seal and the store counts: what it no longer covers is held, and stored once."""
    verify = pipeline._verify
    seen: list[int] = []

    def late(*batch: Any) -> Any:
        found = verify(*batch)
        if not seen:
            unpair(meter.pairing, NOW - 2 * 3_600_000)
        seen.append(len(found[0]))
        return found

    monkeypatch.setattr(pipeline, "_verify", late)
    data = [meter.envelope(), meter.envelope()]
    answers = pipeline.process([incoming(one) for one in data])
    for answer, one in zip(answers, data, strict=True):
        receipt_of(answer, one)
    assert seen == [2, 2]
    assert [row.flags & Flag.HELD for row in Envelope.objects.all()] == [Flag.HELD, Flag.HELD]
