"""A grant in easy words: what is read is what is signed, under a version of its own."""

from __future__ import annotations

import html
import re

import pytest
from django.test import Client

from egide.cloud.comfort import easy, wishes
from egide.cloud.comfort.wishes import Wishes
from egide.cloud.consent.grants import grants_of
from egide.cloud.people.models import Account
from egide.cloud.people.service import create_account
from egide.cloud.release.proof import platform_anchors
from egide.trust.grant import verify_consent_proof
from tests.cloud.conftest import NOW
from tests.cloud.portal.test_signing import REVIEW, answer_all, proof_of
from tests.cloud.signin.authenticator import Passkey
from tests.cloud.signin.conftest import Hands, enrol, enter_by_link, hands
from tests.support.cast import Cast
from tests.support.ward import DAY_MS

__all__ = ["hands"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def paul(cast: Cast) -> Account:
    return create_account("relative", "Paul Moreau", NOW - DAY_MS)


@pytest.fixture
def client(cast: Cast, hands: Hands) -> Client:
    wishes.keep(cast.alice, Wishes(easy=True))
    return enter_by_link(cast.alice)


def read(client: Client) -> str:
    """What the script reads in the page: the text of each line, drawings left out."""
    page = client.get(REVIEW).content.decode()
    said = re.search(r'<blockquote class="aloud[^>]*>(.*?)</blockquote>', page, re.DOTALL)
    assert said
    lines = re.findall(r"<p[^>]*>(.*?)</p>", said[1], re.DOTALL)
    return "\n".join(html.unescape(re.sub(r"<[^>]+>", "", line)) for line in lines)


def test_the_easy_words_are_what_the_passkey_signs(cast: Cast, client: Client, paul: Account) -> None:
    """Word for word, with the version of the easy text; the grant itself is the same as in full words."""
    phone: Passkey = enrol(client)
    answer_all(client, {"name": paul.username}, family="weight", data="90")
    words = read(client)
    assert "I can say no." in words
    assert "- weight" in words
    asked = client.post(f"{REVIEW}/ask", {"shown": words}, headers={"accept": "application/json"})
    done = client.post(REVIEW, {"credential": phone.use(asked.content.decode())})
    assert done["Location"] == "/me/sharing?done=signed"
    report = verify_consent_proof(proof_of(client, cast.alice), platform_anchors())
    assert (report.consent.shown.text, report.consent.shown.version) == (words, easy.GRANT_VERSION)
    (held,) = grants_of(cast.alice)
    assert (held.holder.id, held.purpose, held.data.families) == (str(paul.pk), "SUPNWK", frozenset({"weight"}))


def test_words_switched_after_reading_are_not_said_yes_to(cast: Cast, client: Client, paul: Account) -> None:
    """Neither with a signature nor with a simple yes: the page comes again with the other words."""
    enrol(client)
    answer_all(client, {"name": paul.username})
    words, mark = read(client), client.get(REVIEW).context["act"].mark
    client.post("/settings/easy", {"easy": "off", "next": REVIEW})
    asked = client.post(f"{REVIEW}/ask", {"shown": words}, headers={"accept": "application/json"})
    assert (asked.status_code, asked.json()["code"]) == (400, "text-changed")
    answer = client.post(REVIEW, {"text": mark})
    assert answer.status_code == 400
    assert grants_of(cast.alice) == ()
    assert "I let Paul Moreau see" in read(client)
