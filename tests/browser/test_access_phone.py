"""Every page on a phone in English, and without script; EGIDE_SCREENSHOTS as in test_access."""

from __future__ import annotations

import os
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.everypage import WHO, be
from tests.browser.judging import SMALL, documents, judged, keep, of
from tests.browser.screens import PHONE, visitor
from tests.browser.test_pages import WIDE
from tests.support.markup import invalid
from tests.support.people import Portal


@pytest.mark.parametrize("who", WHO, ids=lambda who: who or "nobody")
@pytest.mark.server
@pytest.mark.slow
def test_no_rule_is_broken_in_english_on_a_phone(everywhere: Portal, chromium: Browser, who: str) -> None:
    """Valid HTML; the language is said and is the one read; nothing sticks out; all is as large as a fingertip."""
    wrong: dict[str, Any] = {}
    pages: dict[str, str] = {}
    with visitor(chromium, lang="en", size=PHONE, bypass_csp=True) as page:
        served = documents(page)
        be(page, everywhere, who)
        for visit in of(who):
            visit.open(page, everywhere)
            pages[f"{visit.id} markup"] = served[-1].text()
            found = {"axe": judged(page), "small": page.evaluate(SMALL)}
            found["wide"] = [wide] if (wide := page.evaluate(WIDE)) > 0 else []
            lang = page.locator("html").get_attribute("lang")
            found["lang"] = [] if lang == "en" or visit.name == "comfort:offline" else [lang]
            keep(page, visit, "phone-en-light")
            if os.environ.get("EGIDE_SCREENSHOTS"):
                page.emulate_media(color_scheme="dark")
                keep(page, visit, "phone-en-dark")
                page.emulate_media(color_scheme="light")
            wrong |= {f"{visit.id} {where}": what for where, what in found.items() if what}
    wrong |= invalid(pages)
    assert not wrong, "\n".join(f"{where}: {what}" for where, what in wrong.items())


@pytest.mark.parametrize("who", WHO, ids=lambda who: who or "nobody")
@pytest.mark.server
@pytest.mark.slow
def test_every_page_reads_without_script(everywhere: Portal, chromium: Browser, who: str) -> None:
    """One heading, the same words below it; no part waits for a script that never comes."""
    wrong: dict[str, Any] = {}
    with visitor(chromium, lang="fr", java_script_enabled=False) as page:
        be(page, everywhere, who)
        for visit in of(who):
            if visit.script_only:
                continue
            visit.open(page, everywhere, script=False)
            main = page.locator("main")
            if page.locator("h1").count() != 1 or len(main.inner_text()) < 60:
                wrong[visit.id] = main.inner_text()[:80]
    assert not wrong, wrong
