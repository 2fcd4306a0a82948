"""The people's listener as it runs: a process of its own, on a port the system chose, with Alice's days in it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]
_SEED = """
import json, time
import django
django.setup()
from django.conf import settings
from egide.cloud.config.initialise import ensure_platform
from egide.cloud.register.publishing import publish
from tests.support.cast import play, start_of
from tests.support.ward import Ward
now = time.time_ns() // 1_000_000
ensure_platform(settings.OPTIONS, now_ms=start_of(now))
cast = play(Ward(start_ms=start_of(now)), now, days={days})
publish(now_ms=now)
print(json.dumps({{name: str(getattr(cast, name).pk) for name in ("alice", "bob", "charlie", "diane")}}))
"""
_LINK = """
import time
import django
django.setup()
from egide.cloud.people.models import Account
from egide.cloud.people.service import make_link
print(make_link(Account.objects.get(pk="{account}"), time.time_ns() // 1_000_000))
"""
_SEND = """
import time
import django
django.setup()
from django.db import connection
from egide.cloud.fleet.models import HealthObject
from egide.cloud.people.models import Account
from tests.support.ward import Ward, spot
now = time.time_ns() // 1_000_000
thing = Ward(start_ms=now - 1000).thing("Balance Neuve", Account.objects.get(pk="{account}"))
thing.send(spot("{code}", "{unit}", "{text}"), t0_ms=now, received_ms=now)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Portal:
    """A running portal and the ids of its people."""

    base: str
    people: dict[str, str]
    environment: dict[str, str]

    def code_for(self, name: str) -> str:
        """A fresh one-time code."""
        return self._run(_LINK.format(account=self.people[name])).strip()

    def measure(self, name: str, code: str, unit: str, text: str) -> None:
        """A new object of this person's measures something now."""
        self._run(_SEND.format(account=self.people[name], code=code, unit=unit, text=text))

    def _run(self, program: str) -> str:
        return _python(program, self.environment)


@contextmanager
def running_portal(
    folder: Path,
    *,
    days: int = 14,
    prepare: Callable[[int, Path], dict[str, str]] = lambda _port, _keys: {},
    demo: bool = False,
) -> Iterator[Portal]:
    """Seed a platform in `folder` and serve it until the block ends; of a demo, anybody may be anybody.

    `prepare` is told the port and the keys folder before anything is served, and gives more of the environment.
    """
    (folder / "data").mkdir(parents=True)
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("EGIDE_")},
        "EGIDE_DATA": str(folder / "data"),
        "EGIDE_KEYS": str(folder / "keys"),
        "DJANGO_SETTINGS_MODULE": "egide.cloud.config.settings",
        "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
        **({"EGIDE_DEMO": "1"} if demo else {}),
    }
    people: dict[str, Any] = json.loads(_python(_SEED.format(days=days), environment).splitlines()[-1])
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        environment |= prepare(listener.getsockname()[1], folder / "keys")
        command = [sys.executable, "-m", "uvicorn", "egide.cloud.config.asgi:application", "--log-level", "warning"]
        server = subprocess.Popen(
            [*command, "--fd", str(listener.fileno())], env=environment, pass_fds=[listener.fileno()]
        )
        try:
            base = f"http://localhost:{listener.getsockname()[1]}"
            _wait(base, server)
            yield Portal(base=base, people=people, environment=environment)
        finally:
            server.terminate()
            server.wait(20)


def _python(program: str, environment: dict[str, str]) -> str:
    return subprocess.run(
        [sys.executable, "-c", program], env=environment, check=True, stdout=subprocess.PIPE, text=True, timeout=120
    ).stdout


def _wait(base: str, server: subprocess.Popen[bytes]) -> None:
    """The socket listens already: the first answer comes when the process is up."""
    until = time.monotonic() + 60
    while time.monotonic() < until and server.poll() is None:
        try:
            if httpx.get(f"{base}/readyz", timeout=30).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise RuntimeError("the portal did not start")
