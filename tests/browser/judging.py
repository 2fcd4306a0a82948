"""How a page is judged: axe-core, what sticks out or is cut, what is too small, where focus goes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Page, Response

from tests.browser.everypage import PAGES, Visit, methods_of, named
from tests.browser.test_pages import SMALL as SMALL_ANYWHERE

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


def of(who: str) -> list[Visit]:
    there = {name for name, view in named() if "GET" in (methods_of(view) or {"GET"})} | {"error"}
    return [visit for visit in PAGES if visit.who == who and visit.name in there]


def judged(page: Page, rules: list[str] | None = None) -> list[Any]:
    """What axe-core finds; it is put in from outside, as a person's own tool would be."""
    page.evaluate(AXE)
    found: list[Any] = page.evaluate(JUDGE, rules)
    return found


def documents(page: Page) -> list[Response]:
    """Every document that the page is answered with from now on, as it is served."""
    served: list[Response] = []

    def note(answer: Response) -> None:
        if answer.request.is_navigation_request() and not 300 <= answer.status < 400:
            served.append(answer)

    page.on("response", note)
    return served


def keep(page: Page, visit: Visit, where: str) -> None:
    if folder := os.environ.get("EGIDE_SCREENSHOTS"):
        page.wait_for_function("document.fonts.status === 'loaded'")
        page.screenshot(path=Path(folder) / f"{visit.id}-{where}.png", full_page=True)


def expected(visit: Visit, said: list[str]) -> list[str]:
    """What the console may say: of a page of errors, that it is one."""
    return [text for text in said if not (visit.status != 200 and str(visit.status) in text)]
