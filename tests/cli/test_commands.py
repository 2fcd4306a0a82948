"""The platform's commands on a running platform: data on stdout, words on stderr, a code with a meaning."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from egide.cloud.options import Options
from egide.prove.instance import Instance
from egide.trust.anchors import Anchors
from egide.trust.claim import ClaimTicket
from egide.trust.register.checkpoint import COSIGNATURE, VerifierKey
from tests.support.instance import running_instance

pytestmark = [pytest.mark.server, pytest.mark.slow]
NOBODY = "00000000-0000-4000-8000-000000000009"
WITNESS = VerifierKey(name="w.example/1", kind=COSIGNATURE, public=bytes(range(32))).vkey


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    with running_instance(tmp_path_factory.mktemp("platform")) as started:
        yield started


@pytest.fixture(scope="module")
def alice(instance: Instance) -> str:
    return str(instance.json("person", "add", "Alice Martin", "--role", "patient")["user"])


@pytest.fixture(scope="module")
def bob(instance: Instance) -> str:
    return instance.run("person", "add", "Bob Durand", "--role", "professional").stdout.strip()


def refused(said: subprocess.CompletedProcess[str], code: str, status: int) -> None:
    """A line with the code, a hint perhaps, nothing on stdout."""
    assert (said.returncode, said.stdout) == (status, ""), said.stderr
    lines = said.stderr.splitlines()
    assert lines[0].startswith(f"egide: {code}: ")
    assert all(line.startswith("egide: hint: ") for line in lines[1:])


def test_people_are_made_followed_and_signed_in(instance: Instance, alice: str, bob: str) -> None:
    """User names are random; a list has no names; a link is an address; a follow-up begins and ends."""
    assert alice.isalnum()
    assert "alice" not in alice
    people = {row["user"]: row["role"] for row in instance.json("person", "list")}
    assert (people[alice], people[bob]) == ("patient", "professional")
    shown = instance.run("person", "list").stdout
    assert f"{alice}  patient" in shown
    assert "Martin" not in shown
    for who in (alice, "Alice Martin"):
        link = instance.run("person", "link", who).stdout.strip()
        assert link.startswith(f"{instance.people_url}/sign-in#")
    assert "started" in instance.run("person", "follow", bob, alice).stderr
    assert "ended" in instance.run("person", "follow", bob, alice, "--end").stderr
    refused(instance.run("person", "link", "Nobody", check=False), "not-found", 1)
    refused(instance.run("person", "add", " ", check=False), "refused", 1)
    refused(instance.run("person", "follow", alice, bob, check=False), "refused", 1)


def test_objects_are_claimed_paired_listed_and_revoked(instance: Instance, alice: str) -> None:
    """Each step by its command; each mistake said."""
    made = instance.json("fleet", "claim", "--model", "Scale S1", "--patient", alice)
    assert ClaimTicket.parse(made["claim"]).url == instance.objects_url
    plain = instance.run("fleet", "claim", "--object", made["object"], "--hours", "1")
    assert ClaimTicket.parse(plain.stdout.strip()).url == instance.objects_url
    assert made["object"] in plain.stderr
    state = {row["object"]: row["state"] for row in instance.json("fleet", "list")}
    assert state[made["object"]] == "declared"
    assert f"{made['object']}  declared   Scale S1" in instance.run("fleet", "list").stdout
    assert "unpaired" in instance.run("fleet", "unpair", made["object"]).stderr
    assert len(instance.run("fleet", "pair", made["object"], alice).stdout.strip()) == 36
    assert "revoked" in instance.run("fleet", "revoke", made["object"], "--why", "lost").stderr
    state = {row["object"]: row["state"] for row in instance.json("fleet", "list")}
    assert state[made["object"]] == "revoked"
    for asked in ("claim", f"claim --model a --object {NOBODY}"):
        assert instance.run("fleet", *asked.split(), check=False).returncode == 2
    for asked in (f"pair {NOBODY} {alice}", "unpair x", f"revoke {NOBODY}", f"claim --object {NOBODY}"):
        refused(instance.run("fleet", *asked.split(), check=False), "not-found", 1)


def test_reading_needs_a_ground_and_says_so(instance: Instance, alice: str, bob: str) -> None:
    """0 and the journal's entry; 1 without a ground; 2 for an entry that is none."""
    said = instance.run("read", alice, "--as", alice, "--purpose", "PATRQT", "--json")
    assert json.loads(said.stdout) == []
    assert "journal entry 1:" in said.stderr
    refused(instance.run("read", alice, "--as", bob, "--purpose", "TREAT", check=False), "access-denied", 1)
    refused(instance.run("read", alice, "--as", "Nobody", "--purpose", "TREAT", check=False), "not-found", 1)
    asked = ("read", alice, "--as", alice, "--purpose", "PATRQT", "--proof")
    assert instance.run(*asked, "first", check=False).returncode == 2
    assert instance.run(*asked, "1:99999", check=False).returncode == 1


def test_anchors_and_witnesses_are_what_an_auditor_pins(instance: Instance) -> None:
    """TOML on stdout, that `verify --trust` reads; a witness must have a witness's key and a safe address."""
    pinned = Anchors.load(instance.run("anchors").stdout.encode())
    assert (len(pinned.roots), len(pinned.logs)) == (1, 1)
    log = VerifierKey(name=pinned.logs[0].origin, kind=1, public=pinned.logs[0].public).vkey
    for url, vkey in (("http://w.example", WITNESS), ("https://w.example", log), ("https://w.example", "junk")):
        refused(instance.run("fleet", "witness", url, vkey, check=False), "malformed", 1)
    assert "w.example/1" in instance.run("fleet", "witness", "https://127.0.0.1:9", WITNESS).stderr
    again = Anchors.load(instance.run("anchors").stdout.encode())
    assert [w.name for w in again.witnesses] == ["w.example/1"]


def test_a_store_is_checked_backed_up_and_restored(instance: Instance, tmp_path: Path) -> None:
    """While it runs; into an empty folder, under the same keys, as the next epoch; never over another platform."""
    report = instance.json("fsck")
    assert report["damaged"] is False
    assert "whole" in instance.run("fsck").stderr
    file = tmp_path / "tonight.egide"
    assert instance.json("backup", str(file))["bytes"] == file.stat().st_size
    refused(instance.run("backup", str(file), check=False), "name-taken", 2)
    assert instance.run("backup", str(tmp_path / "nowhere" / "b"), check=False).returncode == 5
    absent = ("--data", str(tmp_path / "nothing"))
    if not instance.settings.get("EGIDE_DATABASE_URL"):
        refused(instance.run("restore", str(tmp_path / "no-file"), *absent, check=False), "unreadable", 2)
        refused(instance.run("anchors", "--data", str(tmp_path / "nobody"), check=False), "config-invalid", 2)
    other = instance.run("restore", str(file), check=False)
    assert other.returncode == 2
    assert other.stderr.startswith("egide: ")
    junk = tmp_path / "junk.egide"
    junk.write_bytes(b"not a backup" * 100)
    if not instance.settings.get("EGIDE_DATABASE_URL"):
        into = ("--data", str(tmp_path / "new"))
        assert instance.run("restore", str(junk), *into, check=False).returncode == 1
        said = json.loads(instance.run("restore", str(file), *into, "--json").stdout)
        assert said["epoch"] == 2
        assert instance.run("fsck", *into).returncode == 0


def test_roles_without_their_keys_do_not_start(tmp_path: Path) -> None:
    """2, a line and a hint: each role in the foreground."""
    apart = Instance(data=tmp_path / "data", keys=tmp_path / "keys")
    for words in (("serve", "objects"), ("intake",), ("worker",)):
        refused(apart.run(*words, check=False), "key-missing", 2)
    assert apart.run("serve", "nobody", check=False).returncode == 2


def test_intake_without_a_broker_says_so(instance: Instance, tmp_path: Path) -> None:
    """5 at once, for whoever starts it again: not a process that waits for ever."""
    apart = Instance(data=tmp_path / "data", keys=instance.keys, settings={"EGIDE_DATABASE_URL": ""})
    refused(apart.run("intake", check=False), "unavailable", 5)


def test_attacks_are_listed(instance: Instance) -> None:
    """`prove --list` names each with its claim; one that does not exist is 2."""
    listed = instance.run("prove", "--list").stdout.splitlines()
    assert len(listed) >= 12
    assert all(len(line.split(maxsplit=1)) == 2 for line in listed)
    assert instance.run("prove", "--only", "boredom", check=False).returncode == 2


def test_the_settings_of_a_running_platform_hold_no_default_port(instance: Instance) -> None:
    """So that these tests run beside any other platform of the machine."""
    defaults = Options()
    assert {instance.people_port, instance.objects_port, instance.mqtt_port, instance.broker_port}.isdisjoint(
        {defaults.people_port, defaults.objects_port, defaults.mqtt_port, defaults.broker_port}
    )
