"""What every test of the cloud may lean on."""

from __future__ import annotations

import pytest
from django.conf import settings

from egide.cloud.keys import provider


@pytest.fixture(scope="session")
def kek() -> None:
    """A key-encryption key in the tests' keys folder."""
    path = settings.OPTIONS.keys / "kek.json"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_bytes(provider.make_kek_file(bytes(range(32))))
    provider.provider.cache_clear()
