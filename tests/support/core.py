"""Fixtures of the doors' tests: an open platform on the test database, the fixed people, one meter."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from egide.cloud.intake.pipeline import Pipeline
from egide.cloud.options import Options
from egide.cloud.people.models import Account
from egide.cloud.people.service import create_account
from tests.support.thing import NOW, Thing, made_keys, open_platform

__all__ = ["alice", "bob", "charlie", "meter", "opened_platform", "pipeline", "platform_keys"]


@pytest.fixture(scope="session")
def platform_keys(tmp_path_factory: pytest.TempPathFactory) -> Options:
    """A keys folder as `egide up` makes it, once for all tests."""
    return made_keys(tmp_path_factory.mktemp("platform-keys"))


@pytest.fixture
def opened_platform(db: None, platform_keys: Options, settings: Settings) -> Iterator[Options]:
    """An open register on an empty database."""
    with open_platform(platform_keys, settings) as options:
        yield options


@pytest.fixture
def alice(opened_platform: Options) -> Account:
    return create_account("patient", "Alice Martin", NOW)


@pytest.fixture
def bob(opened_platform: Options) -> Account:
    return create_account("patient", "Bob Durand", NOW)


@pytest.fixture
def charlie(opened_platform: Options) -> Account:
    """A professional who follows nobody."""
    return create_account("professional", "Charlie Petit", NOW)


@pytest.fixture
def meter(alice: Account) -> Thing:
    """Alice's glucose meter."""
    return Thing.enrol(alice)


@pytest.fixture
def pipeline(opened_platform: Options) -> Pipeline:
    return Pipeline("worker-1")
