"""The page that answers the RGAA answers all of it, in order, and what it names exists."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from egide.cloud.comfort.views.statement import GAPS

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs/rgaa.md").read_text()
ANSWERS: Final = ("compliant", "not compliant", "not applicable")
FILE: Final = re.compile(r"`((?:src|docs|tests)/[\w/.-]+\.\w+)`")
#: RGAA 4.1: how many criteria each of the thirteen themes has.
THEMES: Final = {1: 9, 2: 2, 3: 3, 4: 13, 5: 8, 6: 2, 7: 5, 8: 10, 9: 4, 10: 14, 11: 13, 12: 11, 13: 12}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One criterion, as the page answers it."""

    id: str
    asks: str
    answer: str
    where: str


def rows_of(page: str) -> list[Row]:
    """The lines of the thirteen themes' tables, four cells each."""
    grid = page.partition("## 1 ")[2].partition("## What WCAG")[0]
    found = re.findall(r"^\| (\d+\.\d+) \| (.+?) \| (.+?) \| (.+) \|$", grid, re.MULTILINE)
    return [Row(id=key, asks=asks, answer=answer, where=where) for key, asks, answer, where in found]


ROWS: Final = rows_of(PAGE)


def test_every_criterion_is_answered_once_in_order() -> None:
    """106, by their numbers."""
    expected = [f"{theme}.{n}" for theme, count in THEMES.items() for n in range(1, count + 1)]
    assert len(expected) == 106
    assert [row.id for row in ROWS] == expected


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_an_answer_is_one_of_three_and_says_where_or_why(row: Row) -> None:
    """Compliant names a file, or says that it was judged by eye."""
    assert row.answer in ANSWERS
    assert 3 <= len(row.asks.split()) <= 14
    assert len(row.where) > 3
    assert row.answer != "compliant" or FILE.search(row.where) or "by eye" in row.where or "one form" in row.where


def test_every_file_that_is_named_exists() -> None:
    """No answer rests on a file that is not there."""
    assert [path for path in sorted(set(FILE.findall(PAGE))) if not (ROOT / path).is_file()] == []


def test_the_counts_are_those_of_the_rows() -> None:
    """The table at the top is not left behind."""
    for answer in ANSWERS:
        assert f"\n| {answer} | {sum(row.answer == answer for row in ROWS)} |\n" in PAGE


def test_every_criterion_that_is_not_met_says_what_would_close_it_and_is_told_to_readers() -> None:
    """In the list at the top, and in the statement that every page leads to."""
    missed = [row.id for row in ROWS if row.answer == "not compliant"]
    top = PAGE.partition("## What would close")[2].partition("## 1 ")[0]
    assert re.findall(r"^\| (\d+\.\d+) \| .{9,} \|$", top, re.MULTILINE) == missed
    assert sorted(key for criteria, _ in GAPS for key in criteria.split()) == sorted(missed)
