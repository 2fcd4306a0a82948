"""Signing in as people do: a passkey made on the link, a code app, sessions; phone and desktop, both languages.

The authenticator is Chromium's own virtual one: discoverable keys that verify their user.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from allauth.mfa.totp.internal import auth as totp
from playwright.sync_api import Browser, CDPSession, Page, expect

from tests.browser.screens import DESKTOP, PHONE, sign_in, visitor, watch
from tests.browser.test_pages import SMALL, WIDE
from tests.support.people import Portal, running_portal

pytestmark = [pytest.mark.slow, pytest.mark.server]
SIZES = {"phone": PHONE, "desktop": DESKTOP}
WORDS = {
    "fr": {"make": "Créer une clé d’accès", "kept": "Je les ai mis à l’abri", "out": "Se déconnecter",
           "use": "Utiliser ma clé d’accès", "safe": "Votre compte est protégé", "here": "cette session",
           "gone": "Votre session est fermée"},
    "en": {"make": "Make a passkey", "kept": "I have kept them", "out": "Sign out", "use": "Use my passkey",
           "safe": "Your account is protected", "here": "this session", "gone": "You are signed out"},
}  # fmt: skip


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """A portal of its own: people who have a passkey no longer come in by a link alone."""
    with running_portal(tmp_path_factory.mktemp("signin"), days=2) as running:
        yield running


def authenticator(page: Page) -> tuple[CDPSession, str]:
    """A phone's own authenticator, plugged into this browser."""
    cdp = page.context.new_cdp_session(page)
    cdp.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
        "isUserVerified": True, "automaticPresenceSimulation": True,
    }  # fmt: skip
    return cdp, str(cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"])


def look(page: Page, name: str) -> None:
    """Nothing sticks out, nothing is too small; a picture when one is asked for."""
    assert page.evaluate(WIDE) <= 0, name
    assert page.evaluate(SMALL) == [], name
    if folder := os.environ.get("EGIDE_SCREENSHOTS"):
        page.wait_for_function("document.fonts.status === 'loaded'")
        page.screenshot(path=Path(folder) / f"signin-{name}.png", full_page=True)


def make_passkey(page: Page, base: str, lang: str) -> None:
    page.goto(f"{base}/security")
    page.get_by_label(re.compile("nom pour la reconnaître|A name for it")).fill("Mon téléphone")
    page.get_by_role("button", name=WORDS[lang]["make"]).click()
    page.wait_for_url("**/security/codes")


@pytest.mark.parametrize(("lang", "size", "who"), [("fr", "phone", "alice"), ("en", "desktop", "bob")])
def test_a_passkey_made_on_the_link_opens_the_account_again(
    portal: Portal, chromium: Browser, lang: str, size: str, who: str
) -> None:
    """Link, passkey, recovery codes, out, in again with one touch; then a link alone is not enough."""
    words = WORDS[lang]
    with visitor(chromium, size=SIZES[size], lang=lang) as page:
        said = watch(page)
        cdp, key = authenticator(page)
        page.goto(f"{portal.base}/sign-in")
        look(page, f"{size}-{lang}-sign-in")
        sign_in(page, portal.base, portal.code_for(who))
        page.goto(f"{portal.base}/security")
        look(page, f"{size}-{lang}-security-before")
        make_passkey(page, portal.base, lang)
        expect(page.locator(".codes code")).to_have_count(10)
        look(page, f"{size}-{lang}-codes")
        page.get_by_role("button", name=words["kept"]).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(words["safe"])
        expect(page.get_by_text("Mon téléphone").first).to_be_visible()
        expect(page.get_by_text(words["here"])).to_have_count(1)
        look(page, f"{size}-{lang}-security")
        page.get_by_role("button", name=words["out"]).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(words["gone"])
        look(page, f"{size}-{lang}-signed-out")
        page.goto(f"{portal.base}/sign-in?next=/security")
        page.get_by_role("button", name=words["use"]).click()
        page.wait_for_url("**/security")
        assert len(cdp.send("WebAuthn.getCredentials", {"authenticatorId": key})["credentials"]) == 1
        page.get_by_role("button", name=words["out"]).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(words["gone"])
        page.goto(f"{portal.base}/sign-in#{portal.code_for(who)}")
        page.wait_for_url("**/sign-in/second**")
        look(page, f"{size}-{lang}-second")
        page.get_by_role("button", name=words["use"]).click()
        page.wait_for_url(f"{portal.base}/")
        assert said == []


def test_a_passkey_that_is_not_given_says_so_and_can_be_asked_again(portal: Portal, chromium: Browser) -> None:
    """The person let the window go, or the finger was not known: nothing is lost."""
    with visitor(chromium, lang="en") as page:
        cdp, key = authenticator(page)
        cdp.send("WebAuthn.setUserVerified", {"authenticatorId": key, "isUserVerified": False})
        page.goto(f"{portal.base}/sign-in")
        button = page.get_by_role("button", name="Use my passkey")
        button.click()
        expect(page.locator(".said")).to_have_text(re.compile("Nothing was done"))
        expect(button).to_be_enabled()
        look(page, "desktop-en-not-given")


def test_a_code_app_opens_the_account(portal: Portal, chromium: Browser) -> None:
    """Without any passkey, and without script: picture, key, six digits; then user name and six digits."""
    with visitor(chromium, size=PHONE, java_script_enabled=False) as page:
        page.goto(f"{portal.base}/sign-in")
        page.get_by_text("On m’a remis un lien").click()
        page.locator("#code").fill(portal.code_for("charlie"))
        page.locator("#sign-in button").click()
        page.wait_for_url(lambda url: "/sign-in" not in url)
        page.goto(f"{portal.base}/security/app")
        expect(page.locator(".picture svg")).to_be_visible()
        secret = page.locator(".story code").first.inner_text().replace(" ", "")
        page.get_by_label("Les six chiffres").fill(digits(secret))
        page.get_by_role("button", name="La mettre en place").click()
        page.wait_for_url("**/security/codes")
        page.get_by_role("button", name="Je les ai mis à l’abri").click()
        page.wait_for_url("**/security")
        username = page.locator("code").first.inner_text()
        page.get_by_role("button", name="Se déconnecter").click()
        expect(page.get_by_role("button", name="Se déconnecter")).to_have_count(0)
        page.goto(f"{portal.base}/sign-in")
        page.get_by_text("J’ai une application de codes").click()
        page.get_by_label("Identifiant").fill(username)
        page.get_by_label("Les six chiffres").fill(digits(secret, later=1))
        page.get_by_role("button", name="Se connecter avec ce code").click()
        expect(page.get_by_role("button", name="Se déconnecter")).to_be_visible()


def test_the_code_app_s_page_fits(portal: Portal, chromium: Browser) -> None:
    """Its picture too, on a phone and on a desk, light and dark."""
    for size in SIZES:
        with visitor(chromium, size=SIZES[size], color_scheme="dark" if size == "phone" else "light") as page:
            sign_in(page, portal.base, portal.code_for("diane"))
            page.goto(f"{portal.base}/security/app")
            look(page, f"{size}-fr-app")


def test_another_session_is_seen_told_and_ended(portal: Portal, chromium: Browser) -> None:
    """Two browsers: the first reads of the second, and ends it."""
    with visitor(chromium, lang="en") as here, visitor(chromium, size=PHONE) as there:
        sign_in(here, portal.base, portal.code_for("diane"))
        sign_in(there, portal.base, portal.code_for("diane"))
        here.goto(f"{portal.base}/security")
        expect(here.get_by_text("Somebody signed in").first).to_be_visible()
        look(here, "desktop-en-two-sessions")
        here.get_by_role("button", name=re.compile("End all other sessions")).click()
        expect(here.get_by_role("button", name=re.compile("End all other sessions"))).to_have_count(0)
        there.goto(f"{portal.base}/security")
        assert "/sign-in" in there.url


def test_a_person_is_warned_before_the_session_ends(portal: Portal, chromium: Browser) -> None:
    """A dialog that has the focus, and one button that gives eight hours more."""
    with visitor(chromium, lang="en") as page:
        sign_in(page, portal.base, portal.code_for("diane"))
        page.clock.install()
        left = {"value": "100"}
        page.route("**/security/ending", lambda route: _nearly_over(route, left["value"]))
        page.goto(f"{portal.base}/security")
        page.clock.run_for((8 * 3600 - 110) * 1000)
        dialog = page.get_by_role("dialog")
        expect(dialog).to_be_visible(timeout=30_000)
        expect(dialog).to_contain_text("Minutes left")
        expect(dialog.get_by_role("button", name="Stay signed in")).to_be_focused()
        look(page, "desktop-en-ending")
        dialog.get_by_role("button", name="Stay signed in").click()
        expect(dialog).to_have_count(0)


def _nearly_over(route: object, left: str) -> None:
    answer = route.fetch()  # type: ignore[attr-defined]
    body = re.sub(r'data-left="\d+"', f'data-left="{left}"', answer.text())
    route.fulfill(response=answer, body=body)  # type: ignore[attr-defined]


def digits(secret: str, *, later: int = 0) -> str:
    """What the app shows now, or in its next half minute: one of each is used."""
    counter = int(time.time()) // 30 + later
    return str(totp.format_hotp_value(totp.hotp_value(secret, counter)))
