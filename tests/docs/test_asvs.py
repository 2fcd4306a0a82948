"""The page that answers the ASVS answers all of it, in order, and what it names exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs/asvs.md").read_text()
ANSWERS: Final = ("yes", "partly", "no", "not applicable")
FILE: Final = re.compile(r"`((?:src|docs|tests)/[\w/.-]+\.\w+|pyproject\.toml)`")

#: ASVS 5.0.0: the level of each requirement of a section, in order.
LEVELS: Final = {
    "V1.1": "22", "V1.2": "1111122223", "V1.3": "112222222223", "V1.4": "222", "V1.5": "123",
    "V2.1": "122", "V2.2": "112", "V2.3": "12223", "V2.4": "23",
    "V3.1": "3", "V3.2": "113", "V3.3": "12223", "V3.4": "11222233", "V3.5": "11122333", "V3.6": "3", "V3.7": "22333",
    "V4.1": "12233", "V4.2": "23333", "V4.3": "22", "V4.4": "1222",
    "V5.1": "2", "V5.2": "112333", "V5.3": "113", "V5.4": "222",
    "V6.1": "122", "V6.2": "111111112222", "V6.3": "11223333", "V6.4": "112233", "V6.5": "22222333", "V6.6": "2223",
    "V6.7": "33", "V6.8": "2222",
    "V7.1": "222", "V7.2": "1111", "V7.3": "22", "V7.4": "11222", "V7.5": "223", "V7.6": "22",
    "V8.1": "1233", "V8.2": "1123", "V8.3": "133", "V8.4": "23",
    "V9.1": "111", "V9.2": "1222",
    "V10.1": "22", "V10.2": "223", "V10.3": "22223", "V10.4": "1111122222233333", "V10.5": "22222", "V10.6": "22",
    "V10.7": "222",
    "V11.1": "2233", "V11.2": "22233", "V11.3": "11233", "V11.4": "1222", "V11.5": "23", "V11.6": "23", "V11.7": "33",
    "V12.1": "12233", "V12.2": "11", "V12.3": "22223",
    "V13.1": "2333", "V13.2": "222223", "V13.3": "2233", "V13.4": "1222233",
    "V14.1": "22", "V14.2": "12223333", "V14.3": "122",
    "V15.1": "12233", "V15.2": "12233", "V15.3": "1222222", "V15.4": "3333",
    "V16.1": "2", "V16.2": "22222", "V16.3": "2222", "V16.4": "222", "V16.5": "2223",
    "V17.1": "23", "V17.2": "22223333", "V17.3": "22",
}  # fmt: skip
#: Chapters of which level 3 is answered as well: they touch health data.
DEEP: Final = frozenset({6, 7, 8, 9, 11, 12, 13, 14, 16})


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One requirement, as the page answers it."""

    id: str
    level: str
    asks: str
    answer: str
    where: str


def rows_of(page: str) -> Iterator[Row]:
    """The lines of the chapters' tables, five cells each."""
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if re.match(r"\| V\d+\.\d+\.\d+ \| \d ", line):
            key, level, asks, answer, where = cells
            yield Row(id=key, level=level, asks=asks, answer=answer, where=where)


ROWS: Final = tuple(rows_of(PAGE))


def chapter(key: str) -> int:
    return int(key[1:].partition(".")[0])


def expected() -> list[tuple[str, str]]:
    """(id, level) of every requirement that the page answers."""
    every = [(f"{section}.{n}", level) for section, levels in LEVELS.items() for n, level in enumerate(levels, 1)]
    return [(key, level) for key, level in every if level in "12" or chapter(key) in DEEP]


def test_the_standard_is_counted_as_it_was_published() -> None:
    """345 requirements: 70 of level 1, 183 of level 2, 92 of level 3."""
    levels = "".join(LEVELS.values())
    assert [levels.count(level) for level in "123"] == [70, 183, 92]


def test_every_requirement_is_answered_once_in_order_at_its_level() -> None:
    """All of levels 1 and 2, and level 3 of the chapters that touch health data; nothing else."""
    assert [(row.id, row.level) for row in ROWS] == expected()
    assert sum(row.level in "12" for row in ROWS) == 253


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_an_answer_is_one_of_four_and_says_where_or_why(row: Row) -> None:
    """Yes names a file; the others say something; what is asked is said in a few words."""
    assert row.answer in ANSWERS
    assert 3 <= len(row.asks.split()) <= 12
    assert len(row.where) > 5
    assert row.answer != "yes" or FILE.search(row.where)


def test_every_file_that_is_named_exists() -> None:
    """No answer rests on a file that is not there."""
    named = set(FILE.findall(PAGE))
    assert len(named) > 80
    assert [path for path in sorted(named) if not (ROOT / path).is_file()] == []


def test_every_attack_that_is_named_exists() -> None:
    """No answer rests on an attack that nobody wrote."""
    code = "".join(module.read_text() for module in (ROOT / "src/egide/prove").glob("*.py"))
    attacks = set(re.findall(r'^@attack\(\s*"([a-z-]+)"', code, re.MULTILINE))
    named = {name for row in ROWS for name in re.findall(r"\*\*([a-z-]+)\*\*", row.where)}
    assert named
    assert named <= attacks


def test_the_counts_are_those_of_the_rows() -> None:
    """The table at the top is not left behind."""
    for answer in ANSWERS:
        assert f"\n| {answer} | {sum(row.answer == answer for row in ROWS)} |\n" in PAGE
    assert f"| answer | of {len(ROWS)} |" in PAGE


def test_every_no_and_partly_says_what_would_close_it() -> None:
    """One list, in order, with the answers of the tables."""
    listed = re.findall(r"^\| (V[\d.]+) \| (partly|no) \| (.+) \|$", PAGE, re.MULTILINE)
    assert [(key, answer) for key, answer, _ in listed] == [
        (row.id, row.answer) for row in ROWS if row.answer in ("partly", "no")
    ]
    known = {row.id for row in ROWS}
    for _, _, closing in listed:
        assert len(closing) > 5
        assert set(re.findall(r"V\d+\.\d+\.\d+", closing)) <= known
