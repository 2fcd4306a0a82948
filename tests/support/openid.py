"""An independent OpenID Connect provider (`oidc-provider` from npm), in a process of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

ROOT: Final = Path(__file__).parents[2]
SOURCE: Final = ROOT / "tests" / "cloud" / "federation" / "provider"
INSTALLED: Final = ROOT / "build" / "openid-provider"


@dataclass(frozen=True, slots=True)
class OpenId:
    """`browser` is the person's, at the provider: its cookies are theirs."""

    issuer: str
    browser: httpx.Client = field(repr=False)

    def control(self, **asked: Any) -> dict[str, Any]:
        """`who` signs in next (sub, acr, claims); `rotate` the keys. Gives the logout tokens sent since."""
        answer = self.browser.post(f"{self.issuer}/control", json=asked)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def visit(self, address: str, home: str) -> str:
        """Follow the provider's redirects, as a browser does, until it sends back to `home`."""
        for _ in range(12):
            answer = self.browser.get(address)
            assert answer.status_code in (302, 303), (answer.status_code, answer.text)
            address = str(httpx.URL(address).join(answer.headers["Location"]))
            if address.startswith(home):
                return address
        raise AssertionError("the provider never came back")

    def leave(self) -> None:
        """Forget the session at the provider: another person sits down."""
        self.browser.cookies.clear()


def install() -> None:
    """The packages of the lock file, with their hashes checked, once. Raises RuntimeError."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise RuntimeError("node and npm are not installed (Debian: apt-get install nodejs npm)")
    INSTALLED.mkdir(parents=True, exist_ok=True)
    lock = INSTALLED / "package-lock.json"
    current = lock.exists() and lock.read_bytes() == (SOURCE / lock.name).read_bytes()
    for file in SOURCE.iterdir():
        shutil.copy(file, INSTALLED)
    if not (current and (INSTALLED / "node_modules" / ".package-lock.json").exists()):
        done = subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=INSTALLED, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"npm could not install the provider:\n{done.stderr}")


@contextmanager
def running_provider(clients: list[dict[str, Any]]) -> Iterator[OpenId]:
    """A provider that knows these clients, and ends with the block."""
    install()
    process = subprocess.Popen(
        ["node", "server.mjs"], cwd=INSTALLED, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({"clients": clients}) + "\n")
        process.stdin.flush()
        port = process.stdout.readline().strip()
        assert port, "the provider did not start"
        with httpx.Client(trust_env=False, timeout=20) as browser:
            yield OpenId(f"http://127.0.0.1:{port}", browser)
    finally:
        process.kill()
        process.communicate()
