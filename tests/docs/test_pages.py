"""What the documents name exists, and what exists is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ("docs/threats.md", "docs/needs.md", "docs/glossary.md", "docs/spec/evidence.md")
ATTACKS = {
    name
    for module in (ROOT / "src/egide/prove").glob("*.py")
    for name in re.findall(r'^@attack\(\s*"([a-z-]+)"', module.read_text(), re.MULTILINE)
}


def text(page: str) -> str:
    return (ROOT / page).read_text()


def bold(page: str) -> set[str]:
    """Names of attacks: bold, hyphenated or not, in lower case."""
    return set(re.findall(r"\*\*([a-z][a-z-]+)\*\*", text(page)))


def test_every_attack_is_in_the_threats_and_every_one_there_exists() -> None:
    """A promise is attacked, and an attack is of a promise."""
    assert bold("docs/threats.md") == ATTACKS


def test_attacks_that_the_needs_name_exist() -> None:
    """No need is answered by an attack that nobody wrote."""
    assert bold("docs/needs.md") <= ATTACKS


def test_every_need_is_there_once_with_its_state() -> None:
    """N01 to N48, answered, partly or not yet; one that is answered or partly says where."""
    rows = re.findall(r"^\| (N\d\d) \| (.+?) \| (.+?) \| (.*?) ?\|$", text("docs/needs.md"), re.MULTILINE)
    assert [row[0] for row in rows] == [f"N{i:02}" for i in range(1, 49)]
    for number, _need, state, where in rows:
        assert state in {"answered", "partly", "not yet"}, number
        assert state == "not yet" or re.search(r"`|\*\*", where), number
        assert (state == "partly") == ("Missing:" in where or "grows" in where), number


@pytest.mark.parametrize("page", PAGES)
def test_files_that_a_page_names_exist(page: str) -> None:
    """Paths in the repository, and modules of the package written from their folder."""
    for path in re.findall(r"(?<![\w/.-])((?:src|docs|tests|bench|vectors)/[\w/.-]+\.\w+)", text(page)):
        assert (ROOT / path).is_file(), path
    for path in re.findall(r"\(((?:trust|cloud|measure|things|network)/[\w/.-]*|cbor\.py)\)", text(page)):
        assert (ROOT / "src/egide" / path).exists(), path
