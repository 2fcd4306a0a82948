"""The commands of people: data on stdout, words on stderr, nobody's name printed that was not typed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from egide.cli import app
from egide.cloud.people import invitations, offices
from egide.cloud.people.models import Account, Agreement, Proposal
from egide.cloud.people.second import SecondPersonError
from egide.errors import AccessDeniedError, EgideError, NotFoundError, RefusedError
from tests.support.ward import Ward

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("ward")]


def run(*words: str, typed: str = "") -> Result:
    return CliRunner().invoke(app, list(words), input=typed)


def data(*words: str, typed: str = "") -> Any:
    said = run(*words, "--json", typed=typed)
    assert said.exit_code == 0, said.output
    return json.loads(said.stdout)


def refused(kind: type[EgideError], *words: str) -> None:
    said = run(*words)
    assert isinstance(said.exception, kind), said.output
    assert said.stdout == ""


@pytest.fixture
def officers(ward: Ward) -> tuple[str, str]:
    halves = data("person", "ceremony")
    typed = f"{halves['first']}\n{halves['second']}\n"
    finish = ("person", "ceremony", "--finish", "--first-name", "Adèle Roux", "--second-name", "Simon Blanc")
    first, second = data(*finish, typed=typed)
    assert (first["office"], second["office"]) == ("administrator", "security-officer")
    assert "/welcome#" in first["address"]
    return first["user"], second["user"]


def nurse_named(name: str, officers: tuple[str, str]) -> str:
    admin, security = officers
    (made,) = data("people", "propose", "nurse", "--name", name, "--as", admin)
    handed = data("people", "approve", made["proposal"], "--as", security)
    return str(handed["user"])


@pytest.fixture
def nurse(officers: tuple[str, str]) -> str:
    return nurse_named("Nora Petit", officers)


def test_halves_are_words_of_two_lines(ward: Ward) -> None:
    """Two halves on stdout, whose is whose on stderr; a wrong one opens nothing."""
    said = run("person", "ceremony")
    assert len(said.stdout.split()) == 2
    assert "first person alone" in said.stderr
    names = ("--first-name", "A", "--second-name", "B")
    said = run("person", "ceremony", "--finish", *names, typed="x\ny\n")
    assert isinstance(said.exception, RefusedError)
    assert run("person", "ceremony", "--finish").exit_code == 2


def test_an_office_takes_two_people_and_one_to_end(officers: tuple[str, str], nurse: str) -> None:
    """Proposed, listed, approved, held, ended; the proposer alone does not."""
    admin, security = officers
    refused(RefusedError, "person", "ceremony")
    (made,) = data("people", "propose", "doctor", "--user", nurse, "--as", admin)
    (waits,) = data("people", "proposals", "--as", security)
    assert (waits["id"], waits["office"], waits["by"]) == (made["proposal"], "doctor", admin)
    refused(RefusedError, "people", "approve", made["proposal"], "--as", admin)
    refused(RefusedError, "people", "approve", made["proposal"], "--as", nurse)
    data("people", "approve", made["proposal"], "--as", security)
    held = data("people", "offices", nurse)
    assert [h["office"] for h in held] == ["nurse", "doctor"]
    assert run("people", "dismiss", held[1]["id"], "--as", security).exit_code == 0
    assert run("people", "offices", nurse).stdout.count("nurse") == 1
    (other,) = data("people", "propose", "engineer", "--user", nurse, "--as", admin)
    assert run("people", "refuse", other["proposal"], "--as", security).exit_code == 0
    assert Proposal.objects.get(pk=other["proposal"]).approved is False
    for words in (("approve", "no-such-id"), ("refuse", "no-such-id"), ("dismiss", "no-such-id")):
        refused(NotFoundError, "people", *words, "--as", admin)
    assert run("people", "propose", "nurse", "--as", admin).exit_code == 2


def test_establishments_are_declared_named_and_listed(officers: tuple[str, str], nurse: str) -> None:
    """By officers; alone or in a group; each sees those where they work or steer."""
    admin, _ = officers
    assert run("people", "name", "Hôpital Nord", "--as", admin).exit_code == 0
    (alone,) = data("people", "place", "Cabinet Petit", "--kind", "practice", "--as", admin)
    words = ("people", "place", "Clinique", "--kind", "clinic", "--as", admin, "--with", alone["establishment"])
    refused(RefusedError, *words)
    data(*words, "--group", "GHT du Nord")
    names = {row["name"]: row["group"] for row in data("people", "places", "--as", admin)}
    assert names == {"Hôpital Nord": None, "Cabinet Petit": "GHT du Nord", "Clinique": "GHT du Nord"}
    assert [row["name"] for row in data("people", "places", "--as", nurse)] == ["Hôpital Nord"]
    refused(AccessDeniedError, "people", "place", "Mine", "--kind", "practice", "--as", nurse)
    refused(AccessDeniedError, "people", "name", "Mine", "--as", nurse)
    refused(NotFoundError, "people", "name", "Mine", "--as", admin, "--at", "nowhere")


def test_a_patient_is_welcomed_known_found_and_told_from_a_double(nurse: str, officers: tuple[str, str]) -> None:
    """From the invitation to the merge, by user names alone: what is printed names nobody."""
    alice = data("people", "welcome", "--name", "Alice Martin", "--as", nurse)
    again = data("people", "welcome", "--user", alice["user"], "--as", nurse)
    assert again["user"] == alice["user"]
    with pytest.raises(EgideError):
        invitations.find_invitation(alice["address"], 1)
    twin = data("people", "welcome", "--name", "Alice Martin", "--as", nurse)
    by = ("--as", nurse)
    for who in (alice["user"], twin["user"]):
        traits = ("--birth-name", "Martin", "--given-names", "Alice", "--born", "1955-08-03", "--sex", "F")
        assert data("people", "declare", who, *traits, *by)[0]["status"] == "provisoire"
    assert data("people", "prove", alice["user"], "passport", *by)[0]["status"] == "validée"
    (known,) = data("people", "number", alice["user"], "--ins", "2 55 08 14 168 025 38", *by)
    assert (known["number"], known["doubts"]) == (True, [])
    refused(RefusedError, "people", "number", alice["user"], "--ins", "255081416802539", *by)
    refused(RefusedError, "people", "number", alice["user"], *by)  # not connected to the national service
    found = run("people", "search", "MARTIN alice", "1955-08-03", *by)
    assert [line.split("  ")[0] for line in found.stdout.splitlines()] == [alice["user"], twin["user"]]
    assert found.stdout.count("perhaps twice the same person") == 2
    assert "artin" not in found.stdout
    why, second = ("--why", "Même passeport"), ("--as", nurse_named("Nina Blanc", officers))
    (asked,) = data("people", "merge", alice["user"], twin["user"], *why, *by)
    refused(SecondPersonError, "people", "merge-decide", asked["proposal"], *by)
    assert len(data("people", "search", "martin", "1955-08-03", *by)) == 2
    (merged,) = data("people", "merge-decide", asked["proposal"], *second)
    assert len(data("people", "search", "martin", "1955-08-03", *by)) == 1
    (undo,) = data("people", "unmerge", merged["merge"], *why, *by)
    assert run("people", "merge-decide", undo["proposal"], *second).exit_code == 0
    assert len(data("people", "search", "martin", "1955-08-03", *by)) == 2
    (again,) = data("people", "merge", alice["user"], twin["user"], *why, *by)
    assert run("people", "merge-decide", again["proposal"], "--no", *by).exit_code == 0
    refused(NotFoundError, "people", "merge-decide", again["proposal"], *second)
    refused(NotFoundError, "people", "unmerge", "no-such-id", *why, *by)
    assert data("people", "mark", alice["user"], "--doubtful", *by)[0]["status"] == "provisoire"
    assert run("people", "identity", alice["user"], *by).stdout == "provisoire\n"
    refused(NotFoundError, "people", "identity", alice["user"], "--as", twin["user"])
    data("people", "agree", alice["user"], "account", "--way", "oral", "--evidence", "witness", *by)
    (said,) = data("people", "agreements", alice["user"], *by)
    assert (said["about"], said["answer"], said["withdrawn"]) == ("account", "yes", None)
    assert data("people", "agreements", alice["user"], *by, "--withdraw", said["id"])[0]["withdrawn"]
    refused(NotFoundError, "people", "agreements", alice["user"], *by, "--withdraw", "no-such-id")
    assert Agreement.objects.count() == 1


def test_a_patient_is_registered_elsewhere_and_no_more(officers: tuple[str, str], nurse: str) -> None:
    """By whoever works there; ended by the patient too."""
    admin, security = officers
    alice = data("people", "welcome", "--name", "Alice Martin", "--as", nurse)["user"]
    (place,) = data("people", "place", "Cabinet", "--kind", "practice", "--as", admin)
    there = ("--at", place["establishment"])
    refused(AccessDeniedError, "people", "register", alice, *there, "--as", nurse)
    (made,) = data("people", "propose", "doctor", "--user", nurse, *there, "--as", admin)
    data("people", "approve", made["proposal"], "--as", security)
    assert run("people", "register", alice, *there, "--as", nurse).stderr == "egide: registered\n"
    assert run("people", "register", alice, *there, "--as", alice, "--end").exit_code == 0
    refused(RefusedError, "people", "register", alice, *there, "--as", alice, "--end")


def test_a_contact_is_kept_and_its_value_is_not_printed(nurse: str) -> None:
    """By oneself or at the desk."""
    alice = data("people", "welcome", "--name", "Alice Martin", "--as", nurse)["user"]
    said = run("people", "contact", alice, "--email", "alice@example.org", "--phone", "0612345678", "--as", nurse)
    assert [line.split("  ")[0] for line in said.stdout.splitlines()] == ["email", "phone"]
    assert "example" not in said.stdout + said.stderr
    kept = data("people", "contact", alice, "--as", alice)
    assert len(data("people", "contact", alice, "--forget", kept[0]["id"], "--as", alice)) == 1
    refused(NotFoundError, "people", "contact", alice, "--forget", "no-such-id", "--as", alice)
    other = data("people", "welcome", "--name", "Bob", "--as", nurse)["user"]
    refused(AccessDeniedError, "people", "contact", alice, "--as", other)


def test_a_relative_is_invited_without_any_office(nurse: str) -> None:
    """Their account is there, and opens nothing."""
    made = data("people", "welcome", "--relative", "--name", "Rémi Martin", "--as", nurse)
    relative = Account.objects.get(username=made["user"])
    assert relative.role == "relative"
    assert offices.offices_of(relative, now_ms=relative.created_ms) == ()
    assert run("people", "welcome", "--as", nurse).exit_code == 2
