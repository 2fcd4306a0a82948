"""The vault: what is written opens with the patient's key, in its own row, under its own leaf, and nowhere else."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable

import pytest
from django.db import transaction

from egide import cbor
from egide.cloud.intake.pipeline import Pipeline
from egide.cloud.keys.models import RecordKey
from egide.cloud.keys.records import care_key, private_seed
from egide.cloud.people.models import Account
from egide.cloud.register.store import nodes_of, split_entry
from egide.cloud.vault import sealing
from egide.cloud.vault.models import DataKey, Envelope, Flag
from egide.cloud.vault.opening import Vault, open_envelopes
from egide.cloud.vault.sealing import Chains, Recipient, data_key_info, insert_rows, record_bytes
from egide.errors import KeyMissingError, MalformedError, SealError
from egide.trust.envelope import Envelope as Parsed
from egide.trust.seal import Chain, Suite, open_sealed, record_aad, seal_to
from tests.support.thing import NOW, Thing, glucose, incoming, receipt_of

DAY = datetime.date(2026, 1, 15)
DAYS = (DAY - datetime.date(1970, 1, 1)).days


def leaves(rows: list[Envelope]) -> dict[int, bytes]:
    """What the register holds for each row."""
    nodes = nodes_of(1)
    return {row.entry: nodes(0, split_entry(row.entry)[1]) for row in rows}


@pytest.fixture
def sent(pipeline: Pipeline, meter: Thing) -> list[bytes]:
    """Five envelopes of Alice's meter, taken in."""
    batch = [meter.envelope(glucose(90 + n)) for n in range(5)]
    for answer, data in zip(pipeline.process([incoming(d) for d in batch]), batch, strict=True):
        receipt_of(answer, data)
    return batch


def rows() -> list[Envelope]:
    return list(Envelope.objects.select_related("pairing").order_by("entry"))


@pytest.mark.parametrize("order", [lambda r: r, lambda r: r[::-1], lambda r: r + r], ids=["along", "back", "twice"])
def test_what_was_signed_is_what_opens(
    sent: list[bytes], meter: Thing, order: Callable[[list[Envelope]], list[Envelope]]
) -> None:
    """Byte for byte, with what intake noted beside it, in any order."""
    patient = rows()[0].pairing.patient_id
    opened = {row.entry: (row, found) for row, found in open_envelopes(order(rows()), leaves(rows()), patient)}
    for data, (_, (row, found)) in zip(sent, sorted(opened.items()), strict=True):
        assert found.entry == Parsed.parse(data).entry
        assert found.leaf == Parsed.parse(data).leaf()
        assert (found.correction_ms, found.trust, dict(found.doubts)) == (0, meter.row.trust, {})
        assert row.flags == 0


def test_no_reading_lies_in_clear(sent: list[bytes], alice: Account) -> None:
    """Neither the payload, nor the private half that opens it."""
    seed = private_seed(care_key(alice.pk))
    for data, row in zip(sent, rows(), strict=True):
        payload = Parsed.parse(data).entry
        assert payload not in bytes(row.sealed)
        assert payload[-80:-40] not in bytes(row.sealed)
    assert seed not in bytes(DataKey.objects.get().sealed)


CHANGES: list[tuple[str, Callable[[Envelope], None]]] = [
    ("sealed-bytes", lambda r: setattr(r, "sealed", bytes(r.sealed)[:-1] + bytes([bytes(r.sealed)[-1] ^ 1]))),
    ("cut", lambda r: setattr(r, "sealed", bytes(r.sealed)[:10])),
    ("empty", lambda r: setattr(r, "sealed", b"")),
    ("of-another-type", lambda r: setattr(r, "sealed", "hello")),
    ("step", lambda r: setattr(r, "step", r.step + 1)),
    ("step-beyond-the-end", lambda r: setattr(r, "step", 4096)),
    ("pairing", lambda r: setattr(r.pairing, "uuid", r.pairing.object_id)),
]


@pytest.mark.parametrize("change", [pytest.param(c, id=i) for i, c in CHANGES])
def test_a_changed_row_does_not_open(sent: list[bytes], change: Callable[[Envelope], None]) -> None:
    """A refusal, never other readings; the rows beside it still open."""
    row, *rest = rows()
    change(row)
    vault, of = Vault(), leaves(rows())
    with pytest.raises(SealError):
        vault.open(row, of[row.entry])
    for other in rest:
        vault.open(other, of[other.entry])


def test_a_row_opens_under_its_own_leaf_only(sent: list[bytes]) -> None:
    """Two rows that were exchanged, or a register that holds another leaf."""
    first, second = rows()[:2]
    of = leaves(rows())
    with pytest.raises(SealError):
        Vault().open(first, of[second.entry])
    first.sealed, second.sealed = second.sealed, first.sealed
    first.step, second.step = second.step, first.step
    for row in (first, second):
        with pytest.raises(SealError):
            Vault().open(row, of[row.entry])


def sealed_record(row: Envelope, leaf: bytes, plain: bytes) -> Envelope:
    """`row`, resealed by somebody who holds a data key: the record's content is theirs to choose."""
    root = os.urandom(32)
    key = RecordKey.objects.get(pk=row.data_key.record_key_id)
    info = data_key_info(key.subject, "thief", DAY)
    made = DataKey.objects.create(
        record_key=key, worker="thief", day=DAY, sealed=seal_to(Suite(key.suite), bytes(key.public), root, info)
    )
    row.step, row.sealed = Chain(root).seal(plain, nonce=bytes(12), aad=record_aad(leaf, row.pairing.uuid.bytes))
    row.data_key = made
    return row


def test_a_record_of_another_envelope_is_noticed(sent: list[bytes], meter: Thing) -> None:
    """Even well sealed and well bound: the leaf is computed again from what opens."""
    row = rows()[0]
    leaf = leaves([row])[row.entry]
    other = Parsed.parse(sent[1]).entry
    plain = record_bytes(other, correction_ms=0, received_ms=NOW, flags=0, trust=4, doubts={})
    with pytest.raises(SealError, match="register"):
        Vault().open(sealed_record(row, leaf, plain), leaf)


@pytest.mark.parametrize("plain", [
    pytest.param(b"", id="nothing"),
    pytest.param(cbor.encode([2, b"x", 0, 0, 0, 4, {}]), id="a-version-to-come"),
    pytest.param(cbor.encode([1, b"x", 0, 0, 0, 4]), id="too-few"),
    pytest.param(cbor.encode([1, "x", 0, 0, 0, 4, {}]), id="text-for-bytes"),
    pytest.param(cbor.encode({}), id="a-map"),
])  # fmt: skip
def test_a_record_of_another_form_is_said(sent: list[bytes], plain: bytes) -> None:
    """Malformed, not a crash."""
    row = rows()[0]
    leaf = leaves([row])[row.entry]
    with pytest.raises(MalformedError):
        Vault().open(sealed_record(row, leaf, plain), leaf)


def test_an_erased_key_opens_nothing(sent: list[bytes]) -> None:
    """The rows are there, and say nothing any more."""
    RecordKey.objects.update(wrapped=None, erased_ms=NOW)
    with pytest.raises(KeyMissingError):
        list(open_envelopes(rows(), leaves(rows()), rows()[0].pairing.patient_id))


def test_a_data_key_is_bound_to_its_patient_worker_and_day(sent: list[bytes]) -> None:
    """Renamed in the table, it does not open."""
    for change in ({"worker": "other"}, {"day": DAY}):
        before = DataKey.objects.get()
        DataKey.objects.update(**change)
        with pytest.raises(SealError):
            list(open_envelopes(rows(), leaves(rows()), rows()[0].pairing.patient_id))
        before.save()
    assert len(list(open_envelopes(rows(), leaves(rows()), rows()[0].pairing.patient_id))) == 5


def test_one_vault_opens_several_patients(sent: list[bytes], pipeline: Pipeline, meter: Thing, bob: Account) -> None:
    """Each with their own key, unwrapped once; a second day is a second data key of the same record."""
    thing = Thing.enrol(bob)
    data = [thing.envelope(), meter.envelope()]
    pipeline.process([incoming(data[0])])
    pipeline.process([incoming(data[1], at_ms=NOW + 86_400_000)])
    vault, of = Vault(), leaves(rows())
    assert {vault.open(row, of[row.entry]).entry for row in rows()} >= {Parsed.parse(d).entry for d in data}
    assert (len(vault._readers), len(vault._seeds)) == (3, 2)


def recipient(patient: Account) -> Recipient:
    key = care_key(patient.pk)
    return Recipient(key.pk, patient.pk, Suite(key.suite), bytes(key.public))


def test_a_worker_keeps_one_chain_a_patient_and_day(
    alice: Account, bob: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And forgets yesterday's with the day; a chain at its end is followed by another."""
    chains, to = Chains("w"), (recipient(alice), recipient(bob))

    def seal(who: int, day: int = DAYS) -> tuple[int, int]:
        key, step, _ = chains.seal(to[who], b"x", leaf=bytes(32), pairing=alice.pk, day=day, nonce=bytes(12))
        return key, step

    a, b = seal(0), seal(1)
    assert (a[1], b[1]) == (0, 0)
    assert a[0] != b[0]
    assert seal(0) == (a[0], 1)
    tomorrow = seal(0, DAYS + 1)
    assert tomorrow[1] == 0
    assert seal(1, DAYS + 1)[0] not in {a[0], b[0], tomorrow[0]}
    monkeypatch.setattr(sealing, "MAX_STEPS", 1)
    assert seal(0, DAYS + 1)[0] != tomorrow[0]
    assert DataKey.objects.count() == 5
    row = DataKey.objects.get(pk=a[0])
    root = open_sealed(to[0].suite, private_seed(row.record_key), bytes(row.sealed), data_key_info(alice.pk, "w", DAY))
    assert len(root) == 32


def test_two_workers_share_no_chain(alice: Account) -> None:
    """Each has its data key: what one's memory gives away is its own."""
    keys = [
        Chains(name).seal(recipient(alice), b"x", leaf=bytes(32), pairing=alice.pk, day=DAYS, nonce=bytes(12))[0]
        for name in ("a", "b")
    ]
    assert len(set(keys)) == 2


def test_rows_are_written_whole_or_not_at_all(sent: list[bytes]) -> None:
    """The quick way of each engine keeps types, extremes and the key's uniqueness."""
    model = rows()[0]
    big = 2**62
    row = (
        big, model.key_id, 2**53, model.certificate_id, model.pairing_id, model.data_key_id, 4095,
        int(Flag.HELD | Flag.CONTESTED), NOW, -5, 2**53, bytes(32), b"\0" * 70_000,
    )  # fmt: skip
    insert_rows([row])
    kept = Envelope.objects.get(pk=big)
    assert (kept.seq, kept.step, kept.flags, kept.first_ms, kept.last_ms) == (2**53, 4095, 9, -5, 2**53)
    assert (bytes(kept.identity), bytes(kept.sealed)) == (bytes(32), b"\0" * 70_000)
    with pytest.raises(Exception, match=r"(?i)unique"), transaction.atomic():
        insert_rows([(big + 1, *row[1:]), row])
    assert not Envelope.objects.filter(pk=big + 1).exists()
    insert_rows([])
