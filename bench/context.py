"""What every section shares: a folder, how much to measure, and jobs in processes of their own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.support.postgres import PostgresMissingError, postgres_cluster

__all__ = ["ENGINES", "ROOT", "Context", "Home", "free_port", "say"]

ROOT: Final = Path(__file__).resolve().parent.parent
ENGINES: Final = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


def say(text: str) -> None:
    """Words for the person who waits."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """The folder of one platform, and the environment of its processes."""

    folder: Path
    database_url: str

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("EGIDE_")}
        return kept | {
            "EGIDE_DATA": str(self.folder / "data"),
            "EGIDE_KEYS": str(self.folder / "keys"),
            "EGIDE_DATABASE_URL": self.database_url,
            "DJANGO_SETTINGS_MODULE": "egide.cloud.config.settings",
            **(more or {}),
        }

    def job(self, name: str, *, core: int | None = None, **arguments: Any) -> dict[str, Any]:
        """Run bench/jobs/<name>.py in a process of its own, pinned to one core if asked; what it measured.

        Raises RuntimeError when the job fails.
        """
        command = [sys.executable, "-m", f"bench.jobs.{name}", json.dumps(arguments)]
        if core is not None and hasattr(os, "sched_setaffinity"):
            pin = f"import os,sys;os.sched_setaffinity(0,{{{core}}});os.execv(sys.argv[1],sys.argv[1:])"
            command = [sys.executable, "-c", pin, *command]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment(), stdout=subprocess.PIPE, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"the job {name} failed (status {done.returncode}); its reason is above")
        result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return result


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One run of the bench. `quick` measures little: to see that it works, never to be published."""

    folder: Path
    quick: bool

    def engines(self) -> list[str]:
        """Those that are installed here."""
        try:
            from tests.support.postgres import find_binaries

            find_binaries()
        except PostgresMissingError as err:
            say(f"PostgreSQL is left out: {err}")
            return ["sqlite"]
        return ["sqlite", "postgresql"]

    @contextmanager
    def home(self, name: str, engine: str) -> Iterator[Home]:
        """An empty platform folder, on a database that is durable (fsync on)."""
        folder = self.folder / f"{name}-{engine}"
        folder.mkdir()
        with ExitStack() as stack:
            url = stack.enter_context(postgres_cluster(durable=True)) if engine == "postgresql" else ""
            yield Home(folder=folder, database_url=url)
