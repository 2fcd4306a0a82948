"""The ward's pages in a real browser: phone and desktop, both languages, live pages in ten tabs, keyboard.

EGIDE_SCREENSHOTS names a folder that keeps a picture of each page.
"""

from __future__ import annotations

import json
import re
import time

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.screens import DESKTOP, PHONE, sign_in, visitor, watch
from tests.browser.test_pages import SMALL, WIDE, keep
from tests.support.people import Portal

pytestmark = [pytest.mark.slow, pytest.mark.server]
SIZES = {"phone": PHONE, "desktop": DESKTOP}
_STAFF = """
import json, time
import django
django.setup()
from egide.cloud.consent.emergency import break_glass
from egide.cloud.consent.follow_ups import begin_follow_up, pause_follow_up
from egide.cloud.consent.service import start_follow_up
from egide.cloud.intake.models import Event, Refused
from egide.cloud.people.establishments import home, rename
from egide.cloud.people.identity import declare_identity
from egide.cloud.people.models import Account
from egide.cloud.people.offices import propose, seat
from egide.cloud.people.service import create_account
from egide.cloud.people.traits import Traits
from tests.support.ward import Ward, spot
now = time.time_ns() // 1_000_000
hour = 3_600_000
people = {people}
bob, diane, alice, charlie = (Account.objects.get(pk=people[n]) for n in ("bob", "diane", "alice", "charlie"))
place = home(now)
rename(place, "Hôpital Saint-Roch")
def officer(name, office, role="operator"):
    account = create_account(role, name, now - 10 * hour)
    seat(account, place, office, by=(account, account), now_ms=now - 9 * hour, how="ceremony")
    return account
for doctor in (bob, diane):
    seat(doctor, place, "doctor", by=(bob, diane), now_ms=now - 31 * hour, how="ceremony")
sophie = officer("Sophie Garde", "security-officer")
denis = officer("Denis Port", "dpo")
adele = officer("Adèle Mine", "administrator")
ward = Ward(start_ms=now - 20 * hour)
for name in ("Zoé Tardy", "Émile Œuvrard", "Jeanne Lenoir"):
    patient = ward.patient(name)
    start_follow_up(bob, patient, now_ms=now - 12 * hour)
    thing = ward.thing("Thermo Clair", patient)
    for n in range(18, 9 if name.startswith("Z") else 0, -1):
        shown = "52.0" if name.startswith("J") and n == 2 else "37.1"
        thing.send(spot("8310-5", "Cel", shown), t0_ms=now - n * hour)
care = begin_follow_up(
    charlie, responsible=bob, prescription="Poids à domicile, six mois, insuffisance cardiaque",
    operator="Hôpital Saint-Roch", recorded_by=bob, now_ms=now - 8 * hour, informed_ms=now - 9 * hour, agreed=True,
    how="oral",
)
pause_follow_up(charlie, care, now_ms=now - hour, until_ms=now + 72 * hour, reason="hospital")
traits = Traits(birth_name="Petit", given_names="Charlie", birth_date="1950-02-03", sex="M")
declare_identity(charlie, traits, by=bob, now_ms=now)
Event.objects.create(at_ms=now - hour, kind="clone", object_id=thing.row.pk, entry=40)
for n in range(70):
    Refused.objects.create(
        at_ms=now - 2 * hour, code="signature-invalid", digest=bytes([n]) * 32, source=str(thing.row.pk), sealed=b"x"
    )
propose(create_account("professional", "Nina Neuve", now - hour), place, "nurse", by=sophie, now_ms=now - hour)
break_glass(diane, alice, reason="Trouvée inconsciente chez elle", families=["glucose"], now_ms=now - 30 * hour)
print(json.dumps(dict(sophie=str(sophie.pk), denis=str(denis.pk), adele=str(adele.pk), care=care)))
"""
_MEASURE = """
import time
import django
django.setup()
from egide.cloud.people.models import Account
from tests.support.ward import Ward, spot
now = time.time_ns() // 1_000_000
thing = Ward(start_ms=now - 1000).thing("Balance Neuve", Account.objects.get(pk="{account}"))
for n in range(2):
    thing.send(spot("29463-7", "kg", "81.30"), t0_ms=now + n, received_ms=now + n)
"""
_END = """
import time
import django
django.setup()
from egide.cloud.consent.service import end_follow_up, start_follow_up
from egide.cloud.people.models import Account
bob, alice = Account.objects.get(pk="{bob}"), Account.objects.get(pk="{alice}")
{act}_follow_up(bob, alice, now_ms=time.time_ns() // 1_000_000)
"""
_JOURNAL = """
import json
import django
django.setup()
from egide.cloud.people.models import Account
from egide.cloud.register.models import Statement
from egide.cloud.release.journal import journal_of
alice = Account.objects.get(pk="{alice}")
begun = sum(line.channel == "stream" for line in journal_of(alice, limit=500))
print(json.dumps([begun, Statement.objects.filter(kind="stream-end", subject=alice.pk).count()]))
"""


@pytest.fixture(scope="module")
def staffed(portal: Portal) -> Portal:
    """The running portal, with offices, officers, and something to see on every desk."""
    portal.people.update(json.loads(portal._run(_STAFF.format(people=repr(portal.people))).splitlines()[-1]))
    return portal


def pages_of(portal: Portal, who: str) -> list[str]:
    alice, charlie = portal.people["alice"], portal.people["charlie"]
    return {
        "bob": ["/patients", f"/patients/{alice}?period=3h", f"/patients/{alice}/why", "/patients/find", "/emergencies",
                "/emergencies/review", f"/patients/{charlie}/follow-up", f"/patients/{charlie}/why"],
        "sophie": ["/office/security"],
        "denis": ["/office/privacy", "/emergencies/review"],
        "adele": ["/office/people", "/office/platform"],
    }[who]  # fmt: skip


@pytest.mark.parametrize("lang", ["fr", "en"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("who", ["bob", "sophie", "denis", "adele"])
def test_pages_fit_and_break_no_rule(staffed: Portal, chromium: Browser, who: str, size: str, lang: str) -> None:
    """Nothing sticks out, nothing is too small to touch, the console is silent, the policy refuses nothing."""
    with visitor(chromium, size=SIZES[size], lang=lang) as page:
        sign_in(page, staffed.base, staffed.code_for(who))
        for path in pages_of(staffed, who):
            said = watch(page)
            page.goto(staffed.base + path)
            for summary in page.locator("main details > summary").all():
                summary.click()
            assert page.locator("html").get_attribute("lang") == lang
            assert page.evaluate(WIDE) <= 0, path
            assert page.evaluate(SMALL) == [], path
            assert page.evaluate(UNNAMED) == [], path
            assert said == [], path
            name = re.sub(r"[0-9a-f-]{36}", "x", path.partition("?")[0]).strip("/").replace("/", "-")
            keep(page, f"ward-{size}-{lang}-{who}-{name}")


#: Fields and buttons that say nothing to who cannot see them; headings that skip a level.
UNNAMED = """() => [
  ...[...document.querySelectorAll('main input:not([type=hidden]), main select, main textarea')]
    .filter(e => !(e.labels && e.labels.length)).map(e => 'no label: ' + e.name),
  ...[...document.querySelectorAll('main button, main a')]
    .filter(e => !e.textContent.trim()).map(e => 'no name: ' + e.outerHTML),
  ...[...document.querySelectorAll('main h1, main h2, main h3')].map(e => Number(e.tagName[1]))
    .filter((level, i, all) => i && level > all[i - 1] + 1).map(l => 'heading skips to ' + l),
  ...[...document.querySelectorAll('[id]')].map(e => e.id)
    .filter((id, i, all) => all.indexOf(id) !== i).map(id => 'twice: ' + id),
]"""


def test_the_list_is_filtered_as_one_types(staffed: Portal, chromium: Browser) -> None:
    """Accents and case do not matter; nothing leaves the page."""
    with visitor(chromium) as page:
        sign_in(page, staffed.base, staffed.code_for("bob"))
        page.goto(f"{staffed.base}/patients")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.get_by_label("Chercher un patient").fill("oeuvr")
        expect(page.locator(".ward > li:visible")).to_have_count(1)
        expect(page.locator(".ward > li:visible")).to_contain_text("Émile Œuvrard")
        assert [url for url in asked if "oeuvr" in url.lower()] == []


def test_everything_can_be_done_with_the_keyboard(staffed: Portal, chromium: Browser) -> None:
    """Tab reaches the search and the first patient, Enter opens the record."""
    with visitor(chromium) as page:
        sign_in(page, staffed.base, staffed.code_for("bob"))
        page.goto(f"{staffed.base}/patients")
        page.locator("#seek").focus()
        for _ in range(2):
            page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.closest('.ward > li') !== null")
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile(r"/patients/[0-9a-f-]{36}"))


def opened(page: Page, address: str) -> Page:
    page.goto(address)
    expect(page.locator("#live-page")).to_have_attribute("data-state", "ready")
    return page


def test_ten_tabs_share_one_stream_and_close_within_a_second(staffed: Portal, chromium: Browser) -> None:
    """One request for ten tabs; a measurement shows in all; an ended follow-up clears all of them within a second."""
    alice = staffed.people["alice"]
    with visitor(chromium, lang="en") as first:
        context: BrowserContext = first.context
        streams: list[str] = []
        context.on("request", lambda request: streams.append(request.url) if "/stream?" in request.url else None)
        sign_in(first, staffed.base, staffed.code_for("bob"))
        begun, ended = json.loads(staffed._run(_JOURNAL.format(alice=alice)))
        address = f"{staffed.base}/patients/{alice}"
        first.goto(address)
        tabs = [first, *(context.new_page() for _ in range(9))]
        for tab in tabs[1:]:
            tab.goto(address)
        for tab in tabs:
            expect(tab.locator("#live-page")).to_have_attribute("data-state", "ready")
        now_begun, now_ended = json.loads(staffed._run(_JOURNAL.format(alice=alice)))
        assert (now_begun - begun) - (now_ended - ended) == 1, "one stream is open for ten tabs"
        staffed._run(_MEASURE.format(account=alice))
        for tab in tabs:
            expect(tab.locator("#latest")).to_contain_text("81.30")
        program = _END.format(bob=staffed.people["bob"], alice=alice, act="end")
        staffed._run(program)
        done = time.monotonic()
        for tab in tabs:
            expect(tab.get_by_role("heading", level=1)).to_have_text("This record is closed to you")
            assert "mmHg" not in tab.locator("main").inner_text()
        assert time.monotonic() - done < 3, "ten tabs looked at one after another"
        staffed._run(_END.format(bob=staffed.people["bob"], alice=alice, act="start"))
    until = time.monotonic() + 60
    while time.monotonic() < until:
        begun, ended = json.loads(staffed._run(_JOURNAL.format(alice=alice)))
        if begun == ended:
            break
    assert begun == ended, "every stream that began is journaled as ended"


def test_signing_out_in_one_tab_clears_the_other(staffed: Portal, chromium: Browser) -> None:
    """The stream ends, and the page that still showed a record gives way to the sign-in page."""
    with visitor(chromium) as page:
        sign_in(page, staffed.base, staffed.code_for("bob"))
        opened(page, f"{staffed.base}/patients/{staffed.people['alice']}")
        other = page.context.new_page()
        other.goto(f"{staffed.base}/patients/find")
        other.get_by_role("button", name="Se déconnecter").first.click()
        page.wait_for_url(lambda url: "/sign-in" in url)


def test_an_open_stream_blocks_nobody(staffed: Portal, chromium: Browser) -> None:
    """With pages open, others are answered as before."""
    with visitor(chromium) as page:
        sign_in(page, staffed.base, staffed.code_for("bob"))
        opened(page, f"{staffed.base}/patients/{staffed.people['alice']}")
        began = time.monotonic()
        for _ in range(10):
            assert page.request.get(f"{staffed.base}/healthz").ok
        assert time.monotonic() - began < 5
