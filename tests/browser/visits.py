"""How a page is reached: by its address, or by steps as somebody would take them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from playwright.sync_api import Page

from tests.support.people import Portal

__all__ = [
    "Open",
    "Visit",
    "be",
    "codes",
    "grant",
    "hide",
    "invitation",
    "leave",
    "locked",
    "object_code",
    "reading",
    "signed_out",
]

_NEWCOMER: Final = """
import time
import django
django.setup()
from egide.cloud.people.service import create_account
print(create_account("relative", "Noé Nouveau", time.time_ns() // 1_000_000).pk)
"""
Open = Callable[[Page, Portal], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One page: its address's name, who opens it ("" for nobody), and where, or how when it takes several steps."""

    name: str
    who: str
    path: str = ""
    key: str = ""  # when a name has several pages
    steps: Open | None = None
    ready: str = ""  # a selector to wait for
    status: int = 200
    script_only: bool = False  # a passkey is made by a script; without one, a code app does as well

    @property
    def id(self) -> str:
        return "-".join(part for part in (self.who or "nobody", self.name.replace(":", "."), self.key) if part)

    def open(self, page: Page, portal: Portal, *, script: bool = True) -> None:
        if self.steps is not None:
            self.steps(page, portal)
        else:
            answer = page.goto(portal.base + self.path.format(**portal.people))
            assert answer is not None
            assert answer.status == self.status, (self.id, answer.status)
        if self.ready and script:
            page.wait_for_selector(self.ready)


def _on(page: Page) -> None:
    """Send the page's own form, as its reader would."""
    with page.expect_navigation():
        page.locator("main form button.button").last.click()


def grant(upto: str) -> Open:
    """The questions of a grant, one page each, answered until `upto` is shown."""

    def steps(page: Page, portal: Portal) -> None:
        page.goto(f"{portal.base}/me/sharing/new")
        for step, answer in (
            ("who", "input[name=who]"),
            ("what", "input[name=family]"),
            ("until", "input[name=until]"),
            ("for", "input[name=for]"),
        ):
            if step == upto:
                return
            page.locator(answer).first.check()
            if step == "what":
                page.locator("input[name=data]").first.check()
            _on(page)

    return steps


def hide(upto: str) -> Open:
    def steps(page: Page, portal: Portal) -> None:
        page.goto(f"{portal.base}/me/sharing/hide")
        if upto == "from":
            return
        page.locator("input[name=who]").first.check()
        _on(page)
        if upto == "which":
            return
        page.locator("input[name=family]").first.check()
        page.locator("input[name=data]").first.check()
        _on(page)

    return steps


def leave(upto: str) -> Open:
    def steps(page: Page, portal: Portal) -> None:
        page.goto(f"{portal.base}/settings/options")
        with page.expect_navigation():
            page.locator('form[action$="/settings/options"] button.button').click()
        if upto == "how":
            return
        page.locator("#how-now").check()
        with page.expect_navigation():
            page.locator('form[action$="/settings/options/how"] button.button').click()

    return steps


def reading(base: str) -> Open:
    def steps(page: Page, portal: Portal) -> None:
        page.goto(portal.base + base.format(**portal.people))
        page.goto(portal.base + str(page.locator('a[href*="/reading/"]').first.get_attribute("href")))

    return steps


def object_code(page: Page, portal: Portal) -> None:
    page.goto(f"{portal.base}/me/objects/add")
    page.locator("main input[type=text]").first.fill("Oxy Doigt")
    _on(page)
    page.get_by_role("button", name="code").click()
    page.wait_for_selector("svg.qr")


def invitation(page: Page, portal: Portal) -> None:
    """A relative is invited, and the code is shown this once."""
    page.goto(f"{portal.base}/desk/invitations/new")
    page.locator("#who-3").check()
    page.locator("#name").fill("Ana Proche")
    _on(page)
    page.wait_for_selector("svg.qr")


def signed_out(page: Page, portal: Portal) -> None:
    be(page, portal, "charlie")
    page.goto(f"{portal.base}/security")
    with page.expect_navigation():
        page.locator('form[action$="/sign-out"] button').first.click()


def locked(page: Page, portal: Portal) -> None:
    """The administrator marks this browser as shared; Bob comes, then locks it."""
    be(page, portal, "adele")
    page.goto(f"{portal.base}/desk/workstations")
    if page.locator("#label").count():
        page.locator("#label").fill("Bureau des infirmières")
        _on(page)
    be(page, portal, "bob")
    page.goto(f"{portal.base}/patients")
    with page.expect_navigation():
        page.locator("#shared button[value=lock]").click()


def codes(page: Page, portal: Portal) -> None:
    """Somebody new makes their first passkey, and reads their recovery codes, once."""
    cdp = page.context.new_cdp_session(page)
    cdp.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
        "isUserVerified": True, "automaticPresenceSimulation": True,
    }  # fmt: skip
    cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    portal.people["newcomer"] = portal._run(_NEWCOMER).strip()
    be(page, portal, "newcomer")
    page.goto(f"{portal.base}/security")
    page.locator("#passkey-name").fill("Mon téléphone")
    page.locator("form[data-passkey=make] button").click()
    page.wait_for_url("**/security/codes")


def be(page: Page, portal: Portal, who: str) -> None:
    """Sign in as somebody, by the demo's page; as nobody when `who` is empty."""
    page.context.clear_cookies(name="sessionid")
    if who:
        page.goto(f"{portal.base}/demo/")
        with page.expect_navigation():
            page.locator(f'form:has(input[value="{portal.people[who]}"]) button').click()
