"""Word for word what may leave: the list below is all of it, whatever happened."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import egide.cloud
from egide.cloud.messages import catalogue
from egide.cloud.messages.channels import Message
from egide.cloud.messages.mail import Mail
from egide.cloud.messages.models import Outgoing
from egide.cloud.messages.neutral import NotNeutralError, require_address, require_neutral
from egide.cloud.messages.outward import Outward
from egide.cloud.messages.sender import Sender
from egide.cloud.people.models import Account
from egide.cloud.signin.notices import KINDS, tell
from egide.errors import ConfigError
from tests.cloud.conftest import NOW
from tests.cloud.messages.conftest import Keeping

ALLOWED = {
    "Vous avez un message",
    "Vous avez un message. Pour le lire, connectez-vous sur https://portail.exemple.fr",
    "You have a message",
    "You have a message. To read it, sign in at https://portail.exemple.fr",
}
#: what a header of an e-mail may hold beside the addresses and the day
HEADERS = {
    "Content-Type": "text/plain; charset=\"utf-8\"", "MIME-Version": "1.0", "Content-Transfer-Encoding": "7bit",
    "Auto-Submitted": "auto-generated",
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("detail", ["", "phone safari ios", "new", "emergency", "webauthn"])
def test_every_notice_of_the_system_leaves_in_the_same_words(
    alice: Account, out: Outward, outside: dict[str, Keeping], kind: str, detail: str
) -> None:
    """Whatever it is of, in French and in English, by every channel: a word of the list, and nothing beside it."""
    tell(alice, kind, now_ms=NOW, detail=detail)
    Sender(out, now_ms=lambda: NOW).send_due()
    taken = [message for channel in outside.values() for message in channel.taken]
    assert len(taken) == 3
    for message in taken:
        assert {message.text.subject, message.body} <= ALLOWED


def test_there_is_no_text_beside_the_list() -> None:
    """The catalogue holds these four sentences, and the code that proves an address (test_codes.py)."""
    texts = catalogue.TEXTS.values()
    assert {t.subject for t in texts} | {t.body("https://portail.exemple.fr") for t in texts} == ALLOWED


def test_every_notice_that_the_code_tells_is_of_the_list() -> None:
    """Each call of `tell` names a kind that the test above sends."""
    told = set()
    for path in Path(egide.cloud.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "tell":
                kind = node.args[1]
                assert isinstance(kind, ast.Constant), path
                told.add(kind.value)
    assert told
    assert told <= set(KINDS)


def test_nothing_else_in_the_code_sends_mail() -> None:
    """Django's mail and smtplib are used in one file."""
    using = [
        path.name for path in Path(egide.cloud.__file__).parent.rglob("*.py")
        if "django.core.mail" in path.read_text() or "smtplib" in path.read_text()
    ]  # fmt: skip
    assert using == ["mail.py"]


def test_a_letter_s_headers_say_no_more_than_its_text(alice: Account) -> None:
    """No name, no program, no machine: the list above, the two addresses, a random number and the day."""
    text = catalogue.text_in("fr")
    mail = Mail(host="localhost", port=25, implicit=False, sender="message@exemple.fr")
    made = mail._letter(Message(id="m-1", to="a@b.fr", text=text, language="fr", portal="https://portail.exemple.fr"))
    headers = dict(made.message().items())
    assert headers.pop("Date")
    assert headers.pop("Message-ID") == "<m-1@exemple.fr>"
    assert (headers.pop("From"), headers.pop("To")) == ("message@exemple.fr", "a@b.fr")
    assert headers.pop("Subject") in ALLOWED
    assert headers == HEADERS


@pytest.mark.parametrize(
    "address",
    [
        "http://portail.exemple.fr", "https://portail.exemple.fr/alice", "https://portail.exemple.fr/?t=1",
        "https://portail.exemple.fr/#token", "https://alice@portail.exemple.fr", "portail.exemple.fr", "https://",
    ],
)  # fmt: skip
def test_the_address_of_the_portal_is_a_host_and_nothing_behind_it(address: str) -> None:
    """No path, query, fragment or user: no token can travel in a link, nor any name."""
    with pytest.raises(ConfigError):
        require_address(address)


@pytest.mark.parametrize(
    "host",
    [
        "cardiologie.exemple.fr", "portail.chu-nord.fr", "diabete-suivi.fr", "hopital.exemple.fr", "pins.exemple.fr",
        "mon.clinique.fr", "oncoline.net", "message@psychiatrie.fr", "suivi-patients.fr",
    ],
)  # fmt: skip
def test_an_address_that_tells_of_care_or_of_a_place_is_refused(host: str) -> None:
    """Of a speciality, of care at all, or with a word of an establishment's name."""
    with pytest.raises(NotNeutralError):
        require_neutral([host], ["Clinique des Pins"])


def test_a_neutral_address_is_taken() -> None:
    """Accents and short words of a name forbid nothing by accident."""
    require_neutral(["portail.exemple.fr", "message@exemple.fr", "euro.example.org"], ["Clinique de la Côte", ""])


def test_the_queue_has_no_column_for_a_text() -> None:
    """What is not there cannot leak."""
    names = {field.name for field in Outgoing._meta.get_fields()}
    assert names == {
        "id", "way", "is_code", "state", "queued_ms", "due_ms", "held_ms", "tries", "trouble", "settled_ms",
    }  # fmt: skip
