"""`egide rights`: what is due, a file handed over, erasures and the keyring, through the commands themselves."""

from __future__ import annotations

import json
import shutil
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pytest_django import Settings
from typer.testing import CliRunner, Result

from egide.cli import app
from egide.cloud.governance import requests
from egide.cloud.governance.erasure import erase_classes
from egide.cloud.keys.keyring import KEYRING
from egide.cloud.keys.records import care_key, create_record_key
from egide.cloud.options import Options
from egide.cloud.people.establishments import home
from egide.cloud.people.models import Account
from egide.cloud.people.offices import seat
from egide.cloud.people.service import create_account
from egide.errors import AccessDeniedError, NameTakenError
from tests.support.thing import NOW, made_keys, open_platform

DAY = 86_400_000


@pytest.fixture(scope="module")
def keys_once(tmp_path_factory: pytest.TempPathFactory) -> Options:
    return made_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def opened(db: None, keys_once: Options, settings: Settings, tmp_path: Path) -> Iterator[Options]:
    shutil.copytree(keys_once.keys, tmp_path / "keys")
    with open_platform(replace(keys_once, keys=tmp_path / "keys"), settings) as options:
        yield options


@pytest.fixture
def now() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture
def alice(opened: Options) -> Account:
    return create_account("patient", "Alice Martin", NOW - 90 * DAY)


@pytest.fixture
def doctor(opened: Options, now: int) -> Account:
    account = create_account("professional", "Dr Bob", NOW)
    seat(account, home(now), "doctor", by=(account, account), now_ms=now - 1, how="test")
    return account


def run(*command: str) -> Result:
    return CliRunner().invoke(app, ["rights", *command])


def test_what_is_due_names_nobody_and_says_by_its_code_that_something_is_late(alice: Account, now: int) -> None:
    """Exit 0 while all is within its time, 1 from then on; no name and no word of the request."""
    assert run("due").exit_code == 0
    requests.ask(alice, "rectify", by=alice, now_ms=now, text="secret words")
    said = run("due")
    assert (said.exit_code, alice.username in said.stdout) == (0, True)
    requests.ask(alice, "access", by=alice, now_ms=now - 30 * DAY)
    late = run("due", "--late", "--json")
    assert late.exit_code == 1
    assert [(row["right"], row["late"]) for row in json.loads(late.stdout)] == [("access", True)]
    assert not any(word in said.stdout + late.stdout for word in ("Alice", "secret"))


def test_a_file_is_handed_over_by_somebody_of_the_desk_by_name(
    alice: Account, doctor: Account, tmp_path: Path
) -> None:
    """A zip that its owner alone reads; a step that names who made it; and nobody without an office makes one."""
    file = tmp_path / "egide.zip"
    assert run("export", alice.username, str(file), "--by", doctor.username).exit_code == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert "record.fr.pdf" in zipfile.ZipFile(file).namelist()
    row = alice.rights_requests.get()
    assert [(s.step, s.by, s.via) for s in requests.story(row)] == [
        ("asked", str(doctor.pk), "command"), ("delivered", str(doctor.pk), "command"),
    ]  # fmt: skip
    again = run("export", alice.username, str(file), "--by", doctor.username)
    assert isinstance(again.exception, NameTakenError)
    nobody = create_account("professional", "Nobody", NOW)
    refused = run("export", alice.username, str(tmp_path / "other.zip"), "--by", nobody.username)
    assert isinstance(refused.exception, AccessDeniedError)
    assert not (tmp_path / "other.zip").exists()


def test_an_erasure_is_complete_when_the_last_copy_of_the_keys_has_lapsed(alice: Account, now: int) -> None:
    """Not said before; said thirty days later."""
    for klass, ago in (("personal", 31), ("research", 2)):
        create_record_key(alice.pk, now_ms=NOW, klass=klass)
        erase_classes(alice.pk, [klass], now_ms=now - ago * DAY)
    old, fresh = run("erased").stdout.splitlines()
    assert old.endswith("personal  complete")
    assert "complete from" in fresh
    assert [row["classes"] for row in json.loads(run("erased", "--json").stdout)] == [["personal"], ["research"]]


def test_the_keyring_is_copied_for_its_owner_alone(alice: Account, opened: Options, tmp_path: Path) -> None:
    """As it is now, and never over another file."""
    file = tmp_path / "copy.cbor"
    assert run("keyring", str(file)).exit_code == 0
    assert file.read_bytes() == (opened.keys / KEYRING).read_bytes()
    assert file.stat().st_mode & 0o777 == 0o600
    assert run("keyring", str(file)).exit_code != 0


def test_finishing_when_nothing_was_interrupted_is_harmless(alice: Account) -> None:
    """It says so."""
    assert run("finish").exit_code == 0


def test_a_form_is_written_and_named_in_the_register(alice: Account, doctor: Account, tmp_path: Path) -> None:
    """A PDF, sealed."""
    file = tmp_path / "form.pdf"
    done = run("form", alice.username, str(file), "--by", doctor.username, "--how", "paper")
    assert done.exit_code == 0
    assert file.read_bytes().startswith(b"%PDF")


def test_the_records_past_their_term_are_listed_and_nothing_is_destroyed(opened: Options, alice: Account) -> None:
    """By user name, with the rule that decided; "perhaps" where no birth date is known."""
    assert (run("terms").exit_code, run("terms").stdout) == (0, "")
    old = create_account("patient", "Zoé Ancien", NOW - 22 * 366 * DAY)
    said = run("terms")
    assert said.exit_code == 1
    assert said.stdout.split()[:1] + said.stdout.split()[-1:] == [old.username, "perhaps"]
    assert "Zoé" not in said.stdout
    (row,) = json.loads(run("terms", "--json").stdout)
    assert (row["user"], row["rule"], row["sure"]) == (old.username, "last-contact", False)
    assert care_key(old.pk).wrapped is not None
