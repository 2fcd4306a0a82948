"""A computer that a ward shares, in a real browser: two doctors, each with a security key, on one browser.

The keys are Chromium's own virtual authenticators; whoever touches theirs is the one whose presence is simulated.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, CDPSession, Error, Page, expect

from tests.browser.screens import DESKTOP, PHONE, sign_in, visitor, watch
from tests.browser.test_pages import SMALL, WIDE
from tests.support.people import Portal, running_portal

pytestmark = [pytest.mark.slow, pytest.mark.server]
SIZES = {"phone": PHONE, "desktop": DESKTOP}
WORDS = {
    "fr": {"mark": "Déclarer cet ordinateur comme partagé", "change": "Changer de personne", "lock": "Verrouiller",
           "locked": "Ce poste est verrouillé", "key": "Utiliser ma clé d’accès", "make": "Créer une clé d’accès",
           "out": "Se déconnecter", "where": "Où se trouve-t-il", "kept": "a été gardé", "forget": "L’oublier",
           "soon": "se verrouille dans une demi-minute"},
    "en": {"mark": "Mark this computer as shared", "change": "Change user", "lock": "Lock",
           "locked": "This workstation is locked", "key": "Use my passkey", "make": "Make a passkey", "out": "Sign out",
           "where": "Where does it stand", "kept": "was kept", "forget": "Forget it",
           "soon": "locks in half a minute"},
}  # fmt: skip
_STAFF = """
import json, time
import django
django.setup()
from egide.cloud.people.establishments import home, rename
from egide.cloud.people.models import Account
from egide.cloud.people.offices import seat
from egide.cloud.people.service import create_account
now = time.time_ns() // 1_000_000
people = {people}
bob, diane = (Account.objects.get(pk=people[n]) for n in ("bob", "diane"))
place = home(now)
rename(place, "Hôpital Saint-Roch")
for doctor in (bob, diane):
    seat(doctor, place, "doctor", by=(bob, diane), now_ms=now - 1_000, how="ceremony")
adele = create_account("operator", "Adèle Mine", now - 2_000)
seat(adele, place, "administrator", by=(adele, adele), now_ms=now - 1_000, how="ceremony")
print(json.dumps(dict(adele=str(adele.pk))))
"""
_IDLE = """
import django
django.setup()
from django.db.models import F
from egide.cloud.signin.models import OpenSession
OpenSession.objects.filter(active_ms__isnull=False).update(active_ms=F("active_ms") - {ms})
"""


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    with running_portal(tmp_path_factory.mktemp("workstation"), days=2) as running:
        found = running._run(_STAFF.format(people=repr(running.people)))
        running.people.update(json.loads(found.splitlines()[-1]))
        yield running


@dataclass(slots=True)
class Keys:
    """The security keys of several people, on one browser; one of them is touched at a time."""

    cdp: CDPSession
    held: dict[str, str]

    @classmethod
    def of(cls, page: Page) -> Keys:
        cdp = page.context.new_cdp_session(page)
        cdp.send("WebAuthn.enable")
        return cls(cdp, {})

    def add(self, who: str) -> None:
        options = {
            "protocol": "ctap2", "transport": "usb", "hasResidentKey": True, "hasUserVerification": True,
            "isUserVerified": True, "automaticPresenceSimulation": False,
        }  # fmt: skip
        made = self.cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        self.held[who] = str(made["authenticatorId"])

    def touch(self, who: str) -> None:
        """From now on this person's key is the one that is touched."""
        for name, key in self.held.items():
            self.cdp.send("WebAuthn.setAutomaticPresenceSimulation", {"authenticatorId": key, "enabled": name == who})


@dataclass(slots=True)
class Desk:
    """The ward's browser."""

    page: Page
    portal: Portal
    keys: Keys
    words: dict[str, str]

    def go(self, path: str) -> None:
        self.page.goto(self.portal.base + path)

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=self.words[name], exact=True).first.click()

    def leave(self) -> None:
        """Sign out, and be out before anything else is asked."""
        with self.page.expect_response(lambda answer: answer.request.method == "POST"):
            self.press("out")
        self.page.wait_for_load_state()
        expect(self.page.get_by_role("button", name=self.words["out"], exact=True)).to_have_count(0)

    def enrol(self, who: str) -> None:
        """By a link once; then their key opens the account."""
        sign_in(self.page, self.portal.base, self.portal.code_for(who))
        self.keys.add(who)
        self.keys.touch(who)
        self.go("/security")
        self.page.get_by_label(re.compile("nom pour la reconnaître|A name for it")).fill(who)
        self.press("make")
        self.page.wait_for_url("**/security/codes")
        self.leave()

    def come_in(self, who: str) -> None:
        """To one's own last page: here the one on which the key was made."""
        self.go("/sign-in")
        self.keys.touch(who)
        self.press("key")
        self.page.wait_for_url("**/security")

    def hand_to(self, who: str) -> None:
        """One press, one touch."""
        self.keys.touch(who)
        with self.page.expect_response("**/sign-in/passkey"):
            self.press("change")
        self.page.wait_for_url(lambda url: "/workstation/" not in url and "/sign-in" not in url)

    def locked(self, page: Page | None = None) -> None:
        page = page or self.page
        page.wait_for_url("**/workstation/locked**")
        expect(page.get_by_role("heading", level=1)).to_have_text(self.words["locked"])


@pytest.fixture
def desk(portal: Portal, chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Desk]:
    """A browser that an officer marked; Bob and Diane have their keys, and nobody is signed in."""
    size, lang = getattr(request, "param", ("desktop", "fr"))
    with visitor(chromium, size=SIZES[size], lang=lang) as page:
        made = Desk(page, portal, Keys.of(page), WORDS[lang])
        sign_in(page, portal.base, portal.code_for("adele"))
        made.go("/desk/workstations")
        look(page, f"{size}-{lang}-desk-before")
        page.get_by_label(re.compile(made.words["where"])).fill("Poste de soins, 2e étage")
        made.press("mark")
        expect(page.get_by_text("Poste de soins, 2e étage").first).to_be_visible()
        look(page, f"{size}-{lang}-desk")
        made.leave()
        fresh(portal)
        yield made


def fresh(portal: Portal) -> None:
    """No factor from another test: a link is enough again."""
    portal._run(
        "import django, time\ndjango.setup()\n"
        "from egide.cloud.people.models import Account\nfrom egide.cloud.signin.enrolment import retire_all\n"
        "from egide.cloud.signin.models import Kept\nKept.objects.all().delete()\n"
        f"for key in ({portal.people['bob']!r}, {portal.people['diane']!r}):\n"
        "    retire_all(Account.objects.get(pk=key), now_ms=time.time_ns() // 1_000_000)\n"
    )


def look(page: Page, name: str, *, small: bool = True) -> None:
    """Nothing sticks out, nothing is too small; a picture when one is asked for."""
    assert page.evaluate(WIDE) <= 0, name
    assert not small or page.evaluate(SMALL) == [], name
    if folder := os.environ.get("EGIDE_SCREENSHOTS"):
        page.wait_for_function("document.fonts.status === 'loaded'")
        page.screenshot(path=Path(folder) / f"workstation-{name}.png", full_page=True)


@pytest.mark.parametrize("desk", [("phone", "fr"), ("desktop", "en")], indirect=True, ids=["phone-fr", "desktop-en"])
def test_two_people_share_a_browser_and_are_never_mixed(desk: Desk, request: pytest.FixtureRequest) -> None:
    """One press and one touch: each comes back to their own page; Back shows nothing of the other's."""
    page, alice = desk.page, desk.portal.people["alice"]
    name = request.node.callspec.id
    desk.enrol("bob")
    desk.enrol("diane")
    said = watch(page)
    desk.come_in("bob")
    desk.go(f"/patients/{alice}")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Alice Moreau")
    look(page, f"{name}-record")
    desk.hand_to("diane")
    assert page.url.endswith("/security")
    page.go_back()
    page.wait_for_load_state()
    assert "Alice Moreau" not in page.locator("html").inner_html()
    desk.go("/patients")
    assert "Alice" not in page.locator("main").inner_text()
    desk.hand_to("bob")
    assert page.url.endswith(f"/patients/{alice}")
    desk.hand_to("diane")
    assert page.url.endswith("/patients")
    assert [text for text in said if "423" not in text and "403" not in text] == []


@pytest.mark.parametrize("desk", [("phone", "en"), ("desktop", "fr")], indirect=True, ids=["phone-en", "desktop-fr"])
def test_a_locked_browser_shows_nothing_to_back_reload_or_another_tab(
    desk: Desk, request: pytest.FixtureRequest
) -> None:
    """The lock screen is all that there is, in every tab, until the key is touched."""
    page, alice = desk.page, desk.portal.people["alice"]
    desk.enrol("bob")
    desk.come_in("bob")
    desk.go("/security")
    desk.go(f"/patients/{alice}")
    other = page.context.new_page()
    other.goto(f"{desk.portal.base}/patients")
    expect(other.get_by_text("Alice Moreau").first).to_be_visible()
    page.bring_to_front()
    desk.press("lock")
    desk.locked()
    look(page, f"{request.node.callspec.id}-locked")
    desk.locked(other)
    for go in (page.go_back, page.reload, page.go_back):
        with suppress(Error):  # the page on the way there may send on to the lock before it is whole
            go()
        desk.locked()
        assert "Alice" not in page.locator("html").inner_html()
    third = page.context.new_page()
    third.goto(f"{desk.portal.base}/patients/{alice}")
    desk.locked(third)
    desk.press("key")
    page.wait_for_url("**/patients**")
    expect(page.locator("main")).to_contain_text("Alice Moreau")


def test_a_page_that_nobody_touches_warns_covers_itself_and_is_refused(desk: Desk) -> None:
    """Half a minute before, a word; then nothing is left of it, and the server says the same."""
    page, alice = desk.page, desk.portal.people["alice"]
    desk.enrol("bob")
    desk.come_in("bob")
    page.clock.install()
    desk.go(f"/patients/{alice}")
    page.clock.run_for(275_000)
    expect(page.locator(".locks-soon")).to_contain_text(desk.words["soon"])
    look(page, "desktop-fr-soon")
    page.keyboard.press("Shift")
    page.clock.run_for(1_000)
    expect(page.locator(".locks-soon")).to_have_count(0)
    desk.portal._run(_IDLE.format(ms=300_000))
    page.clock.run_for(301_000)
    desk.locked()
    assert "Alice" not in page.content()


def test_what_was_typed_comes_back_to_who_typed_it_and_to_nobody_else(desk: Desk) -> None:
    """The reason of an emergency, half written when a colleague needs the computer."""
    page, charlie = desk.page, desk.portal.people["charlie"]
    reason = "Trouvé inconscient chez lui"
    desk.enrol("bob")
    desk.enrol("diane")
    desk.come_in("bob")
    desk.go(f"/patients/{charlie}/emergency")
    page.locator("#reason").fill(reason)
    page.locator("#every").uncheck()
    desk.hand_to("diane")
    desk.go(f"/patients/{charlie}/emergency")
    expect(page.locator("#reason")).to_have_value("")
    expect(page.locator(".kept")).to_have_count(0)
    desk.hand_to("bob")
    assert page.url.endswith("/emergency")
    expect(page.locator("#reason")).to_have_value(reason)
    expect(page.locator("#every")).not_to_be_checked()
    expect(page.locator(".kept")).to_contain_text(desk.words["kept"])
    look(page, "desktop-fr-kept", small=False)  # boxes of 24 pixels, in labels of 44
    with page.expect_response("**/workstation/form/taken"):
        page.get_by_role("button", name=desk.words["forget"]).click()
    page.reload()
    expect(page.locator("#reason")).to_have_value("")
