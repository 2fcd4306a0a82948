"""Fixtures of this folder, beside those of tests/support/core.py."""

from __future__ import annotations

import pytest

from egide.cloud.intake.pipeline import Pipeline
from egide.cloud.people.models import Account
from egide.cloud.people.service import create_account
from egide.measure.readings import Readings, Series
from tests.cloud.consent.asking import HOUR, PULSE
from tests.support.core import *  # noqa: F403
from tests.support.thing import NOW, Thing, incoming


@pytest.fixture
def stored(pipeline: Pipeline, meter: Thing) -> Thing:
    """An hour of glucose, and one pulse two hours ago."""
    pulse = Series(code=PULSE, unit="/min", times=0, exponent=0, values=(71,))
    answers = pipeline.process(
        [incoming(meter.envelope()), incoming(meter.envelope(Readings(t0_ms=NOW - 2 * HOUR, series=(pulse,))))]
    )
    assert not any(a.code for a in answers)
    return meter


@pytest.fixture
def rita(opened_platform: object) -> Account:
    """Alice's mother."""
    return create_account("relative", "Rita Martin", NOW)


@pytest.fixture
def dora(opened_platform: object) -> Account:
    """Another professional."""
    return create_account("professional", "Dora Blanc", NOW)
