"""What every test leans on: sockets are shut in unit tests, seeds are said, and nothing is skipped in CI."""

from __future__ import annotations

import os
import random
import socket
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

# Said once, the same in every process of the run.
_SEED = int(os.environ.setdefault("EGIDE_TEST_SEED", str(random.SystemRandom().randrange(2**32))))
# The same examples at each run; a slow machine is not a failure.
hypothesis_settings.register_profile(
    "egide", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("egide")
_NETWORK = {socket.AF_INET, socket.AF_INET6}
#: Folders of tests of modules that ask which database this is.
_ENGINES_DIFFER = {"config", "intake", "keys", "register", "release", "upkeep", "vault"}


class _AtOnce:
    """A long run names what failed when it fails, not only at its end."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        if report.failed and terminal is not None:
            terminal.write_line(f" {report.when} of {report.nodeid} failed")


def pytest_configure(config: pytest.Config) -> None:
    if "PYTEST_XDIST_WORKER" not in os.environ:
        config.pluginmanager.register(_AtOnce(config))


def pytest_report_header() -> list[str]:
    engine = os.environ.get("EGIDE_TEST_ENGINE", "sqlite")
    return [f"egide: engine {engine}, EGIDE_TEST_SEED={_SEED}"]


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: tests that start servers wait for them half of their time."""
    return (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A test that touches the database, or starts a platform, runs on both engines. Files with slow tests come first.

    What can happen on PostgreSQL alone is no test of SQLite's run.

    Whoever shares the files out among cores then has the short ones left to fill the end with.
    """
    for item in items:
        names = set(getattr(item, "fixturenames", ()))
        if item.get_closest_marker("django_db") or names & {"db", "transactional_db", "instance"}:
            item.add_marker("database")
    if os.environ.get("EGIDE_TEST_ENGINE") != "postgresql":
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("postgresql")])
        items[:] = [item for item in items if not item.get_closest_marker("postgresql")]
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Any:
    """Tracing costs as much again as a test: on PostgreSQL, with --cov, only what SQLite's run cannot have reached."""
    controller = getattr(item.config.pluginmanager.get_plugin("_cov"), "cov_controller", None)
    both = os.environ.get("EGIDE_TEST_ENGINE") != "postgresql" or _ENGINES_DIFFER & set(item.path.parts)
    if controller is None or both:
        return (yield)
    controller.cov.stop()
    try:
        return (yield)
    finally:
        controller.cov.start()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Any:
    """Where nothing may be skipped, a skip is a failure that says why."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("EGIDE_NO_SKIP"):
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be: {report.longrepr}"
    return report


@pytest.fixture
def seed() -> int:
    """The run's seed: printed at its start, given again by EGIDE_TEST_SEED."""
    return _SEED


@pytest.fixture(autouse=True)
def _no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unit tests use no sockets; those that need a server say so with a mark, and start it themselves."""
    if request.node.get_closest_marker("server") is None:

        def refuse(self: socket.socket, *_: object) -> None:
            if self.family in _NETWORK:
                raise AssertionError("a unit test opens a network connection: mark it `server`")

        monkeypatch.setattr(socket.socket, "connect", refuse)
        monkeypatch.setattr(socket.socket, "bind", refuse)
