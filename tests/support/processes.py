"""Which processes stand below one, and whether they still run (Linux)."""

from __future__ import annotations

from pathlib import Path


def under(parent: int) -> set[int]:
    """The processes below this one, at any depth."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        try:
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except (ValueError, OSError):
            continue
    found, new = set[int](), {parent}
    while new:
        new = {child for child, of in parents.items() if of in new} - found
        found |= new
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
