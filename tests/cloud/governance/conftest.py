"""Fixtures of this folder: see tests/support/core.py. Erasing changes the keys folder: each test has its own copy."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pytest_django import Settings

from egide.cloud.keys.records import ESTABLISHMENT
from egide.cloud.options import Options
from egide.cloud.people.establishments import home
from egide.cloud.people.models import Account
from egide.cloud.people.offices import seat
from egide.cloud.people.service import create_account
from tests.support.core import *  # noqa: F403
from tests.support.thing import NOW, open_platform


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


@pytest.fixture
def dpo(opened_platform: Options) -> Account:
    return officer("Diane Roux", "dpo")


@pytest.fixture
def doctor(opened_platform: Options) -> Account:
    return officer("Dr Émile Faure", "doctor")
