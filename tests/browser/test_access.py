"""Every page is open to everybody: axe-core, 200 %, 320 pixels, forced colours, dark, no script, keys alone.

What `everypage` lists is what is judged, and a page that it does not list fails here. EGIDE_SCREENSHOTS names a folder
that keeps a picture of each page, both languages, phone and desktop, light and dark.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.everypage import PAGES, WHO, Visit, be, every_portal, methods_of, named, unlisted
from tests.browser.screens import DESKTOP, PHONE, visitor, watch
from tests.browser.test_pages import SMALL as SMALL_ANYWHERE
from tests.browser.test_pages import WIDE
from tests.support.people import Portal

AXE: Final = (Path(__file__).parent / "vendor" / "axe.min.js").read_text("utf-8")
#: A box to tick or a choice is as large as its row, which its label covers.
SMALL: Final = SMALL_ANYWHERE.replace(
    "e.getBoundingClientRect()", "(e.closest('.choice') || e).getBoundingClientRect()"
)
#: Only what was found, in few words.
JUDGE: Final = """async (rules) => {
  const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
  const run = rules ? { type: 'rule', values: rules } : { type: 'tag', values: tags };
  const found = await axe.run(document, { runOnly: run, rules: { 'target-size': { enabled: true } } });
  return found.violations.map(v => v.id + ': ' + v.nodes.map(n => n.target.join(' ')).join(' | '));
}"""
#: Text that is cut: what its box hides. Fields and what is meant to scroll are let be.
CUT: Final = """() => [...document.querySelectorAll('main *')].filter(e => {
  const s = getComputedStyle(e);
  return s.overflowX === 'hidden' && e.clientWidth > 1 && e.scrollWidth > e.clientWidth + 1
    && !e.closest('.sr, svg, textarea, input, .scroll');
}).map(e => e.className || e.tagName)"""
#: WCAG 1.4.12: line height 1.5, after a paragraph 2, letters 0.12, words 0.16.
SPACED: Final = """() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync('*{line-height:1.5!important;letter-spacing:.12em!important;word-spacing:.16em!important}' +
    'p{margin-bottom:2em!important}');
  document.adoptedStyleSheets = [sheet];
}"""
SETTLED: Final = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))"
UNSPACED: Final = "() => { document.adoptedStyleSheets = []; }"
#: Buttons and fields whose edge cannot be seen where colours are the person's own.
EDGELESS: Final = """() => [...document.querySelectorAll('.button, input[type=text], textarea, select')]
  .filter(e => e.getBoundingClientRect().width && getComputedStyle(e).borderTopWidth === '0px')
  .map(e => e.textContent.trim() || e.name)"""

#: What a program can read of a page's build, beyond axe-core. Links of one name lead to one place.
BUILT: Final = """() => {
  const name = e => (e.getAttribute('aria-label') || e.textContent).replace(/\\s+/g, ' ').trim();
  const links = new Map(), twice = new Set();
  for (const a of document.querySelectorAll('main a[href]')) {
    if (links.has(name(a)) && links.get(name(a)) !== a.href) twice.add(name(a));
    links.set(name(a), a.href);
  }
  const every = selector => [...document.querySelectorAll(selector)];
  const all = (selector, wrong) => every(selector).filter(wrong).map(e => e.outerHTML.slice(0, 80));
  return [
    ...(document.doctype ? [] : ['no doctype']),
    ...(document.querySelectorAll('h1').length === 1 ? [] : ['not one h1']),
    ...all('fieldset', e => !e.querySelector(':scope > legend')).map(e => 'no legend: ' + e),
    ...all('table', e => !e.caption && !e.closest('section[aria-labelledby]')).map(e => 'no title: ' + e),
    ...all('[tabindex]', e => e.tabIndex > 0).map(e => 'order: ' + e),
    ...all('a', e => !e.textContent.trim() && !e.getAttribute('aria-label')).map(e => 'empty: ' + e),
    ...[...twice].map(each => 'two places: ' + each),
  ];
}"""
#: Where focus is: its place in the order of the code (-1: on nothing), and what is wrong with how it shows.
FOCUSED: Final = """() => {
  const e = document.activeElement;
  if (!e || e === document.body || e === document.documentElement) return { at: -1, wrong: '' };
  const all = [...document.querySelectorAll('*')], s = getComputedStyle(e), r = e.getBoundingClientRect();
  const seen = s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2;
  const x = r.left + Math.min(r.width / 2, 40), y = r.top + Math.min(r.height / 2, 20);
  const top = document.elementFromPoint(x, y), labels = [...(e.labels || [])];
  const covered = top && !e.contains(top) && !top.contains(e) && !labels.some(l => l.contains(top));
  const there = r.bottom > 0 && r.top < innerHeight && r.right > 0 && r.left < innerWidth;
  const what = (e.textContent.trim() || e.name || e.id).slice(0, 40);
  const wrong = !seen ? 'focus is not seen: ' : !there ? 'out of sight: ' : covered ? 'covered: ' : '';
  return { at: all.indexOf(e), wrong: wrong && wrong + what };
}"""


def test_every_page_is_listed() -> None:
    """Whoever adds a page adds it to `everypage.PAGES`, or says in NOT_PAGES why it is none."""
    assert unlisted() == set()


@pytest.fixture(scope="module")
def everywhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    with every_portal(tmp_path_factory.mktemp("everywhere")) as running:
        yield running


def of(who: str) -> list[Visit]:
    there = {name for name, view in named() if "GET" in (methods_of(view) or {"GET"})} | {"error"}
    return [visit for visit in PAGES if visit.who == who and visit.name in there]


def judged(page: Page, rules: list[str] | None = None) -> list[Any]:
    """What axe-core finds; it is put in from outside, as a person's own tool would be."""
    page.evaluate(AXE)
    found: list[Any] = page.evaluate(JUDGE, rules)
    return found


def keep(page: Page, visit: Visit, where: str) -> None:
    if folder := os.environ.get("EGIDE_SCREENSHOTS"):
        page.wait_for_function("document.fonts.status === 'loaded'")
        page.screenshot(path=Path(folder) / f"{visit.id}-{where}.png", full_page=True)


def expected(visit: Visit, said: list[str]) -> list[str]:
    """What the console may say: of a page of errors, that it is one."""
    return [text for text in said if not (visit.status != 200 and str(visit.status) in text)]


@pytest.mark.parametrize("who", WHO, ids=lambda who: who or "nobody")
@pytest.mark.server
@pytest.mark.slow
def test_no_rule_is_broken_in_french_on_a_desk(everywhere: Portal, chromium: Browser, who: str) -> None:
    """Light, dark, forced colours, 200 %, 320 pixels, wide spacing: one look at each page, all findings at once."""
    wrong: dict[str, Any] = {}
    with visitor(chromium, lang="fr", bypass_csp=True) as page:
        be(page, everywhere, who)
        for visit in of(who):
            said = watch(page)
            visit.open(page, everywhere)
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
    assert not wrong, "\n".join(f"{where}: {what}" for where, what in wrong.items())


@pytest.mark.parametrize("who", WHO, ids=lambda who: who or "nobody")
@pytest.mark.server
@pytest.mark.slow
def test_no_rule_is_broken_in_english_on_a_phone(everywhere: Portal, chromium: Browser, who: str) -> None:
    """The language is said and is the one read; nothing sticks out; everything is as large as a fingertip."""
    wrong: dict[str, Any] = {}
    with visitor(chromium, lang="en", size=PHONE, bypass_csp=True) as page:
        be(page, everywhere, who)
        for visit in of(who):
            visit.open(page, everywhere)
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
    assert not wrong, "\n".join(f"{where}: {what}" for where, what in wrong.items())


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


@pytest.mark.server
@pytest.mark.slow
def test_titles_tell_pages_apart(everywhere: Portal, chromium: Browser) -> None:
    """Two pages of a patient with one title are steps of one act, and the two that are neutral on purpose."""
    titles: dict[str, set[str]] = {}
    with visitor(chromium, lang="fr") as page:
        be(page, everywhere, "alice")
        for visit in of("alice"):
            visit.open(page, everywhere)
            titles.setdefault(page.title(), set()).add(visit.name.partition("-")[0])
    shared = {title: names for title, names in titles.items() if len(names) > 1}
    assert not shared, shared
