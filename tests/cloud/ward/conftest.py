"""Clients of the ward's pages, and their clock: those of the portal."""

from tests.cloud.portal.conftest import Enter, _now, enter

__all__ = ["Enter", "_now", "enter"]
