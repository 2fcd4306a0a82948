"""What a worker remembers of the counters never hides what is stored, whoever stored it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import DatabaseError

from egide.cloud.fleet.service import revoke_object
from egide.cloud.intake import pipeline as pipeline_module
from egide.cloud.intake.pipeline import Pipeline
from egide.cloud.intake.steps import Incoming
from egide.cloud.options import Options
from egide.cloud.register.platform import log_signer
from egide.cloud.register.store import current_log
from egide.cloud.vault.models import Envelope, Flag
from egide.errors import StorageError
from egide.trust.answer import ReceiptAnswer, decode_answer
from egide.trust.envelope import leaf_hash
from egide.trust.register.receipt import verify_receipt
from tests.support.ward import HOUR_MS, Thing, Ward, keys_in, opened, spot

NOW_MS = 1_790_000_000_000

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> Options:
    return keys_in(tmp_path_factory.mktemp("keys"), now_ms=NOW_MS)


@pytest.fixture
def thing(options: Options) -> Iterator[Thing]:
    """An object of Alice's, in a register just opened."""
    with opened(options, now_ms=NOW_MS):
        ward = Ward(start_ms=NOW_MS)
        yield ward.thing("Thermo", ward.patient("Alice Moreau"))


def _signed(thing: Thing, text: str, *, seq: int) -> bytes:
    return thing.sign(spot("8310-5", "Cel", text), t0_ms=NOW_MS + HOUR_MS, seq=seq)


def _put(pipeline: Pipeline, thing: Thing, *envelopes: bytes) -> list[int]:
    """Take in one batch; the leaf that each receipt proves."""
    source, arrived = str(thing.row.pk), NOW_MS + HOUR_MS + 1_000
    answers = pipeline.process([Incoming(data, source, arrived) for data in envelopes])
    log = current_log()
    leaves = []
    for data, answer in zip(envelopes, answers, strict=True):
        read = decode_answer(answer.data)
        assert isinstance(read, ReceiptAnswer), answer.code
        key = log_signer(log.id).public_key
        leaves.append(verify_receipt(read.receipt, leaf_hash(data), key=key, log_uri=log.uri).index)
    return leaves


def test_an_envelope_sent_again_keeps_its_leaf(thing: Thing) -> None:
    """In the same batch, in the next one, and after others: one row, one leaf."""
    first, second = _signed(thing, "36.5", seq=1), _signed(thing, "36.6", seq=2)
    worker = Pipeline()
    before = _put(worker, thing, first, first, second)
    assert _put(worker, thing, second, first) == [before[2], before[0]]
    assert Envelope.objects.count() == 2


def test_what_another_worker_stored_is_seen(thing: Thing) -> None:
    """A worker that remembers a counter as the largest learns that another one stored beyond it."""
    one, other = Pipeline(), Pipeline()
    _put(one, thing, _signed(thing, "36.5", seq=1))
    beyond = _signed(thing, "36.6", seq=2)
    stored = _put(other, thing, beyond)
    assert _put(one, thing, beyond) == stored
    assert Envelope.objects.count() == 2


def test_a_counter_under_the_largest_may_be_new(thing: Thing) -> None:
    """Envelopes arrive in any order: a gap is filled, and a clone of a stored counter is contested."""
    worker = Pipeline()
    _put(worker, thing, _signed(thing, "36.5", seq=7))
    _put(worker, thing, _signed(thing, "36.6", seq=3))
    assert not any(e.flags & Flag.CONTESTED for e in Envelope.objects.all())
    _put(worker, thing, _signed(thing, "40.1", seq=3))
    contested = [e.seq for e in Envelope.objects.all() if e.flags & Flag.CONTESTED]
    assert contested == [3, 3]


@pytest.mark.django_db(transaction=True)
def test_a_batch_that_was_rolled_back_leaves_no_memory(thing: Thing, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a failed commit, the same envelope is stored at the next try."""
    worker, envelope = Pipeline(), _signed(thing, "36.5", seq=1)

    def fail(_rows: object) -> None:
        raise DatabaseError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(pipeline_module, "insert_rows", fail)
        with pytest.raises(StorageError):
            worker.process([Incoming(envelope, str(thing.row.pk), NOW_MS + HOUR_MS + 1_000)])
    _put(worker, thing, envelope)
    assert Envelope.objects.count() == 1


def test_a_revocation_reaches_a_worker_that_knew_the_object(thing: Thing) -> None:
    """What a worker remembers of the fleet holds until a statement changes it."""
    worker = Pipeline()
    _put(worker, thing, _signed(thing, "36.5", seq=1))
    revoke_object(thing.row, "stolen", NOW_MS + HOUR_MS)
    late = Incoming(_signed(thing, "36.6", seq=2), str(thing.row.pk), NOW_MS + 2 * HOUR_MS)
    assert worker.process([late])[0].code == "certificate-revoked"
