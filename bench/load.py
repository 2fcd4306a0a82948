"""The load generator (bench/generator, in C): built once a run with the system's compiler, then started."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.context import ROOT

__all__ = ["Generator", "read_answers", "read_events"]

_ANSWER: Final = struct.Struct(">III")
_EVENT: Final = struct.Struct(">QQQ")


@dataclass(frozen=True, slots=True)
class Generator:
    """A built generator."""

    program: Path

    @classmethod
    def build(cls, folder: Path) -> Generator:
        """Compile it. Raises RuntimeError without a C compiler or OpenSSL's headers."""
        compiler = shutil.which("cc")
        program = folder / "load"
        if compiler is None:
            raise RuntimeError("no C compiler (Debian: apt-get install gcc libc6-dev libssl-dev)")
        sources = sorted((ROOT / "bench" / "generator").glob("*.c"))
        done = subprocess.run(
            [compiler, "-O2", "-Wall", "-Wextra", "-o", program, *sources, "-lssl", "-lcrypto"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"the generator does not compile (libssl-dev?):\n{done.stderr}")
        return cls(program)

    def run(self, **options: Any) -> dict[str, Any]:
        """Send until the corpus or the time is over; what it printed. Options: the program's, _ for -."""
        command = [str(self.program)]
        for name, value in options.items():
            command += [f"--{name.replace('_', '-')}", *([] if value is True else [str(value)])]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise RuntimeError("the generator could not work; its reason is above")
        result: dict[str, Any] = json.loads(done.stdout)
        return result


def read_answers(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """(object's number, envelope's number, answer) in the order of arrival."""
    data, at = path.read_bytes(), 0
    while at < len(data):
        number, index, length = _ANSWER.unpack_from(data, at)
        at += _ANSWER.size
        yield number, index, data[at : at + length]
        at += length


def read_events(path: Path) -> list[tuple[int, int, int]]:
    """(published, acked, answered) of each envelope, in the corpus's order; CLOCK_MONOTONIC ns, 0: never."""
    return list(_EVENT.iter_unpack(path.read_bytes()))
