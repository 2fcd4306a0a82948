"""What the documents name exists, and what exists is named."""

from __future__ import annotations

import dataclasses
import importlib
import re
from pathlib import Path

import pytest
import typer

from egide.cli import app
from egide.cloud.options import Options

ROOT = Path(__file__).parents[2]
PAGES = sorted(str(page.relative_to(ROOT)) for page in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")))
TELLING_CODE = ("docs/journey.md",)
GENERATED = {"docs/performance.md"}  # by `make bench`
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
        assert path in GENERATED or (ROOT / path).is_file(), path
    for path in re.findall(r"\(((?:trust|cloud|measure|things|network)/[\w/.-]*|cbor\.py)\)", text(page)):
        assert (ROOT / "src/egide" / path).exists(), path


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    """A link or a picture within the repository is a file, a folder, or a heading of such a file."""
    found = re.findall(r"\]\(([^)\s]+)\)|<img src=\"([^\"]+)\"", text(page))
    for target in ("".join(pair) for pair in found):
        if re.match(r"https?://", target):
            continue
        path, _, heading = target.partition("#")
        file = (ROOT / page).parent / path if path else ROOT / page
        assert file.exists(), target
        assert not heading or heading in anchors_of(file), target


def anchors_of(file: Path) -> set[str]:
    """Headings as links name them: lower case, no punctuation, hyphens for spaces."""
    headings = re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


@pytest.mark.parametrize("page", TELLING_CODE)
def test_names_of_the_code_that_a_page_tells_exist(page: str) -> None:
    """`folder.module.name` in backticks resolves by import, below the package."""
    names = re.findall(r"`((?:cbor|cli|cloud|measure|prove|things|trust)(?:\.\w+)+)`", text(page))
    assert len(names) > 50
    for name in names:
        assert resolve(name) is not None, name


def resolve(name: str) -> object | None:
    """The module, function, class or method that `name` stands for, or None."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found: object | None = importlib.import_module(".".join(["egide", *parts[:end]]))
        except ModuleNotFoundError:
            continue
        for part in parts[end:]:
            found = getattr(found, part, None)
        return found
    return None


@pytest.mark.parametrize("page", TELLING_CODE)
def test_folders_that_a_page_tells_exist(page: str) -> None:
    """Folders of the repository, in backticks."""
    for folder in re.findall(r"`((?:src|tests|docs|bench|vectors)/[\w/.-]*/)`", text(page)):
        assert (ROOT / folder).is_dir(), folder


def test_the_readme_names_every_command() -> None:
    """The table of commands has each one, and no other."""
    table = "".join(row.split("|")[1] for row in text("README.md").splitlines() if row.startswith("| `egide "))
    named = {name.removeprefix("egide ").split()[0] for name in re.findall(r"`([a-z -]+)`", table)}
    group = typer.main.get_command(app)
    listed = set(group.list_commands(typer.Context(group)))  # type: ignore[attr-defined]
    subcommands = set()
    for name in ("object", "fleet", "events", "held", "person", "people", "rights", "messages", "pages", "system"):
        subcommands |= set(group.get_command(typer.Context(group), name).commands)  # type: ignore[attr-defined]
    assert listed <= named <= listed | subcommands
    assert subcommands <= set(re.findall(r"[a-z-]+", table))


def test_every_setting_is_told() -> None:
    """The table of settings names each of them once."""
    table = text("docs/operate.md").partition("## Settings")[2].partition("##")[0]
    rows = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    told = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(told) == sorted(field.name for field in dataclasses.fields(Options))


def test_every_decision_is_listed() -> None:
    """Records are numbered without a hole, and the index names each by its title."""
    records = sorted((ROOT / "docs/adr").glob("[0-9]*.md"))
    assert [int(record.name[:4]) for record in records] == list(range(1, len(records) + 1))
    for record in records:
        assert f"[{record.read_text().splitlines()[0].removeprefix('# ')}]({record.name})" in text("docs/adr/README.md")
