"""The commands of messages: nothing printed names a person or an address; the sender is a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings
from typer.testing import CliRunner, Result

from egide.cli import app
from egide.cloud.config.supervisor import MESSAGES, ROLES
from egide.cloud.messages import outbox
from egide.cloud.messages.channels import MessageRefusedError
from egide.cloud.messages.models import Outgoing
from egide.cloud.messages.outward import Outward
from egide.cloud.messages.sender import Sender
from egide.cloud.people.models import Account
from egide.cloud.signin.notices import tell
from egide.errors import ConfigError, NotFoundError
from tests.cloud.conftest import NOW
from tests.cloud.messages.conftest import EMAIL, Keeping
from tests.support.outside import certificate, mail_server, operator

ROOT = Path(__file__).parents[3]


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["messages", *words])


def test_what_was_given_up_is_listed_and_tried_again(
    alice: Account, out: Outward, outside: dict[str, Keeping]
) -> None:
    """Exit code 1 while something lies there; an id, a channel, our word for it, no address."""
    outside["email"].raises = MessageRefusedError("smtp-550")
    tell(alice, "sign-in", now_ms=NOW)
    Sender(out, now_ms=lambda: NOW).send_due()
    listed = run("dead", "--json")
    (row,) = json.loads(listed.stdout)
    assert listed.exit_code == 1
    assert (row["channel"], row["trouble"], row["tries"]) == ("email", "smtp-550", 1)
    assert EMAIL not in listed.output + run("dead").output
    assert run("again", row["id"]).exit_code == 0
    assert Outgoing.objects.get(pk=row["id"]).state == "waiting"
    assert run("dead").exit_code == 0
    assert outbox.dead() == []
    for wrong in (row["id"], "nothing"):
        assert isinstance(run("again", wrong).exception, NotFoundError)


@pytest.mark.server
def test_a_channel_is_tried_with_the_very_message(
    alice: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The catalogue's own words, to an address that is typed; one that is not set up is said."""
    assert isinstance(run("test", "sms", "--to", "+33612345678").exception, ConfigError)
    tls = certificate(tmp_path)
    keys: Path = settings.OPTIONS.keys
    with operator(tls.context()) as taker:
        monkeypatch.setattr(
            settings, "OPTIONS",
            replace(
                settings.OPTIONS, messages_address="https://portail.exemple.fr", messages_ca=str(tls.pem),
                messages_sms=f"https://localhost:{taker.port}/in",
            ),
        )  # fmt: skip
        (keys / "sms.key").write_bytes(b"k" * 32)
        (keys / "sms.key").chmod(0o600)
        said = run("test", "sms", "--to", "+33612345678", "--language", "en")
        (keys / "sms.key").unlink()
    assert said.exit_code == 0
    assert [each["text"] for each in taker.said] == [
        "You have a message. To read it, sign in at https://portail.exemple.fr"
    ]
    assert "+336" not in said.output


def test_the_sender_runs_only_where_it_is_wanted() -> None:
    """It is none of the roles that always run."""
    assert {name for name, _ in ROLES}.isdisjoint({name for name, _ in MESSAGES})
    assert MESSAGES == (("messages", ("messages", "run")),)


_SEED = """
import time
import django
django.setup()
from django.conf import settings
from egide.cloud.config.initialise import ensure_platform
from egide.cloud.messages import codes
from egide.cloud.messages.models import Outgoing
from egide.cloud.messages.ways import turn_on
from egide.cloud.people.contacts import add_contact
from egide.cloud.people.service import create_account
from egide.cloud.signin.notices import tell
now = time.time_ns() // 1_000_000
ensure_platform(settings.OPTIONS, now_ms=now)
for name in ("Nora Petit", "Omar Blanc"):
    who = create_account("professional", name, now)
    contact = add_contact(who, "email", f"{name[:4].lower()}@exemple.fr", by=who, now_ms=now)
    way = turn_on(who, contact.pk, language="fr", now_ms=now)
    codes.prove(who, way.pk, codes.code_of(way), now_ms=now)
    Outgoing.objects.all().filter(is_code=True).delete()
    tell(who, "sign-in", now_ms=now)
"""


@pytest.fixture
def folder(tmp_path: Path) -> dict[str, str]:
    """The environment of a platform of its own, where two people have a message that waits."""
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("EGIDE_")},
        "EGIDE_DATA": str(tmp_path / "data"), "EGIDE_KEYS": str(tmp_path / "keys"),
        "DJANGO_SETTINGS_MODULE": "egide.cloud.config.settings", "PYTHONPATH": str(ROOT / "src"),
        "EGIDE_MESSAGES_ADDRESS": "https://portail.exemple.fr", "EGIDE_MESSAGES_FROM": "message@exemple.fr",
    }  # fmt: skip
    (tmp_path / "data").mkdir()
    subprocess.run([sys.executable, "-c", _SEED], env=environment, check=True, timeout=120, stdout=subprocess.DEVNULL)
    return environment


@pytest.mark.server
@pytest.mark.slow
def test_a_sender_that_was_killed_loses_nothing(folder: dict[str, str], tmp_path: Path) -> None:
    """Killed while a mail server keeps it waiting; the next one sends what the first had taken, and stops in order."""
    tls = certificate(tmp_path)
    with mail_server(tls.context()) as server:
        environment = folder | {
            "EGIDE_MESSAGES_SMTP": f"smtp://localhost:{server.port}", "EGIDE_MESSAGES_CA": str(tls.pem),
        }  # fmt: skip
        server.hold.clear()
        first = start(environment)
        assert server.reached.wait(60)
        first.kill()
        first.communicate(timeout=30)
        assert server.letters == []
        server.hold.set()
        subprocess.run([sys.executable, "-c", _RELEASE], env=environment, check=True, timeout=60)
        second = start(environment)
        assert server.full.wait(60)
        second.send_signal(signal.SIGTERM)
        _out, said = second.communicate(timeout=30)
    assert second.returncode == 0
    assert {to for _from, to, _data in server.letters} == {"nora@exemple.fr", "omar@exemple.fr"}
    assert "exemple" not in said


#: What five minutes do: the killed sender's hold is over.
_RELEASE = """
import django
django.setup()
from egide.cloud.messages.models import Outgoing
Outgoing.objects.update(held_ms=0)
"""


def start(environment: dict[str, str]) -> subprocess.Popen[str]:
    """The role, once it says that it is ready."""
    command = [sys.executable, "-m", "egide.cli", "messages", "run"]
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    )
    assert process.stdout is not None
    watchdog = threading.Timer(60, process.kill)
    watchdog.start()
    ready = process.stdout.readline()
    watchdog.cancel()
    assert ready == "ready\n"
    return process
