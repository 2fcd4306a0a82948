"""docs/performance.md: every figure in it comes from the run that wrote it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bench.table import Row

__all__ = ["Section", "page", "terminal"]

_INTRODUCTION: Final = """\
# Performance

What Egide claims about speed, measured with its peers in one run of `make bench` on one machine. That
command writes this page; no figure in it is written by hand. A ratio says how far a figure is from its
target: 1.00 or more is good.
"""

_HEAD: Final = ("claim", "target", "measured", "ratio", "verdict", "remarks")


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A title, how its figures are obtained, and the figures."""

    title: str
    how: str
    rows: Sequence[Row]


def page(sections: Sequence[Section], machine: Mapping[str, str], at: datetime, seconds: float) -> str:
    """The whole page, in Markdown."""
    parts = [_INTRODUCTION]
    for section in sections:
        parts += [f"## {section.title}\n", section.how.strip() + "\n", _table(section.rows)]
    parts += [
        "## The machine and the run\n",
        f"Run of {at:%Y-%m-%d %H:%M} UTC, {seconds / 60:.0f} minutes.\n",
        "\n".join(f"- {name}: {value}" for name, value in machine.items()) + "\n",
    ]
    return "\n".join(parts)


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
