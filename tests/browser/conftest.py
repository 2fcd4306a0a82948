"""One portal and one browser for all of the pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.everypage import every_portal
from tests.browser.screens import browser
from tests.support.people import Portal, running_portal


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    with running_portal(tmp_path_factory.mktemp("portal")) as running:
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Closed with its module: while it runs, the thread has an event loop, and Django refuses to touch a database."""
    with browser() as running:
        yield running


@pytest.fixture(scope="module")
def everywhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """A portal where every page has something to show."""
    with every_portal(tmp_path_factory.mktemp("everywhere")) as running:
        yield running
