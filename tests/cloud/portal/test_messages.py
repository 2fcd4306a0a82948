"""The page where one reads what one is told, and says by which ways "you have a message" may leave."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from django.conf import settings
from django.test import Client

from egide.cloud.consent import grants, restrictions
from egide.cloud.messages import codes
from egide.cloud.messages.models import Outgoing, Way
from egide.cloud.people.contacts import add_contact, contacts_of
from egide.cloud.people.models import Account
from egide.cloud.people.service import create_account
from egide.cloud.signin import clock
from egide.cloud.signin.factors import mark_confirmed
from egide.cloud.signin.models import Notice
from egide.cloud.signin.notices import tell
from tests.cloud.conftest import NOW
from tests.cloud.portal.conftest import Enter
from tests.support.cast import Cast
from tests.support.reached import reach
from tests.support.ward import DAY_MS, HOUR_MS, spot

EMAIL = "alice.moreau@exemple.fr"


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signing in happens now, too: two pages that are compared tell one time."""
    monkeypatch.setattr(clock, "now_ms", lambda: NOW)


@pytest.fixture
def set_up(cast: Cast) -> Iterator[None]:
    """The operator has a mail server and somebody for text messages and push; the pages read no key of theirs."""
    before = settings.OPTIONS
    settings.OPTIONS = replace(
        before, messages_address="https://portail.exemple.fr", messages_smtp="smtp://mail.exemple.fr",
        messages_from="message@exemple.fr", messages_sms="https://sms.exemple.fr/in",
        messages_push="https://push.exemple.fr/in",
    )  # fmt: skip
    yield
    settings.OPTIONS = before


def text(client: Client, path: str = "/messages") -> str:
    return html.unescape(client.get(path).content.decode())


def confirm(client: Client) -> None:
    session = client.session
    mark_confirmed(session, now_ms=clock.now_ms())
    session.save()


def test_a_notice_is_read_after_signing_in_and_counted_until_then(cast: Cast, enter: Enter) -> None:
    """On every page's menu, for every role; once read, no count."""
    for who in (cast.alice, cast.bob):
        tell(who, "answer", now_ms=NOW)
        client = enter(who)
        page = text(client)
        assert "The data protection officer answered you." in page
        assert re.search(r"Messages<span>\s\(\d", page)
        assert client.post("/messages/read").status_code == 302
        assert not re.search(r"Messages<span>", text(client))


def test_no_count_betrays_a_restriction(cast: Cast, enter: Enter) -> None:
    """A doctor from whom everything is hidden has the menu and the messages of one from whom nothing is."""
    for doctor in (cast.bob, cast.diane):
        grants.give_grant(cast.alice, doctor, families=None, purpose="TREAT", now_ms=NOW - 5, until_ms=NOW + DAY_MS)
    restrictions.restrict(cast.alice, who=cast.bob, families=None, now_ms=NOW - 4)
    cast.scale.send(spot("29463-7", "kg", "55.5"), t0_ms=NOW - HOUR_MS)
    pages = []
    for doctor in (cast.bob, cast.diane):
        page = text(enter(doctor))
        pages.append(re.sub(r"csrfmiddlewaretoken\" value=\"\w+|nonce-\w+|bob|diane", "", page))
    assert pages[0] == pages[1]


def test_the_page_says_that_nothing_is_sent_where_nothing_is_set_up(cast: Cast, enter: Enter) -> None:
    """And offers nothing to turn on, whatever contacts there are."""
    add_contact(cast.alice, "email", EMAIL, by=cast.alice, now_ms=NOW)
    page = text(enter(cast.alice))
    assert "Nothing is sent by e-mail, text message or push:" in page
    assert "Send there" not in page
    assert 'name="value"' not in page


def test_turning_on_asks_for_a_factor_and_turning_off_never(cast: Cast, enter: Enter, set_up: None) -> None:
    """Added, stopped, sent again, forgotten."""
    client = enter(cast.alice)
    form = {"value": EMAIL}
    assert client.post("/messages/ways", form).headers["Location"].startswith("/security/confirm")
    assert contacts_of(cast.alice) == []
    confirm(client)
    assert client.post("/messages/ways", form).headers["Location"] == "/messages#ways"
    (way,) = Way.objects.all()
    assert (way.account, way.channel, way.language) == (cast.alice, "email", "en")
    assert EMAIL in text(client)
    other = enter(cast.alice)
    assert other.post(f"/messages/ways/{way.pk}/off").status_code == 302
    assert not Way.objects.exists()
    (contact,) = contacts_of(cast.alice)
    assert other.post(f"/messages/ways/{contact.id}/on").headers["Location"].startswith("/security/confirm")
    assert client.post(f"/messages/ways/{contact.id}/on").status_code == 302
    assert other.post(f"/messages/contacts/{contact.id}/forget").status_code == 302
    assert (contacts_of(cast.alice), Way.objects.count()) == ([], 0)


def test_messages_go_to_a_contact_once_its_code_is_typed(cast: Cast, enter: Enter, set_up: None) -> None:
    """On the same page, in any session of one's own; wrong ones are told in words."""
    client = enter(cast.alice)
    confirm(client)
    client.post("/messages/ways", {"value": EMAIL})
    (way,) = Way.objects.all()
    assert "a code was sent there: messages follow once it is typed here" in text(client)
    assert "messages go there" not in text(client)
    tell(cast.alice, "answer", now_ms=NOW)
    assert not Outgoing.objects.filter(is_code=False).exists()
    address, code = f"/messages/ways/{way.pk}/code", codes.code_of(way)
    stranger = enter(cast.charlie)
    assert stranger.post(address, {"code": code}).status_code == 400
    wrong = client.post(address, {"code": "no"})
    assert (wrong.status_code, b'role="alert"' in wrong.content) == (400, True)
    assert enter(cast.alice).post(address, {"code": code}).status_code == 302
    assert "messages go there" in text(client)
    client.post(f"/messages/ways/{way.contact_id}/on")
    assert Way.objects.get().proved_ms is not None


def test_the_sixth_wrong_code_is_refused_in_words(cast: Cast, enter: Enter, set_up: None) -> None:
    """And another one can be sent, up to six a day."""
    client = enter(cast.alice)
    confirm(client)
    client.post("/messages/ways", {"value": EMAIL})
    (way,) = Way.objects.all()
    sent = [client.post(f"/messages/ways/{way.pk}/code", {"code": "x"}).status_code for _ in range(6)]
    assert sent == [400] * 5 + [429]
    again = [client.post(f"/messages/ways/{way.contact_id}/on").status_code for _ in range(6)]
    assert again == [302] * 5 + [429]


def test_push_goes_under_a_code_of_one_s_own(cast: Cast, enter: Enter, set_up: None) -> None:
    """Shown to its owner, told to nobody else, the same until it is stopped."""
    client = enter(cast.alice)
    confirm(client)
    for _ in range(2):
        client.post("/messages/push")
    (way,) = Way.objects.all()
    found = re.search(r"<code>(\w{32})</code>", text(client))
    assert found is not None
    assert found[1].encode() not in bytes(way.sealed_handle or b"")
    assert found[1] not in text(enter(cast.charlie))


@pytest.mark.parametrize("value", ["", "no address", "12", "a@b", "x" * 300 + "@exemple.fr"])
def test_what_is_no_address_comes_back_with_words(cast: Cast, enter: Enter, set_up: None, value: str) -> None:
    """Nothing is kept."""
    client = enter(cast.alice)
    confirm(client)
    answer = client.post("/messages/ways", {"value": value})
    assert answer.status_code == 400
    assert 'role="alert"' in answer.content.decode()
    assert contacts_of(cast.alice) == []


def test_the_seventh_change_of_a_day_is_refused_in_words(cast: Cast, enter: Enter, set_up: None) -> None:
    """Which the page said before: a stranger's mailbox gets few codes, and nothing else."""
    client = enter(cast.alice)
    confirm(client)
    assert "A code is sent there, to be typed here." in text(client)
    answers = [client.post("/messages/ways", {"value": f"a{at}@exemple.fr"}).status_code for at in range(7)]
    assert answers == [302] * 6 + [429]
    assert len(contacts_of(cast.alice)) == 6


def test_nobody_touches_another_s_ways(cast: Cast, enter: Enter, set_up: None) -> None:
    """Neither stops, nor turns on, nor forgets, nor reads."""
    contact = add_contact(cast.alice, "email", EMAIL, by=cast.alice, now_ms=NOW)
    way = reach(cast.alice, contact.pk, language="fr", now_ms=NOW)
    client = enter(cast.charlie)
    confirm(client)
    client.post(f"/messages/ways/{way.pk}/off")
    assert client.post(f"/messages/ways/{contact.pk}/on").status_code == 400
    assert client.post(f"/messages/contacts/{contact.pk}/forget").status_code == 400
    assert Way.objects.filter(account=cast.alice).count() == 1
    assert EMAIL not in text(client)


@pytest.fixture
def paul(cast: Cast) -> Account:
    """Alice's brother, who sees her glucose and is reached by mail."""
    paul = create_account("relative", "Paul Moreau", NOW - DAY_MS)
    contact = add_contact(paul, "email", "paul@exemple.fr", by=paul, now_ms=NOW)
    reach(paul, contact.pk, language="fr", now_ms=NOW)
    grants.give_grant(
        cast.alice, paul, families=("glucose",), purpose="SUPNWK", now_ms=NOW - DAY_MS, until_ms=NOW + 9 * DAY_MS
    )
    return paul


@pytest.mark.parametrize("how", ["now", "hidden"])
def test_leaving_safely_silences_what_leaves_and_sends_nothing_to_anybody(
    cast: Cast, enter: Enter, set_up: None, paul: Account, how: str
) -> None:
    """What waited for the patient is taken back; nobody is told, inside or outside, whoever they are."""
    contact = add_contact(cast.alice, "email", EMAIL, by=cast.alice, now_ms=NOW)
    reach(cast.alice, contact.pk, language="fr", now_ms=NOW)
    client = enter(cast.alice)
    tell(cast.alice, "sign-in", now_ms=NOW)
    before = Notice.objects.count()
    page = text(client, "/settings/options")
    assert EMAIL in page
    assert 'name="quiet" value="1" checked' in page
    client.post("/settings/options", {"who": [f"account:{paul.pk}"], "quiet": "1"})
    client.post("/settings/options/how", {"how": how})
    assert f"None is sent any more, not even what waits: <b>{EMAIL}" in text(client, "/settings/options/check")
    assert Outgoing.objects.exists()
    client.post("/settings/options/check")
    assert not Outgoing.objects.exists()
    assert [way.account for way in Way.objects.all()] == [paul]
    assert Notice.objects.count() == before
    assert "No message leaves to you" in text(client, "/settings/options")


def test_silence_alone_is_a_way_of_leaving(cast: Cast, enter: Enter, set_up: None) -> None:
    """Nobody chosen, no session ended: only the messages stop, and no factor is asked for."""
    contact = add_contact(cast.alice, "email", EMAIL, by=cast.alice, now_ms=NOW)
    reach(cast.alice, contact.pk, language="fr", now_ms=NOW)
    client = enter(cast.alice)
    assert client.post("/settings/options", {"quiet": "1"}).headers["Location"] == "/settings/options/check"
    client.post("/settings/options/check")
    assert not Way.objects.exists()


def test_undoing_turns_no_message_on_again(cast: Cast, enter: Enter, set_up: None, paul: Account) -> None:
    """Within the thirty days the access comes back; the messages only by hand, and nobody is told."""
    client = enter(cast.alice)
    client.post("/settings/options", {"who": [f"account:{paul.pk}"], "quiet": "1"})
    client.post("/settings/options/how", {"how": "now"})
    client.post("/settings/options/check")
    confirm(client)
    found = re.search(r"/settings/options/undo/[0-9a-f-]{36}", text(client, "/settings/options"))
    assert found is not None
    assert client.post(found[0]).status_code == 302
    assert not Outgoing.objects.exists()
    assert not Notice.objects.filter(account=paul).exists()
