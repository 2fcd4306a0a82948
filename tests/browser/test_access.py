"""Every page is open to everybody: axe-core, 200 %, 320 pixels, forced colours, dark.

What `everypage` lists is what is judged, and a page that it does not list fails here. EGIDE_SCREENSHOTS names a folder
that keeps a picture of each page, both languages, phone and desktop, light and dark.
"""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.everypage import WHO, be, unlisted
from tests.browser.judging import BUILT, CUT, EDGELESS, SETTLED, SPACED, UNSPACED, expected, judged, keep, of
from tests.browser.screens import DESKTOP, visitor, watch
from tests.browser.test_pages import WIDE
from tests.support.people import Portal


def test_every_page_is_listed() -> None:
    """Whoever adds a page adds it to `everypage.PAGES`, or says in NOT_PAGES why it is none."""
    assert unlisted() == set()


@pytest.mark.parametrize("who", WHO, ids=lambda who: who or "nobody")
@pytest.mark.server
@pytest.mark.slow
def test_no_rule_is_broken_in_french_on_a_desk(everywhere: Portal, chromium: Browser, who: str) -> None:
    """Light, dark, forced colours, 200 %, 320 pixels, wide spacing: one look at each page, all findings at once.

    Two pages of a patient with one title are steps of one act, and the two that are neutral on purpose.
    """
    wrong: dict[str, Any] = {}
    titles: dict[str, set[str]] = {}
    with visitor(chromium, lang="fr", bypass_csp=True) as page:
        be(page, everywhere, who)
        for visit in of(who):
            said = watch(page)
            visit.open(page, everywhere)
            titles.setdefault(page.title(), set()).add(visit.name.partition("-")[0])
            found = {"axe": judged(page), "said": expected(visit, said), "built": page.evaluate(BUILT)}
            keep(page, visit, "desktop-fr-light")
            page.emulate_media(color_scheme="dark")
            found["dark"] = judged(page, ["color-contrast", "link-in-text-block"])
            keep(page, visit, "desktop-fr-dark")
            page.emulate_media(color_scheme="light", forced_colors="active")
            found["forced"] = page.evaluate(EDGELESS)
            page.emulate_media(color_scheme="light", forced_colors="none")
            for name, size in (("200 %", (640, 512)), ("320 px", (320, 640))):
                page.set_viewport_size({"width": size[0], "height": size[1]})
                page.evaluate(SETTLED)
                found[name] = [wide] if (wide := page.evaluate(WIDE)) > 0 else page.evaluate(CUT)
            page.evaluate(SPACED)
            found["spaced"] = [wide] if (wide := page.evaluate(WIDE)) > 0 else page.evaluate(CUT)
            page.evaluate(UNSPACED)
            page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
            wrong |= {f"{visit.id} {where}": what for where, what in found.items() if what}
    if who == "alice":
        wrong |= {f"title {title}": names for title, names in titles.items() if len(names) > 1}
    assert not wrong, "\n".join(f"{where}: {what}" for where, what in wrong.items())
