"""Attacks on a consent between the page and the passkey: another text, another reader, last winter's answer."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import httpx

from egide.prove.arena import Arena
from egide.prove.authenticator import Passkey
from egide.prove.browser import Browser
from egide.prove.registry import attack, held
from egide.prove.signin import people

_REVIEW: Final = "/me/sharing/new/review"
_ALOUD: Final = re.compile(r'<blockquote class="aloud">(.*?)</blockquote>', re.DOTALL)
_MARK: Final = re.compile(r'name="text" value="([0-9a-f]+)"')
_GRANTS: Final = """
import sys, time
from egide.cloud.consent.grants import grants_of
from egide.cloud.people.service import find
now, patient = time.time_ns() // 1_000_000, find(sys.argv[1])
names = {str(find(user).pk): user for user in sys.argv[2:]}
print(*[names[g.holder.id] for g in grants_of(patient) if g.until_ms is None or g.until_ms > now])
"""


@dataclass(slots=True, kw_only=True)
class Signer:
    """A patient in front of the page of a grant, with their passkey."""

    browser: Browser
    passkey: Passkey

    def answer(self, reader: str) -> None:
        """Every question of a new grant; the page that is read aloud comes next."""
        self.browser.get("/me/sharing/new")
        self.browser.submit("/me/sharing/new/who", name=reader)
        self.browser.submit("/me/sharing/new/what", all="on", data="all")
        self.browser.submit("/me/sharing/new/until", until="30")
        self.browser.submit("/me/sharing/new/for", **{"for": "SUPNWK"})

    def read(self) -> str:
        """What the page shows, as its script reads it."""
        found = _ALOUD.search(self.browser.get(_REVIEW).text)
        held(found is not None, "the page of the grant is not there")
        return html.unescape("\n".join(re.findall(r"<p>(.*?)</p>", found[1] if found else "", re.DOTALL)))

    def ask(self, shown: str) -> httpx.Response:
        """What the page asks for, saying what it shows."""
        return self.browser.submit(f"{_REVIEW}/ask", page=_REVIEW, shown=shown)

    def give(self, credential: str) -> httpx.Response:
        return self.browser.submit(_REVIEW, credential=credential)

    def challenge(self, asked: str) -> str:
        """The passkey's answer to what was asked."""
        return self.passkey.use(asked)


def _signer(browser: Browser, link: str) -> Signer:
    browser.submit("/sign-in", code=link)
    return Signer(browser=browser, passkey=browser.enrol_passkey())


@attack(
    "swapped-consent",
    claim="What a patient signs is what they read: a text, a reader or an answer that is swapped is refused.",
    claim_fr="Ce que le patient signe est ce qu'il a lu : un texte, un lecteur ou une réponse échangés sont refusés.",
    attacker="a program in the patient's browser, a relative at the next tab",
    needs=("N13", "N36"),
)
def swapped_consent(arena: Arena) -> Iterator[str]:
    (owner,) = people(arena, "Solange Riou")
    friend, other = people(arena, "Fabien Riou", "Octave Riou", role="relative")
    readers = (owner.user, friend.user, other.user)
    with Browser(arena) as alice:
        signer = _signer(alice, owner.link)
        signer.answer(friend.user)
        read = signer.read()
        held("Fabien Riou" in read, "the page does not say to whom")
        narrower = read.replace("all my measurements", "my weight")
        held(narrower != read, "the sentence has other words than the attack expects")
        for what, shown in (
            ("a narrower text", narrower),
            ("another name", read.replace("Fabien", "Octave")),
            ("none", ""),
        ):
            answer = signer.ask(shown)
            held(answer.status_code == 400, f"a page that shows {what} got a question for the passkey")
        yield "a page that shows a narrower text, another name, or nothing: the passkey is asked nothing"
        mark = (_MARK.search(alice.get(_REVIEW).text) or ["", ""])[1]
        good = signer.challenge(signer.ask(read).text)
        signer.answer(other.user)
        held(signer.ask(read).status_code == 400, "the text of one grant asked for another")
        answer = alice.submit(_REVIEW, text=mark)
        held(answer.status_code == 400, "a yes to one text gave what another says")
        yield "the reader swapped in another tab: neither the text that was read nor its yes serves"
        signer.answer(friend.user)
        asked = signer.ask(signer.read()).text
        signer.answer(other.user)
        answer = signer.give(signer.challenge(asked))
        held(answer.status_code == 400, f"signed for one reader, posted for another: {answer.status_code}")
        answer = signer.give(good)
        held(answer.status_code == 400, "the answer to another statement was taken")
        yield "signed for one reader, posted for another: refused"
        held(arena.inside(_GRANTS, *readers).split() == [], "a grant came of it")
        yield "grants that came of all this: none"
        signer.answer(friend.user)
        answer = signer.give(signer.challenge(signer.ask(signer.read()).text))
        held(answer.status_code == 302, f"what was read and signed is refused: {answer.status_code}")
        held(arena.inside(_GRANTS, *readers).split() == [friend.user], "the grant is not the one that was signed")
        yield "(what was read, signed as read, holds: the check can fail)"


@attack(
    "last-winters-consent",
    claim="A signature given last winter gives nothing today: not the same grant again, not another act.",
    claim_fr="Une signature donnée l'hiver dernier n'ouvre rien aujourd'hui : ni le même accord, ni un autre acte.",
    attacker="whoever kept what a passkey once answered",
    needs=("N13", "N36"),
)
def last_winters_consent(arena: Arena) -> Iterator[str]:
    (owner,) = people(arena, "Edmee Roche")
    (friend,) = people(arena, "Firmin Roche", role="relative")
    with Browser(arena) as alice, Browser(arena) as thief:
        signer = _signer(alice, owner.link)
        signer.answer(friend.user)
        winter = signer.challenge(signer.ask(signer.read()).text)
        held(signer.give(winter).status_code == 302, "what was read and signed is refused")
        page = alice.get("/me/sharing").text
        grant = (re.search(r"/me/sharing/grants/([0-9a-f-]{36})/", page) or ["", ""])[1]
        alice.submit(f"/me/sharing/grants/{grant}/withdraw", page="/me/sharing")
        held(arena.inside(_GRANTS, owner.user, friend.user).split() == [], "the grant was not withdrawn")
        yield "a grant was signed, kept by whoever listens, and withdrawn"
        signer.answer(friend.user)
        held(signer.give(winter).status_code == 400, "the old answer gave the grant again, unasked")
        signer.answer(friend.user)
        asked = signer.ask(signer.read()).text
        held(signer.give(winter).status_code == 400, "the old answer gave the same grant again")
        held(signer.give(signer.challenge(asked)).status_code == 400, "a question outlived a wrong answer")
        yield "the same grant, word for word, with the old answer: 400, asked or not"
        thief.ask_passkey()
        held(thief.show_passkey(winter).status_code == 400 and not thief.signed_in(), "it signed somebody in")
        alice.submit("/security/confirm/options", page="/security/confirm")
        held(alice.submit("/security/confirm", credential=winter).status_code == 400, "it confirmed an act")
        yield "the old answer, to sign in and to confirm an act: 400"
        signed_in = signer.passkey.use(alice.submit("/security/confirm/options", page="/security/confirm").text)
        signer.answer(friend.user)
        signer.ask(signer.read())
        held(signer.give(signed_in).status_code == 400, "the answer to a sign-in signed a grant")
        older = json.loads(asked)["publicKey"]["challenge"]
        held(
            signer.give(signer.passkey.use(asked, challenge=older)).status_code == 400, "an older question was answered"
        )
        yield "the answer to a sign-in, or to an older question, as a signature: 400"
        held(arena.inside(_GRANTS, owner.user, friend.user).split() == [], "a grant came of it")
        yield "grants that came of all this: none"
