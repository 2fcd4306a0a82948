"""A record whose readings are said to be somebody else's: helpers and fixtures of those tests."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from egide.cloud.fleet.models import Attribution
from egide.cloud.intake.pipeline import Pipeline
from egide.cloud.people.establishments import home
from egide.cloud.people.models import Account, Establishment
from egide.cloud.people.offices import seat
from egide.cloud.people.service import create_account
from egide.cloud.register.publishing import publish
from egide.cloud.release.attribution import confirm, propose
from egide.cloud.release.door import Ask, release
from egide.cloud.release.errata import errata_of
from egide.cloud.upkeep.fsck import fsck
from egide.cloud.vault.models import Envelope
from tests.support.thing import DAY, NOW, Thing, glucose, incoming

HOUR = 3_600_000
LATER = NOW + HOUR
EVER = 2**50


def professional(name: str, office: str, place: Establishment | None = None) -> Account:
    account = create_account("professional", name, NOW)
    seat(account, place or home(NOW), office, by=(account, account), now_ms=NOW - DAY, how="test")
    return account


@pytest.fixture
def engineer(alice: Account) -> Account:
    return professional("Ève Marin", "engineer")


@pytest.fixture
def doctor(alice: Account) -> Account:
    return professional("Dr Émile Faure", "doctor")


@pytest.fixture
def carol(alice: Account) -> Account:
    return create_account("patient", "Carol Blanc", NOW)


@dataclass(slots=True)
class Sent:
    """What Alice's meter sent: `count` envelopes of two values, one an hour, the last an hour ago."""

    meter: Thing
    entries: list[int]
    first_ms: int


def send(pipeline: Pipeline, thing: Thing, at_ms: int, *, count: int = 2, received_ms: int = NOW) -> int:
    """One envelope; its entry."""
    data = thing.envelope(glucose(count=count, at_ms=at_ms))
    (answered,) = pipeline.process([incoming(data, at_ms=received_ms)])
    assert not answered.code
    return Envelope.objects.order_by("-entry").values_list("entry", flat=True)[0]


@pytest.fixture
def sent(meter: Thing, pipeline: Pipeline) -> Sent:
    first = NOW - 10 * HOUR
    entries = [send(pipeline, meter, first + n * HOUR) for n in range(8)]
    return Sent(meter, entries, first)


def ask(patient: Account, reader: Account | None = None, **more: object) -> Ask:
    who = reader or patient
    purpose = "PATRQT" if who.pk == patient.pk else "TREAT"
    return Ask(
        reader=who, patient=patient, since_ms=0, until_ms=EVER, purpose=purpose, channel="test", **more,  # type: ignore[arg-type]
    )  # fmt: skip


def values(patient: Account, reader: Account | None = None) -> list[tuple[int, int, int]]:
    """(entry, time, value) of all that is released."""
    columns = release(ask(patient, reader), now_ms=LATER).columns
    return sorted((c.entry, t, v) for c in columns for t, v in zip(c.times_ms, c.values, strict=True))


def in_error(patient: Account) -> set[int]:
    return {column.entry for column in errata_of(release(ask(patient), now_ms=LATER))}


def damage() -> set[tuple[str, str]]:
    publish(now_ms=LATER)
    return {(f.kind, f.what) for f in fsck(now_ms=LATER).findings if not f.notice}


def moved(sent: Sent, to: Account, people: tuple[Account, Account], since: int = 2, until: int = 6) -> Attribution:
    """Envelopes `since` to `until` of what was sent are said to be `to`'s."""
    row = propose(
        sent.meter.pairing, to, since_ms=sent.first_ms + since * HOUR, until_ms=sent.first_ms + until * HOUR,
        reason="Lecteur porté par la voisine de chambre.", by=people[0], now_ms=NOW,
    )  # fmt: skip
    confirm(row, by=people[1], now_ms=NOW + 1)
    return row
