"""Nothing but a code leaves to a contact before its owner typed that code."""

from __future__ import annotations

import pytest
from django.db import connection

from egide.cloud.messages import codes
from egide.cloud.messages.catalogue import code_in
from egide.cloud.messages.models import CodeSent, Outgoing, Way
from egide.cloud.messages.outward import Outward
from egide.cloud.messages.sender import Sender
from egide.cloud.messages.ways import silence, turn_off, turn_on
from egide.cloud.people.contacts import add_contact
from egide.cloud.people.models import Account
from egide.cloud.people.service import create_account
from egide.cloud.signin.notices import tell
from egide.errors import TooManyTriesError
from tests.cloud.conftest import NOW
from tests.cloud.messages.conftest import Keeping

pytestmark = pytest.mark.django_db
MAIL = "paul@exemple.fr"


@pytest.fixture
def paul(alice: Account) -> Account:
    return create_account("relative", "Paul Moreau", NOW)


@pytest.fixture
def way(paul: Account) -> Way:
    contact = add_contact(paul, "email", MAIL, by=paul, now_ms=NOW)
    return turn_on(paul, contact.pk, language="fr", now_ms=NOW)


def send(out: Outward, now_ms: int = NOW) -> tuple[int, int]:
    return Sender(out, now_ms=lambda: now_ms).send_due()


def test_only_the_code_leaves_before_it_is_typed(
    paul: Account, way: Way, out: Outward, outside: dict[str, Keeping]
) -> None:
    """In these words, and none of care; then messages go there."""
    tell(paul, "shared", now_ms=NOW)
    assert send(out) == (1, 0)
    (sent,) = outside["email"].taken
    assert sent.to == MAIL
    assert (sent.text.subject, sent.body) == (
        "Votre code",
        f"Votre code\u00a0: {codes.code_of(way)}. Tapez-le sur https://portail.exemple.fr dans la demi-heure. "
        "Il n’ouvre rien d’autre.",
    )
    assert code_in("en", "123456").body("https://p.fr") == (
        "Your code: 123456. Type it at https://p.fr within half an hour. It opens nothing else."
    )
    codes.prove(paul, way.pk, f" {codes.code_of(way)[:3]} {codes.code_of(way)[3:]} ", now_ms=NOW + 1)
    tell(paul, "shared", now_ms=NOW + 2)
    assert send(out, NOW + 2) == (1, 0)
    assert outside["email"].taken[1].text.subject == "Vous avez un message"


def test_a_wrong_code_proves_nothing_and_the_sixth_try_is_not_judged(paul: Account, way: Way) -> None:
    """Not even the right one, after five that were wrong; another code has five tries of its own."""
    right = codes.code_of(way)
    wrong = f"{(int(right) + 1) % 1_000_000:06}"
    for typed in (wrong, "", right[:5], right + "0", "é"):
        with pytest.raises(codes.CodeError):
            codes.prove(paul, way.pk, typed, now_ms=NOW)
    with pytest.raises(TooManyTriesError):
        codes.prove(paul, way.pk, right, now_ms=NOW)
    codes.ask(way, now_ms=NOW + 1)
    assert codes.code_of(way) != right
    with pytest.raises(codes.CodeError):
        codes.prove(paul, way.pk, right, now_ms=NOW + 1)
    codes.prove(paul, way.pk, codes.code_of(way), now_ms=NOW + 1)
    assert Way.objects.get(pk=way.pk).proved_ms == NOW + 1


@pytest.mark.parametrize("late", [codes.LIFE_MS, codes.LIFE_MS + 1, -1])
def test_a_code_of_another_time_is_worth_nothing(paul: Account, way: Way, out: Outward, late: int) -> None:
    """Half an hour: then it is neither taken nor sent."""
    with pytest.raises(codes.CodeError):
        codes.prove(paul, way.pk, codes.code_of(way), now_ms=NOW + late)
    if late > 0:
        assert send(out, NOW + late) == (0, 1)
        assert Outgoing.objects.get(way=way).trouble == "contact-code-refused"


def test_nobody_types_another_s_code(alice: Account, paul: Account, way: Way) -> None:
    """Nor is a code of one contact good for another."""
    with pytest.raises(codes.CodeError):
        codes.prove(alice, way.pk, codes.code_of(way), now_ms=NOW)
    other = turn_on(paul, add_contact(paul, "phone", "0612345678", by=paul, now_ms=NOW).pk, language="fr", now_ms=NOW)
    assert codes.code_of(other) != codes.code_of(way)
    assert Way.objects.get(pk=way.pk).proved_ms is None


def test_six_codes_a_day_whatever_becomes_of_the_contact(paul: Account, way: Way) -> None:
    """Turned off and on again counts: nobody points our codes at a stranger's phone all day. Then one waits a day."""
    contact = way.contact_id
    assert contact is not None
    for at in range(1, codes.MAX_CODES):
        turn_off(paul, Way.objects.get(account=paul).pk)
        turn_on(paul, contact, language="fr", now_ms=NOW + at)
    silence(paul)
    with pytest.raises(TooManyTriesError):
        turn_on(paul, contact, language="fr", now_ms=NOW + 10)
    assert not Way.objects.filter(account=paul).exists()
    assert turn_on(paul, contact, language="fr", now_ms=NOW + 86_400_010).proved_ms is None
    assert CodeSent.objects.filter(account=paul).count() == 1


def test_a_code_lies_in_no_table(paul: Account, way: Way) -> None:
    """It is made again from the platform's secret when it leaves and when it is typed."""
    code = codes.code_of(way)
    with connection.cursor() as cursor:
        for table in ("messages_way", "messages_outgoing", "messages_codesent"):
            cursor.execute(f'SELECT * FROM "{table}"')
            assert code not in str([v for row in cursor for v in row if isinstance(v, str)]), table


def test_turning_on_what_is_on_sends_nothing(paul: Account, way: Way) -> None:
    """And asks for no code again."""
    codes.prove(paul, way.pk, codes.code_of(way), now_ms=NOW)
    assert way.contact_id is not None
    turn_on(paul, way.contact_id, language="fr", now_ms=NOW + 1)
    assert Outgoing.objects.filter(way=way).count() == 1
