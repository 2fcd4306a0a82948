"""Attacks from within: an administrator who would read, a relative whose right is over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from egide.prove.arena import Arena, heart_rate
from egide.prove.browser import Browser
from egide.prove.grants import key_of
from egide.prove.registry import attack, held
from egide.prove.signin import people

__all__ = ["officers"]

_VALUE: Final = 143
_OFFICERS: Final = """
import time
from egide.cloud.people.ceremony import begin, finish
from egide.cloud.people.establishments import home
from egide.cloud.people.invitations import invite_staff
now = time.time_ns() // 1_000_000
halves = begin(now)
made = finish(halves.first, "Adele Roux", halves.second, "Simon Blanc", now_ms=now)
for account, other in zip(made, reversed(made)):
    print(account.username, invite_staff(account, home(now), by=other, now_ms=now))
"""
_MANDATE: Final = """
import sys, time
from egide.cloud.consent.representation import represent
from egide.cloud.people.service import find
patient, relative, by = map(find, sys.argv[1:4])
print(represent(patient, relative, nature="mandate", deed="mandate of March", recorded_by=by,
                now_ms=time.time_ns() // 1_000_000))
"""
_END: Final = """
import sys, time
from egide.cloud.consent.representation import end_representation
from egide.cloud.people.service import find
end_representation(find(sys.argv[1]), sys.argv[2], now_ms=time.time_ns() // 1_000_000)
"""
#: What yesterday does to a session: its own times, put back by as many hours.
_AGE: Final = """
import sys
from egide.cloud.people.sessions import SessionStore
from egide.cloud.signin.sessions import CONFIRMED, LINKED, OPENED, UNTIL
session = SessionStore(session_key=sys.argv[1])
for name in (CONFIRMED, LINKED, OPENED, UNTIL):
    if name in session:
        session[name] -= int(sys.argv[2]) * 3_600_000
session.save()
"""


def officers(arena: Arena) -> tuple[Browser, Browser]:
    """The platform's administrator and security officer, by its one ceremony, each signed in with a passkey."""
    if not arena.officers:
        for line in arena.inside(_OFFICERS).split("\n"):
            if line:
                user, invitation = line.split()
                browser = Browser(arena)
                browser.submit("/welcome", code=invitation)
                arena.officers.append((user, browser, browser.enrol_passkey()))
    (_, first, key), (_, second, other) = arena.officers
    for browser, passkey in ((first, key), (second, other)):
        browser.confirm(passkey)
    return first, second


@attack(
    "reading-administrator",
    claim="An administrator reads no measurement: not on the pages, not by FHIR, not in an emergency, not by giving"
    " themselves an office.",
    claim_fr="Un administrateur ne lit aucune mesure : ni par les pages, ni par FHIR, ni en urgence, ni en se donnant"
    " une fonction.",
    attacker="an administrator",
    needs=("N22", "N28"),
)
def reading_administrator(arena: Arena) -> Iterator[str]:
    posted = arena.post(arena.mine.envelope(heart_rate(_VALUE)))
    held(posted.receipt is not None, "a good envelope was refused")
    entry = (1 << 40) | (posted.receipt.index if posted.receipt else 0)
    patient = key_of(arena, arena.alice)
    admin, _ = officers(arena)
    paths = (
        f"/patients/{patient}", f"/patients/{patient}/latest", f"/patients/{patient}/series?code=8867-4",
        f"/patients/{patient}/reading/{entry}-0-0", f"/patients/{patient}/proof/{entry}", "/me", "/me/journal",
        f"/patients/{patient}/emergency", f"/patients/{patient}/follow-up", f"/patients/{patient}/include",
        f"/fhir/Observation?patient={patient}", f"/fhir/Observation?patient={patient}&_purpose=ETREAT",
        f"/fhir/Observation/{entry}-0-0", f"/fhir/Provenance/{entry}", f"/fhir/Device/{arena.mine.uuid}",
    )  # fmt: skip
    for path in paths:
        answer = admin.get(path)
        held(answer.status_code in (403, 404), f"{path} answered {answer.status_code} to an administrator")
        held(str(_VALUE) not in answer.text, f"{path} showed the value")
    yield f"{len(paths)} addresses of a patient's, pages and FHIR: refused"
    with admin.stream("GET", "/stream", params={"p": patient}) as live:
        said = next((line for line in live.iter_lines() if line.startswith("event:") and "ready" not in line), "")
    held("closed" in said, f"a live page was opened: {said}")
    yield "a live page about the patient: closed at once"
    desks = ("/office/people", "/office/platform", "/office/security", "/")
    shown = [path for path in desks if str(_VALUE) in admin.get(path, follow_redirects=True).text]
    held(not shown and admin.get("/office/people").status_code == 200, f"a desk shows a measurement: {shown}")
    yield "their own desks: open, and no measurement on any"
    user = arena.officers[0][0]
    for office in ("doctor", "nurse", "auditor"):
        told = arena.instance.run("people", "propose", office, "--user", user, "--as", user, check=False)
        held(told.returncode == 1, f"they proposed themselves as {office}")
    told = arena.instance.run("read", arena.alice, "--as", user, "--purpose", "TREAT", "--json", check=False)
    held("access-denied" in told.stderr and not told.stdout.strip(), "the command line reads in their name")
    yield "an office of care for themselves, the command line in their name: refused"


@attack(
    "yesterdays-session",
    claim="A relative whose right ended, or whose session is over, reads nothing with what their browser still holds.",
    claim_fr="Un proche dont le droit ou la session est fini ne lit plus rien avec ce que garde son navigateur.",
    attacker="a relative with yesterday's session",
    needs=("N13", "N27"),
)
def yesterdays_session(arena: Arena) -> Iterator[str]:
    (owner,) = people(arena, "Lise Perrin")
    (relative,) = people(arena, "Luc Perrin", role="relative")
    patient = key_of(arena, owner.user)
    pages = (
        f"/patients/{patient}",
        f"/patients/{patient}/latest",
        f"/fhir/Observation?patient={patient}&_purpose=FAMRQT",
    )
    right = arena.inside(_MANDATE, owner.user, relative.user, arena.charlie).strip()
    with Browser(arena) as browser, Browser(arena) as kept:
        browser.submit("/sign-in", code=relative.link)
        held([browser.get(page).status_code for page in pages] == [200] * 3, "who represents does not read")
        yield "while the right lasts: the record opens"
        kept.cookies.update(browser.cookies)
        arena.inside(_AGE, browser.session(), "9")
        said = [browser.get(page).status_code for page in pages]
        held(set(said) <= {302, 401, 403} and not browser.signed_in(), f"yesterday's session opens: {said}")
        yield "the session of nine hours ago: nobody's"
        said = [kept.get(page).status_code for page in pages]
        held(set(said) <= {302, 401, 403}, f"its cookie, kept elsewhere, opens: {said}")
        yield "its cookie, kept in another browser: nobody's"
        browser.cookies.clear()
        browser.sign_in(relative.user)
        held(browser.get(pages[0]).status_code == 200, "the check itself is wrong: signed in anew, it is closed")
        arena.inside(_END, owner.user, right)
        said = [browser.get(page).status_code for page in pages]
        held(said == [403] * 3 and browser.signed_in(), f"after the right ended: {said}")
        yield "in a session that lasts, after the right ended: 403 at the next request"
