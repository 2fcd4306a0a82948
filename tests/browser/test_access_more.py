"""What one page shows of access: second step, session end, no network, paper, a page held still, easy words."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.browser.everypage import PAGES, be
from tests.browser.judging import FOCUSED, judged
from tests.browser.screens import PHONE, sign_in, visitor
from tests.browser.test_pages import WIDE
from tests.browser.test_patient import authenticator
from tests.support.people import Portal

pytestmark = [pytest.mark.slow, pytest.mark.server]
#: Tells the test when a button says that it is being waited for, and in which words.
_BUSY: Final = """() => new MutationObserver(() => {
  const pressed = document.querySelector('button[aria-busy]');
  const said = document.querySelector('body > p.sr[role=status]');
  if (pressed) window.busy(`${pressed.textContent}: ${said.textContent}`);
}).observe(document.body, { attributes: true, subtree: true, attributeFilter: ['aria-busy'] })"""
EASY = ("Je peux dire non.", "Cela s’arrête après ce jour")


def test_the_second_step_breaks_no_rule(portal: Portal, chromium: Browser) -> None:
    """Outside a demo: a link of somebody who has a passkey."""
    with visitor(chromium, bypass_csp=True) as page:
        authenticator(page)
        sign_in(page, portal.base, portal.code_for("diane"))
        page.goto(f"{portal.base}/security")
        page.get_by_label("Un nom pour").fill("clé bleue")
        page.locator("form[data-passkey] button").first.click()
        page.wait_for_url("**/security/codes")
        page.context.clear_cookies()
        page.goto(f"{portal.base}/sign-in#{portal.code_for('diane')}")
        page.wait_for_url("**/sign-in/second**")
        assert judged(page) == []
        for size in ((640, 512), (320, 640)):
            page.set_viewport_size({"width": size[0], "height": size[1]})
            assert page.evaluate(WIDE) <= 0


def test_the_session_s_end_is_told_in_a_dialog_that_keys_can_leave(everywhere: Portal, chromium: Browser) -> None:
    """It takes the focus, holds it while it is open, gives it back; what it says breaks no rule."""

    def nearly(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=re.sub(r'data-left="\d+"', 'data-left="60"', answer.text()))

    with visitor(chromium, bypass_csp=True) as page:
        page.route("**/security/ending", nearly)
        page.clock.install()
        be(page, everywhere, "alice")
        page.goto(f"{everywhere.base}/me/objects")
        page.locator(".cards h2 a").first.focus()
        page.clock.fast_forward("07:59:00")
        expect(page.locator("dialog#session-end")).to_be_visible()
        assert page.evaluate("() => document.activeElement.closest('dialog') !== null")
        assert judged(page) == []
        page.keyboard.press("Escape")
        expect(page.locator("dialog#session-end")).not_to_be_visible()
        assert page.evaluate(FOCUSED)["wrong"] == ""


def test_without_a_network_an_installed_page_says_so_and_keeps_nothing(everywhere: Portal, chromium: Browser) -> None:
    """The worker is not started by an ordinary browser; where it runs, it holds four files, none of a person."""
    with visitor(chromium, lang="en") as page:
        be(page, everywhere, "alice")
        page.goto(f"{everywhere.base}/me")
        assert page.evaluate("async () => (await navigator.serviceWorker.getRegistrations()).length") == 0
        page.evaluate("""async () => {
          await navigator.serviceWorker.register("/service-worker.js");
          await navigator.serviceWorker.ready;
        }""")
        page.wait_for_function("() => navigator.serviceWorker.controller !== null")
        page.goto(f"{everywhere.base}/me/journal")
        page.goto(f"{everywhere.base}/me")
        kept = page.evaluate("""async () => {
          const found = [];
          for (const name of await caches.keys()) for (const request of await (await caches.open(name)).keys())
            found.push(new URL(request.url).pathname);
          return found;
        }""")
        assert sorted(kept) == [
            "/offline", "/static/portal/parts.css", "/static/portal/portal.css",
            "/static/portal/vendor/source-sans-3.woff2",
        ]  # fmt: skip
        page.context.set_offline(True)
        page.goto(f"{everywhere.base}/me/objects")
        expect(page.get_by_role("heading", level=1)).to_have_text("Pas de réseau")
        expect(page.get_by_role("link", name="15").first).to_be_visible()
        assert "Moreau" not in page.content()
        page.context.set_offline(False)


@pytest.mark.parametrize("path", ["/me/journal", "/me?metric=99504-3&period=7d", "/rights/{asked}"])
def test_paper_holds_what_is_read_and_nothing_to_press(
    everywhere: Portal, chromium: Browser, tmp_path: Path, path: str
) -> None:
    """Printed from a dark screen: light, with its heading, without menu, buttons or foot."""
    with visitor(chromium, color_scheme="dark") as page:
        be(page, everywhere, "alice")
        page.goto(everywhere.base + path.format(**everywhere.people))
        if "metric" in path:
            page.wait_for_selector("canvas")
        heading = page.locator("h1").inner_text()
        page.pdf(path=tmp_path / "page.pdf", format="A4")
        page.emulate_media(media="print")
        assert page.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(247, 246, 243)"
    text = subprocess.run(["pdftotext", tmp_path / "page.pdf", "-"], check=True, capture_output=True, text=True).stdout
    assert heading in text
    for pressed in ("Se déconnecter", "English", "Plan du site", "Figer cette page"):
        assert pressed not in text


def test_a_live_page_can_be_held_still(everywhere: Portal, chromium: Browser) -> None:
    """One press, by key: nothing renews itself until the next press."""
    asks = """() => document.dispatchEvent(new CustomEvent("htmx:beforeRequest", { cancelable: true }))"""
    with visitor(chromium, lang="en") as page:
        be(page, everywhere, "alice")
        for path in ("/", "/me"):
            page.goto(everywhere.base + path)
            held = page.get_by_role("button", name="Hold this page still")
            assert page.evaluate(asks)
            held.press("Enter")
            expect(held).to_have_attribute("aria-pressed", "true")
            assert not page.evaluate(asks)
            held.press("Space")
            assert page.evaluate(asks)


def test_easy_words_stay_from_page_to_page_and_go_again(everywhere: Portal, chromium: Browser) -> None:
    """Switched on where a grant is read; there on the page to leave safely too; without script as well."""
    review = next(v for v in PAGES if v.name == "portal:grant-review")
    with visitor(chromium, size=PHONE, java_script_enabled=False) as page:
        be(page, everywhere, "alice")
        review.open(page, everywhere, script=False)
        page.get_by_role("button", name="Lire avec des mots faciles").click()
        for words in EASY:
            expect(page.locator(".aloud")).to_contain_text(words)
        page.goto(f"{everywhere.base}/settings/options")
        expect(page.get_by_text("Vous choisissez à qui.")).to_be_visible()
        page.get_by_role("button", name="Revenir au texte complet").click()
        expect(page.get_by_text("Vous choisissez à qui.")).to_have_count(0)


def test_a_wait_is_said_and_seen(everywhere: Portal, chromium: Browser) -> None:
    """What was pressed turns and says so while the answer is held back; once it came, nothing is busy any more."""
    held: list[Route] = []
    said: list[str] = []

    def busy(words: str) -> None:
        said.append(words)
        held.pop().continue_()

    with visitor(chromium, lang="fr") as page:
        be(page, everywhere, "alice")
        page.expose_function("busy", busy)
        page.goto(f"{everywhere.base}/me/objects/add")
        page.route("**/add", lambda route: held.append(route) if route.request.method == "POST" else route.continue_())
        page.evaluate(_BUSY)
        page.locator("main input[type=text]").first.fill("Oxy Doigt")
        page.locator("main form button.button").click(no_wait_after=True)
        page.wait_for_url(lambda url: not url.endswith("/add"))
        assert said == ["Ajouter: Un instant…"]
        expect(page.locator("[aria-busy]")).to_have_count(0)
