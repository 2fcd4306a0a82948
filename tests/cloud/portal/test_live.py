"""What anybody may see: no more than is true now, and read once for everybody."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from egide.cloud.portal import live
from egide.cloud.register.models import Checkpoint, Cosignature, Witness
from egide.cloud.register.store import current_log
from tests.cloud.conftest import NOW
from tests.support.ward import Ward

pytestmark = pytest.mark.django_db


def checkpoints(count: int, *, start: int = 1) -> list[Checkpoint]:
    log = current_log()
    return [
        Checkpoint.objects.create(log=log, size=size, note="", protected=b"", signature=b"", at_ms=NOW)
        for size in range(start, start + count)
    ]


def cosign(checkpoint: Checkpoint, *names: str) -> None:
    for name in names:
        Cosignature.objects.create(checkpoint=checkpoint, witness=name, line="", at_ms=NOW)


def cosigned() -> int:
    live.forget()
    return live.look(NOW).cosigned


def test_only_a_witness_that_is_asked_and_answers_watches(ward: Ward) -> None:
    """One that was let go counts no more; one that fell silent counts no more once ten checkpoints went by."""
    for name in ("here", "gone"):
        Witness.objects.create(name=name, url="https://w.example", vkey="")
    (first,) = checkpoints(1)
    cosign(first, "here", "gone", "never-asked")
    assert cosigned() == 2
    Witness.objects.filter(name="gone").delete()
    assert cosigned() == 1
    checkpoints(9, start=2)
    assert cosigned() == 1
    (last,) = checkpoints(1, start=11)
    assert cosigned() == 0
    cosign(last, "here")
    assert cosigned() == 1


def test_many_visitors_cost_one_reading_of_the_tables(ward: Ward) -> None:
    """A look is kept for a second and a half, and for one register."""
    with CaptureQueriesContext(connection) as first:
        live.look(NOW)
    with CaptureQueriesContext(connection) as second:
        assert live.look(NOW + 1_499) is live.look(NOW)
    assert len(second) == 2 < len(first)  # which register it is, each time
    assert live.look(NOW + 1_500) is not live.look(NOW + 4_000)
