"""Nothing is lost, nothing is sent for ever, nothing is sent to whoever did not ask; no table holds an address."""

from __future__ import annotations

import logging

import pytest
from django.db import connection, transaction

from egide.cloud.keys.columns import seal_text
from egide.cloud.messages import outbox, ways
from egide.cloud.messages.catalogue import text_in
from egide.cloud.messages.channels import Message, MessageRefusedError, MessageUndeliveredError
from egide.cloud.messages.mail import Mail
from egide.cloud.messages.models import Outgoing, Way
from egide.cloud.messages.outward import Outward
from egide.cloud.messages.sender import Sender
from egide.cloud.messages.ways import reached, silence, turn_off, turn_on, turn_on_push
from egide.cloud.people.contacts import forget_contact
from egide.cloud.people.models import Account, Contact
from egide.cloud.people.service import create_account
from egide.cloud.signin.models import Notice
from egide.cloud.signin.notices import tell
from egide.cloud.upkeep.backup import tables
from egide.errors import NotFoundError, RefusedError
from tests.cloud.conftest import NOW
from tests.cloud.messages.conftest import EMAIL, PHONE, Keeping
from tests.support.ward import Ward


class Clock:
    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> int:
        return self.at


def test_a_notice_leaves_once_in_each_way_that_the_person_turned_on(
    alice: Account, out: Outward, outside: dict[str, Keeping]
) -> None:
    """Opened only when it leaves; a second look finds nothing to send."""
    tell(alice, "sign-in", now_ms=NOW, detail="phone")
    sender = Sender(out, now_ms=lambda: NOW)
    assert sender.send_due() == (3, 0)
    assert sender.send_due() == (0, 0)
    assert [m.to for m in outside["email"].taken + outside["sms"].taken] == [EMAIL, PHONE]
    (push,) = outside["push"].taken
    assert len(push.to) == 32


def test_whoever_turned_nothing_on_is_sent_nothing(ward: Ward, out: Outward) -> None:
    """The notice is there all the same, to be read inside."""
    quiet = create_account("relative", "Paul Moreau", NOW)
    tell(quiet, "sign-in", now_ms=NOW)
    assert Sender(out, now_ms=lambda: NOW).send_due() == (0, 0)
    assert Notice.objects.filter(account=quiet).count() == 1


def test_what_is_told_and_what_leaves_stand_or_fall_together(alice: Account) -> None:
    """A transaction that is undone queues nothing; one that commits queued it."""
    with transaction.atomic():
        tell(alice, "answer", now_ms=NOW)
        transaction.set_rollback(True)
    assert (Notice.objects.count(), Outgoing.objects.count()) == (0, 0)
    tell(alice, "answer", now_ms=NOW)
    assert (Notice.objects.count(), Outgoing.objects.count()) == (1, 3)


def test_many_things_at_once_are_one_message(alice: Account, out: Outward, outside: dict[str, Keeping]) -> None:
    """Each would say the same; the next one after it was sent leaves again."""
    for kind in ("sign-in", "factor", "recovery-code"):
        tell(alice, kind, now_ms=NOW)
    sender = Sender(out, now_ms=lambda: NOW)
    sender.send_due()
    assert len(outside["email"].taken) == 1
    tell(alice, "answer", now_ms=NOW)
    sender.send_due()
    assert len(outside["email"].taken) == 2


def test_what_nobody_takes_is_tried_later_and_later_and_then_listed(
    alice: Account, out: Outward, outside: dict[str, Keeping]
) -> None:
    """Between two tries the wait grows; in the end it is a dead letter, and can be tried again."""
    Way.objects.exclude(channel="email").delete()
    outside["email"].raises = MessageUndeliveredError("smtp-unreachable")
    tell(alice, "sign-in", now_ms=NOW)
    clock, waits = Clock(), []
    sender = Sender(out, now_ms=clock)
    while not outbox.dead():
        sender.send_due()
        row = Outgoing.objects.get()
        if row.state == "waiting":
            assert sender.send_due() == (0, 0)
            waits.append(row.due_ms - clock.at)
            clock.at = row.due_ms
    assert waits == sorted(waits)
    assert (waits[0], len(waits) + 1) == (30_000, outbox.MAX_TRIES)
    (dead,) = outbox.dead()
    assert (dead.trouble, dead.tries) == ("smtp-unreachable", outbox.MAX_TRIES)
    outside["email"].raises = None
    outbox.again(dead.pk, now_ms=clock.at)
    assert sender.send_due() == (1, 0)
    with pytest.raises(NotFoundError):
        outbox.again(dead.pk, now_ms=clock.at)


def test_an_address_that_is_refused_is_given_up_at_once_and_stops_nobody(
    alice: Account, out: Outward, outside: dict[str, Keeping]
) -> None:
    """The others leave."""
    outside["email"].raises = MessageRefusedError("smtp-550")
    tell(alice, "sign-in", now_ms=NOW)
    assert Sender(out, now_ms=lambda: NOW).send_due() == (2, 1)


def test_an_address_that_no_letter_can_be_written_to_is_given_up(alice: Account) -> None:
    """Before any server is asked: what an older version kept, Django's backend raises on."""
    server = Mail(host="localhost", port=9, implicit=False, sender="message@exemple.fr")
    for to in ("a@b..c.fr", "a@x[y.fr", f"a@{'x' * 64}.fr"):
        with pytest.raises(MessageRefusedError) as caught:
            server.send(Message(id="1", to=to, text=text_in("fr"), language="fr", portal="https://p.exemple.fr"))
        assert caught.value.trouble == "address-form"


@pytest.mark.parametrize("raised", [ValueError("a@b..c.fr"), UnicodeError("label"), RuntimeError("a@b..c.fr")])
def test_one_message_that_breaks_its_channel_stops_no_other(
    alice: Account, out: Outward, outside: dict[str, Keeping], raised: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """It is written down, tried later, and in the end given up; no log quotes it."""
    outside["email"].raises = raised
    tell(alice, "sign-in", now_ms=NOW)
    with caplog.at_level(logging.INFO):
        assert Sender(out, now_ms=lambda: NOW).send_due() == (2, 0)
    (row,) = Outgoing.objects.filter(state="waiting")
    assert (row.trouble, row.tries, row.held_ms) == ("internal", 1, 0)
    assert "b..c" not in caplog.text


def test_what_waits_for_another_try_tells_of_what_comes_meanwhile(
    alice: Account, out: Outward, outside: dict[str, Keeping]
) -> None:
    """A mail server that is down for a day is given one letter, not one for each thing that happened."""
    Way.objects.exclude(channel="email").delete()
    outside["email"].raises = MessageUndeliveredError("smtp-unreachable")
    tell(alice, "sign-in", now_ms=NOW)
    Sender(out, now_ms=lambda: NOW).send_due()
    tell(alice, "answer", now_ms=NOW + 1)
    assert Outgoing.objects.count() == 1


def test_two_presses_at_once_turn_push_on_once(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes second finds the code of the first."""
    paul = create_account("relative", "Paul Moreau", NOW)

    def meanwhile(text: str, context: bytes) -> bytes:
        monkeypatch.undo()
        turn_on_push(paul, language="fr", now_ms=NOW)
        return seal_text(text, context)

    monkeypatch.setattr(ways, "seal_text", meanwhile)
    assert turn_on_push(paul, language="fr", now_ms=NOW) == Way.objects.get(account=paul)


def test_two_senders_never_send_the_same_message(alice: Account) -> None:
    """Of two that take it, one has it; when that one dies, another takes it after a while."""
    tell(alice, "sign-in", now_ms=NOW)
    (first, *_) = outbox.due(now_ms=NOW)
    assert outbox.claim(first, now_ms=NOW) is not None
    assert outbox.claim(first, now_ms=NOW) is None
    assert first not in outbox.due(now_ms=NOW + outbox.HOLD_MS - 1)
    assert outbox.claim(first, now_ms=NOW + outbox.HOLD_MS) is not None


def test_what_waits_for_a_week_tells_nobody_anything_new(alice: Account, outside: dict[str, Keeping]) -> None:
    """With no channel set up it waits, and is then given up; it is not sent long after."""
    tell(alice, "sign-in", now_ms=NOW)
    late = NOW + outbox.OLD_MS
    assert Sender(Outward(portal=""), now_ms=lambda: late).send_due() == (0, 3)


def test_turning_off_takes_back_what_waits(alice: Account, out: Outward, outside: dict[str, Keeping]) -> None:
    """At once, and of this person alone; a contact that is forgotten goes the same way."""
    tell(alice, "sign-in", now_ms=NOW)
    email = next(each for each in reached(alice) if each.value == EMAIL)
    turn_off(alice, Way.objects.get(pk=email.way).pk)
    phone = Contact.objects.get(account=alice, kind="phone")
    forget_contact(alice, phone.pk, by=alice, now_ms=NOW)
    Sender(out, now_ms=lambda: NOW).send_due()
    assert [len(outside[name].taken) for name in ("email", "sms", "push")] == [0, 0, 1]


def test_silence_leaves_nothing_that_tells_of_it(alice: Account, out: Outward) -> None:
    """No way, no message that waits, no row that says that there was one."""
    tell(alice, "sign-in", now_ms=NOW)
    assert silence(alice) == 3
    assert (Way.objects.count(), Outgoing.objects.count()) == (0, 0)
    tell(alice, "recovery-asked", now_ms=NOW)
    assert Sender(out, now_ms=lambda: NOW).send_due() == (0, 0)


def test_nobody_turns_on_another_s_contact(alice: Account) -> None:
    """A contact is named by its owner alone."""
    paul = create_account("relative", "Paul Moreau", NOW)
    with pytest.raises(RefusedError):
        turn_on(paul, Contact.objects.filter(account=alice)[0].pk, language="fr", now_ms=NOW)


def test_a_closed_account_is_sent_nothing(alice: Account, out: Outward) -> None:
    """What waited waits on."""
    tell(alice, "sign-in", now_ms=NOW)
    Account.objects.filter(pk=alice.pk).update(is_active=False)
    assert Sender(out, now_ms=lambda: NOW).send_due() == (0, 0)


def test_a_restore_turns_nothing_on_again(alice: Account) -> None:
    """A backup holds the rules and not the ways: what somebody turned off since stays off."""
    kept = {model._meta.label_lower for model in tables()}
    assert {"messages.rule", "messages.met"} <= kept
    assert not {"messages.way", "messages.outgoing"} & kept


def test_no_table_and_no_log_holds_an_address(
    alice: Account, out: Outward, outside: dict[str, Keeping], caplog: pytest.LogCaptureFixture
) -> None:
    """Every row of every table of ours, and every line, after messages were sent and failed."""
    caplog.set_level(logging.DEBUG)
    outside["sms"].raises = MessageRefusedError("http-404")
    tell(alice, "sign-in", now_ms=NOW)
    Sender(out, now_ms=lambda: NOW).send_due()
    told = caplog.text.encode()
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            for row in cursor.fetchall():
                told += b"|".join(bytes(v) if isinstance(v, bytes | memoryview) else str(v).encode() for v in row)
    for clear in (EMAIL, "alice.moreau", PHONE, PHONE[3:], outside["push"].taken[0].to):
        assert clear.encode() not in told
