"""`egide held ...`: ids on stdout, words on stderr, no value and no name; refused as it would be on a screen."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner, Result

from egide.cli import app, held
from egide.cloud.fleet.pairings import unpair
from egide.cloud.intake.pipeline import Pipeline
from egide.cloud.people.models import Account
from egide.cloud.vault.owning import rows_of
from egide.errors import RefusedError
from tests.support.attributing import HOUR, Sent, damage, send, values
from tests.support.attributing import doctor as doctor
from tests.support.attributing import engineer as engineer
from tests.support.attributing import sent as sent
from tests.support.thing import NOW

SINCE = "2027-01-15T06:30:00+00:00"  # an hour and a half before NOW


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held, "now", lambda: NOW + 10)


@pytest.fixture
def late(sent: Sent, pipeline: Pipeline) -> str:
    """Two envelopes measured after the pairing ended; its id."""
    unpair(sent.meter.pairing, NOW - 2 * HOUR)
    for n in range(2):
        send(pipeline, sent.meter, NOW - HOUR + n * 1_000, count=1)
    return str(sent.meter.pairing.uuid)


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["held", *words])


def test_what_is_held_is_listed_and_the_exit_code_says_so(late: str, alice: Account) -> None:
    """By pairing, object, user name and number; 1 while something is held."""
    said = run("list", "--json")
    (row,) = json.loads(said.stdout)
    assert said.exit_code == 1
    assert (row["pairing"], row["user"], row["held"], row["aside"]) == (late, alice.username, 2, 0)
    assert "Alice" not in said.output


def test_one_person_attributes_dismisses_and_takes_back(late: str, alice: Account, engineer: Account) -> None:
    """Each prints the attribution's id, which `undo` takes."""
    before = len(values(alice))
    for act, shown in (("attribute", 2), ("dismiss", 0)):
        said = run(act, late, "--since", SINCE, "--why", "Rendu le soir", "--as", engineer.username)
        assert said.exit_code == 0, said.output
        assert len(values(alice)) == before + shown
        assert run("list").exit_code == 0
        assert run("undo", said.stdout.strip(), "--as", engineer.username).exit_code == 0
        assert run("list").exit_code == 1
    assert damage() == set()


def test_two_people_move_and_move_back(
    late: str, sent: Sent, bob: Account, engineer: Account, doctor: Account
) -> None:
    """`move` proposes, `confirm` by the same person is refused, by another it moves; the way back likewise."""
    said = run("move", late, bob.username, "--since", SINCE, "--why", "Erreur de lit", "--as", engineer.username)
    name = said.stdout.strip()
    assert "second person" in said.stderr
    assert isinstance(run("confirm", name, "--as", engineer.username).exception, RefusedError)
    assert run("confirm", name, "--as", doctor.username).stdout.strip() == "2"
    assert rows_of(bob.pk).count() == 2
    assert run("undo", name, "--as", doctor.username).exit_code == 0
    assert run("confirm", name, "--as", engineer.username).stdout.strip() == "2"
    assert not rows_of(bob.pk).exists()
    assert damage() == set()


def test_a_time_has_a_zone(late: str, engineer: Account) -> None:
    """A command is typed anywhere: an hour without its zone is refused."""
    for wrong in ("2027-01-15T06:30:00", "yesterday"):
        said = run("attribute", late, "--since", wrong, "--why", "r", "--as", engineer.username)
        assert said.exit_code == 2
