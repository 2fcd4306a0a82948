"""Over real sockets: TLS or nothing, a signed request, and no word of the other side's in ours."""

from __future__ import annotations

import email
import hmac
from collections.abc import Iterator
from dataclasses import replace
from email import policy
from pathlib import Path

import pytest
from django.conf import settings

from egide.cloud.messages.catalogue import text_in
from egide.cloud.messages.channels import Message, MessageRefusedError, MessageUndeliveredError
from egide.cloud.messages.models import Outgoing
from egide.cloud.messages.outward import available, outward
from egide.cloud.messages.sender import Sender
from egide.cloud.messages.webhook import signature
from egide.cloud.options import Options
from egide.cloud.people.models import Account
from egide.cloud.signin.notices import tell
from egide.errors import ConfigError, KeyMissingError
from tests.cloud.conftest import NOW
from tests.cloud.messages.conftest import EMAIL, PHONE
from tests.support.outside import Certificate, MailServer, Operator, certificate, mail_server, operator

pytestmark = pytest.mark.server
KEY = b"k" * 40
TO = Message(
    id="0-1", to="a@exemple.fr", text=text_in("fr"), language="fr", portal="https://portail.exemple.fr"
)


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def mail(tls: Certificate) -> Iterator[MailServer]:
    with mail_server(tls.context()) as server:
        yield server


@pytest.fixture
def sms(tls: Certificate) -> Iterator[Operator]:
    with operator(tls.context()) as server:
        yield server


@pytest.fixture
def options(tls: Certificate, tmp_path: Path) -> Options:
    for name in ("sms.key", "push.key", "smtp.password"):
        (tmp_path / name).write_bytes(KEY)
        (tmp_path / name).chmod(0o600)
    base: Options = settings.OPTIONS
    return replace(
        base, keys=tmp_path, messages_address="https://portail.exemple.fr", messages_from="message@exemple.fr",
        messages_ca=str(tls.pem),
    )  # fmt: skip


def by_mail(options: Options, server: MailServer) -> Options:
    return replace(options, messages_smtp=f"smtp://localhost:{server.port}")


def test_a_letter_reaches_a_mail_server_by_tls(options: Options, mail: MailServer) -> None:
    """Before TLS the server heard a greeting and no address; the letter is one sentence."""
    outward(by_mail(options, mail), []).channels["email"].send(TO)
    ((sender, to, data),) = mail.letters
    assert (sender, to) == ("message@exemple.fr", "a@exemple.fr")
    letter = email.message_from_bytes(data, policy=policy.default)
    assert letter["Subject"] == "Vous avez un message"
    assert letter.get_content().strip() == TO.body
    assert mail.clear == ["ehlo localhost", "STARTTLS"]


def test_a_mail_server_without_tls_is_told_nothing(options: Options, mail: MailServer) -> None:
    """It hears a greeting; the message is kept for later."""
    mail.starttls = False
    with pytest.raises(MessageUndeliveredError) as failed:
        outward(by_mail(options, mail), []).channels["email"].send(TO)
    assert failed.value.trouble == "smtp-no-tls"
    assert not any("@" in line for line in mail.clear)


def test_a_mail_server_whose_certificate_nobody_vouches_for_is_told_nothing(
    options: Options, mail: MailServer, tmp_path: Path
) -> None:
    """The authority is another one."""
    other = certificate(tmp_path)
    with pytest.raises(MessageUndeliveredError) as failed:
        outward(replace(by_mail(options, mail), messages_ca=str(other.pem)), []).channels["email"].send(TO)
    assert failed.value.trouble == "smtp-certificate"
    assert mail.letters == []


@pytest.mark.parametrize(
    ("answer", "error", "trouble"),
    [
        ("550 <a@exemple.fr> does not exist", MessageRefusedError, "smtp-550"),
        ("451 later, dear a@exemple.fr", MessageUndeliveredError, "smtp-451"),
    ],
)
def test_what_a_mail_server_says_becomes_our_own_word(
    options: Options, mail: MailServer, answer: str, error: type[MessageRefusedError], trouble: str
) -> None:
    """Refused for good, or later; its own text, which may quote the address, is dropped."""
    mail.refuse["a@exemple.fr"] = answer
    with pytest.raises(error) as failed:
        outward(by_mail(options, mail), []).channels["email"].send(TO)
    assert failed.value.trouble == trouble
    assert "exemple" not in str(failed.value)
    assert failed.value.__suppress_context__


def test_a_server_that_is_not_there_is_met_again_later(options: Options, mail: MailServer, sms: Operator) -> None:
    """A closed port, by mail and by webhook."""
    closed = replace(options, messages_smtp="smtp://localhost:1", messages_sms="https://localhost:1/x")
    for channel, trouble in (("email", "smtp-unreachable"), ("sms", "http-unreachable")):
        with pytest.raises(MessageUndeliveredError) as failed:
            outward(closed, []).channels[channel].send(TO)
        assert failed.value.trouble == trouble


def test_a_text_message_is_one_signed_request(options: Options, sms: Operator) -> None:
    """The other side computes the signature again over the time and the very bytes."""
    there = replace(options, messages_sms=f"https://localhost:{sms.port}/in", messages_push="")
    outward(there, []).channels["sms"].send(replace(TO, to=PHONE))
    ((headers, body),) = sms.came
    assert sms.said == [
        {"id": "0-1", "channel": "sms", "to": PHONE, "text": TO.body, "language": "fr"}
    ]
    assert hmac.compare_digest(headers["egide-signature"], signature(KEY, int(headers["egide-time"]), body))
    assert headers["egide-signature"] != signature(KEY, int(headers["egide-time"]) + 1, body)
    assert not {"cookie", "authorization"} & set(headers)


@pytest.mark.parametrize(
    ("status", "error"),
    [(404, MessageRefusedError), (422, MessageRefusedError), (429, MessageUndeliveredError),
     (500, MessageUndeliveredError), (302, MessageUndeliveredError), (401, MessageUndeliveredError)],
)  # fmt: skip
def test_what_an_operator_answers_decides(
    options: Options, sms: Operator, status: int, error: type[MessageRefusedError]
) -> None:
    """For good, or later; a redirect is not followed."""
    sms.status = status
    with pytest.raises(error):
        outward(replace(options, messages_sms=f"https://localhost:{sms.port}/in"), []).channels["sms"].send(TO)
    assert len(sms.came) == 1


def test_an_operator_whose_certificate_nobody_vouches_for_is_told_nothing(
    options: Options, sms: Operator, tmp_path: Path
) -> None:
    """No request leaves."""
    other = certificate(tmp_path)
    there = replace(options, messages_sms=f"https://localhost:{sms.port}/in", messages_ca=str(other.pem))
    with pytest.raises(MessageUndeliveredError):
        outward(there, []).channels["sms"].send(TO)
    assert sms.came == []


def test_from_a_notice_to_the_mailbox_and_the_phone(
    alice: Account, options: Options, mail: MailServer, sms: Operator
) -> None:
    """The whole way: told inside, sent outside, and marked as taken."""
    there = replace(
        by_mail(options, mail), messages_sms=f"https://localhost:{sms.port}/in",
        messages_push=f"https://localhost:{sms.port}/push",
    )  # fmt: skip
    tell(alice, "emergency", now_ms=NOW)
    assert Sender(outward(there, []), now_ms=lambda: NOW).send_due() == (3, 0)
    assert [to for _from, to, _data in mail.letters] == [EMAIL]
    assert {said["channel"]: said["text"][:8] for said in sms.said} == {"sms": "Vous ave", "push": "You have"}
    assert set(Outgoing.objects.values_list("state", flat=True)) == {"sent"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"messages_smtp": "smtp://user:secret@localhost"}, {"messages_smtp": "http://localhost"},
        {"messages_smtp": "smtp://localhost", "messages_from": "Hôpital <a@b.fr>"},
        {"messages_sms": "http://localhost/in"}, {"messages_push": "https://user:pw@localhost/in"},
        {"messages_smtp": "smtp://localhost", "messages_from": "message@cardio.fr"},
        {"messages_address": "https://pins.fr"},
    ],
    ids=["password", "not-mail", "a-name", "no-tls", "password-http", "telling-sender", "a-place"],
)  # fmt: skip
def test_a_setting_that_cannot_be_opens_no_channel_at_all(options: Options, wrong: dict[str, str]) -> None:
    """It is said by its name to the operator; the pages say that nothing is sent."""
    with pytest.raises(ConfigError):
        outward(replace(options, **wrong), ["Clinique des Pins"])  # type: ignore[arg-type]
    assert available(replace(options, **wrong), ["Clinique des Pins"]) == frozenset()  # type: ignore[arg-type]


def test_a_key_that_others_can_read_opens_no_channel(options: Options) -> None:
    """As every secret of the keys folder."""
    (options.keys / "sms.key").chmod(0o644)
    with pytest.raises(KeyMissingError):
        outward(replace(options, messages_sms="https://localhost/in"), [])


def test_without_the_portal_s_address_nothing_is_set_up(options: Options) -> None:
    """Whatever else is given."""
    assert outward(replace(options, messages_address="", messages_sms="https://localhost/in"), []).channels == {}
