"""An in-memory FHIR server (`@medplum/fhir-router`): POST Observation over HTTP, one reading each.

Nothing is validated, encrypted, signed or written to a disk; no TLS. Sixteen connections are kept open.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from typing import Any, Final

from bench.context import ROOT

__all__ = ["measure"]

CONNECTIONS: Final = 16
SOURCE: Final = ROOT / "bench" / "peers" / "fhir"
INSTALLED: Final = ROOT / "build" / "bench-fhir"


def _install() -> None:
    """The packages of the lock file, with their hashes checked, once. Raises RuntimeError."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise RuntimeError("node and npm are not installed (Debian: apt-get install nodejs npm)")
    INSTALLED.mkdir(parents=True, exist_ok=True)
    for file in SOURCE.iterdir():
        shutil.copy(file, INSTALLED)
    if not (INSTALLED / "node_modules" / ".package-lock.json").exists():
        done = subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=INSTALLED, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"npm could not install the FHIR server:\n{done.stderr}")


def measure(seconds: float) -> dict[str, Any]:
    """{"posted", "failures", "per_s", "p50_ms", "p99_ms"}. Raises RuntimeError when it cannot run here."""
    return _with_server("client.mjs", str(seconds), str(CONNECTIONS))


def measure_search(*, stored: int, count: int) -> dict[str, Any]:
    """{"p50_ms", "failures"} of pages of `count` among `stored`. Raises RuntimeError when it cannot run here."""
    return _with_server("search.mjs", str(stored), str(count), knows=["search-parameters"])


def _with_server(client: str, *arguments: str, knows: Sequence[str] = ()) -> dict[str, Any]:
    _install()
    server = subprocess.Popen(["node", "server.mjs", *knows], cwd=INSTALLED, stdout=subprocess.PIPE, text=True)
    try:
        port = server.stdout.readline().strip() if server.stdout else ""
        if not port:
            raise RuntimeError("the FHIR server did not start")
        done = subprocess.run(
            ["node", client, port, *arguments], cwd=INSTALLED, stdout=subprocess.PIPE, text=True, check=True
        )
    finally:
        server.terminate()
        server.wait()
    result: dict[str, Any] = json.loads(done.stdout)
    if result["failures"]:
        raise RuntimeError(f"the FHIR server refused {result['failures']} requests")
    return result
