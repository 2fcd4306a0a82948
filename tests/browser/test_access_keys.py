"""Every page by keys alone."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.everypage import WHO, be
from tests.browser.judging import FOCUSED, of
from tests.browser.screens import visitor
from tests.support.people import Portal


@pytest.mark.parametrize("who", WHO, ids=lambda who: who or "nobody")
@pytest.mark.server
@pytest.mark.slow
def test_keys_go_through_every_page_and_out_again(everywhere: Portal, chromium: Browser, who: str) -> None:
    """Tab goes down the page, focus is always seen and never covered, nothing holds it; movement is not asked for."""
    wrong: dict[str, Any] = {}
    with visitor(chromium, lang="fr", reduced_motion="reduce") as page:
        be(page, everywhere, who)
        for visit in of(who):
            visit.open(page, everywhere)
            page.evaluate("() => { document.activeElement.blur(); scrollTo(0, 0); }")
            moving = page.evaluate("() => document.getAnimations().length")
            found = ["moves"] if moving else []
            last, steps = -1, 0
            while steps < 400:
                page.keyboard.press("Tab")
                steps += 1
                now = page.evaluate(FOCUSED)
                if now["wrong"]:
                    found.append(now["wrong"])
                if now["at"] == -1 or now["at"] < last:
                    break
                last = now["at"]
            if now["at"] != -1 and steps >= 400:
                found.append("no way out")
            if now["at"] != -1 and steps < 400 and last != -1 and not _begins_again(page):
                found.append("goes back up")
            if found:
                wrong[visit.id] = found
    assert not wrong, "\n".join(f"{where}: {what}" for where, what in wrong.items())


def _begins_again(page: Page) -> bool:
    """After the last control, a page without a browser's frame starts anew: at the link that skips."""
    return bool(page.evaluate("() => document.activeElement.matches('.skip, a[href]:first-of-type')"))
