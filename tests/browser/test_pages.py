"""Pages in a real browser: phone and desktop, French and English, light and dark, with and without script.

EGIDE_SCREENSHOTS names a folder that keeps a picture of each page.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.screens import DESKTOP, PHONE, Shot, photograph, sign_in, visitor, watch
from tests.support.people import Portal

pytestmark = [pytest.mark.slow, pytest.mark.server]
SIZES = {"phone": PHONE, "desktop": DESKTOP}
WIDE = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
#: Controls smaller than a fingertip; links inside a sentence are let be (WCAG 2.2, 2.5.8).
#: A box to tick is as large as its choice: the label covers it.
SMALL = """() => [...document.querySelectorAll('a, button, input:not([type=hidden]), summary')]
  .filter(e => !e.closest('p, .sr, .skip, td') || e.closest('.acts'))
  .map(e => [e.textContent.trim() || e.name, (e.closest('.choice') || e).getBoundingClientRect()])
  .filter(([, r]) => r.width && r.height && (r.height < 43.5 || r.width < 14))
  .map(([name, r]) => `${name} ${r.width}x${r.height}`)"""


def pages_of(portal: Portal, who: str) -> list[str]:
    if who == "alice":
        return ["/", "/me", "/me?metric=8480-6&period=7d", "/me?metric=99504-3&period=30d", "/me?metric=mdc:131329",
                "/me/journal"]  # fmt: skip
    if who == "bob":
        return ["/", "/patients", f"/patients/{portal.people['alice']}?period=3h&metric=8867-4", "/me"]
    return ["/", "/sign-in", "/nowhere"]


def name_of(path: str) -> str:
    return (
        re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "alice", path).strip("/").translate(str.maketrans("/?=&:", "-----"))
        or "home"
    )


@pytest.mark.parametrize("lang", ["fr", "en"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("who", ["alice", "bob", "nobody"])
def test_pages_fit_and_break_no_rule(portal: Portal, chromium: Browser, who: str, size: str, lang: str) -> None:
    """Nothing sticks out, nothing is too small to touch, the console is silent, the policy refuses nothing."""
    with visitor(chromium, size=SIZES[size], lang=lang) as page:
        if who != "nobody":
            sign_in(page, portal.base, portal.code_for(who))
        for path in pages_of(portal, who):
            said = watch(page)
            page.goto(portal.base + path)
            if page.locator("figure[data-chart=line]").count():
                page.wait_for_selector("figure[data-chart=line] canvas")
            assert page.locator("html").get_attribute("lang") == lang
            assert page.evaluate(WIDE) <= 0, path
            assert page.evaluate(SMALL) == [], path
            assert [text for text in said if "404" not in text and "403" not in text] == [], path
            keep(page, f"{size}-{lang}-{who}-{name_of(path)}")


def keep(page: Page, name: str) -> None:
    if folder := os.environ.get("EGIDE_SCREENSHOTS"):
        page.wait_for_function("document.fonts.status === 'loaded'")
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def test_dark_pages_are_dark(portal: Portal, chromium: Browser) -> None:
    """The page follows the person's choice."""
    with visitor(chromium, color_scheme="dark") as page:
        sign_in(page, portal.base, portal.code_for("alice"))
        page.wait_for_selector("canvas")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(17, 22, 28)"
        keep(page, "desktop-fr-alice-home-dark")


def test_the_link_signs_in_and_leaves_no_secret_behind(portal: Portal, chromium: Browser) -> None:
    """The code is in no request's address, nor in the address bar or the history afterwards."""
    code = portal.code_for("alice")
    with visitor(chromium) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        sign_in(page, portal.base, code)
        assert not [url for url in asked if code in url.partition("#")[0]]
        assert code not in page.url
        page.go_back()
        assert code not in page.url


def test_everything_can_be_read_without_script(portal: Portal, chromium: Browser) -> None:
    """Signing in with the code, the record with its drawing and table, a reading's page, signing out."""
    with visitor(chromium, java_script_enabled=False) as page:
        page.goto(f"{portal.base}/sign-in")
        page.get_by_text("On m’a remis un lien").click()
        page.locator("#code").fill(portal.code_for("alice"))
        page.locator("#sign-in button").click()
        page.wait_for_url(lambda url: "/sign-in" not in url)
        page.goto(f"{portal.base}/me")
        expect(page.locator("figure.chart svg .curve")).to_have_attribute("d", re.compile("^M"))
        expect(page.get_by_role("row")).to_have_count(16)
        page.get_by_role("link", name="Pourquoi m’y fier").first.click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Pourquoi m’y fier\u202f?")
        page.get_by_role("button", name="Se déconnecter").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Votre session est fermée")


def test_the_keyboard_goes_everywhere(portal: Portal, chromium: Browser) -> None:
    """The first Tab offers to skip to the content; focus is always seen; the chart answers to keys."""
    with visitor(chromium) as page:
        sign_in(page, portal.base, portal.code_for("alice"))
        page.goto(f"{portal.base}/me")
        page.wait_for_selector("canvas")
        page.keyboard.press("Tab")
        expect(page.locator(".skip")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("#main")).to_be_focused()
        page.keyboard.press("Tab")
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        page.locator(".plot").focus()
        before = page.locator("canvas").first.evaluate("c => c.toDataURL()")
        page.keyboard.press("+")
        page.wait_for_function("before => document.querySelector('canvas').toDataURL() !== before", arg=before)
        page.keyboard.press("0")
        page.wait_for_function("before => document.querySelector('canvas').toDataURL() === before", arg=before)


def test_a_new_measurement_appears_by_itself(portal: Portal, chromium: Browser) -> None:
    """It is said politely, shown without a reload, and the page asks for its points once."""
    with visitor(chromium, lang="en") as page:
        sign_in(page, portal.base, portal.code_for("charlie"))
        page.goto(f"{portal.base}/me")
        expect(page.get_by_text("No measurement over this period")).to_be_visible()
        portal.measure("charlie", "29463-7", "kg", "81.30")
        expect(page.locator(".latest .value")).to_have_text("81.30\u202fkg")
        expect(page.locator("#news")).to_have_text(re.compile("Last measurement received just now"))


def test_a_proof_can_be_downloaded(everywhere: Portal, chromium: Browser, tmp_path: Path) -> None:
    """From the record, beside the reading, in one click, by who showed a factor (in a demo, nobody is asked)."""
    with visitor(chromium, lang="en", accept_downloads=True) as page:
        sign_in(page, everywhere.base, everywhere.code_for("alice"))
        with page.expect_download() as waiting:
            page.get_by_role("link", name="Proof").first.click()
        assert re.fullmatch(r"egide-proof-\d+\.cbor", waiting.value.suggested_filename)
        waiting.value.save_as(tmp_path / "proof.cbor")
        assert (tmp_path / "proof.cbor").stat().st_size > 1_000


def test_words_stay_readable_at_double_size(portal: Portal, chromium: Browser) -> None:
    """A page at 200 % (half the width, as browsers do it) loses nothing."""
    with visitor(chromium, size=(640, 512)) as page:
        sign_in(page, portal.base, portal.code_for("alice"))
        for path in pages_of(portal, "alice"):
            page.goto(portal.base + path)
            assert page.evaluate(WIDE) <= 0, path


def test_pictures_can_be_taken(portal: Portal, chromium: Browser, tmp_path: Path) -> None:
    """The helper that renews the documents' screenshots works on a running platform."""
    shots = [Shot(name="record", path="/me", whole=False, ready="canvas")]
    taken = photograph(chromium, portal.base, shots, tmp_path, code=portal.code_for("alice"))
    assert [path.name for path in taken] == ["record.png"]
    assert taken[0].stat().st_size > 20_000
