"""The door in: what is accepted, what is refused, and what each leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.db import DatabaseError

from egide.cloud.fleet.models import Pairing, Trust
from egide.cloud.fleet.service import current_pairings, pair, revoke_object, unpair
from egide.cloud.intake import pipeline as pipeline_module
from egide.cloud.intake import quarantine
from egide.cloud.intake.models import Event, Refused
from egide.cloud.intake.pipeline import Pipeline
from egide.cloud.keys.models import RecordKey
from egide.cloud.people.models import Account
from egide.cloud.register.journal import append_statement
from egide.cloud.register.store import Register, appending, current_log, nodes_of, split_entry
from egide.cloud.release.door import Ask, release
from egide.cloud.vault.models import DataKey, Envelope, Flag
from egide.errors import StorageError
from egide.measure.readings import Readings, Series
from egide.trust.cose import Sign1, SoftwareSigner
from egide.trust.envelope import Clock
from egide.trust.envelope import Envelope as Parsed
from egide.trust.seal import Suite, open_sealed
from tests.support.thing import DAY, NOW, Thing, code_of, glucose, incoming, issue, receipt_of

HOUR = 3_600_000


def send(pipeline: Pipeline, data: bytes, *, at_ms: int = NOW, source: str = "") -> str:
    """Send one envelope; "" when it was receipted (and the receipt verifies), else the refusal's code."""
    (answer,) = pipeline.process([incoming(data, at_ms=at_ms, source=source)])
    if answer.code:
        return code_of(answer, data)
    receipt_of(answer, data)
    return ""


def spoilt(data: bytes) -> bytes:
    """The same envelope with one bit of its signature changed."""
    return data[:-1] + bytes([data[-1] ^ 1])


def flags(data: bytes) -> int:
    return Envelope.objects.get(identity=Parsed.parse(data).identity).flags


@pytest.mark.parametrize("kind", ["ed25519", "p256"])
def test_a_good_envelope_is_stored_registered_and_receipted(pipeline: Pipeline, alice: Account, kind: str) -> None:
    """The receipt names the leaf that the row's number names, and the row says what was signed."""
    thing = Thing.enrol(alice, kind=kind)
    data = thing.envelope()
    (answer,) = pipeline.process([incoming(data, source=str(thing.row.pk))])
    receipt = receipt_of(answer, data)
    row = Envelope.objects.get()
    assert split_entry(row.entry) == (1, receipt.index)
    assert (row.seq, row.flags, row.pairing_id) == (1, 0, thing.pairing.pk)
    assert (row.first_ms, row.last_ms) == (NOW - HOUR, NOW - HOUR + 11 * 300_000)
    assert nodes_of(1)(0, receipt.index) == Parsed.parse(data).leaf()
    assert current_log().size == receipt.size


def test_a_batch_gives_each_its_own_receipt_in_order(pipeline: Pipeline, meter: Thing) -> None:
    """Three hundred envelopes in one transaction: leaves follow each other, each receipt verifies."""
    batch = [meter.envelope() for _ in range(300)]
    answers = pipeline.process([incoming(data) for data in batch])
    indices = [receipt_of(a, d).index for a, d in zip(answers, batch, strict=True)]
    assert indices == list(range(indices[0], indices[0] + 300))
    assert DataKey.objects.count() == 1


def test_the_same_envelope_again_is_the_same_leaf_and_a_fresh_receipt(pipeline: Pipeline, meter: Thing) -> None:
    """Stored once; the second receipt is of the larger tree."""
    data, other = meter.envelope(), meter.envelope()
    (first,) = pipeline.process([incoming(data)])
    send(pipeline, other)
    (again,) = pipeline.process([incoming(data)])
    one, two = receipt_of(first, data), receipt_of(again, data)
    assert one.index == two.index
    assert one.size < two.size
    assert Envelope.objects.count() == 2


def test_twice_in_one_batch_is_stored_once(pipeline: Pipeline, meter: Thing) -> None:
    """A resend that meets its original in the same batch."""
    data = meter.envelope()
    answers = pipeline.process([incoming(data), incoming(data)])
    assert len({receipt_of(a, data).index for a in answers}) == 1
    assert Envelope.objects.count() == 1


def test_another_worker_that_was_quicker_is_found_under_the_lock(
    pipeline: Pipeline, meter: Thing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two workers take the same envelope: the one that comes second to the lock answers with the first's leaf."""
    data, fresh = meter.envelope(), meter.envelope()
    second = Pipeline("worker-2")
    verify = Pipeline._verify

    def overtaken(self: Pipeline, *arguments: object) -> object:
        done = verify(self, *arguments)  # type: ignore[arg-type]
        monkeypatch.setattr(Pipeline, "_verify", verify)
        assert send(second, data) == ""
        return done

    monkeypatch.setattr(Pipeline, "_verify", overtaken)
    answers = pipeline.process([incoming(data), incoming(fresh)])
    assert receipt_of(answers[0], data).index + 1 == receipt_of(answers[1], fresh).index
    assert Envelope.objects.count() == 2


def test_when_all_was_overtaken_nothing_is_appended(
    pipeline: Pipeline, meter: Thing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock was taken for nothing, and the tree did not move."""
    data = meter.envelope()
    verify = Pipeline._verify

    def overtaken(self: Pipeline, *arguments: object) -> object:
        done = verify(self, *arguments)  # type: ignore[arg-type]
        monkeypatch.setattr(Pipeline, "_verify", verify)
        assert send(Pipeline("worker-2"), data) == ""
        return done

    monkeypatch.setattr(Pipeline, "_verify", overtaken)
    (answer,) = pipeline.process([incoming(data)])
    receipt_of(answer, data)
    assert Envelope.objects.count() == 1


def test_a_clone_is_kept_marked_and_told(pipeline: Pipeline, meter: Thing) -> None:
    """Same key and counter, other content: across batches, and three in one batch."""
    one, two = meter.envelope(glucose(100), seq=7), meter.envelope(glucose(110), seq=7)
    assert send(pipeline, one) == ""
    assert flags(one) == 0
    assert send(pipeline, two) == ""
    assert flags(one) & flags(two) & Flag.CONTESTED
    three = [meter.envelope(glucose(120 + i), seq=8) for i in range(3)]
    for answer, data in zip(pipeline.process([incoming(d) for d in three]), three, strict=True):
        receipt_of(answer, data)
    assert all(flags(d) & Flag.CONTESTED for d in three)
    assert Event.objects.filter(kind="clone", object_id=meter.row.pk).count() == 3
    assert send(pipeline, one) == "", "a contested envelope still has its receipt"


REFUSALS: list[tuple[str, Callable[[Thing, Thing], bytes], str]] = [
    ("not-an-envelope", lambda m, o: b"\xd2\x84", "malformed"),
    ("empty", lambda m, o: b"", "malformed"),
    ("too-large", lambda m, o: bytes(62_001), "malformed"),
    ("unknown-certificate", lambda m, o: m.envelope(certificate=bytes(32)), "identity-unknown"),
    ("name-of-another", lambda m, o: m.envelope(object_id=str(o.row.pk)), "identity-unknown"),
    ("key-of-another", lambda m, o: m.envelope(signer=o.signer), "signature-invalid"),
    ("pairing-of-another", lambda m, o: m.envelope(pairing_id=str(o.pairing.uuid)), "pairing-unknown"),
    ("broken-signature", lambda m, o: spoilt(m.envelope()), "signature-invalid"),
]


@pytest.mark.parametrize(("make", "code"), [pytest.param(m, c, id=i) for i, m, c in REFUSALS])
def test_one_step_wrong_is_refused_signed_and_kept(
    pipeline: Pipeline, meter: Thing, bob: Account, make: Callable[[Thing, Thing], bytes], code: str
) -> None:
    """Nothing enters the store or the register; the refusal is signed; what was refused lies sealed."""
    data = make(meter, Thing.enrol(bob))
    size = current_log().size
    assert send(pipeline, data) == code
    assert (Envelope.objects.count(), current_log().size) == (0, size)
    kept = Refused.objects.get()
    assert kept.code == code
    seed = settings.OPTIONS.read_key("quarantine.key")
    assert open_sealed(Suite.X25519, seed, bytes(kept.sealed), quarantine.INFO) == data[:62_000]


def test_a_refusal_beside_good_ones_harms_none(pipeline: Pipeline, meter: Thing) -> None:
    """Each envelope of a batch stands for itself."""
    good, bad = meter.envelope(), spoilt(meter.envelope())
    first, second, third = pipeline.process([incoming(bad), incoming(good), incoming(b"x")])
    assert (first.code, third.code) == ("signature-invalid", "malformed")
    receipt_of(second, good)


def test_the_sender_must_be_the_object_that_the_envelope_names(pipeline: Pipeline, meter: Thing) -> None:
    """What TLS or the broker proved binds the envelope."""
    assert send(pipeline, meter.envelope(), source=str(meter.row.pk)) == ""
    assert send(pipeline, meter.envelope(), source="00000000-0000-4000-8000-000000000009") == "identity-unknown"


def test_revocation_counts_from_its_arrival(pipeline: Pipeline, meter: Thing) -> None:
    """A new statement of the fleet is seen by the next batch, with no restart."""
    before = meter.envelope()
    assert send(pipeline, before) == ""
    revoke_object(meter.row, "stolen", NOW + 1)
    assert send(pipeline, meter.envelope(), at_ms=NOW + 2) == "certificate-revoked"
    assert send(pipeline, before, at_ms=NOW + 2) == "", "what was receipted keeps its receipt"


def test_expiry_counts_by_the_corrected_time_of_signing(pipeline: Pipeline, alice: Account) -> None:
    """Signed in time and sent late: accepted. After: refused. "Before it began": a clock that is not believed."""
    thing = Thing.enrol(alice)
    old = issue(thing.row, thing.signer.public_key, NOW - DAY + 1, NOW - 2 * HOUR)
    thing.certificate = old
    assert send(pipeline, thing.envelope(iat=(NOW - 3 * HOUR) // 1000)) == ""
    assert send(pipeline, thing.envelope()) == "certificate-expired"
    young = issue(thing.row, thing.signer.public_key, NOW - HOUR, NOW + DAY)
    thing.certificate = young
    unbelieved = thing.envelope(iat=(NOW - 2 * HOUR) // 1000)
    assert send(pipeline, unbelieved) == ""
    assert flags(unbelieved) == Flag.CLOCK


def test_outside_its_pairings_window_a_reading_is_held_not_refused(pipeline: Pipeline, meter: Thing) -> None:
    """After the pairing's end, and before its beginning."""
    unpair(meter.pairing, NOW - 30 * 60_000)
    late, early = meter.envelope(glucose()), meter.envelope(glucose(at_ms=NOW - 41 * DAY))
    inside = meter.envelope(glucose(at_ms=NOW - 3 * HOUR))
    for data in (late, early, inside):
        assert send(pipeline, data) == ""
    assert flags(late) & flags(early) & Flag.HELD
    assert not flags(inside) & Flag.HELD


@pytest.mark.parametrize(
    ("iat_ms", "synchronised", "expected"),
    [
        pytest.param(NOW, True, 0, id="in-time"),
        pytest.param(NOW - HOUR, True, Flag.LATE, id="an-hour-late"),
        pytest.param(NOW + 365 * DAY, True, Flag.CLOCK, id="a-year-ahead"),
        pytest.param(5_000, False, Flag.CLOCK, id="dead"),
        pytest.param(NOW, False, Flag.CLOCK, id="never-set"),
        pytest.param(NOW - 40 * DAY, True, Flag.CLOCK, id="older-than-any-outbox"),
    ],
)
def test_the_clocks_story_is_told(
    pipeline: Pipeline, alice: Account, iat_ms: int, synchronised: bool, expected: int
) -> None:
    """A wrong clock is corrected from its boot's first word; the signed time stays in the envelope."""
    thing = Thing.enrol(alice)
    data = thing.envelope(
        glucose(at_ms=iat_ms, count=1), iat=iat_ms // 1000, clock=Clock(thing.boot, 5_000, synchronised)
    )
    assert send(pipeline, data) == ""
    assert flags(data) == expected
    row = Envelope.objects.get()
    if expected & Flag.CLOCK:
        assert abs(row.first_ms - NOW) <= 1_000
    else:
        assert row.first_ms == iat_ms


def test_a_boot_is_dated_by_its_quickest_message(pipeline: Pipeline, alice: Account) -> None:
    """A message that lay in an outbox does not move the boot; a quicker one corrects it."""
    thing = Thing.enrol(alice)
    slow = thing.envelope(glucose(at_ms=10_000, count=1), iat=10, clock=Clock(thing.boot, 10_000, False))
    quick = thing.envelope(glucose(at_ms=20_000, count=1), iat=20, clock=Clock(thing.boot, 20_000, False))
    lain = thing.envelope(glucose(at_ms=30_000, count=1), iat=30, clock=Clock(thing.boot, 30_000, False))
    assert send(pipeline, slow, at_ms=NOW + 60_000) == ""
    assert send(pipeline, quick, at_ms=NOW + 20_000) == ""
    assert send(pipeline, lain, at_ms=NOW + 2 * HOUR) == ""
    first = {row.seq: row.first_ms for row in Envelope.objects.all()}
    assert first == {1: NOW + 60_000, 2: NOW + 20_000, 3: NOW + 30_000}
    assert flags(lain) & Flag.LATE


def test_a_forgery_teaches_nothing_about_a_boot(pipeline: Pipeline, alice: Account) -> None:
    """An unsigned copy with an absurd clock changes nothing for the object's own next envelope."""
    thing = Thing.enrol(alice)
    forged = spoilt(thing.envelope(iat=30, clock=Clock(thing.boot, 2**52, False)))
    assert send(pipeline, forged) == "signature-invalid"
    true = thing.envelope(glucose(at_ms=40_000, count=1), iat=40, clock=Clock(thing.boot, 40_000, False))
    assert send(pipeline, true) == ""
    assert Envelope.objects.get().first_ms == NOW


def test_a_reading_dated_ahead_is_doubtful(pipeline: Pipeline, meter: Thing, alice: Account) -> None:
    """Twenty days ahead, by a clock that is otherwise right: kept, and its doubt is sealed with it."""
    assert send(pipeline, meter.envelope(glucose(at_ms=NOW + 20 * DAY, count=1))) == ""
    ask = Ask(reader=alice, patient=alice, since_ms=0, until_ms=NOW + 30 * DAY, purpose="PATRQT", channel="cli")
    (column,) = release(ask, now_ms=NOW).columns
    assert "future" in column.doubts.values()


def test_our_own_failure_is_never_final(pipeline: Pipeline, meter: Thing, bob: Account) -> None:
    """A record without a key: its envelopes may be sent again, and another patient's are not touched by it."""
    first = meter.envelope()
    pair(meter.row, bob, NOW, since_ms=NOW - 2 * HOUR)
    RecordKey.objects.filter(subject=meter.pairing.patient_id).update(erased_ms=NOW)
    (answer,) = pipeline.process([incoming(first)])
    assert (code_of(answer, first), answer.retryable) == ("unavailable", True)
    now_bobs = str(Pairing.objects.get(object=meter.row, until_ms=None).uuid)
    assert send(pipeline, meter.envelope(pairing_id=now_bobs)) == ""


def test_an_object_measures_one_patient_at_a_time(meter: Thing, bob: Account) -> None:
    """Pairing it with another ends the first pairing, and only the new one is told to the object."""
    new = pair(meter.row, bob, NOW + 5)
    meter.pairing.refresh_from_db()
    assert meter.pairing.until_ms == NOW + 5
    assert current_pairings(meter.row, NOW + 6) == [new.uuid]


def test_a_doubtful_reading_is_kept(pipeline: Pipeline, meter: Thing) -> None:
    """Plausibility is a flag, never a refusal: 900 mg/dL may be an emergency, or a broken sensor."""
    series = Series(code="99504-3", unit="mmol/L", times=0, exponent=0, values=(110,))
    assert send(pipeline, meter.envelope(Readings(t0_ms=NOW, series=(series,)))) == ""
    unknown = Series(code="egide:nothing", unit="1", times=0, exponent=0, values=(1,))
    assert send(pipeline, meter.envelope(Readings(t0_ms=NOW, series=(unknown,)))) == ""


def test_a_chain_ends_with_its_day_and_with_its_steps(
    pipeline: Pipeline, meter: Thing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new day, or 4096 steps, begins a new data key."""
    send(pipeline, meter.envelope())
    send(pipeline, meter.envelope(), at_ms=NOW + DAY)
    assert DataKey.objects.count() == 2
    monkeypatch.setattr("egide.cloud.vault.sealing.MAX_STEPS", 3)
    for _ in range(4):
        send(pipeline, meter.envelope(), at_ms=NOW + DAY)
    assert DataKey.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_what_the_store_refuses_is_not_answered(
    pipeline: Pipeline, meter: Thing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No receipt without a commit; the same batch goes through once the store works again."""
    data = meter.envelope()

    def full(_: object) -> None:
        raise DatabaseError("disk full")

    with monkeypatch.context() as broken:
        broken.setattr(pipeline_module, "insert_rows", full)
        with pytest.raises(StorageError):
            pipeline.process([incoming(data)])
    assert Envelope.objects.count() == 0
    assert send(pipeline, data) == ""


def test_the_tail_in_memory_is_dropped_when_others_append(pipeline: Pipeline, meter: Thing) -> None:
    """A journal entry between two batches moves the head: the next batch reads the tree again."""
    assert send(pipeline, meter.envelope()) == ""
    append_statement("note", None, {}, now_ms=NOW)
    with appending():
        Register(1).append([bytes(32)])
    assert send(pipeline, meter.envelope()) == ""


def test_the_quarantine_is_bounded(pipeline: Pipeline, meter: Thing, monkeypatch: pytest.MonkeyPatch) -> None:
    """A source is kept 64 times a minute at most, the whole 10,000 at most; all are counted."""
    before = quarantine.REFUSALS["malformed"]
    pipeline.process([incoming(b"junk", source="a")] * 100)
    assert Refused.objects.filter(source="a").count() == quarantine.PER_MINUTE
    assert quarantine.REFUSALS["malformed"] == before + 100
    monkeypatch.setattr(quarantine, "KEPT", 10)
    for minute in range(1, 6):
        pipeline.process([incoming(b"junk", source="a", at_ms=NOW + minute * 60_000)] * 64)
    assert Refused.objects.count() < 5 * 64


def test_another_form_of_the_signature_is_refused(pipeline: Pipeline, alice: Account) -> None:
    """n - s is the same signature to most libraries, and a second one to us: refused."""
    thing = Thing.enrol(alice, kind="p256")
    parsed = Sign1.parse(thing.envelope())
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    s = order - int.from_bytes(parsed.signature[32:], "big")
    twin = replace(parsed, signature=parsed.signature[:32] + s.to_bytes(32, "big")).encode()
    assert send(pipeline, twin) == "signature-invalid"


def test_trust_is_the_enrolled_objects(pipeline: Pipeline, meter: Thing) -> None:
    """The level is what enrolment established, not what an envelope could say."""
    assert meter.row.trust == Trust.OBJECT
    assert pipeline.fleet.get(bytes(meter.certificate.sha256)).trust == Trust.OBJECT  # type: ignore[union-attr]


def test_unknown_certificates_are_forgotten_with_the_fleets_next_change(pipeline: Pipeline, meter: Thing) -> None:
    """A certificate that was unknown a moment ago is accepted once it is enrolled."""
    signer = SoftwareSigner(Ed25519PrivateKey.generate())
    assert send(pipeline, meter.envelope(certificate=bytes(32), signer=signer)) == "identity-unknown"
    meter.certificate = issue(meter.row, signer.public_key, NOW - HOUR, NOW + DAY)
    meter.signer = signer
    assert send(pipeline, meter.envelope()) == ""
