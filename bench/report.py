"""docs/performance.md: every figure in it comes from a run that wrote it; each section says from which."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bench.table import Row

__all__ = ["Section", "page", "terminal"]

_INTRODUCTION: Final = """\
# Performance

What Egide claims about speed, measured by `make bench` on one machine, each claim with its peers in the same
run. That command writes this page; no figure in it is written by hand, and each section says when it was measured. A
ratio says how far a figure is from its target: 1.00 or more is good.
"""

_HEAD: Final = ("claim", "target", "measured", "ratio", "verdict", "remarks")


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A title, how its figures are obtained, and the figures."""

    title: str
    how: str
    rows: Sequence[Row]


def page(
    sections: Sequence[Section], machine: Mapping[str, str], at: datetime, seconds: float, *, earlier: str = ""
) -> str:
    """The whole page, in Markdown. A section without rows keeps what `earlier`, the page as it was, says of it."""
    parts, kept = [_INTRODUCTION], _sections(earlier)
    for section in sections:
        parts.append(f"## {section.title}\n")
        if section.rows:
            when = f"Measured {at:%Y-%m-%d %H:%M} UTC.\n"
            parts += [section.how.strip() + "\n", _table(section.rows), when]
        else:
            parts.append(kept.get(section.title, section.how.strip() + "\n\nNot measured yet.\n"))
    parts += [
        "## The machine and the last run\n",
        f"Run of {at:%Y-%m-%d %H:%M} UTC, {seconds / 60:.0f} minutes.\n",
        "\n".join(f"- {name}: {value}" for name, value in machine.items()) + "\n",
    ]
    return "\n".join(parts)


def _sections(text: str) -> dict[str, str]:
    """What a page says under each title, with when it was measured."""
    ran = re.search(r"^Run of ([0-9: -]+) UTC", text, re.MULTILINE)
    found = {}
    for part in text.split("\n## ")[1:]:
        title, _, body = part.partition("\n")
        if ran is not None and "\nMeasured " not in body:
            body = f"{body.rstrip()}\n\nMeasured {ran[1]} UTC.\n"
        found[title] = body.strip("\n") + "\n"
    return found


def _table(rows: Sequence[Row]) -> str:
    lines = [_line(_HEAD), _line(["---", "---:", "---:", "---:", "---", "---"])]
    lines += [_line([*row.cells(), row.note]) for row in rows]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def terminal(rows: Sequence[Row]) -> str:
    """The same table for a terminal, without the remarks."""
    table = [_HEAD[:5], *(row.cells() for row in rows)]
    widths = [max(len(line[i]) for line in table) for i in range(5)]
    lines = ["  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in table]
    return "\n".join(lines)
