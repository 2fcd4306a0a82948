"""What a person finds by asking a command for help, and what any failure looks like."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from egide import cli
from egide.cli import app
from egide.cli.errors import exit_code, say_error
from egide.cloud.config.initialise import make_keys
from egide.cloud.options import Options
from egide.errors import (
    AccessDeniedError,
    ConfigError,
    EgideError,
    KeyMissingError,
    MalformedError,
    StorageError,
    TooManyTriesError,
    UnavailableError,
)


def commands() -> Iterator[tuple[str, ...]]:
    """Every command that does something."""
    root: Any = typer.main.get_command(app)
    for name in root.list_commands(None):
        inner = getattr(root.get_command(None, name), "commands", None)
        yield from ((name, each) for each in inner) if inner else [(name,)]


@pytest.mark.parametrize("words", [pytest.param(c, id=" ".join(c)) for c in commands()])
def test_each_command_says_an_example_and_its_exit_codes(words: tuple[str, ...]) -> None:
    """A first line that says what it does, an example that names the command, and codes that mean what they mean."""
    said = CliRunner(env={"COLUMNS": "200", "TERMINAL_WIDTH": "200"}).invoke(app, [*words, "--help"])
    text = " ".join(said.stdout.split())
    assert said.exit_code == 0
    assert f"Example: egide {' '.join(words)}" in text
    (codes,) = re.findall(r"Exit codes: ([^.]*?)\.(?: |$)", text)
    assert re.match(r"0 \w+", codes)
    assert set(re.findall(r"(?:^|[,;] )(\d)\b", codes)) <= set("012345")


def test_the_first_screen_names_every_command() -> None:
    """One line each, and what exit codes mean."""
    said = CliRunner().invoke(app, ["--help"])
    assert {c[0] for c in commands()} <= set(re.findall(r"^\s{2}(\w+)\s{2}", said.stdout, re.MULTILINE))
    assert "4 kept, not delivered yet" in said.stdout


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (AccessDeniedError("x"), 1), (MalformedError("x"), 1), (ConfigError("x"), 2), (KeyMissingError("x"), 2),
        (UnavailableError("x"), 5), (StorageError("x"), 5), (TooManyTriesError("x"), 5),
    ],
)  # fmt: skip
def test_an_error_is_a_line_a_hint_and_a_code(
    error: EgideError, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """On stderr; a hint only when there is one."""
    say_error(error)
    assert exit_code(error) == code
    said = capsys.readouterr()
    assert said.out == ""
    hint = [f"egide: hint: {error.hint}"] if error.hint else []
    assert said.err.splitlines() == [f"egide: {error.code}: x", *hint]


def run_main(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> int | str | None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(SystemExit) as left:
        cli.main()
    return left.value.code


def test_main_turns_errors_into_codes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Ours, a closed pipe, and the database's (whose words are not repeated); anything else is a bug and is shown."""
    from django.db.utils import OperationalError

    assert run_main(monkeypatch, ConfigError("x")) == 2
    assert run_main(monkeypatch, BrokenPipeError()) == 1
    assert run_main(monkeypatch, OperationalError("host db.secret refused")) == 5
    assert "db.secret" not in capsys.readouterr().err
    monkeypatch.setattr(cli, "app", lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        cli.main()


def egide(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("EGIDE_", "DJANGO_"))}
    return subprocess.run(
        [sys.executable, "-m", "egide.cli", *words], env={**clean, **more}, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip


def test_a_platform_that_was_never_made_is_said(tmp_path: Path) -> None:
    """Not a traceback: a line, a hint, a code; and nothing is made by looking."""
    said = egide("fleet", "list", "--data", str(tmp_path / "d"), "--keys", str(tmp_path / "k"))
    assert (said.returncode, said.stdout) == (2, "")
    assert re.search(r"^egide: [a-z-]+: .+\negide: hint: .+", said.stderr, re.MULTILINE)
    assert "Traceback" not in said.stderr
    assert not (tmp_path / "d").exists()


def test_a_mistake_in_the_settings_is_2(tmp_path: Path) -> None:
    """Of the environment, of the file, of the folders."""
    data = {"EGIDE_DATA": str(tmp_path / "d"), "EGIDE_KEYS": str(tmp_path / "d" / "k")}
    said = egide("person", "list", **data)
    assert said.returncode == 2
    assert "egide: hint:" in said.stderr
    assert "Traceback" not in said.stderr


def test_usage_is_2_and_version_is_data() -> None:
    """As every program of the world."""
    assert egide("fleet", "claim", "--hours", "many").returncode == 2
    assert egide("nothing").returncode == 2
    said = egide("--version")
    assert (said.returncode, said.stdout.split()[0]) == (0, "egide")


def test_certificates_are_renewed_by_a_command(tmp_path: Path) -> None:
    """0 and what was written, 0 and a word when nothing is due, 2 without keys."""
    keys = tmp_path / "keys"
    make_keys(Options(data=tmp_path / "data", keys=keys), now_ms=time.time_ns() // 1_000_000 - 86_400_000)
    where = ("--data", str(tmp_path / "data"), "--keys", str(keys))
    before = (keys / "tls.pem").read_bytes()
    calm = egide("keys", "renew", *where)
    assert (calm.returncode, calm.stdout, calm.stderr) == (0, "", "egide: nothing is due\n")
    assert (keys / "tls.pem").read_bytes() == before
    assert egide("keys", "renew", "--all", *where).stdout.split()[::2] == ["ca-issuing.pem", "tls.pem"]
    assert (keys / "tls.pem").read_bytes() != before
    (keys / "ca-issuing.key").unlink()
    missing = egide("keys", "renew", "--all", *where)
    assert (missing.returncode, missing.stdout) == (2, "")
    assert missing.stderr.startswith("egide: key-missing: ")
