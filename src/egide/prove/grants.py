"""Attacks on what a patient allowed, took back or hid: grants, open pages, restrictions."""

from __future__ import annotations

import contextlib
import json
import queue
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import httpx

from egide.measure.readings import Readings, Series
from egide.prove.arena import Arena, Foe
from egide.prove.browser import Browser, lasting
from egide.prove.instance import dying_with_us, free_ports
from egide.prove.registry import attack, held
from egide.prove.signin import people

__all__ = ["another_process", "key_of", "watching"]

_SECOND: Final = 1.0
_TRIES: Final = 5  # until a page stands still
_QUIET_S: Final = 1.3  # three looks of a live page
_GLUCOSE: Final = "99504-3"
_KEY: Final = "import sys; from egide.cloud.people.service import find; print(find(sys.argv[1]).pk)"
_GIVE: Final = """
import sys, time
from egide.cloud.consent.grants import give_grant
from egide.cloud.people.service import find
now = time.time_ns() // 1_000_000
patient, reader = map(find, sys.argv[1:3])
print(give_grant(patient, reader, families=None, purpose=sys.argv[3], now_ms=now, until_ms=now + 86_400_000))
"""
_HIDE: Final = """
import sys, time
from egide.cloud.consent.restrictions import restrict
from egide.cloud.people.service import find
restrict(find(sys.argv[1]), families=["glucose"], who=find(sys.argv[2]), now_ms=time.time_ns() // 1_000_000)
"""


def key_of(arena: Arena, who: str) -> str:
    """The id of an account, as it stands in addresses."""
    return arena.inside(_KEY, who).strip()


@contextlib.contextmanager
def another_process(arena: Arena) -> Iterator[str]:
    """A second process that serves people, over the same store; its address."""
    (port,) = free_ports(1)
    environment = {**arena.instance.environment, "EGIDE_PEOPLE_PORT": str(port)}
    with subprocess.Popen(
        dying_with_us("serve", "people"), env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        try:
            said = process.stdout.readline() if process.stdout is not None else ""
            held(said.strip() == "ready", "the second process did not start")
            yield f"http://localhost:{port}"
        finally:
            process.terminate()
            process.wait(10)


@contextlib.contextmanager
def watching(browser: Browser, patient: str) -> Iterator[queue.Queue[tuple[float, str]]]:
    """A live page about a patient: its events, each with the instant at which it came."""
    events: queue.Queue[tuple[float, str]] = queue.Queue()

    def listen() -> None:
        with (
            contextlib.suppress(httpx.HTTPError, RuntimeError),
            browser.stream("GET", "/stream", params={"p": patient}) as answer,
        ):
            events.put((time.monotonic(), f"status {answer.status_code}"))
            for line in answer.iter_lines():
                if line.startswith("event:"):
                    events.put((time.monotonic(), line.partition(" ")[2]))

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        held(_next(events) == "status 200" and _next(events) == "ready", "the live page did not open")
        yield events
    finally:
        browser.close()
        thread.join(5)


def _came(events: queue.Queue[tuple[float, str]], *, within: float = 10.0) -> tuple[float, str]:
    """When the next event came, and its kind; "" when none comes in time."""
    try:
        return events.get(timeout=within)
    except queue.Empty:
        return time.monotonic(), ""


def _next(events: queue.Queue[tuple[float, str]], *, within: float = 10.0) -> str:
    return _came(events, within=within)[1]


@attack(
    "withdrawn-grant",
    claim="A grant that its patient withdraws opens nothing at the next request, in any process, and pages that are"
    " open close within a second.",
    claim_fr="Un accord retiré n'ouvre plus rien dès la demande suivante, dans tout processus ; les pages ouvertes se"
    " ferment en une seconde.",
    attacker="somebody who keeps a page open",
    needs=("N13", "N27"),
)
def withdrawn_grant(arena: Arena) -> Iterator[str]:
    (owner,) = people(arena, "Wanda Ferry")
    (reader,) = people(arena, "Remi Ferry", role="relative")
    arena.enrol(owner.user)
    with another_process(arena) as there, Browser(arena) as alice, Browser(arena) as here:
        alice.submit("/sign-in", code=owner.link)
        here.submit("/sign-in", code=reader.link)
        closed, late = _take_back(arena, (owner.user, reader.user), alice, here, there)
    yield "while it lasts: page, FHIR and a live page open, in two processes"
    yield "the very next request of the same sessions, in both processes, and the command line: refused"
    held(late <= _SECOND, f"open pages closed {late:.2f} s after the patient's own were told of the withdrawal")
    yield f"the live pages of both processes closed after {max(0, closed):.2f} s; told of no reading that came after"


def _take_back(arena: Arena, users: tuple[str, str], alice: Browser, here: Browser, there: str) -> tuple[float, float]:
    """Give a grant, read by it in two processes, withdraw it: how long after the answer the last live page closed.

    And how long after the patient's own live page, in the same process, was told of the withdrawal: a machine that is
    busy delays both.
    """
    patient = key_of(arena, users[0])
    grant = arena.inside(_GIVE, *users, "FAMRQT").strip()
    pages = (f"/patients/{patient}", f"/fhir/Observation?patient={patient}&_purpose=FAMRQT")
    with contextlib.ExitStack() as stack:
        browsers = [_as(stack, arena, here, at) for at in ("", there, "", there)]
        seen = [browser.get(page).status_code for browser in browsers[:2] for page in pages]
        held(seen == [200] * 4, f"what was granted does not open: {seen}")
        streams = [stack.enter_context(watching(browser, patient)) for browser in browsers[2:]]
        own = [stack.enter_context(watching(_as(stack, arena, alice, at), patient)) for at in ("", there)]
        answer = alice.submit(f"/me/sharing/grants/{grant}/withdraw", page="/me/sharing")
        done = time.monotonic()
        held(answer.status_code in (200, 302), f"the patient cannot withdraw: {answer.status_code}")
        seen = [browser.get(page).status_code for browser in browsers[:2] for page in pages]
        held(seen == [403] * 4, f"after the withdrawal: {seen}")
        read = arena.instance.run("read", users[0], "--as", users[1], "--purpose", "FAMRQT", check=False)
        held("access-denied" in read.stderr and not read.stdout.strip(), "the command line still reads")
        told, news = [[_came(events) for events in pair] for pair in (streams, own)]
        held([kind for _, kind in news] == ["news"] * 2, f"the patient's own pages: {[kind for _, kind in news]}")
        held([kind for _, kind in told] == ["closed"] * 2, f"open pages were told {[kind for _, kind in told]}")
        held(arena.post(arena.enrol(users[0]).envelope()).receipt is not None, "a good envelope was refused")
        held(all(_next(events, within=_QUIET_S) == "" for events in streams), "a closed page was told of a reading")
        late = [at - max(done, heard) for (at, _), (heard, _) in zip(told, news, strict=True)]
        return max(at for at, _ in told) - done, max(late)


def _as(stack: contextlib.ExitStack, arena: Arena, other: Browser, at: str) -> Browser:
    """Another browser window of the same session."""
    browser = stack.enter_context(Browser(arena, at=at))
    browser.cookies.update(other.cookies)
    return browser


@attack(
    "betrayed-restriction",
    claim="What a patient hides betrays itself by no count, gap, header, address or event: it was never measured.",
    claim_fr="Ce qu'un patient masque ne se trahit par aucun compte, trou, en-tête, adresse ni événement.",
    attacker="a reader who looks for what is hidden from them",
    needs=("N13", "N22"),
)
def betrayed_restriction(arena: Arena) -> Iterator[str]:
    hiding, twin = people(arena, "Gemma Royer", "Gemma Royer")
    (doctor,) = people(arena, "Yvon Lebel", role="professional")
    mine, theirs = _same_days(arena, hiding.user, twin.user)
    for one in (hiding, twin):
        arena.instance.run("person", "follow", doctor.user, one.user)
    with Browser(arena) as browser, Browser(arena) as live:
        browser.submit("/sign-in", code=doctor.link)
        live.cookies.update(browser.cookies)
        held(browser.get(f"/fhir/Observation/{mine.seen}-0-0").status_code == 200, "the doctor does not read")
        before = [[_told(browser, path, one) for path in _ASKED] for one in (mine, theirs)]
        held(before[0] != before[1], "the check itself is wrong: the two records look the same before")
        arena.inside(_HIDE, hiding.user, doctor.user)
        apart = [path for path in _ASKED if not _alike(browser, path, mine, theirs)]
        held(not apart, f"{', '.join(apart)}: tells that something is hidden")
        yield f"{len(_ASKED)} pages, searches and series, headers and counts: as those of who never measured it"
        pages = [_pages(browser, one.patient) for one in (mine, theirs)]
        held(pages[0] == pages[1] and pages[0][0] > 1, f"FHIR, two by two: {pages}")
        yield f"FHIR, two by two: {pages[0][1]} results on {pages[0][0]} pages for both"
        nothing = replace(mine, hidden=1 << 60)
        apart = [path for path in _OF_ENTRY if not _alike(browser, path, mine, nothing)]
        held(not apart, f"{', '.join(apart)}: what is hidden is answered otherwise than what never was")
        yield f"{len(_OF_ENTRY)} addresses of a hidden reading, and of none: one answer each"
        with watching(live, mine.patient) as events:
            held(arena.post(mine.foe.envelope(_measured(_now_ms(), "glucose"))).receipt is not None, "it was refused")
            held(_next(events, within=_QUIET_S) == "", "a live page was told that something hidden came")
            held(arena.post(mine.foe.envelope(_measured(_now_ms(), "heart"))).receipt is not None, "it was refused")
            held(_next(events) == "news", "the check itself is wrong: the page is told of nothing")
        yield "a live page: silent when a hidden reading comes, told of the next that is not hidden"


@dataclass(frozen=True, slots=True, kw_only=True)
class Twin:
    """A record; entries of a reading that both have, of one that is hidden; the object that measured them."""

    patient: str
    seen: int
    hidden: int
    foe: Foe


_ASKED: Final = (
    "/patients/{p}", "/patients/{p}?days=7", "/patients/{p}?days=30", "/patients/{p}/latest", "/patients/{p}/why",
    f"/patients/{{p}}/series?code={_GLUCOSE}", "/patients/{p}/series?code=8867-4", "/fhir/Observation?patient={p}",
    f"/fhir/Observation?patient={{p}}&code={_GLUCOSE}", "/fhir/Observation?patient={p}&_sort=-date&_count=1",
    "/fhir/Observation?patient={p}&_summary=count", "/patients/{p}/follow-up", "/patients/{p}/reading/{s}-0-0",
    "/fhir/Observation/{s}-0-0", "/fhir/Observation/{s}-1-0", "/patients/lines",
)  # fmt: skip
_OF_ENTRY: Final = (
    "/patients/{p}/reading/{h}-0-0", "/patients/{p}/proof/{h}", "/fhir/Observation/{h}-0-0", "/fhir/Provenance/{h}",
)  # fmt: skip
_SERIES: Final = {
    "glucose": Series(code=_GLUCOSE, unit="mg/dL", times=0, exponent=0, values=(101,)),
    "heart": Series(code="8867-4", unit="/min", times=0, exponent=0, values=(71,)),
}


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _measured(at_ms: int, *what: str) -> Readings:
    return Readings(t0_ms=at_ms, series=tuple(_SERIES[each] for each in what))


def _same_days(arena: Arena, hiding: str, twin: str) -> tuple[Twin, Twin]:
    """Both measure their heart. One measures glucose as well: together with it, alone, and by a second object."""
    mine, theirs, meter = arena.enrol(hiding), arena.enrol(twin), arena.enrol(hiding)
    both = ("glucose", "heart")
    began = _now_ms()  # an object's pairing begins where it is enrolled: what it measured before is nobody's

    def post(foe: Foe, step: int, *what: str) -> int:
        posted = arena.post(foe.envelope(_measured(began + step, *what)))
        held(posted.receipt is not None, "a good envelope was refused")
        return (1 << 40) | (posted.receipt.index if posted.receipt else 0)

    for step in range(3):
        seen = [post(mine, 2 * step, *both), post(theirs, 2 * step, "heart")]
        hidden = post(mine, 2 * step + 1, "glucose")
        post(meter, 2 * step, "glucose")
    return (
        Twin(patient=key_of(arena, hiding), seen=seen[0], hidden=hidden, foe=mine),
        Twin(patient=key_of(arena, twin), seen=seen[1], hidden=0, foe=theirs),
    )


def _alike(browser: Browser, path: str, one: Twin, other: Twin) -> bool:
    """Whether both answers are the same: compared once, between two answers alike, so that no minute passed."""
    for _ in range(_TRIES):
        before, said, after = (_told(browser, path, each) for each in (one, other, one))
        if before == after:
            return before == said
    return False


def _told(browser: Browser, path: str, one: Twin) -> str:
    """An answer without what differs between any two records: ids, entries, tokens, instants of arrival."""
    answer = browser.get(path.format(p=one.patient, s=one.seen, h=one.hidden))
    headers = {k: v for k, v in answer.headers.items() if k not in ("date", "content-length", "set-cookie", "etag")}
    lines = re.findall(f"<li[^<]*<a href=./patients/{one.patient}.*?</li>", answer.text, re.DOTALL)
    lines = lines if path.endswith("lines") else []
    return lasting(f"{answer.status_code} {json.dumps(headers)} {lines or answer.text}")


def _pages(browser: Browser, key: str) -> tuple[int, int]:
    """How many pages and results a search has, two results a page."""
    pages, found, path = 0, 0, f"/fhir/Observation?patient={key}&_count=2"
    while path and pages < 20:
        bundle: dict[str, Any] = browser.get(path).json()
        pages, found = pages + 1, found + len(bundle.get("entry", []))
        path = next((str(link["url"]) for link in bundle["link"] if link["relation"] == "next"), "")
    return pages, found
