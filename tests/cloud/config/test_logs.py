"""Lines on stderr say when in UTC."""

from __future__ import annotations

import logging
import logging.config

import pytest
from django.conf import settings

from egide.cloud.config.logs import UtcFormatter


def test_a_line_says_when_in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever zone the machine is in, and by the formatter that the platform is configured with."""
    monkeypatch.setenv("TZ", "America/New_York")
    record = logging.LogRecord("egide.intake", logging.WARNING, "", 1, "said", None, None)
    record.created, record.msecs = 1_700_000_000.25, 250
    made = logging.config.DictConfigurator(settings.LOGGING).configure_formatter(settings.LOGGING["formatters"]["line"])
    assert isinstance(made, UtcFormatter)
    assert made.format(record) == "2023-11-14T22:13:20.250Z WARNING egide.intake said"
