"""`egide events`: what the security officer's desk does, from the platform's side, and to nobody else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from egide.cli import app
from egide.cloud.intake.models import Event, Refused
from egide.cloud.people.establishments import home
from egide.cloud.people.models import Account
from egide.cloud.people.service import create_account
from egide.cloud.register.models import Statement
from egide.cloud.ward import notes
from egide.errors import AccessDeniedError, NotFoundError, RefusedError
from tests.cloud.conftest import NOW
from tests.cloud.ward.conftest import give
from tests.support.ward import Ward

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("ward")]


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["events", *words])


def data(*words: str) -> Any:
    said = run(*words, "--json")
    assert said.exit_code == 0, said.output
    return json.loads(said.stdout)


@pytest.fixture
def officer(ward: Ward) -> Account:
    account = create_account("operator", "Sophie Garde", NOW - 1_000)
    give(account, "security-officer", home(NOW - 1_000))
    return account


def test_an_event_is_listed_and_signed_off(officer: Account) -> None:
    """By its name; the line is a signed statement, and the list counts it."""
    row = Event.objects.create(at_ms=NOW, kind="policy-disagreement", detail="professional TREAT")
    listed = ("list", "--days", "0", "--as", officer.username)
    assert [(e["event"], e["notes"]) for e in data(*listed)] == [(f"event:{row.pk}", 0)]
    assert run("note", f"event:{row.pk}", "--why", "Mended", "--as", officer.username).exit_code == 0
    assert data(*listed)[0]["notes"] == 1
    assert Statement.objects.filter(kind=notes.KIND).count() == 1


def test_quarantine_is_listed_kept_and_what_was_cut_short_is_not_sent(officer: Account) -> None:
    """Numbers and codes, never bytes; a message of which only the beginning was kept cannot be tried again."""
    row = Refused.objects.create(at_ms=NOW, code="malformed", digest=bytes(32), source="", sealed=b"x")
    (shown,) = data("quarantine", "--as", officer.username)
    assert (shown["number"], shown["code"]) == (row.pk, "malformed")
    assert run("keep", str(row.pk), "--why", "Noise", "--as", officer.username).exit_code == 0
    (tried,) = data("again", str(row.pk), "--why", "Mended", "--as", officer.username)
    assert tried == {"stored": 0, "refused": "seal-broken"}


def test_who_holds_no_such_office_gets_nothing(ward: Ward, officer: Account) -> None:
    """A patient is refused; an event or message that is not there is not found; a line needs words."""
    alice = ward.patient("Alice Moreau")
    for words in (("list",), ("quarantine",), ("keep", "1", "--why", "x")):
        said = run(*words, "--as", alice.username)
        assert isinstance(said.exception, AccessDeniedError), said.output
        assert said.stdout == ""
    row = Event.objects.create(at_ms=NOW, kind="policy-disagreement")
    said = run("note", f"event:{row.pk}", "--why", " ", "--as", officer.username)
    assert isinstance(said.exception, RefusedError)
    assert isinstance(run("note", "event:0", "--why", "x", "--as", officer.username).exception, NotFoundError)
    assert isinstance(run("keep", "7", "--why", "x", "--as", officer.username).exception, NotFoundError)
