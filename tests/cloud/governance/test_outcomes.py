"""Each right has its page: asked, put off, answered, taken back, in words, in both languages."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from egide.cloud.governance import requests
from egide.cloud.governance.words import outcome_words
from egide.cloud.people.models import Account
from egide.cloud.signin import clock
from tests.support.thing import NOW

RIGHTS = ("rectify", "restrict", "oppose")
ANSWERS = ("granted", "partly", "refused")
TITLES = {
    "en": {"rectify": "Correct something", "restrict": "Limit what is shown", "oppose": "Object to something"},
    "fr": {"rectify": "Corriger une erreur", "restrict": "Limiter ce qui est montré", "oppose": "M’opposer"},
}
STEPS = {
    "en": {"asked": "The request", "put-off": "More time was taken", "granted": "The answer is yes",
           "partly": "The answer is yes, in part", "refused": "The answer is no"},
    "fr": {"asked": "La demande", "put-off": "Le délai a été prolongé", "granted": "La réponse est oui",
           "partly": "en partie", "refused": "La réponse est non"},
}  # fmt: skip


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now_ms", lambda: NOW)


def page(account: Account, path: str, lang: str) -> str:
    client = Client(headers={"accept-language": lang})
    client.force_login(account)
    return re.sub(r"\s+", " ", client.get(path).content.decode().replace("&#x27;", "’"))


@pytest.mark.parametrize("lang", ["en", "fr"])
@pytest.mark.parametrize("outcome", ANSWERS)
@pytest.mark.parametrize("right", RIGHTS)
def test_the_person_follows_it_to_its_outcome(
    alice: Account, doctor: Account, right: str, outcome: str, lang: str
) -> None:
    """What was asked in their words, why it took longer, the answer, and what they can still do themselves."""
    row = requests.ask(alice, right, by=alice, now_ms=NOW, text="mes mots")
    open_page = page(alice, f"/rights/{row.pk}", lang)
    assert TITLES[lang][right] in open_page
    assert "mes mots" in open_page
    requests.put_off(row, by=doctor, text="le dossier papier", now_ms=NOW)
    requests.answer(row, outcome, by=doctor, text="voici pourquoi", now_ms=NOW)
    told = page(alice, f"/rights/{row.pk}", lang)
    missing = [STEPS[lang][step] for step in ("asked", "put-off", outcome) if STEPS[lang][step] not in told]
    assert missing == []
    assert "le dossier papier" in told
    assert "voici pourquoi" in told
    assert "Dr Émile Faure" in told
    assert ("/me/sharing" in told.split("<main", 1)[1]) == (right != "rectify")
    at_desk = page(doctor, f"/rights/desk/{row.pk}", lang)
    assert [STEPS[lang][step] for step in ("asked", "put-off", outcome) if STEPS[lang][step] not in at_desk] == []


def test_every_answer_has_words_and_a_withdrawal_too(alice: Account) -> None:
    """None is left without an outcome; an open request has none."""
    assert all(outcome_words(right, answer) for right in RIGHTS for answer in (*ANSWERS, "withdrawn"))
    assert not any(outcome_words(right, "open") for right in RIGHTS)
    row = requests.ask(alice, "oppose", by=alice, now_ms=NOW, text="x")
    requests.withdraw(row, by=alice, now_ms=NOW)
    assert "nothing changed because of it" in page(alice, f"/rights/{row.pk}", "en")
    assert "rien n’a changé à cause d’elle" in page(alice, f"/rights/{row.pk}", "fr")
