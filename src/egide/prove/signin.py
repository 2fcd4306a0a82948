"""Attacks on signing in: guesses by the thousand, names that are tried out, answers of a passkey used elsewhere."""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from egide.prove.arena import Arena
from egide.prove.authenticator import b64
from egide.prove.browser import TOKEN, Browser, digits, lasting
from egide.prove.registry import attack, held

_NAME_LIMIT: Final = 10  # wrong codes for one name from browsers that are not known, in a quarter of an hour
_SOURCE_LIMIT: Final = 30
_ROUNDS: Final = 5
_TIMES: Final = 2  # rounds and times: the limit of a name
_APART_S: Final = 0.0025
_MAKE: Final = """
import sys, time
from egide.cloud.people.service import create_account, make_link
now = time.time_ns() // 1_000_000
for name in sys.argv[2:]:
    made = create_account(sys.argv[1], name, now)
    print(made.username, make_link(made, now))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """An account, and a link that opens it once."""

    user: str
    link: str


def people(arena: Arena, *names: str, role: str = "patient") -> list[Made]:
    """Accounts, made by one command."""
    lines = arena.inside(_MAKE, role, *names).split("\n")
    return [Made(user=user, link=link) for user, link in (line.split() for line in lines if line)]


def _guess(arena: Arena, name: str, *, source: str, code: str = "000000", **headers: str) -> tuple[int, str]:
    """One wrong code for a name, by a browser that was never here: (status, page)."""
    with Browser(arena, source=source, headers=headers) as guesser:
        answer = guesser.submit("/sign-in/code", page="/sign-in", username=name, code=code)
        return answer.status_code, answer.text


@attack(
    "credential-stuffing",
    claim="Codes guessed for many accounts from many places open none, are slowed by account and by source, and lock"
    " nobody out.",
    claim_fr="Des codes devinés pour beaucoup de comptes depuis beaucoup de lieux n'en ouvrent aucun, sont freinés par"
    " compte et par source, et n'enferment personne dehors.",
    attacker="a stranger with lists and machines",
    needs=("N31",),
)
def credential_stuffing(arena: Arena) -> Iterator[str]:
    victim, second, bystander = people(arena, "Vera Lopez", "Victor Blin", "Basile Caron")
    with Browser(arena, source="127.0.3.1") as known, Browser(arena) as phone, Browser(arena) as third:
        known.submit("/sign-in", code=victim.link)
        secret = known.enrol_app()
        phone.submit("/sign-in", code=second.link)
        passkey = phone.enrol_passkey()
        third.submit("/sign-in", code=bystander.link)
        other = third.enrol_app()
        said = [_guess(arena, victim.user, source=f"127.0.3.{n}")[0] for n in range(10, 26)]
        held(said == [400] * _NAME_LIMIT + [429] * (len(said) - _NAME_LIMIT), f"16 sources on one name: {said}")
        yield f"one name, {len(said)} sources: {_NAME_LIMIT} judged, then 429 whoever asks"
        names = [second.user, *(f"nobody{n:010}" for n in range(7))]
        said = [_guess(arena, names[n % 8], source="127.0.3.99")[0] for n in range(40)]
        held(said == [400] * _SOURCE_LIMIT + [429] * (40 - _SOURCE_LIMIT), f"one source on 8 names: {said}")
        forged = _guess(
            arena, "nobody", source="127.0.3.99", **{"x-forwarded-for": "10.1.2.3", "x-real-ip": "10.1.2.3"}
        )
        held(forged[0] == 429, f"a forwarded address made another source of it: {forged[0]}")
        yield f"one source, 8 names: {_SOURCE_LIMIT} judged, then 429; a forged X-Forwarded-For changes nothing"
        for _ in range(_NAME_LIMIT):
            _guess(arena, second.user, source="127.0.3.77")
        known.submit("/sign-out", page="/security")
        answer = known.submit("/sign-in/code", page="/sign-in", username=victim.user, code=digits(secret))
        held(answer.status_code == 302 and known.signed_in(), f"the first victim is locked out: {answer.status_code}")
        yield "the first victim, in the browser that they use: signed in by their code"
        with Browser(arena, source="127.0.3.99") as anywhere:
            answer = anywhere.show_passkey(passkey.use(anywhere.ask_passkey()))
            held(answer.status_code == 302 and anywhere.signed_in(), "a passkey is locked out")
        yield "the second victim, from the guesser's own machine: signed in by their passkey"
        with Browser(arena, source="127.0.3.200") as new:
            code = digits(other)
            answer = new.submit("/sign-in/code", page="/sign-in", username=bystander.user, code=code)
            held(answer.status_code == 302, f"whom nobody attacked cannot sign in: {answer.status_code}")
        yield "somebody whom nobody attacked, in a new browser: signed in by their code"


@attack(
    "user-enumeration",
    claim="Signing in, an invitation and a link answer with the same words and the same work, whether a name exists or"
    " not.",
    claim_fr="La connexion, l'invitation et le lien répondent pareil, avec le même travail, qu'un nom existe ou non.",
    attacker="somebody who asks whether their neighbour is a patient",
    needs=("N31", "N20"),
)
def user_enumeration(arena: Arena) -> Iterator[str]:
    made = people(arena, *(f"Known {n}" for n in "ABCDEF"))
    for n, one in enumerate(made):
        with Browser(arena) as owner:
            owner.submit("/sign-in", code=one.link)
            if n < 2:
                owner.enrol_app()
            elif n < 4:
                owner.enrol_passkey()
    users = [one.user for one in made]
    kinds = {"with a code app": users[:2], "with a passkey": users[2:4], "with no factor": users[4:],
             "of nobody": ["abcdefghijklmnop", "qrstuvwxyz234567"]}  # fmt: skip
    pages: dict[str, set[str]] = {kind: set() for kind in kinds}
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(_TIMES):  # others use the machine too: more is measured before anything is said
        _ask_names(arena, kinds, pages, times)
        quick = {kind: statistics.quantiles(found, n=4)[0] for kind, found in times.items()}
        apart = {kind: quick[kind] - quick["of nobody"] for kind in kinds if kind != "of nobody"}
        if all(abs(s) < _APART_S for s in apart.values()):
            break
    told = {kind: len(found) for kind, found in pages.items()}
    held(len(set().union(*pages.values())) == 1, f"the pages differ: {told}")
    yield f"wrong codes for names {', '.join(kinds)}: one page, one status, to the letter"
    held(all(abs(s) < _APART_S for s in apart.values()), "the work of an answer tells: " + _milliseconds(apart))
    yield f"work of an answer: {quick['of nobody'] * 1000:.1f} ms; apart from nobody's: {_milliseconds(apart)}"
    yield from _tokens_tell_nothing(arena, made[4])
    with Browser(arena) as stranger:
        asked = re.sub(r'"challenge": "[^"]+"', "", stranger.ask_passkey())
        held("allowCredentials" not in asked or '"allowCredentials": []' in asked, "passkeys are listed to strangers")
        strange = [{"id": b64(bytes(32)), "user": users[2]}, {"id": b64(bytes(32)), "user": "a0bcdefghijklmno"}]
        said = {lasting(stranger.show_passkey(f'{{"response":{{}},"id":"{s["id"]}"}}').text) for s in strange}
        held(len(said) == 1, "a passkey that is nobody's is answered otherwise")
    yield "what a passkey is asked names no account and no key"


def _ask_names(
    arena: Arena, kinds: dict[str, list[str]], pages: dict[str, set[str]], times: dict[str, list[float]]
) -> None:
    """Five wrong codes for each name, in turn, each name from a place of its own; the first is not timed."""
    names = [(kind, name) for kind, named in kinds.items() for name in named]
    places = [Browser(arena, source=f"127.0.4.{n + 1}") for n in range(len(names))]
    clock = ~arena.instance.children()["people"] << 3 | 2  # its processor time: neighbours do not disturb it
    try:
        for turn in range(_ROUNDS):
            for (kind, name), guesser in zip(names, places, strict=True):
                token = (TOKEN.search(guesser.get("/sign-in").text) or ["", ""])[1]
                sent = {"csrfmiddlewaretoken": token, "username": name, "code": "000000"}
                began = time.clock_gettime(clock)
                answer = guesser.post("/sign-in/code", data=sent)
                if turn:
                    times[kind].append(time.clock_gettime(clock) - began)
                headers = sorted(k for k in answer.headers if k != "date")
                pages[kind].add(f"{answer.status_code} {headers} {lasting(answer.text).replace(name, '')}")
    finally:
        for guesser in places:
            guesser.close()


def _tokens_tell_nothing(arena: Arena, used: Made) -> Iterator[str]:
    """A link that was used, one of nobody's; the same of invitations."""
    with Browser(arena) as stranger:
        for path, what in (("/sign-in", "a link"), ("/welcome", "an invitation")):
            said = {lasting(stranger.submit(path, code=code).text) for code in (used.link, "a" * 32, "short")}
            held(len(said) == 1, f"{what} that was used is told from one that never was")
        yield "links and invitations, used or never made: one page"


def _milliseconds(apart: dict[str, float]) -> str:
    return ", ".join(f"{kind} {seconds * 1000:+.1f} ms" for kind, seconds in apart.items())


@attack(
    "replayed-passkey",
    claim="What a passkey answered is good once, in the browser that asked, and for what was asked.",
    claim_fr="La réponse d'une clé d'accès sert une fois, dans le navigateur qui l'a demandée, pour cette demande.",
    attacker="a program that overhears a browser",
    needs=("N31",),
)
def replayed_passkey(arena: Arena) -> Iterator[str]:
    owner, mallory = people(arena, "Rosa Klein", "Mallory Roux")
    with Browser(arena) as alice, Browser(arena) as thief, Browser(arena) as again, Browser(arena) as own:
        alice.submit("/sign-in", code=owner.link)
        passkey = alice.enrol_passkey()
        alice.submit("/sign-out", page="/security")
        overheard = passkey.use(alice.ask_passkey())
        thief.cookies.update(alice.cookies)
        held(alice.show_passkey(overheard).status_code == 302 and alice.signed_in(), "a good answer was refused")
        yield "the owner: signed in (the check can fail)"
        held(thief.show_passkey(overheard).status_code == 400 and not thief.signed_in(), "it signed in twice")
        yield "the same answer, with the same browser's cookies: 400"
        again.ask_passkey()
        held(again.show_passkey(overheard).status_code == 400 and not again.signed_in(), "it answered another question")
        yield "the same answer, to a question that another browser asked: 400"
        alice.submit("/sign-out", page="/security")
        asked = alice.ask_passkey()
        held(again.show_passkey(passkey.use(asked)).status_code == 400, "one browser's question, another's answer")
        yield "a fresh answer to one browser's question, given by another browser: 400"
        own.submit("/sign-in", code=mallory.link)
        own.enrol_passkey()
        own.submit("/security/confirm/options", page="/security/confirm")
        answer = own.submit("/security/confirm", credential=overheard)
        held(answer.status_code == 400, "another person's old answer confirmed an act")
        yield "the same answer, to confirm an act of another account: 400"


@attack(
    "cross-origin-passkey",
    claim="A passkey's answer that was made on any page but ours opens nothing, even to our own question.",
    claim_fr="La réponse d'une clé d'accès obtenue sur une autre page que les nôtres n'ouvre rien.",
    attacker="a phisher who passes our questions on as they come",
    needs=("N31",),
)
def cross_origin_passkey(arena: Arena) -> Iterator[str]:
    (owner,) = people(arena, "Odile Weber")
    with Browser(arena) as alice, Browser(arena) as phisher:
        alice.submit("/sign-in", code=owner.link)
        passkey = alice.enrol_passkey()
        tricks: Sequence[tuple[str, dict[str, Any]]] = (
            ("another site", {"origin": "https://evil.example"}),
            ("a host below ours", {"origin": "http://evil.localhost"}),
            ("another service on our host", {"origin": "http://localhost:1"}),
            ("our host by https", {"origin": passkey.origin.replace("http:", "https:")}),
            ("a frame of another site", {"crossOrigin": True}),
            ("another relying party", {"rp": "evil.example"}),
            ("the making of a key", {"type": "webauthn.create"}),
            ("a question of their own", {"challenge": b64(bytes(32))}),
        )
        for what, over in tricks:
            answer = phisher.show_passkey(passkey.use(phisher.ask_passkey(), **over))
            held(answer.status_code == 400 and not phisher.signed_in(), f"an answer made for {what} signed in")
        yield f"our question, answered for {', '.join(what for what, _ in tricks)}: 400 each"
        passkey.verifies = False
        held(phisher.show_passkey(passkey.use(phisher.ask_passkey())).status_code == 400, "nobody was verified")
        passkey.verifies = True
        yield "a key found on a table, without its finger or PIN: 400"
        answer = phisher.show_passkey(passkey.use(phisher.ask_passkey()))
        held(answer.status_code == 302, "the check itself is wrong: the true page's answer is refused")
        yield "(the same key on our page signs in: the check can fail)"
