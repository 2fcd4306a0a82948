"""What costs much, or is worth much to whoever took an account over, is done some times in a quarter of an hour."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from egide.cloud.people.models import Account
from egide.cloud.signin import pace
from egide.cloud.signin.models import Attempt
from egide.cloud.signin.pace import TURNS, TooOftenError, take_turn
from egide.cloud.signin.tries import WINDOW_MS
from tests.cloud.conftest import NOW
from tests.cloud.portal.conftest import confirmed
from tests.cloud.ward.conftest import Enter, _now, enter, offices
from tests.support.cast import Cast

__all__ = ["_now", "enter", "offices"]
SEARCH = {"name": "Martin", "birth": "1955-08-03", "born": "1955-08-03"}


def test_an_account_has_its_turns_and_no_more_until_some_are_over(cast: Cast) -> None:
    """Each act by itself, each account by itself; a refused one costs no turn; nothing in the table tells whose."""
    for n in range(TURNS["file"]):
        take_turn(cast.alice, "file", now_ms=NOW + n)
    for _ in range(2):
        with pytest.raises(TooOftenError):
            take_turn(cast.alice, "file", now_ms=NOW + WINDOW_MS - 1)
    take_turn(cast.alice, "form", now_ms=NOW)
    take_turn(cast.bob, "file", now_ms=NOW)
    take_turn(cast.alice, "file", now_ms=NOW + WINDOW_MS)
    assert all(cast.alice.pk.bytes not in bytes(row.bucket) for row in Attempt.objects.all())


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two turns each, so that a test need not make sixty."""
    monkeypatch.setattr(pace, "TURNS", dict.fromkeys(TURNS, 2))


def doctor(cast: Cast) -> Account:
    return cast.bob


def patient(cast: Cast) -> Account:
    return cast.alice


@pytest.mark.usefixtures("few", "offices")
@pytest.mark.parametrize(
    ("who", "path"),
    [
        pytest.param(doctor, "/rights/desk/identities", id="identities"),
        pytest.param(doctor, "/rights/desk/people", id="person"),
        pytest.param(doctor, "/patients/find", id="ward"),
        pytest.param(patient, "/rights/take", id="portability"),
        pytest.param(patient, "/me/journal/copy", id="copy-of-the-journal"),
    ],
)
def test_the_third_of_two_is_refused_with_a_page_that_says_so(
    cast: Cast, enter: Enter, who: Callable[[Cast], Account], path: str
) -> None:
    """429, in words; and reading goes on."""
    client: Client = confirmed(enter(who(cast)))
    ask = client.get if path.endswith("copy") else client.post
    answers = [ask(path, SEARCH) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert "There were too many tries in a short time." in answers[-1].content.decode()
    assert "too-often" in answers[-1].content.decode()
    assert client.get("/patients" if who is doctor else "/me").status_code == 200
