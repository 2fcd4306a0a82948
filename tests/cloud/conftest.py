"""What tests of the cloud may lean on: keys, an open register, and a cast of people and objects."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from egide.cloud.options import Options
from tests.support import ward as wards
from tests.support.cast import Cast, play, start_of
from tests.support.ward import Ward

#: A Saturday evening in Paris: 21 November 2026, 22:13:20.
NOW = 1_795_295_600_000


@pytest.fixture(scope="session")
def ward_keys(tmp_path_factory: pytest.TempPathFactory) -> Options:
    """A keys folder as `egide up` makes it, once."""
    return wards.keys_in(Path(tmp_path_factory.mktemp("keys")), now_ms=start_of(NOW))


@pytest.fixture
def kek(ward_keys: Options) -> Iterator[None]:
    """The process can seal and open names and records."""
    before, settings.OPTIONS = settings.OPTIONS, ward_keys
    wards.forget()
    yield
    settings.OPTIONS = before
    wards.forget()


@pytest.fixture
def ward(db: None, ward_keys: Options) -> Iterator[Ward]:
    """An open register and nobody yet."""
    with wards.opened(ward_keys, now_ms=start_of(NOW)):
        yield Ward(start_ms=start_of(NOW))


@pytest.fixture
def cast(ward: Ward) -> Cast:
    """Alice's last day, Dr Bob who follows her, Charlie and Diane who do not."""
    return play(ward, NOW, days=1)
