"""Fixtures of this folder: see tests/support/core.py. Erasing changes the keys folder: each test has its own copy."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from egide.cloud.fleet.pairings import pair, unpair
from egide.cloud.intake.pipeline import Pipeline
from egide.cloud.keys.models import RecordKey
from egide.cloud.keys.records import ESTABLISHMENT, create_record_key
from egide.cloud.options import Options
from egide.cloud.people.establishments import home
from egide.cloud.people.models import Account
from egide.cloud.people.offices import seat
from egide.cloud.people.service import create_account
from egide.cloud.register.publishing import publish
from egide.cloud.signin import clock
from egide.cloud.signin.factors import mark_confirmed
from egide.cloud.upkeep.fsck import fsck
from egide.cloud.vault.models import Envelope
from tests.support.core import *  # noqa: F403
from tests.support.thing import DAY, NOW, Thing, glucose, incoming, open_platform


@pytest.fixture(name="opened_platform")
def platform_of_its_own(
    db: None, platform_keys: Options, settings: Settings, tmp_path: Path
) -> Iterator[Options]:
    """An open register on an empty database, with a keys folder that this test may change."""
    shutil.copytree(platform_keys.keys, tmp_path / "keys")
    with open_platform(replace(platform_keys, keys=tmp_path / "keys"), settings) as options:
        yield options


def officer(name: str, office: str) -> Account:
    """Somebody who holds an office in the platform's own establishment."""
    account = create_account("professional", name, NOW)
    place = home(NOW)
    assert place.pk == ESTABLISHMENT
    seat(account, place, office, by=(account, account), now_ms=NOW - 1, how="test")
    return account


def enter(account: Account, *, confirmed: bool = False, lang: str = "en") -> Client:
    """A browser in which somebody has signed in; `confirmed`: a factor was presented there just now."""
    client = Client(headers={"accept-language": lang})
    client.force_login(account)
    if confirmed:
        session = client.session
        mark_confirmed(session, now_ms=clock.now_ms())
        session.save()
    return client


@pytest.fixture
def dpo(opened_platform: Options) -> Account:
    return officer("Diane Roux", "dpo")


@pytest.fixture
def doctor(opened_platform: Options) -> Account:
    return officer("Dr Émile Faure", "doctor")


@pytest.fixture
def personal(alice: Account) -> RecordKey:
    """Alice's personal class, and her consent to research."""
    create_record_key(alice.pk, now_ms=NOW, klass="research")
    return create_record_key(alice.pk, now_ms=NOW, klass="personal")


@pytest.fixture
def private_reading(personal: RecordKey, meter: Thing, pipeline: Pipeline) -> Envelope:
    """One envelope of Alice's in her care record, and one of an object that she added herself."""
    watch = Thing.enrol(meter.pairing.patient)
    unpair(watch.pairing, NOW)
    watch.pairing = pair(watch.row, meter.pairing.patient, NOW, since_ms=NOW - 40 * DAY, klass="personal")
    for thing in (meter, watch):
        (answered,) = pipeline.process([incoming(thing.envelope(glucose(count=2)))])
        assert not answered.code
    return Envelope.objects.get(data_key__record_key=personal)


def found() -> tuple[set[tuple[str, str]], set[str]]:
    """What fsck calls damage, and its notices."""
    publish(now_ms=NOW + 3_600_000)
    report = fsck(now_ms=NOW + 3_600_000)
    return {(f.kind, f.what) for f in report.findings if not f.notice}, {f.what for f in report.findings if f.notice}
