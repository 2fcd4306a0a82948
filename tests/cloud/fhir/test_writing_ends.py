"""Where writing stops: a correction that another one beat, what was ended with a system, a certificate."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NoReturn

import pytest

from egide.cloud.fhir.writing import superseding
from egide.cloud.fhir.writing.problems import ElementError
from egide.cloud.fhir.writing.registering import scribe_of
from egide.cloud.fleet import issuing
from egide.cloud.fleet.models import Pairing
from egide.cloud.fleet.pairings import pair, unpair
from egide.cloud.intake.models import Superseded
from egide.cloud.register.models import Statement
from egide.errors import KeyMissingError, UnavailableError
from tests.cloud.conftest import NOW
from tests.support.cast import Cast
from tests.support.writing import Gateway, heart_rate, refusal, said


def test_a_correction_that_lost_the_race_signs_nothing(
    cast: Cast, ward_gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another was said between what this one asked and the register's lock: its statement goes back with its row."""
    sent = (ward_gateway.post("/Observation", heart_rate(cast.alice, value)) for value in ("27", "72", "73"))
    old, first, late = (where(said(answer)["id"]) for answer in sent)
    signed = Statement.objects.filter(kind=superseding.KIND)
    superseding.supersede(cast.alice, old, first, now_ms=NOW)
    with monkeypatch.context() as racing:
        racing.setattr(superseding, "_stands", lambda *_: False)  # as both were answered, before the first was said
        with pytest.raises(ElementError):
            superseding.supersede(cast.alice, old, late, now_ms=NOW)
    superseding.supersede(cast.alice, old, first, now_ms=NOW)
    row = Superseded.objects.get()
    assert (row.entry, row.position, row.by_entry, row.by_position) == (*old, *first)
    assert signed.count() == 1


def test_what_was_ended_is_opened_by_no_earlier_date(cast: Cast, ward_gateway: Gateway) -> None:
    """All that the system opened ends together; taken up again, what it says of before is still refused."""
    years = [heart_rate(cast.alice, at=f"{year}-06-01T12:00:00+00:00") for year in (2026, 2024)]
    assert [ward_gateway.post("/Observation", one).status_code for one in years] == [201, 201]
    running = Pairing.objects.filter(object=ward_gateway.row, patient=cast.alice, until_ms=None)
    assert running.count() == 2
    unpair(running.order_by("since_ms")[1], NOW - 1000)
    assert not running.exists()
    early = heart_rate(cast.alice, "80", at="2023-06-01T12:00:00+00:00")
    assert refusal(ward_gateway.post("/Observation", early))[:2] == (403, "access-denied")
    pair(ward_gateway.row, cast.alice, NOW)
    for one in (early, heart_rate(cast.alice, "81", at="2026-06-02T12:00:00+00:00")):
        assert refusal(ward_gateway.post("/Observation", one))[:2] == (403, "access-denied")
    now = heart_rate(cast.alice, "82", at=datetime.fromtimestamp(NOW / 1000, tz=UTC).isoformat())
    assert ward_gateway.post("/Observation", now).status_code == 201
    assert running.count() == 1


def where(name: str) -> tuple[int, int]:
    """(entry, position) of an Observation."""
    entry, position, _ = name.split("-")
    return int(entry), int(position)


def test_what_attests_for_a_system_is_renewed_while_it_writes(
    ward_gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under thirty days before its end, or after it. Where that cannot be done, the last one serves to its end."""
    name, day = ward_gateway.row.pk, 86_400_000
    first = scribe_of(name, now_ms=NOW)[1]
    days = (first.not_after_ms - NOW) // day
    assert scribe_of(name, now_ms=NOW + (days - 31) * day)[1] == first
    with monkeypatch.context() as apart:
        apart.setattr(issuing, "authority", no_right)
        assert scribe_of(name, now_ms=NOW + (days - 20) * day)[1] == first
        with pytest.raises(UnavailableError):
            scribe_of(name, now_ms=NOW + (days + 1) * day)
    second = scribe_of(name, now_ms=NOW + (days - 20) * day)[1]
    assert second.not_after_ms > first.not_after_ms
    late = second.not_after_ms + 40 * day
    assert scribe_of(name, now_ms=late)[1].not_after_ms > late


def no_right() -> NoReturn:
    raise KeyMissingError("this role does not hold the issuing key")
