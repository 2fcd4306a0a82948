"""What was lost once is never tried again: tests/all.sh stops where a fault left such a mark."""

from __future__ import annotations

from collections.abc import Generator
from typing import Final

import pytest

#: Where a loss is found, and not a part that was late.
_FINDERS: Final = {"require_kept", "whole", "check"}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and _found_a_loss(call.excinfo):
        with (item.config.rootpath / ".lost").open("a", encoding="utf-8") as marks:
            marks.write(f"{item.nodeid}\n")
    return report


def _found_a_loss(failure: pytest.ExceptionInfo[BaseException] | None) -> bool:
    if failure is None or not failure.errisinstance(AssertionError):
        return False
    return bool(_FINDERS & {entry.name for entry in failure.traceback}) or "has vanished" in str(failure.value)
